"""Presets are data of one shape; what is said explicitly wins (S2-04, S2-05, S4-01, S4-02, S4-31 to S4-33, S4-39)."""

import re
import tomllib
from urllib.parse import urlsplit

import msgspec
import pytest

from identity_api.claims import Documents, Reason, parse_claim_sources, read_groups, read_profile
from identity_api.claims.profile import ProfileClaims
from identity_api.errors import BadInput, ConfigurationError
from identity_api.oidc.discovery import configuration_url
from identity_api.providers.declaration import ProviderDeclaration
from identity_api.providers.presets import PRESETS, apply_preset
from identity_api.tenants.overlay import laid_over
from identity_api.tenants.toml_reader import parse
from identity_api.web.pages.icons import ICONS

DIRECTORY = "8eaef023-2b34-4da1-9baa-8bc8c9d6a490"
VALUES = {
    "adfs": {"host": "adfs.example.com"},
    "auth0": {"domain": "acme.eu.auth0.com"},
    "authelia": {"host": "auth.example.com"},
    "authentik": {"host": "auth.example.com", "application": "identity-api"},
    "azure-b2c": {"tenant": "acmeb2c", "directory": DIRECTORY, "policy": "B2C_1_signin"},
    "cognito": {"region": "eu-central-1", "pool": "eu-central-1_AbCdEfGhI"},
    "dex": {"address": "dex.example.com/dex"},
    "entra": {"directory": DIRECTORY},
    "gitlab": {"host": "gitlab.example.com"},
    "keycloak": {"host": "sso.example.com:8443", "realm": "acme"},
    "okta": {"domain": "acme.okta.com"},
    "onelogin": {"subdomain": "acme"},
    "pingfederate": {"host": "sso.example.com:9031"},
    "zitadel": {"host": "acme-x1y2z3.zitadel.cloud"},
}
FOR_ALTERNATIVES = {"discord": {"server": "197038439483310086"}, "zitadel": {"project": "69234237810729019"}}
"""Values that only an alternative needs."""


def fields(name, **more):
    return {
        "slug": name,
        "client_id": "client",
        "client_secret_env": "SECRET",
        "preset": name,
        "preset_values": VALUES.get(name, {}) | FOR_ALTERNATIVES.get(name, {}),
        **({"apple_team_id": "DEF123GHIJ", "apple_key_id": "ABC123DEFG"} if name == "apple" else {}),
    } | more


def declared(name, **more) -> ProviderDeclaration:
    """The provider as a declaration file gives it, checked."""
    document = {"tenants": [{"slug": "acme", "name": "Acme", "providers": [fields(name, **more)]}]}
    toml = to_toml(document)
    assert tomllib.loads(toml) == document
    return parse(toml.encode())[0].providers[0]


def to_toml(document) -> str:
    """Enough TOML for these tests: inline tables and lists."""

    def value(one):
        if isinstance(one, dict):
            return "{" + ", ".join(f"{key} = {value(inner)}" for key, inner in one.items()) + "}"
        if isinstance(one, list):
            return "[" + ", ".join(value(inner) for inner in one) + "]"
        return msgspec.json.encode(one).decode()

    return "\n".join(f"{key} = {value(one)}" for key, one in document.items())


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_with_its_values_is_a_complete_provider(name):
    """S1-02, S4-01."""
    provider = declared(name)
    assert (provider.preset, provider.label, provider.icon) == (name, PRESETS[name].label, PRESETS[name].icon)
    assert "{" not in provider.issuer
    assert urlsplit(provider.issuer).scheme == "https"


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_says_where_to_register_the_redirect_uri_and_what_else_to_do(name):
    preset = PRESETS[name]
    assert preset.name == name
    assert preset.register_redirect_at
    assert preset.steps
    assert preset.documentation.startswith("https://")


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_has_a_picture_that_comes_with_us(name):
    assert PRESETS[name].icon in ICONS


@pytest.mark.parametrize("name", PRESETS)
def test_every_example_of_a_parameter_is_accepted(name):
    for parameter in PRESETS[name].parameters:
        assert parameter.accepts(parameter.example)
        assert not parameter.accepts(parameter.example + "/../evil")
        assert not parameter.accepts("")


@pytest.mark.parametrize(("name", "alternative"), [(p.name, a.name) for p in PRESETS.values() for a in p.alternatives])
def test_every_alternative_is_a_complete_provider(name, alternative):
    more = {"allowed_directories": [DIRECTORY]} if alternative in ("organizations", "common") else {}
    assert declared(name, preset_alternatives=[alternative], **more)


