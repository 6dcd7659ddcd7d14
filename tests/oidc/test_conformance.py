"""The relying-party modules of the OpenID conformance suite, offline: one situation each, and its required outcome.

Names are the suite's without the prefix `oidcc-client-test-`. Every refusal starts from the login that is accepted.
Ours is stricter than the suite in two places: a bad signature and `alg` none are always refused.
"""

import json
import re
import sys
from typing import Any
from urllib.parse import parse_qsl

import pytest

from identity_api.oidc.authorization import authorization_code, parse_callback
from identity_api.oidc.discovery import parse_provider_metadata, with_mtls_aliases
from identity_api.oidc.errors import (
    AlgorithmNotAllowed,
    AmbiguousKey,
    CallbackIssuerMismatch,
    ClaimMismatch,
    InvalidCallback,
    InvalidSignature,
    IssuerMismatch,
    MissingClaim,
    ProtocolError,
    ProviderRefused,
    TokenExpired,
    UnknownKey,
)
from identity_api.oidc.messages import Answer
from identity_api.oidc.userinfo import SignedAnswers, read_userinfo
from tests.oidc import test_conformance_sessions
from tests.oidc.relying_party import Provider, metadata_of, sign_in
from tests.oidc.tokens import (
    ABSENT,
    CLIENT_ID,
    ISSUER,
    NOW,
    SECONDS,
    SUBJECT,
    ec_key,
    encode,
    key_set,
    public,
    rsa_key,
    sign,
    unsigned_token,
)

both_modes = pytest.mark.parametrize("mode", ["query", "form_post"])
"""The Form Post profile is the Basic one with `response_mode=form_post`."""


def refused(provider: Provider, mode: str = "query", calls: list[str] | None = None) -> ProtocolError:
    assert sign_in(Provider(), mode).userinfo.subject == SUBJECT
    with pytest.raises(ProtocolError) as caught:
        sign_in(provider, mode, calls)
    return caught.value


def break_signature(token: str) -> str:
    head, payload, signature = token.split(".")
    middle = len(signature) // 2
    return f"{head}.{payload}.{signature[:middle]}{'A' if signature[middle] != 'A' else 'B'}{signature[middle + 1 :]}"


