"""SysReptor's JSON object of provider ids (S3-03 to S3-37)."""

import json

import pytest

from identity_api.errors import ConfigurationError
from identity_api.tenants.importing import Imported, Target, read_sysreptor
from tests.tenants.importing.forms import TARGET, data, has_notice, providers

EXAMPLE = json.loads(data("sysreptor-oidc.json"))


def read(remove: tuple[str, ...] = (), **changes) -> Imported:
    """The example with something changed in its provider."""
    settings = {name: value for name, value in EXAMPLE["keycloak"].items() if name not in remove} | changes
    return read_sysreptor(TARGET, json.dumps({"keycloak": settings}).encode())


def problems(document: bytes) -> str:
    with pytest.raises(ConfigurationError) as refused:
        read_sysreptor(TARGET, document)
    return "\n".join(refused.value.problems)


def test_the_example_becomes_a_provider():
    """S3-04, S3-08, S3-10 to S3-15: scopes may be narrower than elsewhere."""
    provider = providers(read_sysreptor(TARGET, data("sysreptor-oidc.json")))["keycloak"]
    assert (provider.label, provider.client_id, provider.client_secret) == (
        "Example Keycloak",
        "your-client-id",
        "your-client-secret",
    )
    assert provider.issuer == "https://keycloak.example.com/realms/demo"
    assert provider.discovery_url == provider.issuer + "/.well-known/openid-configuration"
    assert provider.scopes == ("openid", "email")
    assert provider.client_authentication == "client_secret_basic"


def test_the_registered_callback_keeps_working_with_the_provider_id_as_written():
    """S3-03 to S3-06."""
    assert providers(read())["keycloak"].redirect_url == "https://id.acme.example/login/oidc/keycloak/callback"
    imported = read_sysreptor(TARGET, json.dumps({"KeyCloak": EXAMPLE["keycloak"]}).encode())
    assert providers(imported)["keycloak"].redirect_url == "https://id.acme.example/login/oidc/KeyCloak/callback"
    assert has_notice(imported, "is called 'keycloak' here")


def test_without_a_host_the_redirect_uri_is_left_to_us_and_that_is_said():
    imported = read_sysreptor(Target(slug="acme", name="Acme"), data("sysreptor-oidc.json"))
    assert providers(imported)["keycloak"].redirect_url is None
    assert has_notice(imported, "redirect URI")


def test_nobody_is_let_in_who_was_not_entered():
    """S3-22 to S3-24."""
    provider = providers(read())["keycloak"]
    assert (provider.provisioning, provider.sync_mode) == ("LINKED_ONLY", "NONE")


def test_the_identifier_is_a_member_of_userinfo_and_the_address_if_nothing_is_said():
    """S3-18, S3-19."""
    assert providers(read(remove=("user_identifier_claim",)))["keycloak"].claim_settings().anchor == (
        "userinfo / email",
    )
    assert providers(read(user_identifier_claim="sub"))["keycloak"].claim_settings().anchor == ("userinfo / sub",)


@pytest.mark.parametrize(
    ("claim", "requires", "rule"),
    [
        ("email", True, "REQUIRED"),
        ("email", False, "TRUSTED"),
        ("email", None, "REQUIRED"),
        ("sub", True, "IGNORE"),
        ("sub", False, "IGNORE"),
    ],
)
def test_an_address_must_be_verified_unless_the_form_says_otherwise(claim, requires, rule):
    """S3-25 to S3-29: the switch is for addresses as the identifier only."""
    imported = read(user_identifier_claim=claim, require_email_verified=requires)
    assert providers(imported)["keycloak"].email_verified_rule == rule
    assert has_notice(imported, "require_email_verified", "can become another user") is (rule == "TRUSTED")


@pytest.mark.parametrize(("claim", "is_risky"), [("preferred_username", True), ("upn", True), ("sub", False)])
def test_an_identifier_that_people_can_change_is_warned_about(claim, is_risky):
    """S3-30 to S3-32."""
    assert has_notice(read(user_identifier_claim=claim), "user_identifier_claim", "prefer") is is_risky


