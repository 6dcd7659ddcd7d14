"""Infrahub's TOML and variables (S2-01 to S2-40)."""

import pytest

from identity_api.errors import ConfigurationError
from identity_api.tenants.importing import Imported, Target, read_infrahub
from identity_api.tenants.importing.documents import read_environment
from tests.tenants.importing.forms import DIRECTORY, MANY, TARGET, data, has_notice, providers

OIDC = data("infrahub-oidc.toml")
OAUTH2 = data("infrahub-oauth2.toml")
ENVIRON = read_environment(data("infrahub.env"))
SINGLE = OIDC.replace(b"tenant-id", DIRECTORY.encode())


def problems(target: Target = TARGET, **given) -> str:
    with pytest.raises(ConfigurationError) as refused:
        read_infrahub(target, **given)
    return "\n".join(refused.value.problems)


def with_security(line: str, document: bytes = OIDC) -> Imported:
    return read_infrahub(TARGET, document=document.replace(b"[security]\n", f"[security]\n{line}\n".encode()))


def test_the_oidc_example_becomes_a_provider():
    """S2-06 to S2-08, S2-12, S2-13, S2-23, S2-39: the issuer is the discovery URL without the well-known path."""
    provider = providers(read_infrahub(TARGET, document=OIDC))["provider1"]
    assert (provider.protocol, provider.client_id, provider.client_secret) == (
        "oidc",
        "client-id-from-idp",
        "client-secret-from-idp",
    )
    assert provider.issuer == "https://login.microsoftonline.com/tenant-id/v2.0"
    assert provider.discovery_url == provider.issuer + "/.well-known/openid-configuration"
    assert (provider.label, provider.icon) == ("Microsoft Entra ID", "mdi:microsoft")
    assert provider.enabled


def test_the_redirect_uri_registered_for_the_slot_keeps_working():
    """S2-24, S2-25."""
    assert providers(read_infrahub(TARGET, document=OIDC))["provider1"].redirect_url == (
        "https://id.acme.example/auth/oidc/provider1/callback"
    )
    assert providers(read_infrahub(TARGET, document=OAUTH2))["provider1"].redirect_url == (
        "https://id.acme.example/auth/oauth2/provider1/callback"
    )


def test_without_a_host_the_redirect_uri_is_left_to_us_and_that_is_said():
    imported = read_infrahub(Target(slug="acme", name="Acme"), document=OIDC)
    assert providers(imported)["provider1"].redirect_url is None
    assert has_notice(imported, "redirect URI")


def test_the_oauth2_example_becomes_a_provider_with_endpoints():
    """S2-16 to S2-21, S2-40."""
    provider = providers(read_infrahub(TARGET, document=OAUTH2))["provider1"]
    assert provider.protocol == "oauth2"
    assert provider.endpoints == {
        "authorization": "https://login.microsoftonline.com/tenant-id/oauth2/v2.0/authorize",
        "token": "https://login.microsoftonline.com/tenant-id/oauth2/v2.0/token",
        "userinfo": "https://graph.microsoft.com/oidc/userinfo",
    }
    assert provider.issuer == "https://login.microsoftonline.com"


def test_the_claims_are_those_of_infrahub():
    """S2-26 to S2-31: `sub` is the anchor, `name` the account name and the label, for both protocols."""
    for document in (OIDC, OAUTH2):
        provider = providers(read_infrahub(TARGET, document=document))["provider1"]
        claims = provider.claim_settings()
        assert (claims.anchor, claims.username, claims.display) == (("sub",), ("name",), ("name",))
        assert "openid" in provider.scopes


def test_the_variables_give_the_same_as_the_file():
    """S2-22."""
    found = providers(read_infrahub(TARGET, environ=ENVIRON))
    assert set(found) == {"provider1", "google", "provider2"}
    assert found["provider1"].issuer == "https://sso.example.com"
    assert (found["provider1"].label, found["provider1"].icon) == ("Example SSO", "mdi:key")
    assert found["provider2"].protocol == "oauth2"


@pytest.mark.parametrize("spelling", [str.upper, str.lower, str.title])
def test_slots_and_variables_are_read_in_any_case(spelling):
    """S2-03."""
    environ = {spelling(name): value.replace("provider1", spelling("provider1")) for name, value in ENVIRON.items()}
    assert set(providers(read_infrahub(TARGET, environ=environ))) == {"provider1", "google", "provider2"}
    document = OIDC.decode().replace("settings.provider1", f"settings.{spelling('provider1')}")
    assert set(providers(read_infrahub(TARGET, document=document.encode()))) == {"provider1"}


def test_a_variable_wins_over_the_file():
    environ = {"INFRAHUB_OIDC_PROVIDER1_CLIENT_ID": "another"}
    assert providers(read_infrahub(TARGET, document=OIDC, environ=environ))["provider1"].client_id == "another"