class TestBasic:
    """Basic RP and Form Post RP: code flow."""

    @both_modes
    def test_a_correct_provider_signs_the_person_in(self, mode: str) -> None:
        """client-test (promise 1): everything right, token and UserInfo included."""
        session = sign_in(Provider(), mode)
        assert (session.id_token.subject, session.userinfo.claims["name"]) == (SUBJECT, "Jane")
        assert session.sent.get("response_mode") == (None if mode == "query" else mode)

    @both_modes
    @pytest.mark.parametrize("issuer", ["https://other.example", f"{ISSUER}/"])
    def test_another_issuer_is_refused(self, mode: str, issuer: str) -> None:
        """invalid-iss (promise 1)."""
        error = refused(Provider(claims={"iss": issuer}), mode)
        assert isinstance(error, ClaimMismatch)
        assert error.claim == "iss"

    @both_modes
    def test_a_missing_subject_is_refused(self, mode: str) -> None:
        """missing-sub (promise 1)."""
        error = refused(Provider(claims={"sub": ABSENT}), mode)
        assert isinstance(error, MissingClaim)
        assert error.claim == "sub"

    @both_modes
    def test_another_audience_is_refused(self, mode: str) -> None:
        """invalid-aud (promise 1)."""
        error = refused(Provider(claims={"aud": "client-2"}), mode)
        assert isinstance(error, ClaimMismatch)
        assert error.claim == "aud"

    @both_modes
    def test_a_missing_time_of_issue_is_refused(self, mode: str) -> None:
        """missing-iat (promise 1)."""
        error = refused(Provider(claims={"iat": ABSENT}), mode)
        assert isinstance(error, MissingClaim)
        assert error.claim == "iat"

    @both_modes
    def test_a_token_without_kid_is_accepted_with_one_fitting_key(self, mode: str) -> None:
        """kid-absent-single-jwks (promise 1); a key of another type does not count."""
        published = (public(rsa_key(), kid="key-1"), public(ec_key(), kid="key-2"))
        session = sign_in(Provider(header={"kid": ABSENT}, published=published), mode)
        assert session.id_token.subject == SUBJECT

    @both_modes
    def test_a_token_without_kid_is_refused_with_several_fitting_keys(self, mode: str) -> None:
        """kid-absent-multiple-jwks (promise 1): refusing is one of the two allowed outcomes."""
        published = (public(rsa_key(), kid="key-1"), public(rsa_key(2048, 1), kid="key-2"))
        assert sign_in(Provider(published=published), mode).id_token.subject == SUBJECT
        assert isinstance(refused(Provider(header={"kid": ABSENT}, published=published), mode), AmbiguousKey)

    @both_modes
    def test_rs256_is_accepted(self, mode: str) -> None:
        """idtoken-sig-rs256 (promise 2)."""
        assert sign_in(Provider(algorithm="RS256"), mode).id_token.subject == SUBJECT

    @both_modes
    def test_an_unsigned_token_is_refused(self, mode: str) -> None:
        """idtoken-sig-none (promise 2): stricter than the suite, even where the provider announces it."""

        def without_signature(token: str) -> str:
            return f"{unsigned_token({}).split('.')[0]}.{token.split('.')[1]}."

        error = refused(Provider(spoil=without_signature), mode)
        assert isinstance(error, AlgorithmNotAllowed)

    @both_modes
    def test_a_broken_rs256_signature_is_refused(self, mode: str) -> None:
        """invalid-sig-rs256 (promise 1): stricter than the suite, which lets a client rely on TLS."""
        assert isinstance(refused(Provider(spoil=break_signature), mode), InvalidSignature)

    @both_modes
    def test_the_userinfo_of_another_person_is_refused(self, mode: str) -> None:
        """userinfo-invalid-sub (promise 10)."""
        error = refused(Provider(userinfo={"sub": "someone-else"}), mode)
        assert isinstance(error, ClaimMismatch)
        assert error.claim == "sub"

    @both_modes
    def test_another_nonce_is_refused(self, mode: str) -> None:
        """nonce-invalid (promise 1)."""
        error = refused(Provider(claims={"nonce": "of-another-login"}), mode)
        assert isinstance(error, ClaimMismatch)
        assert error.claim == "nonce"

    @both_modes
    def test_claims_are_asked_for_by_scope_and_used(self, mode: str) -> None:
        """scope-userinfo-claims (promise 11: they come from UserInfo, never from the access token)."""
        session = sign_in(Provider(), mode)
        assert session.sent["scope"].split() == ["openid", "profile", "email"]
        assert session.userinfo.claims["email"] == "jane@example.com"


