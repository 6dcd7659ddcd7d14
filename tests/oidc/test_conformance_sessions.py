"""The conformance suite's modules for what comes after a login, and before one that somebody else begins.

Refresh, RP-initiated, back-channel and front-channel logout, third-party-initiated login; the table is in
`test_conformance`.
"""

from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest

from identity_api.oidc.end_session import end_session_url, is_return_of
from identity_api.oidc.errors import (
    AlgorithmNotAllowed,
    ClaimMismatch,
    InvalidClaim,
    InvalidParameters,
    MissingClaim,
    ProtocolError,
    TokenExpired,
    UnexpectedClaim,
)
from identity_api.oidc.frontchannel_logout import parse_frontchannel_logout
from identity_api.oidc.id_token import validate_refreshed_id_token
from identity_api.oidc.initiated_login import parse_initiated_login
from identity_api.oidc.logout_token import (
    LOGOUT_EVENT,
    LOGOUT_TOKEN_TYPES,
    LogoutExpectation,
    LogoutToken,
    parse_backchannel_logout,
    validate_logout_token,
)
from identity_api.oidc.signed_token import verify_signature
from identity_api.oidc.token_endpoint import Refreshed, read_refresh_response
from tests.oidc.relying_party import json_answer
from tests.oidc.tokens import (
    ABSENT,
    CLIENT_ID,
    ISSUER,
    NOW,
    REFRESH,
    SECONDS,
    SUBJECT,
    claims,
    key_set,
    public,
    rsa_key,
    sign,
    unsigned_token,
)


class TestRefresh:
    """Refresh Token plan; promises 29 and 30."""

    keys = key_set(public(rsa_key(), kid="key-1"))

    def refresh(self, **changes: Any) -> str:
        answer = {"access_token": "at-2", "refresh_token": "rt-2", "id_token": sign(claims(**changes), rsa_key())}
        outcome = read_refresh_response(json_answer(answer), NOW)
        assert isinstance(outcome, Refreshed)
        assert outcome.tokens.id_token is not None
        verified = verify_signature(outcome.tokens.id_token, self.keys, ["RS256"])
        validate_refreshed_id_token(verified, REFRESH, NOW)
        return outcome.tokens.access_token

    def test_a_refresh_brings_a_new_access_token(self) -> None:
        """refresh-token (promises 29, 30)."""
        assert self.refresh() == "at-2"

    @pytest.mark.parametrize(("claim", "value"), [("iss", "https://other.example"), ("sub", "someone-else")])
    def test_a_refreshed_id_token_of_somebody_else_is_refused(self, claim: str, value: str) -> None:
        """refresh-token-invalid-issuer, refresh-token-invalid-sub (promise 29)."""
        assert self.refresh() == "at-2"
        with pytest.raises(ClaimMismatch) as caught:
            self.refresh(**{claim: value})
        assert caught.value.claim == claim

    @pytest.mark.parametrize(
        ("answer", "held"),
        [
            ({"access_token": "a", "refresh_token": "r", "id_token": "i"}, ("r", "i")),
            ({"access_token": "a", "refresh_token": "r"}, ("r", None)),
            ({"access_token": "a", "id_token": "i"}, (None, "i")),
            ({"access_token": "a"}, (None, None)),
        ],
    )
    def test_each_shape_of_a_refresh_is_told_apart(self, answer: dict[str, str], held: tuple[str | None, ...]) -> None:
        """refresh-token (promise 30): without a refresh token the old one stays, without an ID Token ask UserInfo."""
        outcome = read_refresh_response(json_answer(answer), NOW)
        assert isinstance(outcome, Refreshed)
        assert (outcome.tokens.refresh_token, outcome.tokens.id_token) == held


class TestRPInitiatedLogout:
    """RP-Initiated Logout RP; promise 19."""

    url = end_session_url(
        f"{ISSUER}/logout",
        id_token_hint="a.b.c",
        client_id=CLIENT_ID,
        post_logout_redirect_uri="https://app.example/bye",
        state="s-1",
    )

    def test_the_provider_is_asked_and_the_return_recognised(self) -> None:
        """rp-init-logout (promise 19)."""
        sent = parse_qs(urlsplit(self.url).query)
        assert sent["id_token_hint"] == ["a.b.c"]
        assert sent["post_logout_redirect_uri"] == ["https://app.example/bye"]
        assert is_return_of([("state", sent["state"][0])], "s-1")

    def test_a_return_without_state_does_no_harm(self) -> None:
        """rp-init-logout-no-state (promise 19)."""
        assert is_return_of([("state", "s-1")], "s-1")
        assert not is_return_of([], "s-1")

    def test_a_return_with_another_state_does_no_harm(self) -> None:
        """rp-init-logout-other-state (promise 19)."""
        assert is_return_of([("state", "s-1")], "s-1")
        assert not is_return_of([("state", "s-2")], "s-1")