def test_the_google_slot_needs_client_id_and_secret_only():
    """S2-04, S2-05: apart from its addresses it is like the others."""
    google = providers(read_infrahub(TARGET, environ=ENVIRON))["google"]
    assert (google.issuer, google.preset) == ("https://accounts.google.com", "google")
    assert (google.provisioning, google.claim_settings().username) == ("JIT", ("name",))
    assert google.authorization_parameters == {}


def test_the_google_slot_of_oauth2_has_the_endpoints():
    """S2-02."""
    document = (
        b'[security]\noauth2_providers = ["google"]\n[security.oauth2_provider_settings.google]\nclient_id = "x"\n'
    )
    google = providers(read_infrahub(TARGET, document=document))["google"]
    assert (google.protocol, google.client_secret) == ("oauth2", None)
    assert google.endpoints["token"] == "https://oauth2.googleapis.com/token"  # an address


def test_a_slot_of_both_protocols_becomes_two_providers():
    """S2-02: six slots, with the same three names twice."""
    document = OIDC.replace(
        b"[security]", OAUTH2.replace(b"[security]", b"[security]\n" + b"oidc_providers=['provider1']")
    )
    document = document.replace(b'oidc_providers = ["provider1"]', b"")
    found = providers(read_infrahub(TARGET, document=document))
    assert {slug: one.protocol for slug, one in found.items()} == {"provider1": "oidc", "oauth2-provider1": "oauth2"}
    assert found["oauth2-provider1"].redirect_url == "https://id.acme.example/auth/oauth2/provider1/callback"


def test_a_client_without_a_secret_is_public():
    """S2-07."""
    document = OIDC.replace(b'client_secret = "client-secret-from-idp"\n', b"")
    assert providers(read_infrahub(TARGET, document=document))["provider1"].client_secret is None


def test_a_configured_slot_that_is_not_listed_is_imported_switched_off():
    """S2-14: configured is not enabled."""
    environ = ENVIRON | {"INFRAHUB_SECURITY_OIDC_PROVIDERS": '["google"]'}
    imported = read_infrahub(TARGET, environ=environ)
    assert not providers(imported)["provider1"].enabled
    assert providers(imported)["google"].enabled
    assert has_notice(imported, "not listed", "PROVIDER1")


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (OIDC.replace(b'oidc_providers = ["provider1"]', b""), "At least one slot must be listed"),
        (OIDC.replace(b'["provider1"]', b"[]"), "security.oidc_providers"),
        (OIDC.replace(b'["provider1"]', b'"provider1"'), "security.oidc_providers"),
        (OIDC.replace(b'["provider1"]', b'["provider3"]'), "security.oidc_providers"),
        (
            OIDC.replace(b'["provider1"]', b'["provider1", "google"]'),
            "oidc_provider_settings.google.client_id: is required",
        ),
        (OIDC.replace(b"settings.provider1", b"settings.provider3"), "oidc_provider_settings.provider3"),
        (OIDC.replace(b'client_id = "client-id-from-idp"', b""), "provider1.client_id: is required"),
        (OIDC.replace(b"discovery_url", b"discovery"), "provider1.discovery_url: is required"),
        (OIDC.replace(b"https://login", b"http://login"), "complete https address"),
        (OAUTH2.replace(b"token_url", b"tokens"), "provider1.token_url: is required"),
        (OAUTH2.replace(b"userinfo_url", b"users"), "provider1.userinfo_url: is required"),
        (OAUTH2.replace(b"authorization_url", b"auth"), "provider1.authorization_url: is required"),
        (b"security = 1", "security: must be a table"),
        (b"[[security.oidc_provider_settings]]\n", "oidc_provider_settings: must be a table"),
    ],
)
def test_one_change_for_the_worse_is_named_at_its_place(document, says):
    """S2-06, S2-08, S2-14 to S2-19, S2-21."""
    assert says in problems(document=document)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("INFRAHUB_SECURITY_OIDC_PROVIDERS", "provider1", "JSON array"),
        ("INFRAHUB_OIDC_PROVIDER3_CLIENT_ID", "x", "INFRAHUB_OIDC_PROVIDER3_CLIENT_ID: the slots are"),
        (
            "INFRAHUB_OIDC_PROVIDER1_PKCE_ENABLED",
            "perhaps",
            "INFRAHUB_OIDC_PROVIDER1_PKCE_ENABLED: must be true or false",
        ),
        ("INFRAHUB_OIDC_PROVIDER1_CLIENT_ID", "", "INFRAHUB_OIDC_PROVIDER1_CLIENT_ID: is required"),
    ],
)
def test_a_wrong_variable_is_named(name, value, says):
    assert providers(read_infrahub(TARGET, environ=ENVIRON))
    assert says in problems(environ=ENVIRON | {name: value})


def test_all_problems_are_listed_at_once():
    found = problems(
        environ=ENVIRON | {"INFRAHUB_OIDC_PROVIDER1_CLIENT_ID": "", "INFRAHUB_OAUTH2_PROVIDER2_TOKEN_URL": ""}
    )
    assert "INFRAHUB_OIDC_PROVIDER1_CLIENT_ID" in found
    assert "INFRAHUB_OAUTH2_PROVIDER2_TOKEN_URL" in found