def test_what_is_said_explicitly_wins():
    provider = declared("google", label="Company account", provisioning="JIT", scopes=["openid"])
    assert (provider.label, provider.provisioning, provider.scopes) == ("Company account", "JIT", ("openid",))
    assert provider.issuer == "https://accounts.google.com"


def test_what_a_preset_does_not_say_stays_as_it_is_stored():
    """A file that names the preset again and leaves a setting out does not take the setting back."""
    stored = {
        "client_authentication": "client_secret_basic",
        "deny_unmapped": True,
        "end_session_parameters": {"a": "b"},
    }
    kept = laid_over(stored, fields("gitlab"), is_provider=True)
    assert {name: kept[name] for name in stored} == stored
    assert laid_over(stored, fields("apple"), is_provider=True)["client_authentication"] == "apple_client_secret"


def test_an_explicit_issuer_makes_the_parameters_unnecessary():
    provider = declared("keycloak", preset_values={}, issuer="https://login.example.com/auth/realms/old")
    assert provider.issuer == "https://login.example.com/auth/realms/old"


@pytest.mark.parametrize("name", VALUES)
def test_a_missing_parameter_is_asked_for(name):
    with pytest.raises(BadInput) as refused:
        apply_preset(fields(name, preset_values={}))
    assert refused.value.field == "preset_values"


@pytest.mark.parametrize("name", FOR_ALTERNATIVES)
def test_a_value_that_only_an_alternative_needs_is_asked_for_with_it(name):
    assert apply_preset(fields(name, preset_values=VALUES.get(name, {})))
    alternatives = [one.name for one in PRESETS[name].alternatives]
    with pytest.raises(BadInput) as refused:
        apply_preset(fields(name, preset_values=VALUES.get(name, {}), preset_alternatives=alternatives))
    assert refused.value.field == "preset_values"


def test_the_client_id_stands_where_a_vendor_wants_it():
    """Azure AD B2C gives no access token otherwise, and AD FS no claims."""
    assert declared("azure-b2c").scopes == ("openid", "offline_access", "client")
    assert declared("adfs").authorization_parameters["resource"] == "client"


@pytest.mark.parametrize(
    ("name", "more", "field"),
    [
        ("okta", {"preset": "octa"}, "preset"),
        ("okta", {"preset": 5}, "preset"),
        ("okta", {"preset": None}, "preset_values"),
        ("okta", {"preset_values": {"domain": "acme.okta.com/evil?"}}, "preset_values.domain"),
        ("okta", {"preset_values": {"domain": "acme.okta.com@evil.example"}}, "preset_values.domain"),
        ("okta", {"preset_values": {"domain": 5}}, "preset_values.domain"),
        ("okta", {"preset_values": {"realm": "acme"}}, "preset_values.realm"),
        ("okta", {"preset_values": ["acme.okta.com"]}, "preset_values"),
        ("entra", {"preset_values": {"directory": "contoso.onmicrosoft.com"}}, "preset_values.directory"),
        ("entra", {"preset_alternatives": ["everything"]}, "preset_alternatives"),
        ("entra", {"preset_alternatives": "object_id"}, "preset_alternatives"),
        ("entra", {"preset_alternatives": [{}]}, "preset_alternatives"),
    ],
)
def test_what_the_preset_does_not_know_is_refused_with_its_field(name, more, field):
    assert apply_preset(fields(name))
    with pytest.raises(BadInput) as refused:
        apply_preset(fields(name, **more))
    assert refused.value.field == field


def test_a_problem_of_a_preset_has_its_place_in_the_file():
    with pytest.raises(ConfigurationError) as refused:
        declared("okta", preset_values={})
    assert any(", tenants[0].providers[0].preset_values: Okta needs" in one for one in refused.value.problems)


def test_without_a_preset_nothing_is_filled_in():
    assert apply_preset({"slug": "x"}) == {"slug": "x"}


def test_google_gets_offline_access_by_parameters_and_never_by_the_scope():
    """S2-04: client id and secret are enough. Google refuses the scope `offline_access`."""
    provider = declared("google")
    assert provider.authorization_parameters == {"access_type": "offline", "prompt": "consent"}
    assert "offline_access" not in provider.scopes


@pytest.mark.parametrize("name", ["apple", "discord", "google", "github", "linkedin"])
def test_where_everybody_can_have_an_account_nobody_is_let_in_unseen(name):
    assert declared(name).provisioning != "JIT"


def test_whoever_comes_in_from_slack_is_of_a_workspace_that_is_mapped():
    """Any workspace in the world can be shown the sign-in page of a distributed app."""
    assert declared("slack").claim_settings().deny_unmapped
    assert declared("discord", preset_alternatives=["server_roles"]).claim_settings().deny_unmapped


