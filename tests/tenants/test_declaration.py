"""Reading declarations: what is accepted, and that every mistake is named at once."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity_api.errors import ConfigurationError
from identity_api.providers.checks import OAUTH2_ENDPOINTS
from identity_api.providers.declaration import ProviderDeclaration, client_secret
from identity_api.tenants.toml_reader import parse

DIRECTORY = "8eaef023-2b34-4da1-9baa-8bc8c9d6a490"
APPLE = 'client_authentication = "apple_client_secret"\napple_team_id = "DEF123GHIJ"\n'
ENTRA_TEMPLATE = "https://login.microsoftonline.com/{tenantid}/v2.0"
ENTRA_ORGANIZATIONS = "https://login.microsoftonline.com/organizations/v2.0"
OAUTH2 = """protocol = "oauth2"
endpoints = { authorization = "https://a.example/a", token = "https://a.example/t", userinfo = "https://a.example/u" }
"""
VALID = """
[[tenants]]
slug = "acme"
name = "Acme"
hosts = ["acme.example.com"]
default_provider = "keycloak"

[[tenants.frontends]]
slug = "app"
origins = ["https://app.acme.example.com"]
return_urls = ["https://app.acme.example.com/"]
deliveries = ["cookie", "code"]

[[tenants.providers]]
slug = "keycloak"
protocol = "oidc"
label = "Acme SSO"
issuer = "https://sso.acme.example/realms/acme"
client_id = "identity-api"
client_secret_env = "ACME_SECRET"
scopes = ["openid", "profile", "email", "offline_access"]
provisioning = "JIT"
groups_claim = "id_token / groups"
sync_mode = "STRICT"
sync_interval_seconds = 300

