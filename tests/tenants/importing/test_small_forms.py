"""The forms of Re:infer (S0-29 to S0-54) and Federated Directory (S1-04 to S1-15)."""

import re

import pytest

from identity_api.claims import parse_claim_sources
from identity_api.errors import ConfigurationError
from identity_api.tenants.importing import read_federated_directory, read_reinfer
from identity_api.tenants.importing.form import Target
from tests.tenants.importing.forms import has_notice, providers

REINFER = """
[[reinfer]]
tenant = "acme"
name = "Acme"
domain = "acme.example.com"
issuer = "https://sso.acme.example"
client_id = "the-client"
client_secret = "the-secret"
groups = "id_token / roles"
scopes = ["roles"]
mode = "strict"

[reinfer.permissions]
"Data Scientists" = ["dataset:read", "dataset:write"]
Readers = ["dataset:read"]
"""

DIRECTORY = """
[[federated_directory]]
directory = "sales"
name = "Sales"
host = "sales.example.com"
configuration_url = "https://sso.example.com/.well-known/openid-configuration"
client_id = "the-client"
client_secret = "the-secret"
logout_page_url = "https://example.com/bye"
"""


def reinfer(old: str = "", new: str = ""):
    assert old in REINFER
    return read_reinfer(REINFER.replace(old, new).encode() if old else REINFER.encode())


def directory(old: str = "", new: str = ""):
    assert old in DIRECTORY
    return read_federated_directory(DIRECTORY.replace(old, new).encode() if old else DIRECTORY.encode())


def test_the_form_of_reinfer_becomes_a_tenant_with_its_domain():
    """S0-06, S0-07, S0-29 to S0-33, S0-46 to S0-48: the secret is posted, and the bare domain is the redirect URI."""
    imported = reinfer()
    [tenant] = imported.tenants
    assert (tenant.slug, tenant.hosts, tenant.default_provider) == ("acme", ("acme.example.com",), "oidc")
    assert tenant.sso_managed
    provider = providers(imported)["oidc"]
    assert (provider.client_authentication, provider.redirect_url) == ("client_secret_post", "https://acme.example.com")


def test_the_default_scopes_stay_and_others_come_beside_them():
    """S0-34, S0-35, S0-43, S0-51, S0-52."""
    assert providers(reinfer())["oidc"].scopes == ("openid", "profile", "email", "roles", "offline_access")
    without = reinfer('scopes = ["roles"]', "offline_access = false")
    assert providers(without)["oidc"].scopes == ("openid", "profile", "email")


def test_the_profile_comes_from_the_id_token():
    """S0-38, S0-39: `preferred_username` is what people are called."""
    claims = providers(reinfer())["oidc"].claim_settings()
    assert (claims.display, claims.email) == (("id_token / preferred_username",), ("id_token / email",))


@pytest.mark.parametrize("place", ["id_token / roles", "access_token / resource_access /", "access_token / a / b"])
def test_groups_can_be_anywhere(place):
    """S0-44, S0-49, S0-50."""
    provider = providers(reinfer("id_token / roles", place))["oidc"]
    assert (provider.claim_settings().groups, provider.sync) == ((place,), "REFRESH_TOKEN")


@pytest.mark.parametrize(("mode", "becomes"), [("strict", "STRICT"), ("additive", "ADDITIVE"), ("none", "NONE")])
def test_the_mode_is_taken_over(mode, becomes):
    """S0-17, S0-19, S0-21, S0-53."""
    assert providers(reinfer('"strict"', f'"{mode}"'))["oidc"].sync_mode == becomes


def test_without_a_place_for_groups_permissions_are_given_in_the_app():
    """S0-16."""
    imported = reinfer('groups = "id_token / roles"\nscopes = ["roles"]\nmode = "strict"', "")
    assert providers(imported)["oidc"].sync_mode == "NONE"