def test_the_issuer_of_auth0_of_authentik_and_of_jumpcloud_ends_in_a_slash():
    """S4-15: the issuer is compared exactly, and its document is found without a double slash."""
    for name in ("auth0", "authentik", "jumpcloud"):
        issuer = declared(name).issuer
        assert issuer.endswith("/")
        assert configuration_url(issuer) == issuer + ".well-known/openid-configuration"


def test_entra_for_one_directory_has_that_directory_as_issuer():
    """S4-31, S4-34: the id from the overview page is all that is entered; the document at its address verifies it."""
    provider = declared("entra")
    assert provider.issuer == f"https://login.microsoftonline.com/{DIRECTORY}/v2.0"
    assert configuration_url(provider.issuer) == provider.issuer + "/.well-known/openid-configuration"
    assert provider.allowed_directories == ()


def test_a_realm_of_keycloak_is_its_own_issuer():
    """S4-42."""
    issuer = declared("keycloak").issuer
    assert issuer == "https://sso.example.com:8443/realms/acme"
    assert configuration_url(issuer) == issuer + "/.well-known/openid-configuration"


@pytest.mark.parametrize("collective", ["organizations", "common"])
def test_entra_for_several_directories_needs_the_list_of_them(collective):
    """S4-24, S4-32, S4-33: the issuer is a template, and an empty list would let in everybody or nobody."""
    provider = declared("entra", preset_alternatives=[collective], allowed_directories=[DIRECTORY])
    assert provider.issuer == "https://login.microsoftonline.com/{tenantid}/v2.0"
    assert f"/{collective}/v2.0/" in (provider.discovery_url or "")
    assert provider.claim_settings().directories == (DIRECTORY,)
    with pytest.raises(ConfigurationError) as refused:
        declared("entra", preset_alternatives=[collective])
    assert any("allowed_directories" in one for one in refused.value.problems)


def test_the_object_id_of_entra_is_offered_as_the_anchor():
    """S4-39: `sub` is another one for every client id."""
    settings = declared("entra", preset_alternatives=["object_id"]).claim_settings()
    claims = ProfileClaims(anchor=parse_claim_sources(settings.anchor))
    documents = Documents(id_token={"sub": "pairwise", "tid": DIRECTORY, "oid": "o-1"})
    assert read_profile(documents, claims).anchor == f"{DIRECTORY}/o-1"


def test_overage_at_entra_is_reported_and_never_read_as_empty():
    provider = declared("entra")
    assert provider.absent_groups == "EMPTY"
    sources = parse_claim_sources(provider.claim_settings().groups, for_groups=True)
    overage = Documents(id_token={"_claim_names": {"groups": "src1"}})
    assert read_groups(overage, sources, absent_groups="EMPTY").reason is Reason.GROUPS_OVERAGE
    assert read_groups(Documents(id_token={}), sources, absent_groups="EMPTY").reason is Reason.ABSENT_MEANS_EMPTY


def test_github_is_plain_oauth_with_its_number_as_the_anchor():
    """A login name can be renamed and given to somebody else."""
    provider = declared("github")
    assert (provider.protocol, provider.sync) == ("oauth2", "ACCESS_TOKEN")
    assert provider.claim_settings().anchor == ("userinfo / id",)
    assert set(provider.endpoints) == {"authorization", "token", "userinfo"}


def test_a_preset_with_both_protocols_gives_endpoints_for_oauth_only():
    """S2-02: Google has a slot for each protocol."""
    assert declared("google").endpoints == {}
    plain = declared("google", protocol="oauth2")
    assert plain.endpoints["token"] == "https://oauth2.googleapis.com/token"  # an address
    assert re.match("https://", plain.endpoints["userinfo"])


@pytest.mark.parametrize(
    ("name", "alternative", "source", "scope"),
    [
        ("entra", "graph_groups", "entra", "GroupMember.Read.All"),
        ("github", "teams", "github", "read:org"),
        ("google", "cloud_identity_groups", "google", "https://www.googleapis.com/auth/cloud-identity.groups.readonly"),
        ("okta", "all_groups", "okta", "okta.users.read.self"),
    ],
)
def test_a_vendors_interface_for_groups_is_asked_only_with_its_alternative(name, alternative, source, scope):
    """S4-30: such an interface needs more than a login does, and somebody who allows it."""
    assert declared(name).claim_settings().group_source is None
    provider = declared(name, preset_alternatives=[alternative])
    assert provider.claim_settings().group_source == source
    assert scope in provider.scopes
    assert provider.sync_mode == "STRICT"
