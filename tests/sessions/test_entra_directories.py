"""An issuer that stands for many Entra directories: whose people get in (S4-24, S4-32, S4-33)."""

import msgspec
import pytest

from identity_api.sessions.errors import LoginFailed
from tests.provider import Fault
from tests.provider.misbehaving import ENTRA_DIRECTORY
from tests.sessions.browsers import Browser, World

pytestmark = pytest.mark.asyncio

OTHER_DIRECTORY = "11111111-2b34-4da1-9baa-8bc8c9d6a490"


async def sign_in(world: World, *directories: str) -> None:
    """A login at a provider whose metadata says a template, where these directories are listed."""
    issuer = world.provider.issuer
    await world.change_provider(
        issuer=issuer + "/{tenantid}",
        discovery_url=f"{issuer}/.well-known/openid-configuration",
        claims=msgspec.structs.replace(world.provider.claims, directories=directories),
    )
    with world.idp.fault(Fault.ENTRA_DIRECTORY):
        await Browser(world.parts).follow_through(await world.begin(), world.idp, "alice")


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