def test_the_pairs_become_exact_mappings_of_this_provider():
    """S0-54."""
    [tenant] = reinfer().tenants
    assert [(one.group, one.permissions, one.provider, one.match) for one in tenant.group_mappings] == [
        ("Data Scientists", ("dataset:read", "dataset:write"), "oidc", "EXACT"),
        ("Readers", ("dataset:read",), "oidc", "EXACT"),
    ]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('tenant = "acme"', "", "reinfer[0].tenant: is required"),
        ('domain = "acme.example.com"', "", "reinfer[0].domain: is required"),
        ('issuer = "https://sso.acme.example"', "", "reinfer[0].issuer: is required"),
        ('client_id = "the-client"', "", "reinfer[0].client_id: is required"),
        ('client_secret = "the-secret"', "", "reinfer[0].client_secret: is required"),
        ("https://sso.acme.example", "http://sso.acme.example", "complete https address"),
        ('mode = "strict"', "", "reinfer[0].mode: must be one of"),
        ('mode = "strict"', 'mode = "sometimes"', "reinfer[0].mode: must be one of"),
        ('groups = "id_token / roles"', "", "reinfer[0].mode: needs the location"),
        ("id_token / roles", "cookie / roles", "reinfer[0].groups: "),
        ('["roles"]', '"roles"', "reinfer[0].scopes: must be a list"),
        ('["roles"]', '["two words"]', "scopes"),
        ('["dataset:read"]', '"dataset:read"', "reinfer[0].permissions"),
        ('["dataset:read"]', '["Read Datasets"]', "permissions"),
        ("[[reinfer]]", "[[other]]", "[[reinfer]]"),
    ],
)
def test_one_change_for_the_worse_is_named(old, new, says):
    with pytest.raises(ConfigurationError) as refused:
        reinfer(old, new)
    assert says in "\n".join(refused.value.problems)
    assert "the-secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('"acme"', '"Acme Corp"', "reinfer[0].tenant"),
        ("acme.example.com", "https://acme.example.com", "reinfer[0].domain"),
        ("acme.example.com", "{domain}", "reinfer[0].domain"),
        ("the-client", "{client}", "reinfer[0].client_id"),
        ("https://sso.acme.example", "sso.acme.example", "reinfer[0].issuer"),
        ("https://sso.acme.example", "https://login.microsoftonline.com/common/v2.0", "reinfer[0].issuer"),
        ("id_token / roles", "cookie / roles", "reinfer[0].groups"),
        ('["roles"]', '["two words"]', "reinfer[0].scopes"),
        ('mode = "strict"', 'mode = "strict"\ncatalogue = ["Read"]', "reinfer[0].catalogue[0]"),
        ('mode = "strict"', 'mode = "strict"\ncatalogue = ["a:b", "a:b"]', "reinfer[0].catalogue"),
        ('Readers = ["dataset:read"]', 'Readers = ["Read"]', 'reinfer[0].permissions."Readers"'),
        ("Readers =", '"" =', 'reinfer[0].permissions.""'),
    ],
)
def test_every_problem_of_a_form_begins_with_the_key_that_the_form_has(old, new, key):
    with pytest.raises(ConfigurationError) as refused:
        reinfer(old, new)
    assert all(re.match(rf"{re.escape(key)}:? ", problem) for problem in refused.value.problems)


def test_a_tenant_written_twice_is_named_with_the_keys_of_the_form():
    with pytest.raises(ConfigurationError) as refused:
        read_reinfer((REINFER + REINFER).encode())
    assert [problem.partition(" '")[0] for problem in refused.value.problems] == ["reinfer: tenant", "reinfer: domain"]


def test_a_name_that_was_said_beside_the_form_is_named_by_its_option():
    with pytest.raises(ConfigurationError) as refused:
        read_reinfer(REINFER.encode(), Target(slug="Acme Corp"))
    assert refused.value.problems[0].startswith("--tenant: ")


def test_the_form_of_a_directory_lets_known_people_in():
    """S1-04 to S1-11, S1-15, S1-19."""
    imported = directory()
    [tenant] = imported.tenants
    assert (tenant.slug, tenant.name, tenant.hosts) == ("sales", "Sales", ("sales.example.com",))
    provider = providers(imported)["oidc"]
    assert (provider.issuer, provider.discovery_url) == (
        "https://sso.example.com",
        "https://sso.example.com/.well-known/openid-configuration",
    )
    assert (provider.provisioning, provider.claim_settings().username) == ("KNOWN_USERS", ("preferred_username",))
    assert (provider.logout_page_url, provider.scopes) == ("https://example.com/bye", ("openid", "profile", "email"))