[[tenants.group_mappings]]
provider = "keycloak"
group = "engineering"
match = "EXACT"
permissions = ["docs:read", "docs:write"]
"""


def problems(document: str) -> tuple[str, ...]:
    with pytest.raises(ConfigurationError) as caught:
        parse(document.encode())
    return caught.value.problems


def test_the_form_of_the_documentation_is_read() -> None:
    [tenant] = parse(VALID.encode())
    assert tenant.providers[0].claim_settings().groups == ("id_token / groups",)
    assert tenant.group_mappings[0].permissions == ("docs:read", "docs:write")


@pytest.mark.parametrize(
    ("wrong", "right", "names"),
    [
        ('slug = "app"', 'slug = "app"\nsurprise = 1', "tenants[0].frontends[0]"),
        ('"https://sso.acme.example/realms/acme"', '"http://sso.acme.example/realms/acme"', "providers[0].issuer"),
        ('"https://sso.acme.example/realms/acme"', '"https://user:pw@sso.acme.example/"', "providers[0].issuer"),
        ('"openid", ', "", "openid"),
        ("= 300", "= 30", "30 is not between 60 and 420"),
        ('default_provider = "keycloak"', 'default_provider = "okta"', "default_provider"),
        ('provider = "keycloak"\ngroup', 'provider = "okta"\ngroup', "group_mappings[0].provider"),
        ('"docs:write"', '"Docs Write"', "group_mappings[0].permissions"),
        ('match = "EXACT"', 'match = "REGEX"', "group_mappings[0]"),
        ('client_secret_env = "ACME_SECRET"', 'client_secret_env = "A"\nclient_secret = "b"', "not several"),
        ('client_secret_env = "ACME_SECRET"', 'client_authentication = "client_secret_basic"', "needs a client secret"),
        ("client_secret_env", f'{APPLE}apple_key_id = "abc"\nclient_secret_env', "apple_key_id: apple_client_secret"),
        ('client_secret_env = "ACME_SECRET"', f'{APPLE}apple_key_id = "ABC123DEFG"', "needs a client secret"),
        ('protocol = "oidc"', 'apple_team_id = "DEF123GHIJ"', "apple_team_id: is for"),
        ('hosts = ["acme.example.com"]', 'hosts = ["https://acme.example.com"]', "hosts"),
        ('["https://app.acme.example.com"]', '["https://app.acme.example.com/path"]', "origins"),
        ('name = "Acme"', "name = 7", "tenants[0]"),
        ('slug = "acme"', 'slug = "Acme"', "tenants[0].slug"),
        ('slug = "keycloak"', 'slug = "Key cloak"', "providers[0].slug"),
        ('protocol = "oidc"', 'protocol = "oauth2"', "providers[0].endpoints"),
        ('protocol = "oidc"', 'endpoints = { token = "https://sso.acme.example/token" }', "providers[0].endpoints"),
        ('"profile", ', '"profile email", ', "providers[0].scopes"),
        ('protocol = "oidc"', 'authorization_parameters = { redirect_uri = "x" }', "redirect_uri is set by the login"),
        ('protocol = "oidc"', 'authorization_parameters = { Redirect_Uri = "x" }', "cannot be set by hand"),
        ('protocol = "oidc"', 'authorization_parameters = { hd = "acme\\u0000" }', "not short printable ASCII"),
        ('protocol = "oidc"', 'authorization_parameters = { max_age = "1h" }', "max_age is a number of seconds"),
        ('protocol = "oidc"', 'authorization_parameters = { max_age = "-1" }', "max_age is a number of seconds"),
        ('protocol = "oidc"', f'authorization_parameters = {{ max_age = "{"9" * 400}" }}', "max_age is a number"),
        ('protocol = "oidc"', 'authorization_parameters = { response_mode = "fragment" }', "response_mode is query or"),
        ('protocol = "oidc"', OAUTH2 + 'authorization_parameters = { max_age = "60" }', "needs OpenID Connect"),
        ('protocol = "oidc"', 'email_verified_rule = "SOMETIMES"', "providers[0]"),
        ('protocol = "oidc"', f'allowed_directories = ["{DIRECTORY}"]', "is one directory already"),
        ("https://sso.acme.example/realms/acme", ENTRA_TEMPLATE, "providers[0].allowed_directories"),
        ("https://sso.acme.example/realms/acme", ENTRA_ORGANIZATIONS, "providers[0].allowed_directories"),
        ('client_secret_env = "ACME_SECRET"', 'client_secret = ""', "client_secret: is empty"),
        ('"id_token / groups"', '"cookie / groups"', "groups_claim"),
        ('["cookie", "code"]', '["carrier-pigeon"]', "frontends[0]"),
        ('provisioning = "JIT"', 'provisioning = "LINKED_ONLY"\nadopt_by_name = true', "providers[0].adopt_by_name"),
        ('sync_mode = "STRICT"', 'sync_mode = "NONE"\ndeny_unmapped = true', "providers[0].deny_unmapped"),
        ('protocol = "oidc"', 'userinfo_method = "PUT"', "providers[0]"),
        ('protocol = "oidc"', 'group_source = "facebook"', "providers[0]"),
        ('protocol = "oidc"', 'endpoints = { groups = "https://api.example" }', "endpoints.groups: is for"),
        ('protocol = "oidc"', 'redirect_url = "https://acme.example.com/signed-in"', "providers[0].redirect_url"),
    ],
)
def test_one_change_for_the_worse_is_named_at_its_place(wrong: str, right: str, names: str) -> None:
    assert wrong in VALID
    found = problems(VALID.replace(wrong, right))
    assert any(names in problem for problem in found), found


def changed(old: str, new: str) -> ProviderDeclaration:
    assert old in VALID
    return parse(VALID.replace(old, new).encode())[0].providers[0]


def test_the_mark_that_windows_editors_put_before_a_file_is_not_read() -> None:
    assert parse(f"\ufeff{VALID}".encode()) == parse(VALID.encode())
    [problem] = problems('\ufeff[[tenants]]\nslug = "acme"\nname = "Acme"\nodd = 1\n')
    assert problem.startswith("Line 4, tenants[0]")


def test_a_plain_oauth_provider_has_three_endpoints() -> None:
    """S2-17 to S2-19."""
    endpoints = ", ".join(f'{name} = "https://sso.acme.example/{name}"' for name in OAUTH2_ENDPOINTS)
    provider = changed('protocol = "oidc"', f'protocol = "oauth2"\nendpoints = {{ {endpoints} }}')
    assert provider.endpoints["userinfo"] == "https://sso.acme.example/userinfo"
    assert any(
        "endpoints.token" in one
        for one in problems(
            VALID.replace(
                'protocol = "oidc"',
                f"""
