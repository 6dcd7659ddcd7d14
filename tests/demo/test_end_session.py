"""RP-Initiated Logout 1.0 sections 2 to 4."""

import pytest

from tests.demo.relying_party import RelyingParty
from tests.openid_provider.running import POST_LOGOUT_URI


def end_session(party: RelyingParty) -> str:
    return f"{party.provider.issuer}/end-session"


@pytest.mark.asyncio
async def test_logout_returns_to_the_registered_address_with_state(party: RelyingParty) -> None:
    hint = (await party.tokens("alice"))["id_token"]
    sent = {"id_token_hint": hint, "post_logout_redirect_uri": POST_LOGOUT_URI, "state": "a b&c"}
    answer = await party.http.get(end_session(party), params=sent)
    assert answer.status_code == 303
    assert answer.headers["location"] == f"{POST_LOGOUT_URI}?state=a+b%26c"


@pytest.mark.asyncio
async def test_without_state_nothing_is_added(party: RelyingParty) -> None:
    sent = {"client_id": party.provider.client_id, "post_logout_redirect_uri": POST_LOGOUT_URI}
    answer = await party.http.post(end_session(party), data=sent)
    assert answer.headers["location"] == POST_LOGOUT_URI


@pytest.mark.asyncio
async def test_without_a_return_address_a_page_says_so(party: RelyingParty) -> None:
    answer = await party.http.get(end_session(party))
    assert answer.status_code == 200
    assert "signed out" in answer.text


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "changes",
    [
        {"post_logout_redirect_uri": POST_LOGOUT_URI + "/"},
        {"post_logout_redirect_uri": "https://evil.example/"},
        {"client_id": "nobody"},
        {"client_id": ""},
        {"id_token_hint": "x.y.z"},
        {"id_token_hint": "eyJhbGciOiJub25lIn0.e30."},
    ],
)
async def test_a_logout_with_one_thing_wrong_redirects_nowhere(party: RelyingParty, changes: dict[str, str]) -> None:
    sent = {"client_id": party.provider.client_id, "post_logout_redirect_uri": POST_LOGOUT_URI, **changes}
    answer = await party.http.get(end_session(party), params=sent)
    assert answer.status_code == 400
    assert "location" not in answer.headers


@pytest.mark.asyncio
async def test_a_hint_issued_to_another_client_is_refused(party: RelyingParty) -> None:
    hint = (await party.tokens("alice"))["id_token"]
    sent = {"id_token_hint": hint, "client_id": "other-client", "post_logout_redirect_uri": POST_LOGOUT_URI}
    assert (await party.http.get(end_session(party), params=sent)).status_code == 400


@pytest.mark.asyncio
async def test_logout_leaves_refresh_tokens_for_offline_access(party: RelyingParty) -> None:
    """Back-Channel Logout 1.0 section 2.7: offline_access outlives the browser's session."""
    tokens = await party.tokens("alice")
    await party.http.get(end_session(party), params={"id_token_hint": tokens["id_token"]})
    assert (await party.refresh(tokens["refresh_token"])).status_code == 200
