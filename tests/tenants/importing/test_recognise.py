"""Which system a file is from, and that no bytes whatever are more than a problem."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity_api.errors import ConfigurationError
from identity_api.tenants.importing import Imported, Target, read_any, read_variables
from identity_api.tenants.importing.documents import read_environment
from tests.tenants.importing.forms import TARGET, data, providers
from tests.tenants.importing.test_small_forms import DIRECTORY, REINFER

ON_ONE_LINE = json.dumps(json.loads(data("sysreptor-oidc.json")))

FILES = {
    "infrahub-oidc.toml": {"provider1"},
    "infrahub-oauth2.toml": {"provider1"},
    "infrahub.env": {"provider1", "provider2", "google"},
    "sysreptor-oidc.json": {"keycloak"},
    "inference-tenant.json": {"oidc"},
    "inference.env": {"oidc"},
}


@pytest.mark.parametrize(("name", "slugs"), FILES.items())
def test_every_example_file_is_recognised(name, slugs):
    assert set(providers(read_any(data(name), TARGET))) == slugs


@pytest.mark.parametrize(
    "document",
    [
        REINFER,
        DIRECTORY,
        f"OIDC_AUTHLIB_OAUTH_CLIENTS='{ON_ONE_LINE}'\nDEFAULT_AUTH_PROVIDER=keycloak\n",
        "\ufeff" + data("inference-tenant.json").decode(),
        "# a comment\nexport TENANT_OIDC_ISSUER=''\n",
        "\n[security]\noidc_providers = ['google']\n[security.oidc_provider_settings.google]\nclient_id = 'x'\n",
    ],
)
def test_the_other_forms_are_recognised_too(document):
    assert read_any(document.encode(), TARGET).tenants


@pytest.mark.parametrize("name", ["infrahub-oidc.toml", "infrahub.env", "sysreptor-oidc.json", "inference.env"])
def test_a_form_that_names_no_tenant_asks_for_one(name):
    with pytest.raises(ConfigurationError, match="into which one"):
        read_any(data(name), Target())


def test_a_form_that_names_its_tenant_needs_no_other():
    assert read_any(data("inference-tenant.json"), Target()).tenants[0].slug == "your-tenant-id"


@pytest.mark.parametrize(
    "document", ["", "hello", "A=1", "[tenants]\n", "{", "[1, 2]", '{"a": 1}', "x = [", "A=1\nA=2", "\0"]
)
def test_anything_else_is_a_problem(document):
    with pytest.raises(ConfigurationError):
        read_any(document.encode(), TARGET)


def test_a_mistake_in_toml_is_told_as_one():
    with pytest.raises(ConfigurationError, match="not TOML"):
        read_any(data("infrahub-oidc.toml") + b"\nx = [", TARGET)


def test_a_file_of_variables_has_comments_quotes_and_exports():
    document = b'# x\n\nexport A = \'one two\'\nB="3"\nC=["x"]\nD=\n'
    assert read_environment(document) == {"A": "one two", "B": "3", "C": '["x"]', "D": ""}


def test_a_line_that_is_no_variable_is_named_by_its_number_and_not_repeated():
    with pytest.raises(ConfigurationError) as refused:
        read_environment(b"A=1\nsecret stuff\nA=2\n")
    assert refused.value.problems == ("Line 2 is not NAME=value.", "A is given twice.")


@given(st.binary(max_size=300) | st.sampled_from(sorted(FILES)).map(data))
def test_any_bytes_give_an_import_or_problems(document):
    with contextlib.suppress(ConfigurationError):
        assert isinstance(read_any(document, TARGET), Imported)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["https://a.example", "openid"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.sampled_from(["client_id", "server_metadata_url", "client_kwargs", "user_identifier_claim", "client_secret"]),
    json_values,
)
def test_any_value_in_a_known_place_gives_an_import_or_problems(key, value):
    settings = json.loads(data("sysreptor-oidc.json"))
    settings["keycloak"][key] = value
    with contextlib.suppress(ConfigurationError):
        assert read_any(json.dumps(settings).encode(), Target(slug="a", name="A")).tenants


@given(st.sampled_from(sorted(json.loads(data("inference-tenant.json")))), json_values)
def test_any_value_in_a_tenant_document_gives_an_import_or_problems(key, value):
    document = json.loads(data("inference-tenant.json")) | {key: value}
    with contextlib.suppress(ConfigurationError):
        assert read_any(json.dumps(document).encode(), Target()).tenants


def test_a_value_in_quotes_may_go_over_several_lines():
    """S3-09: as SysReptor's own `app.env` has it."""
    clients = json.dumps(json.loads(data("sysreptor-oidc.json")), indent=2)
    document = f"SECRET_KEY=x\nOIDC_AUTHLIB_OAUTH_CLIENTS='{clients}'\nDEFAULT_AUTH_PROVIDER=keycloak\n"
    imported = read_any(document.encode(), TARGET)
    assert set(providers(imported)) == {"keycloak"}
    assert imported.tenants[0].default_provider == "keycloak"
    with pytest.raises(ConfigurationError, match="given twice"):
        read_any(b"A=1\nA=2\n", TARGET)


