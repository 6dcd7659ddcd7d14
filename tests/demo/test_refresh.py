"""Refresh tokens: Core section 12, RFC 6749 section 6, RFC 9700 section 4.14."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from tests.demo.relying_party import RelyingParty, assert_oauth_error
from tests.openid_provider import Rotation, RunningProvider


@pytest.mark.asyncio
async def test_a_refresh_token_gives_new_tokens_and_its_successor(party: RelyingParty) -> None:
    old = await party.tokens("alice")
    new = (await party.refresh(old["refresh_token"])).json()
    assert new["refresh_token"] != old["refresh_token"]
    assert new["access_token"] != old["access_token"]
    assert (await party.refresh(new["refresh_token"])).status_code == 200


@pytest.mark.asyncio
async def test_presenting_a_replaced_token_revokes_the_family(party: RelyingParty) -> None:
    old = await party.tokens("alice")
    new = (await party.refresh(old["refresh_token"])).json()
    assert_oauth_error(await party.refresh(old["refresh_token"]), "invalid_grant")
    assert_oauth_error(await party.refresh(new["refresh_token"]), "invalid_grant")


@pytest.mark.asyncio
async def test_a_token_replaced_long_ago_revokes_the_family_too(party: RelyingParty) -> None:
    first = latest = (await party.tokens("alice"))["refresh_token"]
    for _ in range(3):
        latest = (await party.refresh(latest)).json()["refresh_token"]
    await party.refresh(first)
    assert_oauth_error(await party.refresh(latest), "invalid_grant")


@pytest.mark.asyncio
async def test_reuse_leaves_the_persons_other_logins_alone(party: RelyingParty) -> None:
    spoiled, other = await party.tokens("alice"), await party.tokens("alice")
    await party.refresh(spoiled["refresh_token"])
    await party.refresh(spoiled["refresh_token"])
    assert (await party.refresh(other["refresh_token"])).status_code == 200


@pytest.mark.asyncio
@pytest.mark.parametrize("token", ["unknown", "", "a.b", "."])
async def test_an_unknown_refresh_token_is_refused(party: RelyingParty, token: str) -> None:
    answer = await party.refresh(token)
    # An empty parameter counts as not sent (RFC 6749 section 3.2).
    assert_oauth_error(answer, "invalid_grant" if token else "invalid_request")


@pytest.mark.asyncio
async def test_another_client_cannot_use_a_refresh_token_nor_spoil_it(party: RelyingParty) -> None:
    token = (await party.tokens("alice"))["refresh_token"]
    assert_oauth_error(await party.refresh(token, client_id="other-client"), "invalid_grant")
    assert (await party.refresh(token)).status_code == 200


@pytest.mark.asyncio
async def test_a_client_that_does_not_prove_itself_does_not_spoil_the_token(party: RelyingParty) -> None:
    token = (await party.tokens("alice"))["refresh_token"]
    assert_oauth_error(await party.refresh(token, client_secret="wrong"), "invalid_client", 401)
    assert (await party.refresh(token)).status_code == 200


@pytest.mark.asyncio
async def test_the_scope_can_be_narrowed(party: RelyingParty) -> None:
    token = (await party.tokens("alice"))["refresh_token"]
    answer = (await party.refresh(token, scope="openid email")).json()
    assert answer["scope"] == "openid email"
    assert "name" not in await party.verified(answer["id_token"])


@pytest.mark.asyncio
async def test_the_scope_cannot_be_widened_and_asking_does_not_spoil_the_token(party: RelyingParty) -> None:
    token = (await party.tokens("alice", scope="openid offline_access"))["refresh_token"]
    assert_oauth_error(await party.refresh(token, scope="openid email"), "invalid_scope")
    assert (await party.refresh(token)).status_code == 200


@pytest.mark.asyncio
async def test_new_groups_are_in_the_next_id_token(party: RelyingParty) -> None:
    token = (await party.tokens("alice"))["refresh_token"]
    party.provider.set_groups("alice", ["support"])
    claims = await party.verified((await party.refresh(token)).json()["id_token"])
    assert claims["groups"] == ["support"]


@pytest.mark.asyncio
async def test_a_removed_persons_refresh_token_is_dead_and_stays_so(party: RelyingParty) -> None:
    token, other = (await party.tokens("alice"))["refresh_token"], (await party.tokens("bob"))["refresh_token"]
    party.provider.remove("alice")
    assert_oauth_error(await party.refresh(token), "invalid_grant")
    party.provider.restore("alice")
    assert_oauth_error(await party.refresh(token), "invalid_grant")
    assert (await party.refresh(other)).status_code == 200


@pytest.mark.asyncio
async def test_the_id_token_of_a_refresh_is_about_the_same_login(http: httpx.AsyncClient) -> None:
    """Core section 12.2: same issuer, subject, audience and auth_time; a new iat; no nonce."""
    now = [datetime(2030, 1, 1, tzinfo=UTC)]
    with RunningProvider(clock=lambda: now[0]) as provider:
        party = RelyingParty(provider, http)
        first = await party.tokens("alice")
        now[0] += timedelta(seconds=90)
        second = (await party.refresh(first["refresh_token"])).json()
        before, after = await party.verified(first["id_token"]), await party.verified(second["id_token"])
    same = ("iss", "sub", "aud", "auth_time", "sid")
    assert {name: before[name] for name in same} == {name: after[name] for name in same}
    assert after["iat"] == before["iat"] + 90
    assert "nonce" not in after


@pytest.mark.asyncio
async def test_without_rotation_the_token_stays_and_no_other_is_sent(party: RelyingParty) -> None:
    party.provider.set_rotation(Rotation.NONE)
    token = (await party.tokens("alice"))["refresh_token"]
    for _ in range(2):
        assert "refresh_token" not in (await party.refresh(token)).json()


@pytest.mark.asyncio
@pytest.mark.parametrize(("seconds", "status"), [(29, 200), (30, 400)])
async def test_with_grace_the_replaced_token_works_until_it_ends(
    http: httpx.AsyncClient, seconds: int, status: int
) -> None:
    now = [datetime(2030, 1, 1, tzinfo=UTC)]
    with RunningProvider(clock=lambda: now[0], rotation=Rotation.GRACE, grace_seconds=30) as provider:
        party = RelyingParty(provider, http)
        token = (await party.tokens("alice"))["refresh_token"]
        await party.refresh(token)
        now[0] += timedelta(seconds=seconds)
        assert (await party.refresh(token)).status_code == status


@pytest.mark.asyncio
async def test_what_grace_issued_second_is_the_living_token(party: RelyingParty) -> None:
    party.provider.set_rotation(Rotation.GRACE)
    token = (await party.tokens("alice"))["refresh_token"]
    await party.refresh(token)
    recovered = (await party.refresh(token)).json()["refresh_token"]
    assert (await party.refresh(recovered)).status_code == 200
