"""The authentication request and the callback. Promises 6, 8 and 11; bad inputs 21 to 27."""

import re
from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity_api.errors import BadInput
from identity_api.ids import uuid7
from identity_api.oidc.authorization import (
    KNOWN_ERRORS,
    PROTECTED_PARAMETERS,
    CallbackParameters,
    authorization_code,
    authorization_parameters,
    check_callback_issuer,
    code_challenge,
    new_code_verifier,
    new_nonce,
    new_state,
    parse_callback,
)
from identity_api.oidc.errors import CallbackIssuerMismatch, InvalidCallback, InvalidMetadata, ProviderRefused
from identity_api.oidc.redirects import add_query
from tests.oidc.strategies import on_a_shared_machine
from tests.oidc.tokens import ISSUER

ENDPOINT = f"{ISSUER}/authorize"
CALLBACK = {"code": "c-1", "state": "s-1"}


def url(endpoint: str = ENDPOINT, **changes: Any) -> str:
    valid: dict[str, Any] = {
        "client_id": "client 1&x",
        "redirect_uri": "https://app.example/auth/callback/p1",
        "scopes": ("openid", "profile", "offline_access"),
        "state": "st",
        "nonce": "no",
        "code_challenge": "ch",
    }
    parameters = authorization_parameters(**{**valid, **changes})
    return add_query(endpoint, parameters, ours=PROTECTED_PARAMETERS, blame="authorization_endpoint")


def query(address: str) -> Mapping[str, list[str]]:
    return parse_qs(urlsplit(address).query, keep_blank_values=True, strict_parsing=True)


def refusal(*pairs: tuple[str, str]) -> InvalidCallback:
    with pytest.raises(InvalidCallback) as caught:
        parse_callback(pairs)
    return caught.value


def test_a_request_asks_for_a_code_with_pkce_state_and_nonce() -> None:
    """S1-18, S1-20, S1-21, S4-23. nonce-unless-code-flow: we send one in the code flow, too."""
    assert query(url()) == {
        "response_type": ["code"],
        "client_id": ["client 1&x"],
        "redirect_uri": ["https://app.example/auth/callback/p1"],
        "scope": ["openid profile offline_access"],
        "state": ["st"],
        "nonce": ["no"],
        "code_challenge": ["ch"],
        "code_challenge_method": ["S256"],
    }


def test_optional_parameters_are_sent_when_given() -> None:
    sent = query(
        url(login_hint="a@b.example", response_mode="form_post", prompt="consent", max_age_seconds=0, extra={"hd": "x"})
    )
    assert sent["login_hint"] == ["a@b.example"]
    assert sent["response_mode"] == ["form_post"]
    assert sent["prompt"] == ["consent"]
    assert sent["max_age"] == ["0"]
    assert sent["hd"] == ["x"]


@pytest.mark.parametrize("endpoint", [f"{ENDPOINT}?p=policy", f"{ENDPOINT}?p=policy&"])
def test_the_endpoints_own_query_is_kept(endpoint: str) -> None:
    sent = query(url(endpoint))
    assert sent["p"] == ["policy"]
    assert sent["state"] == ["st"]


@pytest.mark.parametrize("endpoint", [f"{ENDPOINT}?client_id=evil", f"{ENDPOINT}?p=1&request_uri=https://evil.example"])
def test_an_endpoint_that_sets_our_parameters_is_refused(endpoint: str) -> None:
    with pytest.raises(InvalidMetadata) as caught:
        url(endpoint)
    assert caught.value.claim == "authorization_endpoint"


def test_a_parameter_is_never_sent_twice() -> None:
    with pytest.raises(InvalidMetadata):
        url(f"{ENDPOINT}?p=policy", extra={"p": "other"})


@pytest.mark.parametrize("name", [*sorted(PROTECTED_PARAMETERS), "STATE", "Redirect_Uri"])
def test_an_extra_parameter_cannot_override_ours(name: str) -> None:
    with pytest.raises(BadInput) as caught:
        url(extra={name: "x"})
    assert caught.value.field == name


