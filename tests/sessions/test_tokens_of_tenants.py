"""A token whose tenant's part names another tenant finds nothing: not there, and not where it came from (I2)."""

import asyncio
from collections.abc import Awaitable
from uuid import UUID

import pytest
import pytest_asyncio
from asyncpg.connection import LoggedQuery

from identity_api.ids import new_tenant_token
from identity_api.oidc.authorization import code_challenge, new_code_verifier
from identity_api.sessions.authenticate import authenticate
from identity_api.sessions.errors import LoginFailed
from identity_api.sessions.login.deps import Redemption
from identity_api.sessions.revoke import Revocation, revoke
from identity_api.sessions.token import redeem
from tests import factories as make
from tests.openid_provider import RunningProvider
from tests.sessions.browsers import CALLBACK, FRONTEND_URL, OTHER_CALLBACK, Browser, World, make_world, parameters_of

pytestmark = pytest.mark.asyncio


def elsewhere(token: str, tenant_id: UUID) -> str:
    """The token with another tenant in it."""
    kind, _, _ = token.partition("_")
    return new_tenant_token(kind, tenant_id)[:-43] + token[-43:]


def nowhere(token: str) -> str:
    """The token with a tenant's part that is none."""
    kind, _, rest = token.partition("_")
    return f"{kind}_{'-' * 21}!{rest[22:]}"


@pytest_asyncio.fixture
async def neighbour(world: World, idp: RunningProvider) -> World:
    """Another tenant, with the same provider and the same person."""
    return await make_world(world.deps, idp)


async def session_of(world: World) -> str:
    browser = Browser(world.deps)
    await world.sign_in(browser=browser)
    assert browser.session is not None
    return browser.session


async def refusal(attempt: Awaitable[object]) -> str:
    with pytest.raises(LoginFailed) as refused:
        await attempt
    return refused.value.code


async def test_two_sessions_with_their_tenants_swapped_are_nobodys(world: World, neighbour: World) -> None:
    ours, theirs = await session_of(world), await session_of(neighbour)
    assert await world.who(elsewhere(ours, neighbour.tenant.id)) is None
    assert await world.who(elsewhere(theirs, world.tenant.id)) is None
    assert await world.who(nowhere(ours)) is None
    one, other = await world.who(ours), await world.who(theirs)
    assert one is not None
    assert other is not None
    assert (one.tenant_id, other.tenant_id) == (world.tenant.id, neighbour.tenant.id)


async def test_an_api_token_of_another_tenant_is_nobodys(world: World, neighbour: World) -> None:
    await session_of(world)
    username = await world.fetchval("select username from app_user where tenant_id = $1", world.tenant.id)
    token = await make.create_api_token(world.database, world.tenant.id, username, "ci", days=1)
    for wrong in (elsewhere(token, neighbour.tenant.id), nowhere(token)):
        assert await world.who(wrong) is None
    who = await world.who(token)
    assert who is not None
    assert who.tenant_id == world.tenant.id


async def test_a_session_is_not_ended_by_a_token_that_names_another_tenant(world: World, neighbour: World) -> None:
    token = await session_of(world)
    for wrong in (elsewhere(token, neighbour.tenant.id), nowhere(token)):
        assert not await revoke(world.database, Revocation(token=wrong))
    assert await world.who(token) is not None
    assert await revoke(world.database, Revocation(token=token))


async def test_a_handle_that_names_another_tenant_is_unknown(world: World, neighbour: World) -> None:
    prepared, browser = await world.begin(), Browser(world.deps)
    for wrong in (elsewhere(prepared.handle, neighbour.tenant.id), nowhere(prepared.handle)):
        url = prepared.launch_url.replace(prepared.handle, wrong)
        assert await refusal(browser.launch(url)) == "HANDLE_UNKNOWN"
    assert (await browser.launch(prepared.launch_url)).location.startswith(world.idp.issuer)


async def test_a_callback_whose_state_names_another_tenant_answers_no_login(world: World, neighbour: World) -> None:
    browser = Browser(world.deps)
    arrival = await world.idp.sign_in(await browser.go_to_provider(await world.begin()), "alice")
    state = arrival.parameters["state"]
    for wrong in (elsewhere(state, neighbour.tenant.id), nowhere(state)):
        pairs = list({**arrival.parameters, "state": wrong}.items())
        assert await refusal(browser.callback(CALLBACK, pairs)) == "STATE_UNKNOWN"
    assert await world.count("session") + await neighbour.count("session") == 0
    assert (await browser.arrive(arrival)).kind == "SESSION"


async def test_a_code_for_a_frontend_that_names_another_tenant_is_unknown(world: World, neighbour: World) -> None:
    verifier = new_code_verifier()
    finished = await world.sign_in(return_to=FRONTEND_URL, delivery="code", client_challenge=code_challenge(verifier))
    code = parameters_of(finished.location)["code"]
    for wrong in (elsewhere(code, neighbour.tenant.id), nowhere(code)):
        asked = Redemption(code=wrong, code_verifier=verifier)
        assert await refusal(redeem(world.deps, asked)) == "CODE_UNKNOWN"
    assert await redeem(world.deps, Redemption(code=code, code_verifier=verifier))


async def test_a_login_is_not_completed_for_another_tenant(world: World, neighbour: World) -> None:
    await world.change_provider(redirect_url=OTHER_CALLBACK)
    browser = Browser(world.deps)
    arrival = await world.idp.sign_in(await browser.go_to_provider(await world.begin()), "alice")
    url = (await browser.arrive(arrival)).location
    code = parameters_of(url)["code"]
    for wrong in (elsewhere(code, neighbour.tenant.id), nowhere(code)):
        place = url.replace(code, wrong)
        assert await refusal(browser.complete(place)) == "CODE_UNKNOWN"
    assert (await browser.complete(url)).kind == "SESSION"


async def test_an_unknown_token_costs_the_same_whatever_is_wrong_with_it(world: World, neighbour: World) -> None:
    """One statement, the same, and no other: how long it takes does not say whether the tenant exists."""
    token = await session_of(world)
    asked = []
    for wrong in (new_tenant_token("ias", world.tenant.id), elsewhere(token, neighbour.tenant.id), nowhere(token)):
        queries: list[str] = []

        def note(record: LoggedQuery, queries: list[str] = queries) -> None:
            queries.append(record.query)

        async with world.database.reading() as connection:
            with connection.query_logger(note):
                assert await authenticate(connection, wrong, idle_seconds=3_600) is None
                await asyncio.sleep(0)  # asyncpg tells a query one step of the loop later
        asked.append(queries)
    assert len(asked[0]) == 1
    assert asked[0] == asked[1] == asked[2]