class TestConfig:
    """Config RP: metadata and keys from discovery, not from constants."""

    @pytest.mark.parametrize("run", ["/a1", "/b2"])
    def test_endpoints_come_from_the_metadata(self, run: str) -> None:
        """discovery-openid-config (promise 5): they differ in every run."""
        names = ("authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri")
        calls: list[str] = []
        sign_in(Provider(metadata={name: f"{ISSUER}{run}/{name}" for name in names}), calls=calls)
        assert calls == [f"{ISSUER}{run}/{name}" for name in ("token_endpoint", "jwks_uri", "userinfo_endpoint")]

    def test_a_client_with_a_certificate_uses_the_aliases(self) -> None:
        """mtls-endpoint-aliases (promise 5): RFC 8705 section 5. One without goes to the endpoints themselves."""
        aliases = {"token_endpoint": f"{ISSUER}/mtls/token", "jwks_uri": f"{ISSUER}/mtls/keys"}
        announced = parse_provider_metadata(metadata_of(Provider(metadata={"mtls_endpoint_aliases": aliases})), ISSUER)
        ours = with_mtls_aliases(announced)
        assert announced.token_endpoint != ours.token_endpoint
        assert ours.token_endpoint == f"{ISSUER}/mtls/token"
        assert (ours.jwks_uri, ours.userinfo_endpoint) == (announced.jwks_uri, announced.userinfo_endpoint)

    def test_keys_come_from_the_announced_place(self) -> None:
        """discovery-jwks-uri-keys (promise 4)."""
        metadata = parse_provider_metadata(metadata_of(Provider(metadata={"jwks_uri": f"{ISSUER}/k/7"})), ISSUER)
        assert metadata.jwks_uri == f"{ISSUER}/k/7"
        other = rsa_key(2048, 1)
        session = sign_in(Provider(key=other, published=(public(other, kid="key-1"),)))
        assert session.fetched_keys == 1

    @pytest.mark.parametrize("issuer", ["https://other.example", f"{ISSUER}/", "https://IDP.example", f"{ISSUER}:443"])
    def test_metadata_of_another_issuer_is_refused(self, issuer: str) -> None:
        """discovery-issuer-mismatch (promise 5)."""
        assert isinstance(refused(Provider(metadata={"issuer": issuer})), IssuerMismatch)

    def test_a_key_that_is_unknown_is_looked_for_once_more(self) -> None:
        """signing-key-rotation-just-before-signing (promise 4)."""
        new = rsa_key(2048, 1)
        rotated = Provider(key=new, header={"kid": "key-2"}, published_later=(public(new, kid="key-2"),))
        assert sign_in(rotated).fetched_keys == 2
        assert isinstance(refused(Provider(key=new, header={"kid": "key-2"})), UnknownKey)

    def test_keys_may_rotate_between_two_logins(self) -> None:
        """signing-key-rotation (promise 4)."""
        assert sign_in(Provider()).fetched_keys == 1
        new = rsa_key(2048, 1)
        both = (public(rsa_key(), kid="key-1"), public(new, kid="key-2"))
        assert sign_in(Provider(key=new, header={"kid": "key-2"}, published_later=both)).fetched_keys == 2


class TestFormPost:
    """What is particular to `response_mode=form_post`."""

    def test_an_error_by_form_post_is_told(self) -> None:
        """form-post-error (promise 6)."""
        body = "error=access_denied&error_description=%3Cscript%3E&state=s-1"
        with pytest.raises(ProviderRefused) as caught:
            authorization_code(parse_callback(parse_qsl(body)))
        assert caught.value.error == "access_denied"
        assert "script" not in str(caught.value)
        assert authorization_code(parse_callback(parse_qsl("code=c-1&state=s-1"))) == "c-1"