@pytest.mark.parametrize("extra", [{"": "x"}, {"a": "\n"}, {"a": "é"}, {"a" * 65: "x"}, {"a": "x" * 1025}])
def test_an_extra_parameter_that_cannot_be_sent_is_refused(extra: dict[str, str]) -> None:
    with pytest.raises(BadInput):
        url(extra=extra)


@pytest.mark.parametrize("scope", ["", "a b", 'a"b', "a\\b", "é", "a\n"])
def test_a_scope_that_cannot_be_sent_is_refused(scope: str) -> None:
    with pytest.raises(BadInput) as caught:
        url(scopes=("openid", scope))
    assert caught.value.field == "scopes"


def test_openid_without_a_nonce_is_refused() -> None:
    with pytest.raises(BadInput) as caught:
        url(nonce=None)
    assert caught.value.field == "nonce"


def test_a_plain_oauth_request_has_no_nonce() -> None:
    assert "nonce" not in query(url(nonce=None, scopes=("read:user",)))


def test_the_challenge_is_that_of_the_specification() -> None:
    """RFC 7636 appendix B."""
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    assert code_challenge(verifier) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


@pytest.mark.parametrize("verifier", ["", "a" * 42, "a" * 129, "a" * 42 + "+", "a" * 43 + "\n"])
def test_a_verifier_of_another_shape_is_refused(verifier: str) -> None:
    with pytest.raises(BadInput):
        code_challenge(verifier)


@pytest.mark.parametrize("make", [partial(new_state, uuid7()), new_nonce, new_code_verifier])
def test_random_values_are_long_unreserved_and_never_repeat(make: Any) -> None:
    values = {make() for _ in range(10_000)}
    assert len(values) == 10_000
    assert all(re.fullmatch(r"[A-Za-z0-9\-._~]{43,128}", value) for value in values)
    # 43 characters of base64 carry 256 bits; each position must really vary.
    assert all(len({value[-position] for value in values}) >= 16 for position in range(1, 44))


def test_a_verifier_can_be_challenged() -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", code_challenge(new_code_verifier()))


def test_a_callback_with_code_and_state_is_read() -> None:
    parameters = parse_callback([*CALLBACK.items(), ("session_state", "x"), ("iss", ISSUER), ("scope", "openid")])
    assert parameters == CallbackParameters(code="c-1", state="s-1", issuer=ISSUER)
    assert authorization_code(parameters) == "c-1"


@pytest.mark.parametrize("name", ["code", "state", "iss", "error"])
def test_a_repeated_parameter_is_refused(name: str) -> None:
    pairs = [pair for pair in {**CALLBACK, "iss": ISSUER}.items() if name != "error" or pair[0] != "code"]
    assert refusal(*pairs, (name, "x"), (name, "x")).claim == name


@pytest.mark.parametrize("name", ["code", "state"])
def test_a_missing_parameter_is_refused(name: str) -> None:
    """S1-20."""
    assert refusal(*[pair for pair in CALLBACK.items() if pair[0] != name]).claim == name


@pytest.mark.parametrize(("name", "limit"), [("code", 16_384), ("state", 512)])
def test_the_longest_value_is_accepted_and_one_more_is_refused_with_its_length(name: str, limit: int) -> None:
    assert parse_callback({**CALLBACK, name: "x" * limit}.items())
    error = refusal(*{**CALLBACK, name: "x" * (limit + 1)}.items())
    assert (error.claim, error.length) == (name, limit + 1)
    assert str(limit + 1) in error.message


@pytest.mark.parametrize("value", ["", "\x00", "a\r\nb", "é", "\ud800"])
@pytest.mark.parametrize("name", ["code", "state", "iss"])
def test_an_unprintable_value_is_refused(name: str, value: str) -> None:
    assert refusal(*{**CALLBACK, name: value}.items()).claim == name