class TestBackChannelLogout:
    """Back-Channel Logout RP; promise 17."""

    expected = LogoutExpectation(issuer=ISSUER, client_id=CLIENT_ID)
    keys = key_set(public(rsa_key(), kid="key-1"))

    def claims(self, **changes: Any) -> dict[str, Any]:
        valid = {
            "iss": ISSUER,
            "sub": SUBJECT,
            "sid": "s-1",
            "aud": CLIENT_ID,
            "iat": SECONDS,
            "exp": SECONDS + 120,
            "jti": "j-1",
            "events": {LOGOUT_EVENT: {}},
        }
        return {name: value for name, value in {**valid, **changes}.items() if value is not ABSENT}

    def receive(self, token: str) -> LogoutToken:
        posted = parse_backchannel_logout([("logout_token", token)])
        verified = verify_signature(posted, self.keys, ["RS256"], types=LOGOUT_TOKEN_TYPES)
        return validate_logout_token(verified, self.expected, NOW)

    def refused(self, token: str) -> ProtocolError:
        assert self.receive(sign(self.claims(), rsa_key(), typ="logout+jwt")).session_id == "s-1"
        with pytest.raises(ProtocolError) as caught:
            self.receive(token)
        return caught.value

    def test_a_valid_logout_token_names_the_session_that_ends(self) -> None:
        """rp-backchannel-rpinitlogout (promise 17)."""
        token = self.receive(sign(self.claims(), rsa_key(), typ="logout+jwt"))
        assert (token.subject, token.session_id) == (SUBJECT, "s-1")

    def test_an_unsigned_logout_token_is_refused(self) -> None:
        """rp-backchannel-rpinitlogout-alg-none (promise 17)."""
        assert isinstance(self.refused(unsigned_token(self.claims())), AlgorithmNotAllowed)

    def test_a_logout_token_with_another_algorithm_is_refused(self) -> None:
        """rp-backchannel-rpinitlogout-wrong-alg (promise 17)."""
        assert isinstance(self.refused(sign(self.claims(), rsa_key(), "PS256")), AlgorithmNotAllowed)

    @pytest.mark.parametrize(
        ("changes", "kind", "claim"),
        [
            ({"events": ABSENT}, MissingClaim, "events"),  # -no-event
            ({"events": {"https://other.example/event": {}}}, InvalidClaim, "events"),  # -wrong-event
            ({"nonce": "n"}, UnexpectedClaim, "nonce"),  # -with-nonce
            ({"aud": "client-2"}, ClaimMismatch, "aud"),  # -wrong-aud
            ({"iss": "https://other.example"}, ClaimMismatch, "iss"),  # -wrong-iss
            ({"exp": SECONDS - 61, "iat": SECONDS - 200}, TokenExpired, "exp"),
            ({"iat": SECONDS - 600}, TokenExpired, "exp"),
            ({"sub": ABSENT, "sid": ABSENT}, MissingClaim, "sub"),
            ({"jti": ABSENT}, MissingClaim, "jti"),
        ],
    )
    def test_a_logout_token_that_breaks_a_rule_is_refused(
        self, changes: dict[str, Any], kind: type[ProtocolError], claim: str
    ) -> None:
        """rp-backchannel-rpinitlogout-no-event, -wrong-event, -with-nonce, -wrong-aud, -wrong-iss (promise 17)."""
        error = self.refused(sign(self.claims(**changes), rsa_key(), typ="logout+jwt"))
        assert isinstance(error, kind)
        assert error.claim == claim

    def test_an_id_token_is_refused(self) -> None:
        """rp-backchannel-rpinitlogout-no-event (promise 17): also by its type, before any claim is read."""
        assert self.refused(sign(claims(), rsa_key())).claim == "typ"
        assert self.refused(sign(claims(), rsa_key(), typ=ABSENT)).claim == "jti"

    def test_a_replay_is_the_same_token_by_its_id(self) -> None:
        """rp-backchannel-rpinitlogout (promise 18): two receptions, one id to remember, for minutes only."""
        token = sign(self.claims(), rsa_key(), typ="logout+jwt")
        first, second = self.receive(token), self.receive(token)
        assert first.token_id == second.token_id
        assert (first.remember_until - NOW).total_seconds() <= 360


class TestFrontChannelLogout:
    """Front-Channel Logout RP."""

    def test_issuer_and_session_of_the_iframe_are_read(self) -> None:
        """rp-frontchannel-rpinitlogout, rp-frontchannel-opinitlogout (promise 17): which session, and whose."""
        read = parse_frontchannel_logout(parse_qsl(f"iss={ISSUER}&sid=s-1"))
        assert (read.issuer, read.session_id) == (ISSUER, "s-1")
        with pytest.raises(InvalidParameters):
            parse_frontchannel_logout(parse_qsl(f"iss={ISSUER}"))


class TestThirdPartyInitiatedLogin:
    """3rd Party-Init RP."""

    def test_a_proposed_login_is_read_and_nothing_is_promised(self) -> None:
        """3rd-party-init-login (promise 20): that the issuer is known and the target ours is said elsewhere."""
        read = parse_initiated_login(parse_qsl(f"iss={ISSUER}&login_hint=jane&target_link_uri=https://app.example/x"))
        assert (read.issuer, read.login_hint, read.target_link_uri) == (ISSUER, "jane", "https://app.example/x")
        with pytest.raises(InvalidParameters):
            parse_initiated_login(parse_qsl("target_link_uri=https://app.example/x"))
        with pytest.raises(InvalidParameters):
            parse_initiated_login(parse_qsl(f"iss={ISSUER}&target_link_uri=javascript:alert(1)"))
