"""The Inference API's tenants (S4-07 to S4-23, S4-32, S4-33, S4-35, S4-43 to S4-47)."""

import json

import pytest

from identity_api.errors import ConfigurationError
from identity_api.tenants.importing import Target, read_inference, read_inference_environment
from identity_api.tenants.importing.documents import read_environment
from tests.tenants.importing.forms import DIRECTORY, TARGET, data, has_notice, providers

EXAMPLE = json.loads(data("inference-tenant.json"))
ENVIRON = read_environment(data("inference.env"))


def read(**changes):
    return read_inference(json.dumps(EXAMPLE | changes).encode())


def problems(**changes) -> str:
    with pytest.raises(ConfigurationError) as refused:
        read(**changes)
    return "\n".join(refused.value.problems)


def test_the_example_becomes_a_tenant_with_a_provider():
    """S4-08 to S4-12, S4-35, S4-43."""
    imported = read_inference(data("inference-tenant.json"))
    [tenant] = imported.tenants
    assert (tenant.slug, tenant.name, tenant.default_provider) == ("your-tenant-id", "Your Tenant Name", "oidc")
    provider = providers(imported)["oidc"]
    assert (provider.issuer, provider.discovery_url) == ("https://your-oidc-provider.com", None)
    assert (provider.client_id, provider.client_secret) == ("your-client-id", "your-client-secret")
    assert provider.scopes == ("openid", "profile", "email")


def test_the_redirect_url_is_kept_character_by_character():
    """S4-06, S4-11, S4-19: all tenants share one callback."""
    assert providers(read())["oidc"].redirect_url == "https://api.yourplatform.com/v1/auth/oidc/callback"


def test_the_frontend_gets_its_token_where_it_did_and_may_do_better():
    """S4-13, S4-54."""
    imported = read()
    [frontend] = imported.tenants[0].frontends
    assert frontend.origins == ("https://app.yourplatform.com",)
    assert frontend.return_urls == ("https://app.yourplatform.com",)
    assert frontend.deliveries == ("fragment", "code")
    assert has_notice(imported, "frontend_url", "fragment")
    assert read(frontend_url="").tenants[0].frontends == ()


def test_storage_keys_are_ignored_without_a_word_and_unknown_ones_with_one():
    """S4-43."""
    imported = read(surprise=1)
    assert not has_notice(imported, "mongo")
    assert not has_notice(imported, "redis")
    assert has_notice(imported, "surprise", "ignored")


@pytest.mark.parametrize("key", ["oidc_client_id", "oidc_client_secret", "oidc_redirect_url"])
@pytest.mark.parametrize("value", ["", None])
def test_with_an_issuer_the_rest_is_required(key, value):
    """S4-44."""
    assert f"{key}: is required" in problems(**{key: value})


@pytest.mark.parametrize("scopes", ["", None])
def test_scopes_have_a_default(scopes):
    """S4-45."""
    assert providers(read(oidc_scopes=scopes))["oidc"].scopes == ("openid", "profile", "email")


@pytest.mark.parametrize("issuer", ["", None, "  "])
def test_an_empty_issuer_means_no_provider_and_no_error(issuer):
    """S4-46: the other fields do not matter then."""
    imported = read(oidc_issuer=issuer, oidc_client_id=5, oidc_redirect_url="nonsense")
    assert providers(imported) == {}
    assert imported.tenants[0].default_provider is None
    assert has_notice(imported, "oidc_issuer", "is empty")
    assert imported.switched_off == (("your-tenant-id", "oidc"),)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"oidc_redirect_url": "http://api.yourplatform.com/callback"}, "redirect_url"),
        ({"oidc_issuer": "http://your-oidc-provider.com"}, "issuer"),
        ({"oidc_scopes": "profile email"}, "'openid' is required"),
        ({"frontend_url": "http://app.yourplatform.com"}, "origins"),
        ({"frontend_url": "https://["}, "frontend_url"),
        ({"oidc_issuer": "https://["}, "issuer"),
        ({"tenant_id": ""}, "tenant_id: is required"),
        ({"tenant_id": 5}, "tenant_id: must be a text"),
        ({"name": ["x"]}, "name: must be a text"),
    ],
)
def test_one_change_for_the_worse_is_named(changes, says):
    """S4-05, S4-18, S4-21: https everywhere, and `openid` always."""
    assert says in problems(**changes)