def test_thirty_two_parameters_are_accepted_and_one_more_is_refused() -> None:
    others = [(f"p{number}", "x") for number in range(31)]
    assert parse_callback([*CALLBACK.items(), *others[:30]]).code == "c-1"
    refusal(*CALLBACK.items(), *others)


@pytest.mark.parametrize("name", ["access_token", "id_token", "token_type"])
def test_tokens_without_a_code_are_refused(name: str) -> None:
    """Promise 11: a token that comes through the browser is anybody's."""
    assert refusal(("state", "s-1"), (name, "x")).claim == "code"


def test_tokens_beside_an_error_are_refused() -> None:
    assert refusal(("state", "s-1"), ("error", "access_denied"), ("id_token", "x")).claim == "code"


def test_tokens_beside_a_code_are_ignored() -> None:
    assert parse_callback([*CALLBACK.items(), ("id_token", "x")]) == CallbackParameters(code="c-1", state="s-1")


@pytest.mark.parametrize("error", sorted(KNOWN_ERRORS))
def test_a_registered_error_is_told(error: str) -> None:
    """form-post-error."""
    parameters = parse_callback([("error", error), ("state", "s-1"), ("error_description", "x" * 10_000)])
    with pytest.raises(ProviderRefused) as caught:
        authorization_code(parameters)
    assert caught.value.error == error


@pytest.mark.parametrize("error", ["<script>alert(1)</script>", "Access_denied", "x" * 256])
def test_any_other_error_is_told_as_other(error: str) -> None:
    with pytest.raises(ProviderRefused) as caught:
        authorization_code(parse_callback([("error", error), ("state", "s-1")]))
    assert caught.value.error == "other"
    assert error not in str(caught.value)


def test_an_error_without_state_is_refused() -> None:
    assert refusal(("error", "access_denied")).claim == "state"


def test_an_error_beside_a_code_is_refused() -> None:
    assert refusal(*CALLBACK.items(), ("error", "access_denied")).claim == "error"


class TestIssuer:
    """RFC 9207; openid-client's invalid- and remove-authorization-response-iss."""

    @pytest.mark.parametrize("announced", [True, False])
    def test_the_providers_own_issuer_is_accepted(self, announced: bool) -> None:
        check_callback_issuer(CallbackParameters(code="c", state="s", issuer=ISSUER), ISSUER, announced)

    @pytest.mark.parametrize("announced", [True, False])
    @pytest.mark.parametrize("issuer", [f"{ISSUER}/", "https://evil.example", "https://IDP.example"])
    def test_another_issuer_is_refused(self, issuer: str, announced: bool) -> None:
        with pytest.raises(CallbackIssuerMismatch) as caught:
            check_callback_issuer(CallbackParameters(code="c", state="s", issuer=issuer), ISSUER, announced)
        assert caught.value.claim == "iss"

    def test_absence_is_refused_only_where_presence_was_announced(self) -> None:
        parameters = CallbackParameters(code="c", state="s")
        check_callback_issuer(parameters, ISSUER, announced=False)
        with pytest.raises(CallbackIssuerMismatch):
            check_callback_issuer(parameters, ISSUER, announced=True)

    def test_an_error_response_is_checked_as_well(self) -> None:
        parameters = CallbackParameters(error="access_denied", state="s", issuer="https://evil.example")
        with pytest.raises(CallbackIssuerMismatch):
            check_callback_issuer(parameters, ISSUER, announced=False)


def test_a_callback_shows_no_code() -> None:
    assert "c-1" not in repr(parse_callback(CALLBACK.items()))


@on_a_shared_machine
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["code", "state", "iss", "error", "id_token", "error_description"]) | st.text(),
            st.text(st.characters(), max_size=20),
        ),
        max_size=8,
    )
)
def test_any_pairs_give_parameters_or_our_error(pairs: list[tuple[str, str]]) -> None:
    try:
        parameters = parse_callback(pairs)
    except InvalidCallback:
        return
    assert (parameters.code is None) != (parameters.error is None)
    assert parameters.state
