"""Make, list and revoke set-up links, and find what the token of one opens."""

import re
from collections.abc import Sequence
from typing import Final
from uuid import UUID

import msgspec

from identity_api.db import audit, grants, locks, permissions, providers, setup_links, tenants, ways_in
from identity_api.db.database import Connection, Database
from identity_api.db.permissions import PermissionRecord
from identity_api.db.providers import Provider
from identity_api.db.setup_links import NewLink, SetupLink
from identity_api.db.tenants import Tenant
from identity_api.errors import BadInput, Conflict, NotFound, Problems, Refused
from identity_api.ids import new_tenant_token, token_key, uuid7
from identity_api.permissions.delegation import Actor, check_may_give
from identity_api.permissions.service import PROVIDERS_WRITE, SERVICE_PREFIX
from identity_api.providers.checks import PROVIDER_SLUG
from identity_api.providers.urls import doors

TOKEN_PREFIX: Final = "isl"  # noqa: S105  # a kind of token, not one
MOST_DAYS: Final = 30
MOST_LIVE: Final = 20
"""Links of one tenant that work at the same time."""
MOST_LISTED: Final = 100
"""All that work, and the newest of those that have ended."""
MOST_PERMISSIONS: Final = 100
_LONGEST_LABEL: Final = 100


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What a link is for: a provider of this name, whose groups may be given these permissions."""

    slug: str
    label: str
    permissions: tuple[str, ...] = ()
    days: int = 7


class MadeLink(msgspec.Struct, frozen=True):
    """The link and its address, which is told once."""

    link: SetupLink
    url: str

    def __repr__(self) -> str:
        return f"MadeLink({self.link.id})"


class Setup(msgspec.Struct, frozen=True):
    """What a link opens."""

    link: SetupLink
    tenant: Tenant
    hosts: tuple[str, ...]
    actor: Actor
    """With exactly the permissions that groups of the provider may be given."""
    provider: Provider | None
    """None before the connection was entered."""


async def create_link(database: Database, actor: Actor, wish: Wish, *, public_url: str) -> MadeLink:
    """Make a link for one new provider. The caller has checked that the actor may make providers.

    Raises:
        BadInput: a value cannot be used; `PERMISSIONS_NOT_NAMED`: mappings for every provider give more than was named.
        NotFound: there is no permission of that name.
        Refused: `FORBIDDEN`: a permission that the actor may not give, or, except for the operator, not let others give.
        Conflict: `PROVIDER_EXISTS`; `TOO_MANY_SETUP_LINKS`.
    """
    check_wish(wish)
    token = new_tenant_token(TOKEN_PREFIX, actor.tenant_id)
    new = NewLink(
        id=uuid7(),
        tenant_id=actor.tenant_id,
        maker_id=actor.user_id,
        made_by=actor.name,
        token_hash=token_key(token).hash,
        provider_id=uuid7(),
        slug=wish.slug,
        label=wish.label,
        permissions=sorted(set(wish.permissions)),
        seconds=wish.days * 86_400,
    )
    async with database.transaction() as connection:
        await locks.edit_mappings(connection, actor.tenant_id)  # so that two cannot both be the last that there may be
        await _check_permissions(connection, actor, new.permissions)
        if await providers.by_slug(connection, actor.tenant_id, wish.slug) is not None:
            raise Conflict(f"There is a provider {wish.slug} already.", code="PROVIDER_EXISTS")
        if await setup_links.count_live(connection, actor.tenant_id) >= MOST_LIVE:
            raise Conflict(f"{MOST_LIVE} set-up links work already. Revoke one.", code="TOO_MANY_SETUP_LINKS")
        link = await setup_links.insert(connection, new)
        await _record(connection, actor, "created", link)
        door = await _door(connection, actor.tenant_id, public_url)
    return MadeLink(link, f"{door}/setup/{token}")


async def list_links(database: Database, tenant_id: UUID) -> list[SetupLink]:
    """The tenant's links: all that work, and then the newest of the others."""
    async with database.reading() as connection:
        return await setup_links.of_tenant(connection, tenant_id, most=MOST_LISTED)


async def revoke_link(database: Database, actor: Actor, link_id: UUID) -> SetupLink:
    """End a link. The provider that was made with it stays as it is.

    Raises:
        NotFound: there is none that works.
    """
    async with database.transaction() as connection:
        ended = await setup_links.end(connection, actor.tenant_id, link_id, "REVOKED")
        if ended is None:
            raise NotFound("There is no set-up link with this id that works.")
        await _record(connection, actor, "revoked", ended)
    return ended


