"""Provider metadata. Promise 5; the conformance suite's Config plan."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity_api.oidc.discovery import (
    ProviderMetadata,
    configuration_url,
    parse_provider_metadata,
    with_mtls_aliases,
)
from identity_api.oidc.errors import InvalidMetadata, IssuerMismatch
from tests.oidc.strategies import objects, on_a_shared_machine
from tests.oidc.tokens import ABSENT, ISSUER


def document(**changes: Any) -> bytes:
    valid = {
        "issuer": ISSUER,
        "authorization_endpoint": f"{ISSUER}/authorize?p=policy",
        "token_endpoint": f"{ISSUER}/token",
        "jwks_uri": f"{ISSUER}/keys",
        "userinfo_endpoint": f"{ISSUER}/userinfo",
        "end_session_endpoint": f"{ISSUER}/logout",
        "response_types_supported": ["code", "id_token"],
        "id_token_signing_alg_values_supported": ["RS256", "ES256"],
        "token_endpoint_auth_methods_supported": ["client_secret_post"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
    }
    members = {name: value for name, value in {**valid, **changes}.items() if value is not ABSENT}
    return json.dumps(members).encode()


def refusal(expected_issuer: str = ISSUER, **changes: Any) -> InvalidMetadata:
    with pytest.raises(InvalidMetadata) as caught:
        parse_provider_metadata(document(**changes), expected_issuer)
    return caught.value


def test_discovery_openid_config_is_used_and_not_constants() -> None:
    """S4-14, S4-36."""
    metadata = parse_provider_metadata(document(), ISSUER)
    assert metadata.authorization_endpoint == f"{ISSUER}/authorize?p=policy"
    assert (metadata.token_endpoint, metadata.jwks_uri) == (f"{ISSUER}/token", f"{ISSUER}/keys")
    assert metadata.id_token_algorithms == ("RS256", "ES256")
    assert metadata.token_endpoint_auth_methods == ("client_secret_post",)
    assert metadata.code_challenge_methods == ("S256",)
    assert metadata.authorization_response_issuer_announced is True


@pytest.mark.parametrize(
    ("member", "field", "value"),
    [
        ("acr_values_supported", "context_classes", ["phr"]),
        ("userinfo_signing_alg_values_supported", "userinfo_algorithms", ["RS256"]),
        ("token_endpoint_auth_signing_alg_values_supported", "token_endpoint_auth_algorithms", ["ES256"]),
        ("dpop_signing_alg_values_supported", "dpop_algorithms", ["ES256"]),
        ("require_pushed_authorization_requests", "requires_pushed_authorization_requests", True),
    ],
)
def test_an_announcement_is_read_and_its_absence_is_none(member: str, field: str, value: Any) -> None:
    announced = getattr(parse_provider_metadata(document(**{member: value}), ISSUER), field)
    assert announced == (tuple(value) if isinstance(value, list) else value)
    assert not getattr(parse_provider_metadata(document(), ISSUER), field)


def test_what_is_not_announced_has_its_specified_default() -> None:
    metadata = parse_provider_metadata(
        document(
            id_token_signing_alg_values_supported=ABSENT,
            token_endpoint_auth_methods_supported=ABSENT,
            authorization_response_iss_parameter_supported=ABSENT,
            userinfo_endpoint=None,
        ),
        ISSUER,
    )
    assert metadata.id_token_algorithms == ("RS256",)
    assert metadata.token_endpoint_auth_methods == ("client_secret_basic",)
    assert metadata.authorization_response_issuer_announced is False
    assert metadata.userinfo_endpoint is None


@pytest.mark.parametrize(
    "issuer",
    [
        f"{ISSUER}/",
        f"{ISSUER}:443",
        "https://IDP.example",
        "HTTPS://idp.example",
        "http://idp.example",
        "https://idp.example/tenant",
        "https://xn--idp-example",
        "https://idp.example.",
    ],
)
def test_discovery_issuer_mismatch_is_refused(issuer: str) -> None:
    with pytest.raises(InvalidMetadata) as caught:
        parse_provider_metadata(document(issuer=issuer), ISSUER)
    assert caught.value.claim == "issuer"
    if isinstance(caught.value, IssuerMismatch):
        assert (caught.value.expected, caught.value.received) == (ISSUER, issuer)
        assert issuer not in caught.value.message


@pytest.mark.parametrize("issuer", [ABSENT, None, 1, "", f"{ISSUER}?a", f"{ISSUER}#a", "idp.example", "javascript:1"])
def test_an_unusable_issuer_is_refused(issuer: object) -> None:
    error = refusal(issuer=issuer)
    assert not isinstance(error, IssuerMismatch)
    assert error.claim == "issuer"


@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "jwks_uri"])
@pytest.mark.parametrize("value", [ABSENT, None])
def test_a_missing_required_endpoint_is_refused(name: str, value: object) -> None:
    """S4-41."""
    assert refusal(**{name: value}).claim == name


UNUSABLE_ADDRESSES = pytest.mark.parametrize(
    "value",
    [
        *(1, [], "", "/token", "javascript:alert(1)", "ftp://idp.example/", "https://", "https:///x"),
        *(
            "https://user:pw@idp.example/",
            "https://idp.example/#f",
            "https://idp.example/ x",
            "https://[::1/",
            "HTTPS://idp.example/",
        ),
        *(
            "https://idp.example\\@evil/",
            "https://idp.example\\evil/",
            "https://idp.example:99999/",
            "https://idp.example/\n",
            "https://idp.é/",
        ),
        *("http://idp.example/", "https://idp.example/" + "x" * 2048),
    ],
)
"""Plain http is among them because the issuer is https."""


@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "jwks_uri"])
@UNUSABLE_ADDRESSES
def test_an_unusable_endpoint_that_logins_need_is_refused(name: str, value: object) -> None:
    assert refusal(**{name: value}).claim == name


@pytest.mark.parametrize(
    "name",
    ["userinfo_endpoint", "end_session_endpoint", "pushed_authorization_request_endpoint"],
)
@UNUSABLE_ADDRESSES
def test_an_unusable_endpoint_that_logins_can_do_without_counts_as_absent(name: str, value: object) -> None:
    metadata = parse_provider_metadata(document(**{name: value}), ISSUER)
    assert (getattr(metadata, name), metadata.ignored) == (None, (name,))
    assert parse_provider_metadata(document(**{name: f"{ISSUER}/x"}), ISSUER).ignored == ()


def test_only_a_userinfo_endpoint_that_is_not_there_says_that_there_is_no_userinfo() -> None:
    assert parse_provider_metadata(document(userinfo_endpoint=ABSENT), ISSUER).has_no_userinfo
    assert not parse_provider_metadata(document(userinfo_endpoint=""), ISSUER).has_no_userinfo


def test_plain_http_is_possible_where_the_issuer_is_plain_http() -> None:
    """A development provider; whether it may be contacted at all is decided where the connection is made."""
    local = "http://127.0.0.1:9000"
    endpoints = {name: f"{local}/{name}" for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")}
    assert parse_provider_metadata(document(issuer=local, **endpoints), local).issuer == local


@pytest.mark.parametrize("value", ["RS256", {}, [1], ["x" * 1025], ["x"] * 1001])
@pytest.mark.parametrize(
    ("name", "field", "default"),
    [
        ("id_token_signing_alg_values_supported", "id_token_algorithms", ("RS256",)),
        ("response_types_supported", "response_types", ("code",)),
        ("claims_supported", "claims", ()),
    ],
)
def test_an_unusable_list_counts_as_absent(value: object, name: str, field: str, default: tuple[str, ...]) -> None:
    metadata = parse_provider_metadata(document(**{name: value}), ISSUER)
    assert (getattr(metadata, field), metadata.ignored) == (default, (name,))


@pytest.mark.parametrize("value", ["true", "yes", 1, []])
def test_a_flag_that_is_no_boolean_counts_as_absent(value: object) -> None:
    name = "require_pushed_authorization_requests"
    metadata = parse_provider_metadata(document(**{name: value}), ISSUER)
    assert (metadata.requires_pushed_authorization_requests, metadata.ignored) == (False, (name,))


@pytest.mark.parametrize("value", ["true", 1, [], True])
def test_a_flag_that_nobody_reads_may_be_anything(value: object) -> None:
    """Found in use: `"frontchannel_logout_supported": "true"` kept everybody out."""
    assert parse_provider_metadata(document(frontchannel_logout_supported=value), ISSUER) == parse_provider_metadata(
        document(), ISSUER
    )


@pytest.mark.parametrize("value", ["true", "false", 1, {}])
def test_an_announcement_that_adds_a_check_is_believed_in_any_form(value: object) -> None:
    """Read as absent it would switch the check of `iss` off."""
    name = "authorization_response_iss_parameter_supported"
    metadata = parse_provider_metadata(document(**{name: value}), ISSUER)
    assert (metadata.authorization_response_issuer_announced, metadata.ignored) == (True, (name,))


def test_a_provider_without_the_code_flow_is_refused() -> None:
    assert refusal(response_types_supported=["id_token", "code token"]).claim == "response_types_supported"


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'"x"', b"{" * 5000, b" " * 300_000, b"\xff\xfe{}"])
def test_what_is_not_a_metadata_document_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidMetadata):
        parse_provider_metadata(body, ISSUER)


def test_a_byte_order_mark_is_ignored() -> None:
    assert parse_provider_metadata(b"\xef\xbb\xbf" + document(), ISSUER).issuer == ISSUER


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("https://idp.example", "https://idp.example/.well-known/openid-configuration"),
        ("https://idp.example/", "https://idp.example/.well-known/openid-configuration"),
        ("https://idp.example/realms/a", "https://idp.example/realms/a/.well-known/openid-configuration"),
        (
            "https://idp.example/a/.well-known/openid-configuration",
            "https://idp.example/a/.well-known/openid-configuration",
        ),
        (
            "https://login.microsoftonline.com/{tenantid}/v2.0",
            "https://login.microsoftonline.com/organizations/v2.0/.well-known/openid-configuration",
        ),
    ],
)
def test_the_document_of_an_issuer_or_of_its_own_address(address: str, url: str) -> None:
    """S1-06, S4-14."""
    assert configuration_url(address) == url


class TestDocumentAddress:
    """An operator may enter the document's address instead of the issuer (S1-05, S4-16)."""

    address = f"{ISSUER}/.well-known/openid-configuration"

    @pytest.mark.parametrize("issuer", [ISSUER, f"{ISSUER}/"])
    def test_an_issuer_whose_document_is_there_is_accepted_unedited(self, issuer: str) -> None:
        """Auth0's issuer ends in a slash."""
        assert parse_provider_metadata(document(issuer=issuer), self.address).issuer == issuer

    @pytest.mark.parametrize("issuer", [f"{ISSUER}//", f"{ISSUER}/a", "https://evil.example", f"{ISSUER}:443"])
    def test_any_other_issuer_is_refused(self, issuer: str) -> None:
        assert isinstance(refusal(self.address, issuer=issuer), IssuerMismatch)