class TestComprehensive:
    """Modules outside the profiles."""

    def test_a_missing_audience_is_refused(self) -> None:
        """missing-aud (promise 1)."""
        error = refused(Provider(claims={"aud": ABSENT}))
        assert isinstance(error, MissingClaim)
        assert error.claim == "aud"

    def test_a_broken_es256_signature_is_refused(self) -> None:
        """invalid-sig-es256 (promise 1)."""
        keys = {"key": ec_key(), "algorithm": "ES256", "published": (public(ec_key(), kid="key-1"),)}
        assert sign_in(Provider(**keys)).id_token.subject == SUBJECT
        error = refused(Provider(**keys, spoil=break_signature))
        assert isinstance(error, InvalidSignature)

    def test_an_hs256_signature_is_refused(self) -> None:
        """invalid-sig-hs256 (promise 2): right or wrong, HMAC is never agreed on."""
        head = encode(json.dumps({"alg": "HS256"}).encode())
        error = refused(Provider(spoil=lambda token: f"{head}.{token.split('.')[1]}.{encode(b'x' * 32)}"))
        assert isinstance(error, AlgorithmNotAllowed)

    def test_a_nonce_is_sent_in_the_code_flow_too(self) -> None:
        """nonce-unless-code-flow (promise 6)."""
        assert len(sign_in(Provider()).sent["nonce"]) >= 43

    def test_the_secret_is_sent_by_basic_authentication(self) -> None:
        """client-secret-basic (promise 1): the default where nothing is announced."""
        request = sign_in(Provider()).token_request
        assert request.headers["authorization"].startswith("Basic ")
        assert b"client_secret" not in request.body

    def test_the_access_token_is_sent_in_the_header(self) -> None:
        """userinfo-bearer-header (promise 10)."""
        request = sign_in(Provider()).userinfo_request
        assert request.headers["authorization"] == "Bearer at-1"
        assert (request.body, "?" in request.url) == (b"", False)

    def test_an_access_token_hash_that_does_not_fit_is_refused(self) -> None:
        """invalid-athash (promise 1): for implicit and hybrid flows in the suite; here wherever it is sent."""
        error = refused(Provider(claims={"at_hash": "77QmUPtjPfzWtF2AnpK9RQ"}))
        assert isinstance(error, ClaimMismatch)
        assert error.claim == "at_hash"

    def test_an_absent_access_token_hash_is_accepted_in_the_code_flow(self) -> None:
        """missing-athash (promise 1): required in the flows that we do not use, optional in ours (Core 3.1.3.6)."""
        assert sign_in(Provider(claims={"at_hash": ABSENT})).id_token.subject == SUBJECT

    def test_a_signed_userinfo_answer_is_verified_and_used(self) -> None:
        """userinfo-signed (promise 10)."""
        agreed = SignedAnswers(
            keys=key_set(public(rsa_key(), kid="key-1")),
            algorithms=frozenset(("RS256",)),
            issuer=ISSUER,
            client_id=CLIENT_ID,
        )
        token = sign({"iss": ISSUER, "aud": CLIENT_ID, "sub": SUBJECT, "name": "Jane"}, rsa_key())

        def read(body: str) -> str:
            answer = Answer(status=200, headers={"content-type": "application/jwt"}, body=body.encode())
            return str(read_userinfo(answer, SUBJECT, NOW, signed_answers=agreed).claims["name"])

        assert read(token) == "Jane"
        with pytest.raises(InvalidSignature):
            read(break_signature(token))

    def test_aggregated_claims_are_understood_to_be_elsewhere(self) -> None:
        """aggregated-claims (promise 11): recognised; a third party's word is not the provider's."""
        elsewhere = {"_claim_names": {"address": "s1"}, "_claim_sources": {"s1": {"JWT": "a.b.c"}}}
        assert "address" not in sign_in(Provider(userinfo=elsewhere)).userinfo.claims

    def test_distributed_claims_are_understood_to_be_elsewhere(self) -> None:
        """distributed-claims (promise 11): recognised, and the address is not followed."""
        calls: list[str] = []
        elsewhere = {"_claim_names": {"groups": "s1"}, "_claim_sources": {"s1": {"endpoint": "https://x.example"}}}
        assert "groups" not in sign_in(Provider(userinfo=elsewhere), calls=calls).userinfo.claims
        assert all(call.startswith(ISSUER) for call in calls)


class TestFAPIClient:
    """Situations of the FAPI client plans that matter to any code-flow client."""

    @pytest.mark.parametrize(
        ("changes", "kind", "claim"),
        [
            ({"exp": SECONDS - 301}, TokenExpired, "exp"),
            ({"exp": ABSENT}, MissingClaim, "exp"),
            ({"iss": ABSENT}, MissingClaim, "iss"),
            ({"aud": ABSENT}, MissingClaim, "aud"),
            ({"nonce": ABSENT}, MissingClaim, "nonce"),
            ({"nonce": "wrong"}, ClaimMismatch, "nonce"),
            ({"aud": [CLIENT_ID, "untrusted"]}, MissingClaim, "azp"),
        ],
    )
    def test_a_claim_that_is_wrong_or_missing_is_refused(
        self, changes: dict[str, Any], kind: type[ProtocolError], claim: str
    ) -> None:
        """FAPI: expired exp, missing exp/iss/aud/nonce, wrong nonce, second aud without azp (promises 1, 13)."""
        error = refused(Provider(claims=changes))
        assert isinstance(error, kind)
        assert error.claim == claim

    def test_an_algorithm_that_was_not_agreed_on_is_refused(self) -> None:
        """FAPI: alternate alg (promise 2)."""
        only = {"id_token_signing_alg_values_supported": ["PS256"]}
        assert sign_in(Provider(metadata=only, algorithm="PS256")).id_token.subject == SUBJECT
        assert isinstance(refused(Provider(metadata=only)), AlgorithmNotAllowed)

    @pytest.mark.parametrize(
        "accepted",
        [
            Provider(claims={"aud": [CLIENT_ID]}),
            Provider(claims={"iat": SECONDS - 7 * 86_400}),
            Provider(tokens={"token_type": "bEARER"}),
            Provider(tokens={"expires_in": ABSENT}),
            Provider(tokens={"scope": ABSENT}),
        ],
    )
    def test_what_is_odd_and_allowed_is_accepted(self, accepted: Provider) -> None:
        """FAPI: aud as a list of one, iat a week old, token_type in odd case, no expires_in, no scope (promise 1)."""
        assert sign_in(accepted).id_token.subject == SUBJECT

    @pytest.mark.parametrize("issuer", [ABSENT, "https://other.example", f"{ISSUER}/"])
    def test_a_callback_from_elsewhere_is_refused_before_any_endpoint_is_called(self, issuer: object) -> None:
        """FAPI: missing or wrong iss in the authorization response (promise 8)."""
        announced = {"authorization_response_iss_parameter_supported": True}
        calls: list[str] = []
        sign_in(Provider(metadata=announced, callback={"iss": ISSUER}))
        error = refused(Provider(metadata=announced, callback={"iss": issuer}), calls=calls)
        assert isinstance(error, CallbackIssuerMismatch)
        assert calls == []

    @pytest.mark.parametrize("state", [ABSENT, "", ["s-1", "s-2"]])
    def test_a_callback_without_one_state_is_refused_before_any_endpoint_is_called(self, state: object) -> None:
        """FAPI: missing state (promise 6)."""
        calls: list[str] = []
        error = refused(Provider(callback={"state": state}), calls=calls)
        assert isinstance(error, InvalidCallback)
        assert (error.claim, calls) == ("state", [])


