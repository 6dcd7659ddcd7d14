"""An issuer that stands for many Entra directories: whose people get in (S4-24, S4-32, S4-33)."""

import asyncio

import msgspec
import pytest

from identity_api.providers.consequences import end_removed_directories
from identity_api.sessions.errors import LoginFailed
from tests.openid_provider import Fault
from tests.openid_provider.misbehaving import ENTRA_DIRECTORY
from tests.sessions.browsers import Browser, World

pytestmark = pytest.mark.asyncio

OTHER_DIRECTORY = "11111111-2b34-4da1-9baa-8bc8c9d6a490"


async def list_directories(world: World, *directories: str) -> None:
    """The provider's metadata says a template, and these directories are listed."""
    issuer = world.idp.issuer
    await world.change_provider(
        issuer=issuer + "/{tenantid}",
        discovery_url=f"{issuer}/.well-known/openid-configuration",
        claims=msgspec.structs.replace(world.provider.claims, directories=directories),
    )


async def sign_in(world: World, *directories: str) -> None:
    """A login where these directories are listed."""
    await list_directories(world, *directories)
    with world.idp.fault(Fault.ENTRA_DIRECTORY):
        await Browser(world.deps).follow_through(await world.begin(), world.idp, "alice")


async def test_people_of_a_listed_directory_get_in_under_their_own_issuer(world: World) -> None:
    await sign_in(world, OTHER_DIRECTORY, ENTRA_DIRECTORY)
    issuer = await world.fetchval("select issuer from identity where tenant_id = $1", world.tenant.id)
    assert issuer.endswith(f"/{ENTRA_DIRECTORY}")


@pytest.mark.parametrize("directories", [(), (OTHER_DIRECTORY,)])
async def test_people_of_a_directory_that_is_not_listed_do_not(world: World, directories: tuple[str, ...]) -> None:
    with pytest.raises(LoginFailed) as refused:
        await sign_in(world, *directories)
    assert refused.value.code == "ISSUER_MISMATCH"
    assert await world.count("identity") == 0


@pytest.mark.parametrize("kept", [(OTHER_DIRECTORY,), (OTHER_DIRECTORY, ENTRA_DIRECTORY)])
async def test_a_directory_removed_while_the_code_is_exchanged_gives_no_session(
    world: World, kept: tuple[str, ...]
) -> None:
    """Its other logins end with the removal; this one is not there yet to be ended, and would last."""
    await list_directories(world, OTHER_DIRECTORY, ENTRA_DIRECTORY)
    before, browser = world.provider, Browser(world.deps)
    with world.idp.fault(Fault.ENTRA_DIRECTORY):
        arrival = await world.idp.sign_in(await browser.go_to_provider(await world.begin()), "alice")
        with world.idp.hold("/token") as gate:
            finishing = asyncio.create_task(browser.arrive(arrival))
            await gate.arrival()
            await list_directories(world, *kept)
            async with world.database.transaction() as connection:
                await end_removed_directories(connection, before, world.provider, actor="operator:root")
            gate.release()
            if ENTRA_DIRECTORY in kept:
                assert (await finishing).kind == "SESSION"
                return
            with pytest.raises(LoginFailed) as refused:
                await finishing
    assert (refused.value.code, refused.value.reason) == ("ISSUER_MISMATCH", "directory_removed")
    assert await world.count("identity") == 0
