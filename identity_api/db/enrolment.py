"""Users by name with their identities and passwords, to find which are missing; and for the operator to look at."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from identity_api.db.database import Connection
from identity_api.db.in_force import effective_permissions


class KnownPerson(msgspec.Struct, frozen=True):
    """A user who exists already."""

    id: UUID
    given_by_hand: tuple[str, ...]
    lives_at: tuple[str, ...]
    """Slugs of the providers, enabled or not, where they have a living identity."""
    chose_address: bool = False
    """The username is an unverified e-mail address that came from a provider's claims at a sign-in."""


# A login makes user and identity in one transaction, so they have the same time; those that an admin enters do not.
_CHOSE_ADDRESS = """
    (position('@' in u.username) > 0 and (u.email_verified is not true or u.email is distinct from u.username) and exists (
        select from identity i where i.tenant_id = $1 and i.user_id = u.id and i.created_at = u.created_at))
"""


async def people(connection: Connection, tenant_id: UUID, usernames: Sequence[str]) -> dict[str, KnownPerson]:
    """Of these usernames, compared exactly, those that exist."""
    rows = await connection.fetch(
        f"""
        select u.username, u.id, {_CHOSE_ADDRESS} as chose_address, array(
                select p.name from permission_grant g join permission p on p.tenant_id = $1 and p.id = g.permission_id
                where g.tenant_id = $1 and g.user_id = u.id and g.source = 'MANUAL' and g.revoked_at is null
            ) as given_by_hand, array(
                select p.slug from identity i join provider p on p.tenant_id = $1 and p.id = i.provider_id
                where i.tenant_id = $1 and i.user_id = u.id and i.state not in ('REVOKED', 'QUARANTINED')
                order by p.slug
            ) as lives_at
        from app_user u where u.tenant_id = $1 and u.username = any($2::text[])
        """,
        tenant_id,
        usernames,
    )
    return {
        row["username"]: KnownPerson(
            row["id"], tuple(row["given_by_hand"]), tuple(row["lives_at"]), row["chose_address"]
        )
        for row in rows
    }


async def owners(
    connection: Connection, tenant_id: UUID, anchors: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], str]:
    """Of these pairs of provider and anchor, those that belong to a user, with the username."""
    rows = await connection.fetch(
        """
        select p.slug, i.anchor, u.username
        from unnest($2::text[], $3::text[]) as asked (slug, anchor)
        join provider p on p.tenant_id = $1 and p.slug = asked.slug
        join identity i on i.tenant_id = $1 and i.provider_id = p.id and i.anchor = asked.anchor and i.unlinked_at is null
        join app_user u on u.tenant_id = $1 and u.id = i.user_id
        """,
        tenant_id,
        [slug for slug, _ in anchors],
        [anchor for _, anchor in anchors],
    )
    return {(row["slug"], row["anchor"]): row["username"] for row in rows}


class UserLine(msgspec.Struct, frozen=True):
    """A user as the operator's list shows one."""

    id: UUID
    username: str
    display_label: str
    email: str | None
    disabled_at: datetime | None
    active_at: datetime
    has_password: bool
    providers: tuple[str, ...]
    """Slugs of those at which they have an identity, in whatever state."""


async def page(connection: Connection, tenant_id: UUID, *, after: str | None, first: int) -> list[UserLine]:
    """The tenant's users by username, strictly after `after`."""
    rows = await connection.fetch(
        """
        select u.id, u.username, u.display_label, u.email, u.disabled_at, u.active_at,
            u.password_hash is not null as has_password, array(
                select distinct p.slug from identity i join provider p on p.tenant_id = $1 and p.id = i.provider_id
                where i.tenant_id = $1 and i.user_id = u.id and i.unlinked_at is null order by p.slug) as providers
        from app_user u
        where u.tenant_id = $1 and ($2::text is null or u.username > $2) order by u.username limit $3
        """,
        tenant_id,
        after,
        first,
    )
    return [UserLine(**{**row, "providers": tuple(row["providers"])}) for row in rows]


class ExportedIdentity(msgspec.Struct, frozen=True):
    """An identity of a user who is exported."""

    id: UUID
    provider_id: UUID
    provider: str
    anchor: str
    subject: str | None
    state: str
    state_reason: str | None
    state_since: datetime


class ExportedUser(msgspec.Struct, frozen=True):
    """A user with their identities that are not unlinked, and the permissions given by hand."""

    id: UUID
    username: str
    display_label: str
    email: str | None
    identities: list[ExportedIdentity]
    permissions: tuple[str, ...]


