"""A problem of a declaration names the line on which what is wrong is written."""

import pytest

from identity_api.errors import ConfigurationError
from identity_api.tenants.toml_lines import with_lines
from identity_api.tenants.toml_reader import parse

DOCUMENT = (
    """# A comment with "quotes, [[brackets]] and """
    + """'''more'''
[[tenants]]   # the first
slug = "acme"
name = '''
[[tenants]]
slug = "not this one"'''''
hosts = [
    "a.example", # ] }
    "b.example",
]

[[tenants.providers]]
slug = "one"
"label" = "]"
endpoints = { token = "https://x.example/#", jwks = '[' }
claims.username = "a"
claims.email = "b"
[[tenants.providers]]
slug = "two"
[tenants.providers.values]
domain = \"\"\"
[[tenants]]\\\"\"\"\"\"\"
other = 1

[[tenants]]
slug = "beta"
providers = [
  { slug = "three" },
]
"""
)


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("tenants[0]", 2),
        ("tenants[0].slug", 3),
        ("tenants[0].name", 4),
        ("tenants[0].hosts", 7),
        ("tenants[0].hosts[1]", 7),
        ("tenants[0].providers", 12),
        ("tenants[0].providers[0].slug", 13),
        ("tenants[0].providers[0].label", 14),
        ("tenants[0].providers[0].endpoints.jwks", 15),
        ("tenants[0].providers[0].claims.email", 17),
        ("tenants[0].providers[1]", 18),
        ("tenants[0].providers[1].slug", 19),
        ("tenants[0].providers[1].not_there", 18),
        ("tenants[0].providers[1].values.other", 23),
        ("tenants[1].slug", 26),
        ("tenants[1].providers[0].slug", 27),
    ],
)
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_a_path_has_the_line_of_its_key_or_of_what_is_around_it(path: str, line: int, ending: str) -> None:
    assert with_lines([f"{path}: is wrong."], DOCUMENT.replace("\n", ending)) == [f"Line {line}, {path}: is wrong."]


@pytest.mark.parametrize(
    "problem", ["The file declares no [[tenants]].", "Nothing here: is a path.", "other[0]: is not there."]
)
def test_what_is_not_in_the_document_has_no_line(problem: str) -> None:
    assert with_lines([problem], DOCUMENT) == [problem]


def test_every_problem_of_a_file_is_told_with_its_line() -> None:
    document = b"""[[tenants]]
slug = "Acme"
name = 7

[[tenants.frontends]]
slug = "app"
surprise = 1
origins = []
return_urls = [
  "https://a.example/", 8]

[[tenants.group_mappings]]
group = "ops"
match = "REGEX"
permissions = ["docs:read"]
[extra]
"""
    with pytest.raises(ConfigurationError) as caught:
        parse(document)
    assert sorted([one.partition(":")[0] for one in caught.value.problems]) == [
        "Line 14, tenants[0].group_mappings[0]",
        "Line 16, extra",
        "Line 2, tenants[0].slug",
        "Line 3, tenants[0]",
        "Line 7, tenants[0].frontends[0]",
    ]