class TestEntraTemplate:
    """S4-32: the collective addresses of Entra answer with a template."""

    template = "https://login.microsoftonline.com/{tenantid}/v2.0"

    def test_the_template_itself_may_be_entered(self) -> None:
        assert parse_provider_metadata(document(issuer=self.template), self.template).issuer == self.template

    @pytest.mark.parametrize("place", ["organizations", "common"])
    @pytest.mark.parametrize("suffix", ["", "/.well-known/openid-configuration"])
    def test_the_template_is_accepted_from_a_collective_address(self, place: str, suffix: str) -> None:
        address = self.template.replace("{tenantid}", place) + suffix
        assert parse_provider_metadata(document(issuer=self.template), address).issuer == self.template

    @pytest.mark.parametrize("suffix", ["", "/.well-known/openid-configuration"])
    def test_the_template_is_refused_from_one_directorys_address(self, suffix: str) -> None:
        address = self.template.replace("{tenantid}", "72f988bf-86f1-41af-91ab-2d7cd011db47") + suffix
        assert isinstance(refusal(address, issuer=self.template), IssuerMismatch)


@on_a_shared_machine
@given(st.binary(max_size=200))
def test_any_bytes_give_metadata_or_our_error(body: bytes) -> None:
    with pytest.raises(InvalidMetadata):
        parse_provider_metadata(body, ISSUER)