def test_an_issuer_instead_of_the_configuration_url_is_taken_as_it_is():
    """S1-06."""
    provider = providers(
        directory("https://sso.example.com/.well-known/openid-configuration", "https://sso.example.com")
    )
    assert (provider["oidc"].issuer, provider["oidc"].discovery_url) == ("https://sso.example.com", None)


def test_the_username_is_looked_for_in_the_id_token_and_then_in_userinfo():
    """S1-12, S1-13: a name without a document means exactly that order."""
    username = providers(directory())["oidc"].claim_settings().username
    assert [str(one.document) for one in parse_claim_sources(username)] == ["id_token", "userinfo"]


def test_host_and_logout_page_are_optional():
    """S1-09, S1-17: our redirect URI is not the one registered there, and that is said."""
    imported = directory('host = "sales.example.com"', "")
    assert imported.tenants[0].hosts == ()
    assert has_notice(imported, "redirect URI")
    assert providers(directory('logout_page_url = "https://example.com/bye"', ""))["oidc"].logout_page_url is None


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('directory = "sales"', "", "federated_directory[0].directory: is required"),
        (
            'configuration_url = "https://sso.example.com/.well-known/openid-configuration"',
            "",
            "configuration_url: is req",
        ),
        ('client_id = "the-client"', "", "federated_directory[0].client_id: is required"),
        ('client_secret = "the-secret"', "", "federated_directory[0].client_secret: is required"),
        ("https://example.com/bye", "javascript:alert(1)", "logout_page_url"),
        ("[[federated_directory]]", "[federated_directory]", "[[federated_directory]]"),
    ],
)
def test_a_directory_with_one_thing_wrong_is_refused(old, new, says):
    """S1-05, S1-07, S1-08."""
    with pytest.raises(ConfigurationError) as refused:
        directory(old, new)
    assert says in "\n".join(refused.value.problems)
    assert "the-secret" not in str(refused.value)


def test_every_problem_is_told_in_one_round():
    """A missing secret does not hide a permission that cannot be one."""
    with pytest.raises(ConfigurationError) as refused:
        reinfer(
            'client_secret = "the-secret"\ngroups = "id_token / roles"',
            'groups = "id_token / roles"\nabsent_groups = "maybe"',
        )
    told = "\n".join(refused.value.problems)
    assert "client_secret: is required" in told
    assert "absent_groups: must be one of" in told
    document = REINFER.replace('client_id = "the-client"', "").replace('["dataset:read"]', '["Read Datasets"]')
    with pytest.raises(ConfigurationError) as refused:
        read_reinfer(document.encode())
    told = "\n".join(refused.value.problems)
    assert "client_id: is required" in told
    assert "permissions" in told


@pytest.mark.parametrize(
    ("issuer", "said", "becomes"),
    [
        ("https://sso.acme.example", "", "UNKNOWN"),
        ("https://sso.acme.example/realms/acme", "", "EMPTY"),
        ("https://sso.acme.example/realms/acme", 'absent_groups = "unknown"', "UNKNOWN"),
        ("https://sso.acme.example", 'absent_groups = "empty"', "EMPTY"),
    ],
)
def test_what_a_login_without_the_claim_means_is_said_or_known_of_keycloak(issuer, said, becomes):
    """S0-18, S0-65: Keycloak leaves the claim out for people without groups."""
    imported = reinfer('issuer = "https://sso.acme.example"', f'issuer = "{issuer}"\n{said}')
    assert providers(imported)["oidc"].absent_groups == becomes
    assert has_notice(imported, "absent_groups") is (said == "")


def test_a_catalogue_has_permissions_that_no_group_gives():
    """S0-21: with mode none they are given by hand."""
    [tenant] = reinfer('mode = "strict"', 'mode = "none"\ncatalogue = ["dataset:read", "dataset:share"]').tenants
    assert [one.name for one in tenant.permissions] == ["dataset:read", "dataset:share"]