protocol = "oauth2"
endpoints = {{ {endpoints.replace('"https://sso.acme.example/token"', '"http://sso.acme.example/token"')} }}""",
            )
        )
    )


def test_who_may_enter_and_how_userinfo_is_asked_are_said_of_the_provider() -> None:
    """How `adopt_by_name` and `deny_unmapped` are declared: S2-35."""
    settings = changed(
        'provisioning = "JIT"', 'adopt_by_name = true\ndeny_unmapped = true\nuserinfo_method = "POST"'
    ).claim_settings()
    assert (settings.deny_unmapped, settings.userinfo_method) == (True, "POST")
    plain = changed('provisioning = "JIT"', 'provisioning = "KNOWN_USERS"')
    assert (plain.adopt_by_name, plain.claim_settings().deny_unmapped) == (False, False)


def test_the_whole_of_an_object_in_the_access_token_can_be_the_groups() -> None:
    """S0-50."""
    provider = changed('"id_token / groups"', '"access_token / resource_access /"')
    assert provider.claim_settings().groups == ("access_token / resource_access /",)


def test_entra_for_many_directories_is_declared_with_their_list() -> None:
    provider = changed(
        '"https://sso.acme.example/realms/acme"', f'"{ENTRA_TEMPLATE}"\nallowed_directories = ["{DIRECTORY}"]'
    )
    assert provider.claim_settings().directories == (DIRECTORY,)


def test_an_address_with_a_user_part_is_not_repeated() -> None:
    found = problems(VALID.replace("https://sso.acme", "https://user:hunter2@sso.acme"))
    assert found
    assert "hunter2" not in " ".join(found)


def test_a_declared_provider_shows_no_secret() -> None:
    provider = changed('client_secret_env = "ACME_SECRET"', 'client_secret = "hunter2"')
    assert provider.client_secret == "hunter2"  # an example
    assert "hunter2" not in repr(provider)


def test_all_problems_are_found_at_once() -> None:
    broken = VALID.replace("= 300", "= 30").replace('"openid", ', "").replace('name = "Acme"', "name = 7")
    assert len(problems(broken)) >= 2


def test_service_permissions_are_mapped_by_exact_names_only() -> None:
    mapping = VALID.replace('["docs:read", "docs:write"]', '["identity:users:read"]')
    assert parse(mapping.encode())
    assert any("exact" in one for one in problems(mapping.replace('"EXACT"', '"GLOB"')))


def test_a_mapping_of_a_service_permission_names_its_provider() -> None:
    mapping = VALID.replace('["docs:read", "docs:write"]', '["identity:users:read"]')
    anywhere = mapping.replace('provider = "keycloak"\ngroup', "group")
    assert parse(mapping.encode())
    assert any("group_mappings[0].provider" in one for one in problems(anywhere))
    assert parse(VALID.replace('provider = "keycloak"\ngroup', "group").encode())


def test_a_secret_is_never_in_a_problem() -> None:
    found = problems(
        VALID.replace('client_secret_env = "ACME_SECRET"', 'client_secret = "hunter2"\nclient_id2 = "hunter2"')
    )
    assert "hunter2" not in " ".join(found)


@given(st.binary(max_size=400))
def test_any_bytes_give_declarations_or_problems(document: bytes) -> None:
    with contextlib.suppress(ConfigurationError):
        assert parse(document)


def test_apples_client_secret_has_a_team_and_a_key() -> None:
    """As the problems above start from."""
    right = f'{APPLE}apple_key_id = "ABC123DEFG"\nclient_secret_env'
    [tenant] = parse(VALID.replace("client_secret_env", right).encode())
    assert tenant.providers[0].client_settings().apple_key_id == "ABC123DEFG"


def test_a_secret_that_is_not_there_is_named_by_its_place(tmp_path) -> None:
    [tenant] = parse(VALID.encode())
    provider = tenant.providers[0]
    with pytest.raises(ConfigurationError, match="ACME_SECRET"):
        client_secret(provider, {}, tmp_path)
    secret = client_secret(provider, {"ACME_SECRET": "s3cret"}, tmp_path)
    assert secret is not None
    assert secret.reveal() == "s3cret"
