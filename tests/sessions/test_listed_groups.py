"""Logins of people in more groups than a token lists: Entra's overage, through Microsoft Graph's interface (S4-30)."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from identity_api.db.database import Database
from identity_api.db.providers import ClaimSettings
from identity_api.sessions.login.deps import LoginDeps
from tests import factories as make
from tests.openid_provider import Fault as ProviderFault
from tests.openid_provider import RunningProvider
from tests.openid_provider.vendors import Fault, Vendors
from tests.sessions.browsers import World, make_world
from tests.sessions.conftest import deps_for

pytestmark = pytest.mark.asyncio
GROUP = "8eaef023-2b34-4da1-9baa-8bc8c9d6a490"


@pytest.fixture(scope="module")
def server() -> Iterator[Vendors]:
    with Vendors() as vendors:
        yield vendors


@pytest.fixture
def graph(server: Vendors) -> Vendors:
    server.reset([*[f"group-{number}" for number in range(300)], GROUP])
    server.token = None
    return server


@pytest_asyncio.fixture
async def deps(
    database: Database, providers_of_process: tuple[RunningProvider, RunningProvider], graph: Vendors
) -> AsyncIterator[LoginDeps]:
    async with deps_for(database, *providers_of_process, graph) as made:
        yield made


@pytest_asyncio.fixture
async def world(deps: LoginDeps, idp: RunningProvider, graph: Vendors) -> World:
    """A tenant at a provider that leaves the groups out, with Graph to ask."""
    world = await make_world(
        deps, idp, claims=ClaimSettings(group_source="entra"), endpoints={"groups": graph.base}, absent_groups="EMPTY"
    )
    async with world.database.transaction() as connection:
        docs = await make.make_permission(connection, world.tenant.id, "docs:read")
        await make.make_mapping(connection, world.tenant.id, GROUP, [docs])
    return world


async def permissions_of_a_login(world: World) -> set[str]:
    with world.idp.fault(ProviderFault.GROUPS_OVERAGE):
        finished = await world.sign_in("alice")
    who = await world.who(finished.set_cookies[0].value)
    assert who is not None
    return set(who.permissions)


async def test_groups_that_did_not_fit_give_their_permissions_at_the_login(world: World, graph: Vendors) -> None:
    assert await permissions_of_a_login(world) == {"docs:read"}
    assert graph.asked == ["POST /v1.0/me/getMemberObjects"]
    assert (await world.events("login.succeeded"))[0]["groups"] == "COMPLETE"


async def test_without_the_interface_the_overage_gives_nothing_and_takes_nothing(world: World, graph: Vendors) -> None:
    """I7: what an earlier login was given stays until its lease is over."""
    assert await permissions_of_a_login(world) == {"docs:read"}
    await world.change_provider(claims=ClaimSettings())
    assert await permissions_of_a_login(world) == {"docs:read"}
    assert (await world.events("login.succeeded"))[1]["groups"] == "TRUNCATED"
    assert len(graph.asked) == 1


@pytest.mark.parametrize("fault", [Fault(page=1, status=403), Fault(page=1, status=400), Fault(page=1, body=b"<html>")])
async def test_an_interface_that_refuses_keeps_nobody_out_and_gives_nothing(
    world: World, graph: Vendors, fault: Fault
) -> None:
    graph.fault = fault
    assert await permissions_of_a_login(world) == set()
    assert (await world.events("login.succeeded"))[0]["groups"] == "TRUNCATED"


async def test_groups_that_fit_are_taken_from_the_token(world: World, graph: Vendors) -> None:
    world.idp.set_groups("alice", [GROUP])
    try:
        finished = await world.sign_in("alice")
    finally:
        world.idp.set_groups("alice", ["engineering", "platform"])
    who = await world.who(finished.set_cookies[0].value)
    assert who is not None
    assert (who.permissions, graph.asked) == ({"docs:read"}, [])