@on_a_shared_machine
@given(
    objects(
        *("issuer", "authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint", "scopes_supported"),
        *("response_types_supported", "backchannel_logout_supported", "code_challenge_methods_supported"),
    )
)
def test_any_members_give_metadata_or_our_error(changes: dict[str, Any]) -> None:
    try:
        assert isinstance(parse_provider_metadata(document(**changes), ISSUER), ProviderMetadata)
    except InvalidMetadata as error:
        blame = error.claim
    else:
        blame = None
    assert blame is None or blame in changes


# Aliases for clients that show a certificate (RFC 8705 section 5)

ALIASES = {
    "token_endpoint": "https://mtls.idp.example/token",
    "userinfo_endpoint": "https://mtls.idp.example/userinfo",
    "pushed_authorization_request_endpoint": "https://mtls.idp.example/par",
}


def test_an_alias_is_used_in_the_place_of_its_endpoint_and_without_one_the_endpoint_is() -> None:
    announced = parse_provider_metadata(document(mtls_endpoint_aliases=ALIASES), ISSUER)
    ours = with_mtls_aliases(announced)
    assert {name: getattr(ours, name) for name in ALIASES} == ALIASES
    kept = ("issuer", "authorization_endpoint", "jwks_uri", "end_session_endpoint")
    assert [getattr(ours, name) for name in kept] == [getattr(announced, name) for name in kept]
    plain = parse_provider_metadata(document(), ISSUER)
    assert with_mtls_aliases(plain) == plain