def test_settings_may_hold_the_clients_as_a_text():
    """S3-09."""
    settings = {"OIDC_AUTHLIB_OAUTH_CLIENTS": ON_ONE_LINE, "DEFAULT_AUTH_PROVIDER": "keycloak"}
    assert set(providers(read_any(json.dumps(settings).encode(), TARGET))) == {"keycloak"}


@pytest.mark.parametrize("left", ["{tenant-id}", "<tenant-id>", "..."])
def test_a_placeholder_is_a_problem_and_an_example_value_a_notice(left):
    """S4-31."""
    document = json.loads(data("inference-tenant.json"))
    found = read_any(json.dumps(document).encode(), TARGET)
    assert any("looks like an example" in notice for notice in found.notices)
    document["oidc_issuer"] = f"https://login.microsoftonline.com/{left}/v2.0"
    with pytest.raises(ConfigurationError, match="still has the placeholder"):
        read_any(json.dumps(document).encode(), TARGET)


def test_a_placeholder_where_the_secret_goes_is_named_and_not_shown():
    document = json.loads(data("inference-tenant.json")) | {"oidc_client_secret": "<the secret>"}
    with pytest.raises(ConfigurationError) as refused:
        read_any(json.dumps(document).encode(), TARGET)
    assert "the secret>" not in str(refused.value.problems)
    document["oidc_client_secret"] = "a{b}c<d>e"
    assert read_any(json.dumps(document).encode(), TARGET)


def test_what_is_said_beside_a_form_of_several_tenants_is_a_problem():
    document = json.loads(data("inference-tenant.json"))
    several = json.dumps([document, document | {"tenant_id": "second"}]).encode()
    assert len(read_any(several, Target()).tenants) == 2
    with pytest.raises(ConfigurationError, match="for a form of one tenant"):
        read_any(several, TARGET)


def test_a_file_of_none_of_the_systems_is_answered_with_the_forms() -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_any(b'[[tenants]]\nslug = "acme"\n', Target(slug="acme"))
    [problem] = caught.value.problems
    for form in ("[[reinfer]]", "[[federated_directory]]", "[security]", "tenant_id", "INFRAHUB_*", "`apply`"):
        assert form in problem


def test_what_is_neither_toml_nor_variables_is_told_as_both() -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_any(b"set -a\nTENANT_OIDC_ISSUER=https://sso.example\n", Target(slug="acme"))
    assert [problem.partition(":")[0] for problem in caught.value.problems] == [
        "The file is not TOML",
        "As a file of NAME=value lines",
    ]


def test_a_file_of_variables_beside_the_environment_is_told_how_it_is_imported() -> None:
    with pytest.raises(ConfigurationError, match="without --environment"):
        read_variables({}, Target(slug="acme"), document=b"TENANT_OIDC_ISSUER=https://sso.example\n")