def test_a_tenant_id_that_cannot_be_a_slug_becomes_one_with_a_notice():
    imported = read(tenant_id="Tenant_01")
    assert imported.tenants[0].slug == "tenant-01"
    assert has_notice(imported, "tenant_id", "'tenant-01'")


def test_several_tenants_come_as_several_documents_or_as_a_list():
    """S4-07."""
    second = EXAMPLE | {"tenant_id": "second"}
    both = read_inference(json.dumps(EXAMPLE).encode(), json.dumps(second).encode())
    assert [tenant.slug for tenant in both.tenants] == ["your-tenant-id", "second"]
    assert read_inference(json.dumps([EXAMPLE, second]).encode()) == both
    with pytest.raises(ConfigurationError, match="declared twice"):
        read_inference(json.dumps([EXAMPLE, EXAMPLE]).encode())


@pytest.mark.parametrize("collective", ["organizations", "common"])
def test_entra_for_many_directories_asks_for_the_list_of_them(collective):
    """S4-24, S4-32, S4-33."""
    issuer = f"https://login.microsoftonline.com/{collective}/v2.0"
    assert "allowed_directories" in problems(oidc_issuer=issuer)
    document = json.dumps(EXAMPLE | {"oidc_issuer": issuer}).encode()
    provider = providers(read_inference(document, target=Target(directories={"your-tenant-id": (DIRECTORY,)})))["oidc"]
    assert provider.issuer == "https://login.microsoftonline.com/{tenantid}/v2.0"
    assert provider.discovery_url == f"{issuer}/.well-known/openid-configuration"


def test_entra_for_one_directory_is_its_own_issuer():
    """S4-31."""
    issuer = f"https://login.microsoftonline.com/{DIRECTORY}/v2.0"
    assert providers(read(oidc_issuer=issuer))["oidc"].issuer == issuer


def test_an_issuer_is_never_edited():
    """S4-16, and Auth0's slash."""
    assert providers(read(oidc_issuer="https://acme.eu.auth0.com/"))["oidc"].issuer == "https://acme.eu.auth0.com/"


def test_the_variables_become_the_provider_of_the_tenant_named():
    """S4-47."""
    imported = read_inference_environment(TARGET, ENVIRON | {"PATH": "/bin"})
    assert imported.tenants[0].slug == "acme"
    assert providers(imported)["oidc"].client_secret == "your-client-secret"  # the example's
    assert has_notice(imported, "--frontend-url")


def test_the_variables_follow_the_same_rules():
    """S4-44 to S4-46."""
    with pytest.raises(ConfigurationError) as refused:
        read_inference_environment(TARGET, ENVIRON | {"TENANT_OIDC_CLIENT_SECRET": ""})
    assert refused.value.problems == ("TENANT_OIDC_CLIENT_SECRET: is required.",)
    without = {name: value for name, value in ENVIRON.items() if name != "TENANT_OIDC_SCOPES"}
    assert providers(read_inference_environment(TARGET, without))["oidc"].scopes == ("openid", "profile", "email")
    assert providers(read_inference_environment(TARGET, ENVIRON | {"TENANT_OIDC_ISSUER": ""})) == {}
    assert has_notice(read_inference_environment(TARGET, ENVIRON | {"TENANT_OIDC_EXTRA": "x"}), "TENANT_OIDC_EXTRA")


def test_no_secret_is_in_a_message():
    assert "your-client-secret" not in problems(oidc_redirect_url="", oidc_client_secret={"is": "your-client-secret"})
    assert "your-client-secret" not in repr(read())
