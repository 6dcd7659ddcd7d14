"""The URL that ends the provider's session, and the way back; the provider's own way. RP-Initiated, Front-Channel."""

import contextlib
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity_api.errors import BadInput
from identity_api.oidc.end_session import check_logout_parameters, end_session_url, is_return_of
from identity_api.oidc.errors import InvalidMetadata, InvalidParameters
from identity_api.oidc.frontchannel_logout import parse_frontchannel_logout
from tests.oidc.strategies import on_a_shared_machine
from tests.oidc.tokens import ISSUER


def url(endpoint: str = f"{ISSUER}/logout", **changes: Any) -> str:
    valid: dict[str, Any] = {
        "id_token_hint": "a.b.c",
        "client_id": "client-1",
        "post_logout_redirect_uri": "https://app.example/bye",
        "state": "s-1",
    }
    return end_session_url(endpoint, **{**valid, **changes})


def test_rp_init_logout_sends_all_four_parameters() -> None:
    assert parse_qs(urlsplit(url()).query) == {
        "id_token_hint": ["a.b.c"],
        "client_id": ["client-1"],
        "post_logout_redirect_uri": ["https://app.example/bye"],
        "state": ["s-1"],
    }


def test_without_a_hint_the_client_says_who_asks() -> None:
    assert parse_qs(urlsplit(url(id_token_hint=None)).query)["client_id"] == ["client-1"]


def test_state_is_sent_only_with_a_place_to_return_to() -> None:
    assert "state" not in url(post_logout_redirect_uri=None)


def test_further_parameters_are_sent_and_may_name_our_return_url() -> None:
    """AWS Cognito's."""
    made = url(extra={"logout_uri": "{return_url}", "realm": "a b"})
    sent = parse_qs(urlsplit(made).query)
    assert sent == {
        **parse_qs(urlsplit(url()).query),
        "logout_uri": ["https://app.example/bye"],
        "realm": ["a b"],
    }


@pytest.mark.parametrize("extra", [{"State": "x"}, {"client_id": "x"}, {"": "x"}, {"a": "\r\n"}, {"a": "x" * 1_025}])
def test_a_further_parameter_that_is_ours_or_cannot_be_sent_is_refused(extra: dict[str, str]) -> None:
    with pytest.raises(BadInput):
        check_logout_parameters(extra)
    check_logout_parameters({"logout_uri": "https://www.acme.example/bye"})


def test_the_endpoints_own_query_is_kept() -> None:
    assert parse_qs(urlsplit(url(f"{ISSUER}/logout?p=policy")).query)["p"] == ["policy"]


def test_an_endpoint_that_sets_our_parameters_is_refused() -> None:
    with pytest.raises(InvalidMetadata) as caught:
        url(f"{ISSUER}/logout?post_logout_redirect_uri=https://evil.example")
    assert caught.value.claim == "end_session_endpoint"


class TestReturn:
    """RP-Initiated Logout section 3; promise 19."""

    def test_the_state_that_was_sent_is_recognised(self) -> None:
        assert is_return_of([("state", "s-1"), ("other", "x")], "s-1")

    @pytest.mark.parametrize(
        "pairs",
        [
            [],
            [("state", "s-2")],
            [("state", "")],
            [("state", "s-1"), ("state", "s-1")],
            [("state", "é")],
            [("state", "s" * 513)],
            [("State", "s-1")],
        ],
    )
    def test_anything_else_is_not_and_does_no_harm(self, pairs: list[tuple[str, str]]) -> None:
        assert not is_return_of(pairs, "s-1")

    @on_a_shared_machine
    @given(st.lists(st.tuples(st.sampled_from(["state", "x"]) | st.text(), st.text(max_size=20)), max_size=5))
    def test_any_pairs_give_an_answer(self, pairs: list[tuple[str, str]]) -> None:
        assert is_return_of(pairs, "st_unguessable") is False


class TestFrontChannel:
    """Front-Channel Logout section 3."""

    def test_issuer_and_session_are_read(self) -> None:
        read = parse_frontchannel_logout([("iss", ISSUER), ("sid", "s-1"), ("other", "x")])
        assert (read.issuer, read.session_id) == (ISSUER, "s-1")
        assert "s-1" not in repr(read)

    @pytest.mark.parametrize("name", ["iss", "sid"])
    @pytest.mark.parametrize("values", [[], [""], ["x", "x"], ["a\nb"], ["x" * 3000]])
    def test_a_missing_repeated_or_unusable_parameter_is_refused(self, name: str, values: list[str]) -> None:
        """Without both, any page could sign a person out."""
        others = [pair for pair in (("iss", ISSUER), ("sid", "s-1")) if pair[0] != name]
        with pytest.raises(InvalidParameters) as caught:
            parse_frontchannel_logout([*others, *[(name, value) for value in values]])
        assert caught.value.claim == name

    @on_a_shared_machine
    @given(st.lists(st.tuples(st.sampled_from(["iss", "sid"]) | st.text(), st.text(max_size=20)), max_size=5))
    def test_any_pairs_give_parameters_or_our_error(self, pairs: list[tuple[str, str]]) -> None:
        with contextlib.suppress(InvalidParameters):
            assert parse_frontchannel_logout(pairs).session_id
