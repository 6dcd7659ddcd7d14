"""The guide for frontends: its queries fit the schema, its codes exist, its declaration is accepted."""

import re

import pytest
from graphql import parse as parse_document
from graphql import validate

from identity_api.cli.dev.demo_tenant import SLUG as DEMO
from identity_api.diagnostics import ALL, TABLES
from identity_api.graphql.engine.guard import MAX_ALIASES, MAX_DEPTH, MAX_ROOT_FIELDS, MAX_TOKENS
from identity_api.sessions.errors import LoginFailed
from identity_api.sessions.login.frontend_errors import error_of, is_told
from identity_api.tenants.toml_reader import parse
from tests.docs.pages import blocks, in_one_line, pages, text_of
from tests.graphql.documents import CORE

PAGE = "docs/frontends.md"
ERRORS = "docs/frontend-errors.md"
_CODE = re.compile(r"`([A-Z]+(?:_[A-Z]+)+)`")
SETTINGS = {
    "REFRESH_TOKEN", "ACCESS_TOKEN", "KNOWN_USERS", "LINKED_ONLY", "OIDC_AUTHLIB_OAUTH_CLIENTS", "DEFAULT_AUTH_PROVIDER",
}  # fmt: skip


@pytest.mark.parametrize("page", [PAGE, ERRORS, *pages("docs/providers/*.md", "docs/migrate/*.md")])
def test_every_code_that_is_named_exists(page: str) -> None:
    named = {name for name in _CODE.findall(text_of(page)) if not name.startswith("IDENTITY_")}
    assert named - SETTINGS <= ALL.keys()


@pytest.mark.parametrize("page", [PAGE, "README.md"])
def test_every_query_shown_fits_the_schema(page: str) -> None:
    shown = blocks(page, "graphql")
    assert shown
    for document in shown:
        assert validate(CORE, parse_document(document)) == []


def test_the_frontend_shown_is_accepted() -> None:
    [declaration] = blocks(PAGE, "toml")
    [tenant] = parse(declaration.encode())
    assert (tenant.slug, tenant.frontends[0].deliveries) == (DEMO, ("code",))


RUN = {
    "html": ("createIdentity",),
    "js": ("const me = await", "export async function signIn", "/auth/logout"),
    "sh": ("identity-api apply", "code_challenge", "code_verifier", "introspect"),
    "json": ("user_id",),
    "graphql": ("query Everything", "subscription Mine"),
    "toml": ("[[tenants]]",),
}
"""How a test that runs a snippet finds it: the one above, those of `tests/browser/test_documented_module.py` and
`tests/flows/test_documented_snippets.py`."""


def test_every_snippet_is_run_by_a_test() -> None:
    shown = re.findall(r"^```([a-z]*)$", text_of(PAGE), re.MULTILINE)
    assert sorted(filter(None, shown)) == sorted(language for language, marks in RUN.items() for _ in marks)
    for language, marks in RUN.items():
        for mark in marks:
            assert [block for block in blocks(PAGE, language) if mark in block], mark


def test_the_bounds_of_a_document_are_those_that_are_kept() -> None:
    text = in_one_line(text_of(PAGE))
    bounds = f"{MAX_TOKENS:,} tokens, depth {MAX_DEPTH}, {MAX_ALIASES} aliases and {MAX_ROOT_FIELDS} root fields"
    assert bounds in text


OWN_PAGE = {
    "LOGIN_FAILED",
    "LOCAL_SIGN_IN_OFF",
    "CREDENTIALS_REFUSED",
    "SECOND_FACTOR_REQUIRED",
    "SECOND_FACTOR_REFUSED",
}
"""What somebody puts right on our own page, and the code that none has."""


@pytest.mark.parametrize("code", sorted(name for name in TABLES["logins"] if ":" not in name and name not in OWN_PAGE))
def test_every_failed_login_is_on_the_page_with_the_error_it_comes_with(code: str) -> None:
    failure = LoginFailed(code)
    rows = [line for line in text_of(ERRORS).splitlines() if line.startswith("|") and f"`{code}`" in line]
    if is_told(failure):
        assert [row.split("|")[1].strip(" `") for row in rows[:1]] == [error_of(failure)]
    else:
        assert rows == []
