"""A tenant whose provider has agreed on more than usual."""

from typing import Any
from uuid import UUID

import pytest

from identity_api.db import client_keys
from identity_api.db.providers import ClientSettings
from identity_api.providers.client_keys import ensure_keys
from identity_api.sessions.errors import LoginFailed
from identity_api.sessions.login.deps import LoginDeps
from tests import factories as make
from tests.openid_provider import Client
from tests.openid_provider.agreed import AgreedProvider
from tests.sessions.browsers import REDIRECT_URIS, World, make_world

CLAIMED_BY_USERINFO = {"groups": ("userinfo / groups",)}
LONG_SECRET = "a client secret that is long enough to sign with"


async def make_agreed(deps: LoginDeps, idp: AgreedProvider, *, settings: dict[str, Any], **more: Any) -> World:
    """A world with these client settings, and our keys where they need some; the provider knows those."""
    world = await make_world(deps, idp, client_settings=ClientSettings(**settings), **more)
    await publish(world)
    return world


async def publish(world: World) -> None:
    """Make the keys that the settings need, and let the provider read them."""
    idp = world.idp
    assert isinstance(idp, AgreedProvider)
    async with world.database.transaction() as connection:
        await ensure_keys(connection, world.deps.vault, world.provider, actor="system")
    async with world.database.reading() as connection:
        keys = await client_keys.published(connection, world.tenant.id, world.provider.id)
    idp.agreement.client_jwks = {"keys": keys}


async def set_secrets(world: World, *secrets: str) -> list[UUID]:
    """Make these the client secrets, the oldest first; their rows."""
    async with world.database.transaction() as connection:
        return await make.give_secrets(connection, world.deps.vault, world.provider, *secrets)


def take_secret(world: World, secret: str) -> None:
    """The provider takes this client secret and no other from now on."""
    world.idp.register(Client(client_id=world.idp.client_id, redirect_uris=REDIRECT_URIS, client_secret=secret))


async def with_own_key(deps: LoginDeps, idp: AgreedProvider, **settings: Any) -> World:
    idp.agree(method="private_key_jwt")
    world = await make_agreed(deps, idp, settings=settings, client_authentication="private_key_jwt")
    await set_secrets(world)
    return world


async def refused(world: World, person: str = "alice") -> tuple[str, str]:
    """Sign in, which must fail; code and reason. Nobody got a session."""
    with pytest.raises(LoginFailed) as caught:
        await world.sign_in(person)
    assert await world.count("session") == 0
    return caught.value.code, caught.value.reason or ""


def asked(idp: AgreedProvider, path: str) -> list[tuple[int, str]]:
    return [(status, why) for at, status, why in idp.asked if at == path]