@pytest.mark.parametrize("supported", [True, False])
def test_re_authentication_is_taken_over(supported):
    """S3-34, S3-35."""
    assert providers(read(reauth_supported=supported))["keycloak"].reauthentication is supported


@pytest.mark.parametrize("method", [None, "plain"])
def test_pkce_is_always_s256(method):
    """S3-16."""
    imported = read(client_kwargs={"scope": "openid"} | ({"code_challenge_method": method} if method else {}))
    assert has_notice(imported, "keycloak.client_kwargs.code_challenge_method", "S256 is always used")
    assert not has_notice(read(), "code_challenge_method")


def test_further_settings_of_the_client_are_taken_over_where_they_mean_something():
    """S3-14, S3-17."""
    imported = read(
        authorize_params={"acr_values": "mfa"},
        client_kwargs=EXAMPLE["keycloak"]["client_kwargs"]
        | {"token_endpoint_auth_method": "client_secret_post", "timeout": 5},
    )
    provider = providers(imported)["keycloak"]
    assert (provider.client_authentication, provider.authorization_parameters) == (
        "client_secret_post",
        {"acr_values": "mfa"},
    )
    assert has_notice(imported, "client_kwargs.timeout", "ignored")


def test_a_refresh_token_is_used_where_one_is_asked_for():
    scopes = EXAMPLE["keycloak"]["client_kwargs"] | {"scope": "openid offline_access"}
    assert providers(read(client_kwargs=scopes))["keycloak"].sync == "REFRESH_TOKEN"
    assert providers(read())["keycloak"].sync == "OFF"


@pytest.mark.parametrize(("name", "default"), [("keycloak", "keycloak"), ("local", None), ("KEYCLOAK", None)])
def test_the_default_provider_is_taken_over_if_it_is_one_of_them(name, default):
    """S3-06, S3-07, S3-09: in the application settings the object is one member among others."""
    settings = {"OIDC_AUTHLIB_OAUTH_CLIENTS": EXAMPLE, "DEFAULT_AUTH_PROVIDER": name}
    imported = read_sysreptor(TARGET, json.dumps(settings).encode())
    assert imported.tenants[0].default_provider == default
    assert has_notice(imported, "DEFAULT_AUTH_PROVIDER") is (default is None)
    alone = read_sysreptor(TARGET, data("sysreptor-oidc.json"), default_provider=name)
    assert alone.tenants[0].default_provider == default


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"client_id": ""}, "keycloak.client_id: is required"),
        ({"client_id": 5}, "keycloak.client_id: must be a text"),
        ({"server_metadata_url": None}, "keycloak.server_metadata_url: is required"),
        ({"server_metadata_url": "http://keycloak.example.com/realms/demo"}, "complete https address"),
        ({"client_kwargs": {"scope": "email"}}, "'openid' is required"),
        ({"client_kwargs": "openid"}, "keycloak.client_kwargs: must be a table"),
        ({"client_kwargs": {"token_endpoint_auth_method": "magic"}}, "client_kwargs.token_endpoint_auth_method"),
        (
            {"client_secret": None, "client_kwargs": {"token_endpoint_auth_method": "client_secret_post"}},
            "needs a client",
        ),
        ({"require_email_verified": "perhaps"}, "keycloak.require_email_verified: must be true or false"),
        ({"authorize_params": {"redirect_uri": "https://evil.example"}}, "redirect_uri is set by the login itself"),
        ({"authorize_params": {"a": 1}}, "keycloak.authorize_params"),
    ],
)
def test_one_change_for_the_worse_is_named_at_its_place(changes, says):
    assert says in problems(json.dumps({"keycloak": EXAMPLE["keycloak"] | changes}).encode())


@pytest.mark.parametrize(
    "document", [b"[]", b"{}", b'{"keycloak": 5}', b"5", b"{", b"\xff", b'{"a": {}, "a": {}}', b"[" * 100_000]
)
def test_another_shape_is_refused(document):
    assert problems(document)


def test_no_secret_is_in_a_message():
    found = problems(
        json.dumps({"Key cloak": EXAMPLE["keycloak"] | {"client_secret": ["your-client-secret"]}}).encode()
    )
    assert "your-client-secret" not in found
    assert "your-client-secret" not in repr(read())