@pytest.mark.parametrize("name", ["authorization_endpoint", "jwks_uri", "issuer", "made_up"])
def test_an_alias_of_what_is_not_called_by_us_has_no_meaning(name: str) -> None:
    plain = parse_provider_metadata(document(), ISSUER)
    announced = parse_provider_metadata(document(mtls_endpoint_aliases={name: "https://evil.example/"}), ISSUER)
    assert with_mtls_aliases(announced) == plain


@pytest.mark.parametrize(
    "url",
    [
        "http://mtls.idp.example/token",
        "mtls.idp.example",
        "https://u:p@idp.example/",
        "https://a.example/#b",
        "",
        7,
        [],
    ],
)
def test_an_alias_that_cannot_be_used_refuses_clients_with_a_certificate_and_nobody_else(url: object) -> None:
    """The same rules as for the endpoints; the endpoint itself is no substitute, since it may ask for no certificate."""
    announced = parse_provider_metadata(document(mtls_endpoint_aliases={**ALIASES, "token_endpoint": url}), ISSUER)
    assert announced.token_endpoint.startswith("https://")
    with pytest.raises(InvalidMetadata) as caught:
        with_mtls_aliases(announced)
    assert caught.value.claim == "mtls_endpoint_aliases.token_endpoint"


@pytest.mark.parametrize("aliases", ["https://mtls.idp.example/token", [], 1, True])
def test_aliases_that_are_no_object_refuse_clients_with_a_certificate(aliases: object) -> None:
    announced = parse_provider_metadata(document(mtls_endpoint_aliases=aliases), ISSUER)
    with pytest.raises(InvalidMetadata):
        with_mtls_aliases(announced)


@on_a_shared_machine
@given(objects(*ALIASES))
def test_any_aliases_are_usable_or_our_error(aliases: dict[str, Any]) -> None:
    announced = parse_provider_metadata(document(mtls_endpoint_aliases=aliases), ISSUER)
    with contextlib.suppress(InvalidMetadata):
        assert with_mtls_aliases(announced).token_endpoint.startswith("https://")
