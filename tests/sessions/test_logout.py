"""Where the browser goes when its session ends, and who may end which session (promises 16 and 19)."""

import pytest

from identity_api.errors import NotFound
from identity_api.sessions.logout.logout import end_own_session, end_session, logout, sessions_of
from tests.openid_provider import Fault, RunningProvider
from tests.sessions.browsers import ORIGIN, World, make_world, parameters_of

pytestmark = pytest.mark.asyncio


async def test_signing_out_ends_the_session_here_and_leads_to_the_end_of_the_providers(world: World) -> None:
    token = (await world.sign_in("alice")).set_cookies[0].value
    who = await world.who(token)
    assert who is not None
    location = (await logout(world.deps, who, return_origin=ORIGIN)).location
    assert await world.who(token) is None
    assert location.startswith(f"{world.idp.issuer}/end-session?")
    parameters = parameters_of(location)
    assert parameters["client_id"] == world.idp.client_id
    assert parameters["post_logout_redirect_uri"] == f"{ORIGIN}/auth/logout/return"
    assert parameters["id_token_hint"].startswith("eyJ")
    kept = "select count(*) from session where tenant_id = $1 and id_token_sealed is not null"
    assert await world.fetchval(kept, world.tenant.id) == 0
    [event] = await world.events("session.ended")
    assert event == {"reason": "signed_out"}


async def test_a_provider_that_cannot_be_asked_does_not_keep_anybody_signed_in(world: World) -> None:
    token = (await world.sign_in("alice")).set_cookies[0].value
    who = await world.who(token)
    assert who is not None
    await world.change_provider(issuer="http://127.0.0.1:9", logout_page_url="https://acme.example/bye")
    assert (await logout(world.deps, who, return_origin=ORIGIN)).location == "https://acme.example/bye"
    assert await world.who(token) is None


async def test_without_a_logout_page_the_browser_goes_to_our_own(world: World) -> None:
    token = (await world.sign_in("alice")).set_cookies[0].value
    who = await world.who(token)
    assert who is not None
    await world.change_provider(issuer="http://127.0.0.1:9")
    location = (await logout(world.deps, who, return_origin=ORIGIN, path_prefix="/t/acme")).location
    assert location == f"{ORIGIN}/t/acme/login?signed_out=1"


async def test_signing_out_twice_is_harmless(world: World) -> None:
    who = await world.who((await world.sign_in("alice")).set_cookies[0].value)
    assert who is not None
    await logout(world.deps, who, return_origin=ORIGIN)
    assert (await logout(world.deps, who, return_origin=ORIGIN)).location == f"{ORIGIN}/login?signed_out=1"
    assert len(await world.events("session.ended")) == 1


async def test_a_user_sees_and_ends_their_own_sessions_only(world: World, idp: RunningProvider) -> None:
    first = await world.who((await world.sign_in("alice")).set_cookies[0].value)
    second = await world.who((await world.sign_in("alice")).set_cookies[0].value)
    bob = await world.who((await world.sign_in("bob")).set_cookies[0].value)
    assert first is not None
    assert second is not None
    assert bob is not None
    async with world.database.reading() as connection:
        listed = await sessions_of(connection, world.tenant.id, first.user.id, idle_seconds=3_600)
    assert [one.id for one in listed] == [first.session_id, second.session_id]
    with pytest.raises(NotFound):
        await end_own_session(world.database, bob, first.session_id)
    await end_own_session(world.database, first, second.session_id)
    with pytest.raises(NotFound):
        await end_own_session(world.database, first, second.session_id)
    async with world.database.reading() as connection:
        listed = await sessions_of(connection, world.tenant.id, first.user.id, idle_seconds=3_600)
    assert [one.id for one in listed] == [first.session_id]
    neighbour = await make_world(world.deps, idp)
    assert not await end_session(world.database, neighbour.tenant.id, first.session_id, reason="admin", actor="system")
    assert await end_session(world.database, world.tenant.id, first.session_id, reason="admin", actor="system")


async def test_signing_out_during_an_outage_of_the_provider_uses_what_is_known_of_it(world: World) -> None:
    who = await world.who((await world.sign_in("alice")).set_cookies[0].value)
    assert who is not None
    with world.idp.fault(Fault.ERROR_503, path="/.well-known/openid-configuration"):
        location = (await logout(world.deps, who, return_origin=ORIGIN)).location
    assert location.startswith(f"{world.idp.issuer}/end-session?")
