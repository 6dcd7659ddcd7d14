"""Token requests and what the answers mean. Promises 24, 27 and 30; bad inputs 28 and 29."""

import json
from datetime import timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity_api.oidc.client_auth import ClientAuthentication
from identity_api.oidc.errors import (
    InvalidTokenResponse,
    TokenEndpointError,
    TokenEndpointUnavailable,
    TokenRequestRefused,
)
from identity_api.oidc.messages import Answer
from identity_api.oidc.token_endpoint import (
    BadResponse,
    Dead,
    ProviderMisconfigured,
    ReauthenticationRequired,
    Refreshed,
    RefreshOutcome,
    TokenResponse,
    Transient,
    code_request,
    read_code_response,
    read_refresh_response,
    refresh_request,
)
from tests.oidc.strategies import objects, on_a_shared_machine
from tests.oidc.tokens import ABSENT, ISSUER, NOW

ENDPOINT = f"{ISSUER}/token"
POST = ClientAuthentication(method="client_secret_post", client_id="client-1", client_secret="secret-1")
BASIC = ClientAuthentication(method="client_secret_basic", client_id="client-1", client_secret="secret-1")


def answer(status: int = 200, body: bytes | None = None, retry_after: str | None = None, **changes: Any) -> Answer:
    valid = {
        "access_token": "at-1",
        "token_type": "Bearer",
        "expires_in": 300,
        "refresh_token": "rt-2",
        "id_token": "a.b.c",
        "scope": "openid",
    }
    members = {name: value for name, value in {**valid, **changes}.items() if value is not ABSENT}
    headers = {} if retry_after is None else {"retry-after": retry_after}
    return Answer(status=status, headers=headers, body=json.dumps(members).encode() if body is None else body)


def refused(status: int, error: object, retry_after: str | None = None) -> Answer:
    return answer(status, json.dumps({"error": error, "error_description": "text"}).encode(), retry_after)


def outcome(received: Answer) -> RefreshOutcome:
    return read_refresh_response(received, NOW)


class TestRequests:
    def test_a_code_is_exchanged_with_its_verifier(self) -> None:
        request = code_request(ENDPOINT, client=POST, code="c", redirect_uri="https://a.example/cb", code_verifier="v")
        assert (request.method, request.url) == ("POST", ENDPOINT)
        assert request.headers["content-type"] == "application/x-www-form-urlencoded"
        assert request.headers["accept"] == "application/json"
        assert parse_qs(request.body.decode(), strict_parsing=True) == {
            "grant_type": ["authorization_code"],
            "code": ["c"],
            "redirect_uri": ["https://a.example/cb"],
            "code_verifier": ["v"],
            "client_id": ["client-1"],
            "client_secret": ["secret-1"],
        }

    def test_a_refresh_token_is_presented(self) -> None:
        request = refresh_request(ENDPOINT, client=BASIC, refresh_token="r&=+")
        assert request.headers["authorization"].startswith("Basic ")
        assert parse_qs(request.body.decode()) == {"grant_type": ["refresh_token"], "refresh_token": ["r&=+"]}

    def test_scopes_are_sent_only_when_given(self) -> None:
        request = refresh_request(ENDPOINT, client=BASIC, refresh_token="r", scopes=("openid", "groups"))
        assert parse_qs(request.body.decode())["scope"] == ["openid groups"]

    def test_extra_parameters_cannot_override_the_grant_or_the_client(self) -> None:
        extra = {
            "grant_type": "password",
            "refresh_token": "x",
            "client_id": "x",
            "client_secret": "x",
            "resource": "y",
        }
        sent = parse_qs(refresh_request(ENDPOINT, client=POST, refresh_token="r", extra=extra).body.decode())
        assert sent["grant_type"] == ["refresh_token"]
        assert sent["refresh_token"] == ["r"]
        assert (sent["client_id"], sent["client_secret"]) == (["client-1"], ["secret-1"])
        assert sent["resource"] == ["y"]

    def test_extra_parameters_cannot_override_the_code(self) -> None:
        request = code_request(
            ENDPOINT,
            client=POST,
            code="c",
            redirect_uri="https://a.example/cb",
            code_verifier="v",
            extra={"code": "x", "code_verifier": "x", "redirect_uri": "x", "grant_type": "x"},
        )
        sent = parse_qs(request.body.decode())
        assert (sent["code"], sent["code_verifier"]) == (["c"], ["v"])
        assert ["x"] not in sent.values()

    def test_a_request_shows_no_secret(self) -> None:
        shown = repr(refresh_request(ENDPOINT, client=POST, refresh_token="rt-1"))
        assert "rt-1" not in shown
        assert "secret-1" not in shown