PLANS = {
    "Basic": """client-test invalid-iss missing-sub invalid-aud missing-iat kid-absent-single-jwks
        kid-absent-multiple-jwks idtoken-sig-rs256 idtoken-sig-none invalid-sig-rs256 userinfo-invalid-sub nonce-invalid
        scope-userinfo-claims""",
    "Config and Dynamic": """discovery-openid-config discovery-jwks-uri-keys discovery-issuer-mismatch idtoken-sig-none
        signing-key-rotation-just-before-signing signing-key-rotation""",
    "RP-Initiated Logout": "rp-init-logout rp-init-logout-no-state rp-init-logout-other-state",
    "Back-Channel Logout": """rp-backchannel-rpinitlogout rp-backchannel-rpinitlogout-alg-none
        rp-backchannel-rpinitlogout-wrong-alg rp-backchannel-rpinitlogout-no-event -wrong-event -with-nonce -wrong-aud
        -wrong-iss""",
    "Front-Channel Logout": "rp-frontchannel-rpinitlogout rp-frontchannel-opinitlogout",
    "Refresh Token": "refresh-token refresh-token-invalid-issuer refresh-token-invalid-sub",
    "3rd Party-Init": "3rd-party-init-login",
    "Comprehensive": """missing-aud client-secret-basic userinfo-bearer-header form-post-error invalid-sig-hs256
        invalid-sig-es256 invalid-athash missing-athash nonce-unless-code-flow userinfo-signed aggregated-claims
        distributed-claims mtls-endpoint-aliases""",
}
NOT_OURS = {
    "userinfo-bearer-body": "the header is sent, which every provider must accept",
    "invalid-chash missing-chash": "a hash of the code exists in the hybrid flow only",
    "discovery-webfinger-acct discovery-webfinger-url": "an operator enters the issuer",
    "dynamic-registration": "an operator registers the client",
    "request-uri-signed-rs256 request-uri-signed-none": "requests are pushed instead (RFC 9126)",
    "session-management": "needs third-party cookies, which browsers block",
}


def test_every_module_is_proven_by_a_test_that_names_it() -> None:
    modules = (sys.modules[__name__], test_conformance_sessions)
    classes = [item for module in modules for name, item in vars(module).items() if name.startswith("Test")]
    tests = [test for item in classes for name, test in vars(item).items() if name.startswith("test_")]
    undocumented = [test.__name__ for test in tests if not re.search(r"promises? \d", test.__doc__ or "")]
    assert undocumented == []
    named = set(re.findall(r"[\w-]+", " ".join(test.__doc__ or "" for test in tests)))
    assert {module for modules in PLANS.values() for module in modules.split()} <= named
    assert named.isdisjoint(module for modules in NOT_OURS for module in modules.split())