@pytest.mark.parametrize("value", ["false", "False", "0", "off"])
def test_a_switched_off_signature_check_stops_the_import_with_its_name(value):
    """S2-10, S2-11."""
    name = "INFRAHUB_OIDC_PROVIDER1_ID_TOKEN_VERIFY_SIGNATURE"
    assert providers(read_infrahub(TARGET, environ=ENVIRON | {name: "true"}))
    assert name in problems(environ=ENVIRON | {name: value})
    document = OIDC.replace(b"client_id =", b"id_token_verify_signature = false\nclient_id =")
    assert "security.oidc_provider_settings.provider1.id_token_verify_signature" in problems(document=document)


def test_a_switched_off_signature_check_stops_the_import_for_slots_that_are_not_listed_too():
    environ = ENVIRON | {
        "INFRAHUB_SECURITY_OIDC_PROVIDERS": '["google"]',
        "INFRAHUB_OIDC_PROVIDER1_ID_TOKEN_VERIFY_SIGNATURE": "false",
    }
    assert "ID_TOKEN_VERIFY_SIGNATURE" in problems(environ=environ)


def test_pkce_off_is_accepted_with_a_notice_and_ignored():
    """S2-09, S2-20."""
    name = "INFRAHUB_OIDC_PROVIDER1_PKCE_ENABLED"
    imported = read_infrahub(TARGET, environ=ENVIRON | {name: "false"})
    assert providers(imported) == providers(read_infrahub(TARGET, environ=ENVIRON))
    assert has_notice(imported, name, "PKCE is always used")
    assert not has_notice(read_infrahub(TARGET, environ=ENVIRON), name)


def test_a_missing_name_fallback_is_imported_as_off_with_a_notice():
    """S2-32, S2-35: on by default there, off here."""
    imported = read_infrahub(TARGET, document=OIDC)
    assert not providers(imported)["provider1"].adopt_by_name
    assert has_notice(imported, "security.sso_account_name_fallback", "imported as off")


@pytest.mark.parametrize("adopts", [True, False])
def test_a_name_fallback_that_is_given_is_taken_over(adopts):
    """S2-36 to S2-38."""
    imported = with_security(f"sso_account_name_fallback = {str(adopts).lower()}")
    assert providers(imported)["provider1"].adopt_by_name is adopts
    assert has_notice(imported, "sso_account_name_fallback", "deprecated") is adopts
    assert not has_notice(imported, "imported as off")


def test_nobody_is_locked_out_for_a_refresh_token_that_was_never_asked_for():
    provider = providers(read_infrahub(TARGET, document=OIDC))["provider1"]
    assert (provider.sync, provider.sync_mode, provider.provisioning) == ("OFF", "NONE", "JIT")


def test_entra_for_many_directories_asks_for_the_list_of_them():
    document = OIDC.replace(b"tenant-id", b"organizations")
    assert "allowed_directories" in problems(document=document)
    provider = providers(read_infrahub(MANY, document=document))["provider1"]
    assert (provider.issuer, provider.allowed_directories) == (
        "https://login.microsoftonline.com/{tenantid}/v2.0",
        (DIRECTORY,),
    )
    assert "organizations" in (provider.discovery_url or "")
    assert providers(read_infrahub(MANY, document=SINGLE))["provider1"].allowed_directories == ()


def test_a_setting_that_is_not_known_is_told_and_other_parts_of_the_file_are_left_alone():
    document = OIDC.replace(b"client_id =", b'userinfo_method = "post"\nclient_id =') + b'\n[database]\naddress = "x"\n'
    imported = read_infrahub(TARGET, document=document)
    assert has_notice(imported, "provider1.userinfo_method", "ignored")
    assert not has_notice(imported, "database")


def test_the_issuer_of_auth0_gets_its_slash_back():
    """S4-15, S4-16: a metadata URL does not show it, and issuers are compared exactly."""
    document = OIDC.replace(b"login.microsoftonline.com/tenant-id/v2.0", b"acme.eu.auth0.com")
    imported = read_infrahub(TARGET, document=document)
    assert providers(imported)["provider1"].issuer == "https://acme.eu.auth0.com/"
    assert [(one.provider, one.is_unlikely) for one in imported.guesses] == [("provider1", False)]


def test_no_secret_is_in_a_message():
    environ = ENVIRON | {
        "INFRAHUB_OIDC_PROVIDER1_ID_TOKEN_VERIFY_SIGNATURE": "client-secret-from-idp",
        "INFRAHUB_OIDC_PROVIDER1_DISCOVERY_URL": "https://user:client-secret-from-idp@sso.example.com",
        "INFRAHUB_SECURITY_OIDC_PROVIDERS": "client-secret-from-idp",
    }
    assert "client-secret-from-idp" not in problems(environ=environ)
    imported = read_infrahub(TARGET, document=OIDC)
    assert "client-secret-from-idp" not in repr(imported)