class TestTokens:
    """What is tolerated in a success is the same for a code and for a refresh."""

    def tokens(self, **changes: Any) -> TokenResponse:
        received = answer(**changes)
        refreshed = outcome(received)
        assert isinstance(refreshed, Refreshed)
        assert refreshed.tokens == read_code_response(received, NOW)
        return refreshed.tokens

    def test_all_members_are_read(self) -> None:
        assert self.tokens() == TokenResponse(
            access_token="at-1", expires_in_seconds=300, refresh_token="rt-2", id_token="a.b.c", scope="openid"
        )

    @pytest.mark.parametrize("name", ["refresh_token", "id_token"])
    @pytest.mark.parametrize("value", [ABSENT, None, ""])
    def test_a_token_may_be_absent(self, name: str, value: object) -> None:
        assert getattr(self.tokens(**{name: value}), name) is None

    @pytest.mark.parametrize("token_type", ["bearer", "BEARER", "bEaReR", ABSENT])
    def test_token_type_is_accepted_in_any_case(self, token_type: object) -> None:
        assert self.tokens(token_type=token_type).access_token == "at-1"

    @pytest.mark.parametrize(
        ("value", "seconds"),
        [
            *((ABSENT, None), (None, None), ("300", 300), (299.9, 299), (0, 0), ("", None), ("soon", None)),
            *((-1, None), (True, None), ([], None), (10**40, 10 * 366 * 86400), ("9" * 5000, None), ("²", None)),
        ],
    )
    def test_an_odd_lifetime_costs_nothing(self, value: object, seconds: int | None) -> None:
        assert self.tokens(expires_in=value).expires_in_seconds == seconds

    def test_another_scope_type_is_ignored(self) -> None:
        assert self.tokens(scope=["openid"]).scope is None

    def test_tokens_are_not_shown(self) -> None:
        shown = repr(self.tokens()) + repr(outcome(answer()))
        assert not any(secret in shown for secret in ("at-1", "rt-2", "a.b.c"))


UNUSABLE = [
    ("access_token", 1),
    ("access_token", "a\r\nb"),
    ("access_token", "é"),
    ("access_token", "x" * 70_000),
    ("token_type", "DPoP"),
    ("token_type", 1),
    ("id_token", 1),
]


class TestCodeResponse:
    @pytest.mark.parametrize(("name", "value"), [*UNUSABLE, ("refresh_token", 1)])
    def test_an_unusable_member_is_refused(self, name: str, value: object) -> None:
        with pytest.raises(InvalidTokenResponse) as caught:
            read_code_response(answer(**{name: value}), NOW)
        assert caught.value.claim == name

    @pytest.mark.parametrize("absent", [ABSENT, None, ""])
    def test_an_id_token_may_come_without_an_access_token(self, absent: object) -> None:
        """Found in use: Azure AD B2C, where the client ID is not among the scopes. Neither of them is no answer."""
        tokens = read_code_response(answer(access_token=absent, token_type="N_A"), NOW)
        assert (tokens.access_token, tokens.id_token, tokens.refresh_token) == (None, "a.b.c", "rt-2")
        with pytest.raises(InvalidTokenResponse) as caught:
            read_code_response(answer(access_token=absent, id_token=absent), NOW)
        assert caught.value.claim == "access_token"

    def test_what_the_provider_says_of_a_refusal_is_kept(self) -> None:
        said = {"error": "invalid_grant", "error_description": "AADSTS70008: The code has expired.\n"}
        with pytest.raises(TokenRequestRefused) as caught:
            read_code_response(Answer(status=400, body=json.dumps(said).encode()), NOW)
        assert caught.value.said == "invalid_grant: AADSTS70008: The code has expired."
        assert "AADSTS" not in caught.value.message

    @pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"access_token=at-1", b" " * 1_100_000, b"[" * 5000])
    def test_a_success_that_is_no_json_object_is_refused(self, body: bytes) -> None:
        with pytest.raises(InvalidTokenResponse):
            read_code_response(answer(body=body), NOW)

    @pytest.mark.parametrize("status", [400, 401, 403])
    @pytest.mark.parametrize(
        ("error", "told"), [("invalid_grant", "invalid_grant"), ("invalid_client", "invalid_client"), ("<b>", "other")]
    )
    def test_a_refusal_tells_a_known_error_and_never_text(self, status: int, error: str, told: str) -> None:
        with pytest.raises(TokenRequestRefused) as caught:
            read_code_response(refused(status, error), NOW)
        assert (caught.value.error, caught.value.status) == (told, status)
        assert "text" not in str(caught.value)

    def test_githubs_error_with_status_200_is_a_refusal(self) -> None:
        with pytest.raises(TokenRequestRefused) as caught:
            read_code_response(refused(200, "bad_verification_code"), NOW)
        assert caught.value.error == "invalid_grant"

    @pytest.mark.parametrize("status", [301, 302, 307, 429, 500, 502, 503, 504, 100])
    def test_a_provider_in_trouble_is_told_apart(self, status: int) -> None:
        with pytest.raises(TokenEndpointUnavailable) as caught:
            read_code_response(refused(status, "invalid_grant", retry_after="7"), NOW)
        assert caught.value.retry_after_seconds == 7