async def exported(connection: Connection, tenant_id: UUID, *, after: str | None, first: int) -> list[ExportedUser]:
    """The tenant's users by username, strictly after `after`, without those who were erased."""
    rows = await connection.fetch(
        """
        select u.id, u.username, u.display_label, u.email, array(
                select p.name from permission_grant g
                cross join lateral (select name from permission where tenant_id = $1 and id = g.permission_id limit 1) p
                where g.tenant_id = $1 and g.user_id = u.id and g.source = 'MANUAL' and g.revoked_at is null order by p.name
            ) as permissions, (
                select coalesce(json_agg(json_build_object('id', i.id, 'provider_id', i.provider_id, 'provider', p.slug,
                    'anchor', i.anchor, 'subject', i.subject, 'state', i.state, 'state_reason', i.state_reason,
                    'state_since', i.state_since) order by p.slug, i.anchor), '[]')::text
                from identity i
                cross join lateral (select slug from provider where tenant_id = $1 and id = i.provider_id limit 1) p
                where i.tenant_id = $1 and i.user_id = u.id and i.unlinked_at is null
            ) as identities
        from app_user u
        where u.tenant_id = $1 and ($2::text is null or u.username > $2) and u.erased_at is null
        order by u.username limit $3
        """,
        tenant_id,
        after,
        first,
    )
    return [
        ExportedUser(
            **{
                **row,
                "permissions": tuple(row["permissions"]),
                "identities": msgspec.json.decode(row["identities"], type=list[ExportedIdentity]),
            }
        )
        for row in rows
    ]


class IdentityLine(msgspec.Struct, frozen=True):
    """An identity as the operator sees it."""

    id: UUID
    provider: str
    anchor: str
    subject: str | None
    state: str
    state_reason: str | None


async def identities_of(connection: Connection, tenant_id: UUID, user_id: UUID) -> list[IdentityLine]:
    """The user's identities that are not unlinked, by provider."""
    rows = await connection.fetch(
        """
        select i.id, p.slug as provider, i.anchor, i.subject, i.state, i.state_reason
        from identity i join provider p on p.tenant_id = $1 and p.id = i.provider_id
        where i.tenant_id = $1 and i.user_id = $2 and i.unlinked_at is null order by p.slug, i.anchor
        """,
        tenant_id,
        user_id,
    )
    return [IdentityLine(**row) for row in rows]


class HeldPermission(msgspec.Struct, frozen=True):
    """A permission with an open grant."""

    name: str
    source: str
    in_force: bool


async def held_by(connection: Connection, tenant_id: UUID, user_id: UUID) -> list[HeldPermission]:
    """By name; each source once."""
    rows = await connection.fetch(
        f"""
        with effective as materialized (select * from {effective_permissions("$1", "$2", "now()")} e)
        select distinct p.name, g.source, e.grant_id is not null as in_force
        from permission_grant g
        cross join lateral (select name from permission where tenant_id = $1 and id = g.permission_id limit 1) p
        left join effective e on e.grant_id = g.id
        where g.tenant_id = $1 and g.user_id = $2 and g.revoked_at is null
        union
        select permission, source, true from effective order by 1, 2
        """,
        tenant_id,
        user_id,
    )
    return [HeldPermission(**row) for row in rows]


class Whom(msgspec.Struct, frozen=True):
    """The user behind a username, for an operator who is about to give them something."""

    id: UUID
    username: str
    display_label: str
    email: str | None
    email_verified: bool | None
    created_at: datetime
    chose_address: bool
    identities: tuple[tuple[str, str, str], ...]
    """Provider, issuer, and subject; for a waiting identity, the anchor."""


async def whom(connection: Connection, tenant_id: UUID, named: str | UUID) -> Whom | None:
    """The user with exactly this name, or with this id."""
    row = await connection.fetchrow(
        f"""
        select u.id, u.username, u.display_label, u.email, u.email_verified, u.created_at, {_CHOSE_ADDRESS} as chose_address,
            array(select array[p.slug, i.issuer, coalesce(i.subject, 'waits for ' || i.anchor)]
                from identity i join provider p on p.tenant_id = $1 and p.id = i.provider_id
                where i.tenant_id = $1 and i.user_id = u.id and i.unlinked_at is null order by p.slug) as identities
        from app_user u where u.tenant_id = $1 and (u.username = $2 or u.id = $3)
        """,
        tenant_id,
        str(named),
        named if isinstance(named, UUID) else None,
    )
    return (
        Whom(**{**row, "identities": tuple([(one[0], one[1], one[2]) for one in row["identities"]])}) if row else None
    )