async def open_link(database: Database, tenant_id: UUID, token: str) -> Setup:
    """What the token of a link opens at the tenant that the browser is at.

    Raises:
        NotFound: `SETUP_LINK_ENDED`: unknown, used, revoked, expired, another tenant's, or its maker may not do this any more.
    """
    key = token_key(token)
    if key.tenant_id != tenant_id:
        raise ended_link()
    async with database.reading() as connection:
        link = await setup_links.live(connection, tenant_id, key.hash)
        tenant = await tenants.get(connection, tenant_id)
        if link is None or tenant is None:
            raise ended_link()
        actor = await _actor(connection, link)
        provider = await providers.get(connection, tenant_id, link.provider_id)
        return Setup(link, tenant, tuple(await tenants.hosts(connection, tenant_id)), actor, provider)


def ended_link() -> NotFound:
    """The error for every link that does not work, whatever the reason."""
    return NotFound("This set-up link does not work, or not any more.", code="SETUP_LINK_ENDED")


async def _actor(connection: Connection, link: SetupLink) -> Actor:
    named = list((await permissions.by_names(connection, link.tenant_id, link.permissions)).values())
    if link.maker_id is None:
        allowed = frozenset([one.name for one in named])
    else:
        held = await grants.effective(connection, link.tenant_id, link.maker_id)
        if PROVIDERS_WRITE not in held:
            raise ended_link()
        maker = Actor(link.tenant_id, link.maker_id, link.made_by, held)
        allowed = frozenset([one.name for one in named if _may_pass_on(maker, one)])
    # Without a maker's account the link's own id stands for nobody: it is not the operator's right to anything.
    return Actor(link.tenant_id, link.maker_id or link.id, f"setup_link:{link.id}", allowed)


def _may_pass_on(actor: Actor, permission: PermissionRecord) -> bool:
    try:
        _check_may_pass_on(actor, permission)
    except Refused:
        return False
    return True


def _check_may_pass_on(actor: Actor, permission: PermissionRecord) -> None:
    """Whether somebody without an account may be let give it: only the operator passes on what is not delegable."""
    check_may_give(actor, permission.name, delegable=permission.delegable)
    if not actor.is_operator and (permission.name.startswith(SERVICE_PREFIX) or not permission.delegable):
        raise Refused(f"{permission.name} is not delegable, so a set-up link cannot give it. The operator may name it.")


async def _check_permissions(connection: Connection, actor: Actor, names: Sequence[str]) -> None:
    found = await permissions.by_names(connection, actor.tenant_id, names)
    for name in names:
        if name not in found:
            raise NotFound(f"There is no permission {name}.")
        _check_may_pass_on(actor, found[name])
    of_every_provider = await ways_in.through(connection, actor.tenant_id, uuid7())
    missing = sorted({right.name for right in of_every_provider} - set(names))
    if missing:
        raise BadInput(
            f"Mappings for every provider give {', '.join(missing)}, also to the people of the new one. Name it too, or"
            " limit these mappings to a provider.",
            code="PERMISSIONS_NOT_NAMED",
            field="permissions",
        )


def check_wish(wish: Wish) -> None:
    """Check what a link is to be for.

    Raises:
        BadInput, SeveralProblems: values cannot be used.
    """
    wrong = list[BadInput]()
    if not re.fullmatch(PROVIDER_SLUG, wish.slug):
        wrong.append(BadInput("The short name has lower-case letters, digits, _ and -, at most 63.", field="slug"))
    if not 0 < len(wish.label) <= _LONGEST_LABEL or not wish.label.isprintable():
        wrong.append(BadInput(f"The label is one line of at most {_LONGEST_LABEL} characters.", field="label"))
    if not 1 <= wish.days <= MOST_DAYS:
        wrong.append(BadInput(f"A set-up link lasts between 1 and {MOST_DAYS} days.", field="days"))
    if len(wish.permissions) > MOST_PERMISSIONS:
        wrong.append(BadInput(f"A set-up link names at most {MOST_PERMISSIONS} permissions.", field="permissions"))
    Problems(wrong).tell()


async def _door(connection: Connection, tenant_id: UUID, public_url: str) -> str:
    tenant = await tenants.get(connection, tenant_id)
    assert tenant is not None, "the actor's own"
    return doors(tenant, hosts=await tenants.hosts(connection, tenant_id), public_url=public_url)[0]


async def _record(connection: Connection, actor: Actor, verb: str, link: SetupLink) -> None:
    values = {
        "provider": link.slug,
        "label": link.label,
        "permissions": list(link.permissions),
        "expires_at": link.expires_at,
        "made_by": link.made_by,
    }
    is_new = verb == "created"
    event = audit.Event(
        f"setup_link.{verb}",
        "setup_link",
        link.id,
        {"provider": str(link.provider_id)},
        old=None if is_new else values,
        new=values if is_new else None,
    )
    await audit.record(connection, actor.tenant_id, actor.name, [event])