class TestRefreshOutcome:
    """The table of outcomes, row by row: only the first two rows here may ever revoke."""

    @pytest.mark.parametrize("status", [400, 401, 403])
    def test_invalid_grant_is_dead(self, status: int) -> None:
        assert outcome(refused(status, "invalid_grant")) == Dead("invalid_grant")

    @pytest.mark.parametrize("error", ["interaction_required", "login_required", "consent_required"])
    def test_a_demand_for_the_person_is_told_apart(self, error: str) -> None:
        assert outcome(refused(400, error)) == ReauthenticationRequired(error)

    @pytest.mark.parametrize("status", [400, 401])
    @pytest.mark.parametrize(
        "error", ["invalid_client", "unauthorized_client", "invalid_scope", "unsupported_grant_type", "invalid_request"]
    )
    def test_a_fault_of_the_configuration_is_nobodys_end(self, status: int, error: str) -> None:
        assert outcome(refused(status, error)) == ProviderMisconfigured(error)

    @pytest.mark.parametrize("status", [500, 502, 503, 504, 599])
    def test_a_server_error_is_transient_and_uncertain(self, status: int) -> None:
        """The token may have been rotated before the failure."""
        assert outcome(answer(status, b"down")) == Transient("server_error", None, uncertain=True)

    @pytest.mark.parametrize("error", ["server_error", "invalid_grant", "own_words"])
    def test_a_server_error_in_the_words_of_oauth_is_a_refusal_too(self, error: str) -> None:
        """Dex says so of a person who is gone."""
        told = Transient("server_error", None, uncertain=True, is_refusal=True)
        assert outcome(refused(500, error)) == told

    @pytest.mark.parametrize(("error", "wait"), [("temporarily_unavailable", None), ("server_error", "30")])
    def test_a_server_error_that_speaks_of_an_outage_refuses_nobody(self, error: str, wait: str | None) -> None:
        found = outcome(refused(503, error, wait))
        assert isinstance(found, Transient)
        assert not found.is_refusal

    def test_too_many_requests_is_transient_and_certain(self) -> None:
        assert outcome(refused(429, "invalid_grant", "30")) == Transient("rate_limited", 30, uncertain=False)

    @pytest.mark.parametrize("status", [100, 301, 302, 307, 308, 404, 405, 408, 410, 418, 425])
    def test_any_other_status_is_transient(self, status: int) -> None:
        is_refusal = status in (404, 405, 410, 418)
        assert outcome(refused(status, "invalid_grant")) == Transient("unexpected_status", is_refusal=is_refusal)

    @pytest.mark.parametrize("error", ["temporarily_unavailable", "server_error", "slow_down"])
    def test_a_temporary_error_is_transient(self, error: str) -> None:
        assert outcome(refused(400, error)) == Transient(error, is_refusal=error == "server_error")

    @pytest.mark.parametrize("error", ["Invalid_grant", "invalid_grant ", "access_denied"])
    def test_an_unknown_error_is_transient(self, error: str) -> None:
        assert outcome(refused(400, error)) == Transient("unknown_error", is_refusal=True)

    @pytest.mark.parametrize("status", [200, 400])
    @pytest.mark.parametrize(
        ("error", "meant"),
        [
            ("invalid_grant", Dead()),
            ("bad_refresh_token", Dead()),
            ("incorrect_client_credentials", ProviderMisconfigured("invalid_client")),
            ("login_required", ReauthenticationRequired("login_required")),
            ("server_error", Transient("server_error", is_refusal=True)),
        ],
    )
    def test_a_refusal_means_the_same_with_status_200(self, status: int, error: str, meant: RefreshOutcome) -> None:
        """GitHub refuses with 200, and in words of its own."""
        assert outcome(refused(status, error)) == meant

    @pytest.mark.parametrize("body", [b"", b"<html>invalid_grant</html>", b"[]", b'{"error":["invalid_grant"]}', b"{}"])
    @pytest.mark.parametrize("status", [400, 401, 403])
    def test_an_unreadable_error_is_transient(self, status: int, body: bytes) -> None:
        assert outcome(answer(status, body)) == Transient("unreadable_error", is_refusal=True)

    def test_tokens_with_status_200_are_no_refusal_whatever_error_is_beside_them(self) -> None:
        assert isinstance(outcome(answer(error="invalid_grant")), Refreshed)

    @pytest.mark.parametrize("body", [b"", b"<html>login</html>", b"[]", b"[" * 5000, b" " * 1_100_000])
    def test_a_success_that_is_no_json_object_is_bad_and_uncertain(self, body: bytes) -> None:
        bad = outcome(answer(body=body))
        assert isinstance(bad, BadResponse)
        assert (bad.refresh_token, bad.uncertain) == (None, True)

    @pytest.mark.parametrize(("name", "value"), UNUSABLE)
    def test_a_refresh_token_in_a_bad_success_can_be_landed(self, name: str, value: object) -> None:
        bad = outcome(answer(**{name: value}))
        assert bad == BadResponse(f"unusable_{name}", "rt-2", uncertain=False)
        assert "rt-2" not in repr(bad)

    def test_an_unusable_refresh_token_is_uncertain(self) -> None:
        assert outcome(answer(refresh_token=["rt-2"])) == BadResponse("unusable_refresh_token", None, uncertain=True)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        *(("0", 0), ("120", 120), (" 120 ", 120), ("600", 600), ("601", 600), ("9" * 60, 600), ("9" * 65, None)),
        *(("-1", None), ("1.5", None), ("", None), ("soon", None), ("²", None), ("Wed, 99 Foo 2026", None)),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90),
        (format_datetime(NOW - timedelta(seconds=90), usegmt=True), 0),
        (format_datetime(NOW + timedelta(days=90), usegmt=True), 600),
        ("Sun, 01 Mar 2026 12:00:30 -0000", 30),
    ],
)
def test_retry_after_is_read_as_seconds_or_date_and_bounded(value: str, seconds: int | None) -> None:
    assert outcome(answer(503, b"", value)) == Transient("server_error", seconds, uncertain=True)


@on_a_shared_machine
@given(st.integers(100, 599), st.binary(max_size=200), st.none() | st.text(max_size=40))
def test_any_answer_gives_an_outcome_and_only_a_readable_error_revokes(
    status: int, body: bytes, retry_after: str | None
) -> None:
    received = answer(status, body, retry_after)
    assert not isinstance(outcome(received), Dead | ReauthenticationRequired | Refreshed)
    with pytest.raises(TokenEndpointError):
        read_code_response(received, NOW)


@on_a_shared_machine
@given(
    st.sampled_from([200, 201, 400, 401, 403, 429, 500]),
    objects("access_token", "token_type", "expires_in", "refresh_token", "id_token", "scope", "error"),
)
def test_any_members_give_an_outcome(status: int, changes: dict[str, Any]) -> None:
    result = outcome(answer(status, **changes))
    if isinstance(result, Refreshed):
        assert result.tokens.access_token.isprintable()
