"""A login that somebody else begins. OIDC Core 4; module 3rd-party-init-login."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity_api.oidc.errors import InvalidParameters
from identity_api.oidc.initiated_login import InitiatedLogin, parse_initiated_login
from tests.oidc.strategies import on_a_shared_machine
from tests.oidc.tokens import ISSUER

VALID = {"iss": ISSUER, "login_hint": "a@b.example", "target_link_uri": "https://app.example/x?y=1"}


def refusal(*pairs: tuple[str, str]) -> InvalidParameters:
    with pytest.raises(InvalidParameters) as caught:
        parse_initiated_login(pairs)
    return caught.value


def test_all_three_parameters_are_read_and_others_ignored() -> None:
    read = parse_initiated_login([*VALID.items(), ("lti_message_hint", "x")])
    assert read == InitiatedLogin(issuer=ISSUER, login_hint="a@b.example", target_link_uri="https://app.example/x?y=1")
    assert "a@b" not in repr(read)


def test_the_issuer_alone_is_enough() -> None:
    assert parse_initiated_login([("iss", ISSUER)]) == InitiatedLogin(issuer=ISSUER)


def test_a_missing_issuer_is_refused() -> None:
    assert refusal(("target_link_uri", "https://app.example/")).claim == "iss"


@pytest.mark.parametrize("name", sorted(VALID))
def test_a_repeated_parameter_is_refused(name: str) -> None:
    assert refusal(*VALID.items(), (name, VALID[name])).claim == name


@pytest.mark.parametrize("name", sorted(VALID))
@pytest.mark.parametrize("value", ["", "a\r\nb", "é", "x" * 3000])
def test_an_unusable_value_is_refused(name: str, value: str) -> None:
    assert refusal(*{**VALID, name: value}.items()).claim == name


@pytest.mark.parametrize(
    "value",
    [
        "javascript:alert(1)",
        "//evil.example",
        "/x",
        "https://a@evil.example",
        "https:evil",
        "https://x\\y",
        "https://x#y",
    ],
)
@pytest.mark.parametrize("name", ["iss", "target_link_uri"])
def test_what_is_no_plain_http_address_is_refused(name: str, value: str) -> None:
    assert refusal(*{**VALID, name: value}.items()).claim == name


def test_an_issuer_with_a_query_is_refused() -> None:
    """Core 2: an issuer has neither query nor fragment."""
    assert refusal(("iss", f"{ISSUER}?x=1")).claim == "iss"


@on_a_shared_machine
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["iss", "login_hint", "target_link_uri"]) | st.text(),
            st.just(ISSUER) | st.text(max_size=30) | st.text("ahtps:/.@#?\\ %", max_size=30),
        ),
        max_size=6,
    )
)
def test_any_pairs_give_a_login_or_our_error(pairs: list[tuple[str, str]]) -> None:
    with contextlib.suppress(InvalidParameters):
        assert parse_initiated_login(pairs).issuer
