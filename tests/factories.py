"""The rows of every test world, one function for each kind, written as the product writes them.

`tests.builder` makes a whole tenant of them; a world of some area adds its own parts and verbs.
"""

import copy
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from identity_api.accounts import api_tokens, provisioning
from identity_api.accounts.api_tokens import TokenWish
from identity_api.accounts.provisioning import Declined, Provisioned, VerifiedPerson
from identity_api.claims import Completeness, GroupsReading, Profile, Reason
from identity_api.config import DEFAULT_LIMITS, TenantLimits
from identity_api.db import grants, groups, identities, locks, providers, sessions, tenants, user_read_model
from identity_api.db.database import Connection, Database
from identity_api.db.providers import Provider, SealedSecret
from identity_api.db.tenants import Tenant
from identity_api.db.user_filters import fold
from identity_api.ids import new_tenant_token, token_hash, uuid7
from identity_api.lifecycle.apply_verified import Verified, apply_verified
from identity_api.lifecycle.mapping_matches import match_glob
from identity_api.permissions.delegation import Actor
from identity_api.vault import Vault
from tests.openid_provider import RunningProvider

EPOCH = "2026-01-01T00:00:00Z"


def limited(database: Database, **limits: int) -> Database:
    """The same pool, for a tenant that may have less."""
    limited = copy.copy(database)
    limited.limits = TenantLimits(**limits)
    return limited


async def make_tenant(connection: Connection) -> Tenant:
    """A new tenant with a slug nobody else has."""
    tenant_id = uuid7()
    tenant = Tenant(tenant_id, f"t-{tenant_id.hex}", "A test tenant", None, 0)
    await tenants.write(connection, tenant)
    return tenant


async def make_provider(connection: Connection, tenant_id: UUID, **settings: Any) -> Provider:
    """A provider; every setting of `Provider` can be given."""
    row_id = uuid7()
    values = {
        "id": row_id,
        "tenant_id": tenant_id,
        "slug": (slug := f"p-{row_id.hex[-12:]}"),
        "label": "A test provider",
        "issuer": f"https://{row_id.hex}.example",
        "client_id": "client",
        # Its own: tenants share the database, and not everybody may share an address.
        "redirect_url": f"https://id.example/auth/oidc/{slug}/callback",
        "created_at": EPOCH,
        "updated_at": EPOCH,
        **settings,
    }
    provider = msgspec.convert(values, Provider, strict=False)
    await providers.write(connection, provider)
    return provider


async def give_secrets(
    connection: Connection, vault: Vault, provider: Provider, *secrets: str, expires_at: datetime | None = None
) -> list[UUID]:
    """Make these the provider's client secrets, the oldest first; their rows."""
    rows = []
    for secret in secrets:
        row_id = uuid7()
        sealed = vault.seal(
            secret.encode(), tenant_id=provider.tenant_id, table="provider_secret", column="sealed", row_id=row_id
        )
        rows.append(SealedSecret(row_id, sealed, expires_at))
    await providers.replace_secrets(connection, provider.tenant_id, provider.id, rows)
    return [row.id for row in rows]


async def make_provider_at(
    connection: Connection, tenant_id: UUID, idp: RunningProvider, vault: Vault, **settings: Any
) -> Provider:
    """A provider row at a running provider, as its client and with the client's secret."""
    values = {"issuer": idp.issuer, "client_id": idp.client_id, **settings}
    provider = await make_provider(connection, tenant_id, **values)
    await give_secrets(connection, vault, provider, idp.client_secret)
    return provider


async def make_user(
    connection: Connection, tenant_id: UUID, *, username: str | None = None, password_hash: str | None = None
) -> UUID:
    """A user without any identity."""
    user_id = uuid7()
    name = username or f"user-{user_id.hex[-12:]}"
    await connection.execute(
        """
        insert into app_user
            (id, tenant_id, username, username_folded, display_label, display_label_folded, email, email_folded,
             email_verified, disabled_at, password_hash, epoch, created_at, active_at)
        values ($1, $2, $3, $4, $3, $4, $5, $6, true, null, $7, 0, now(), now())
        """,
        user_id,
        tenant_id,
        name,
        fold(name),
        f"{name}@example.com",
        fold(f"{name}@example.com"),
        password_hash,
    )
    await user_read_model.refresh(connection, tenant_id, [user_id])
    return user_id


async def make_session(
    connection: Connection, tenant_id: UUID, user_id: UUID, identity_id: UUID | None = None, *, kind: str = "COOKIE"
) -> tuple[UUID, str]:
    """A session that has just begun, by this identity or by the password: its row and its token."""
    session_id, token = uuid7(), new_tenant_token("iab" if kind == "BEARER" else "ias", tenant_id)
    session = sessions.NewSession(
        id=session_id,
        tenant_id=tenant_id,
        user_id=user_id,
        identity_id=identity_id,
        frontend_id=None,
        kind=kind,
        token_hash=token_hash(token),
        epoch=0,
        authenticated_at=await connection.fetchval("select now()"),
        provider_session=None,
        id_token_sealed=None,
    )
    await sessions.insert(connection, session, absolute_seconds=86_400, idle_seconds=86_400, at_most=1_000)
    return session_id, token


async def make_api_token(
    connection: Connection, tenant_id: UUID, user_id: UUID, name: str = "script", permissions: Sequence[str] = ()
) -> str:
    """An API token of the user, for a day."""
    token = new_tenant_token("iat", tenant_id)
    await connection.execute(
        """
        insert into api_token (id, tenant_id, user_id, name, token_hash, created_at, expires_at, permissions)
        values ($1, $2, $3, $4, $5, now(), now() + interval '1 day', $6)
        """,
        uuid7(),
        tenant_id,
        user_id,
        name,
        token_hash(token),
        list(permissions),
    )
    return token


async def create_api_token(database: Database, tenant_id: UUID, username: str, name: str, **wish: Any) -> str:
    """An API token of the user with this name, as the operator makes it."""
    async with database.reading() as connection:
        user_id = await connection.fetchval(
            "select id from app_user where tenant_id = $1 and username = $2", tenant_id, username
        )
    operator = Actor(tenant_id, None, "operator:root", frozenset())
    return (
        await api_tokens.create_api_token(database, operator, user_id or uuid7(), TokenWish(name=name, **wish))
    ).token


async def confirm_totp(connection: Connection, tenant_id: UUID, user_id: UUID) -> None:
    """A second factor that nobody can answer for: its secret cannot be opened."""
    await connection.execute(
        """
        insert into local_account (id, tenant_id, failures, totp_sealed, totp_confirmed_at)
        values ($1, $2, 0, 'x', now())
        on conflict (tenant_id, id) do update set totp_sealed = 'x', totp_confirmed_at = now()
        """,
        user_id,
        tenant_id,
    )


async def make_identity(
    connection: Connection, provider: Provider, user_id: UUID, *, subject: str | None = None, anchor: str | None = None
) -> UUID:
    """An identity of the user at the provider, never signed in yet."""
    identity_id = uuid7()
    subject = subject or f"subject-{identity_id.hex}"
    await identities.insert(
        connection,
        provider.tenant_id,
        identity_id=identity_id,
        user_id=user_id,
        provider_id=provider.id,
        issuer=provider.issuer,
        subject=subject,
        anchor=anchor or subject,
    )
    await user_read_model.refresh(connection, provider.tenant_id, [user_id])
    return identity_id


async def make_person(
    connection: Connection,
    provider: Provider,
    groups: Sequence[str] | GroupsReading = (),
    *,
    username: str | None = None,
    label: str = "Somebody",
) -> tuple[UUID, UUID]:
    """Somebody who has signed in at the provider with these groups: user and identity."""
    user_id = await make_user(connection, provider.tenant_id, username=username)
    identity_id = await make_identity(connection, provider, user_id)
    await sign_in(connection, provider, identity_id, groups, label=label)
    return user_id, identity_id


async def make_holder(connection: Connection, tenant_id: UUID, *permissions: str, username: str | None = None) -> UUID:
    """A user with a password to whom these permissions were given by hand; those that the tenant lacks are made."""
    user_id = await make_user(connection, tenant_id, username=username, password_hash="x")
    for name in permissions:
        found = await connection.fetchval(
            "select id from permission where tenant_id = $1 and name = $2", tenant_id, name
        )
        row_id = found or await make_permission(connection, tenant_id, name)
        await grants.open_manual_grant(connection, tenant_id, user_id, row_id, "operator:root")
    await user_read_model.refresh(connection, tenant_id, [user_id])
    return user_id


async def take_permission(connection: Connection, tenant_id: UUID, user_id: UUID, permission: str) -> None:
    """End every grant of it that somebody has."""
    await connection.execute(
        """
        update permission_grant g set revoked_at = now(), revoked_by = 'operator:root', revoked_reason = 'ADMIN'
        from permission p
        where g.tenant_id = $1 and g.user_id = $2 and p.tenant_id = $1 and p.id = g.permission_id and p.name = $3
        """,
        tenant_id,
        user_id,
        permission,
    )
    await user_read_model.refresh(connection, tenant_id, [user_id])


async def make_permission(connection: Connection, tenant_id: UUID, name: str, *, delegable: bool = True) -> UUID:
    """A permission in the tenant's vocabulary."""
    row_id = uuid7()
    await connection.execute(
        """
        insert into permission (id, tenant_id, name, description, delegable, created_at) values ($1, $2, $3, '', $4, now())
        """,
        row_id,
        tenant_id,
        name,
        delegable,
    )
    return row_id


async def make_mapping(
    connection: Connection,
    tenant_id: UUID,
    pattern: str,
    permission_ids: Sequence[UUID],
    *,
    provider_id: UUID | None = None,
    match: str = "EXACT",
) -> UUID:
    """A live mapping, matched against the groups seen so far; its grants are not written."""
    mapping_id = uuid7()
    await connection.execute(
        """
        insert into group_mapping
            (id, tenant_id, provider_id, pattern, match, enabled, version, managed_by, created_at, updated_at)
        values ($1, $2, $3, $4, $5, true, 1, 'API', now(), now())
        """,
        mapping_id,
        tenant_id,
        provider_id,
        pattern,
        match,
    )
    for permission_id in permission_ids:
        await connection.execute(
            "insert into mapping_permission (tenant_id, mapping_id, permission_id) values ($1, $2, $3)",
            tenant_id,
            mapping_id,
            permission_id,
        )
    if match == "GLOB":
        await match_glob(connection, tenant_id, mapping_id, provider_id=provider_id, pattern=pattern)
    else:
        await groups.match_exactly(connection, tenant_id, [mapping_id])
    return mapping_id


def reading(names: Sequence[str]) -> GroupsReading:
    """What a provider that lists exactly these groups says."""
    if names:
        return GroupsReading(tuple(names), Completeness.COMPLETE, Reason.LISTED)
    return GroupsReading((), Completeness.EMPTY, Reason.EMPTY_LIST)


def unreadable() -> GroupsReading:
    """What a provider says that left most groups out."""
    return GroupsReading((), Completeness.TRUNCATED, Reason.GROUPS_OVERAGE)


async def provision(
    connection: Connection, provider: Provider, person: VerifiedPerson, *, actor: str, invitation_id: UUID | None = None
) -> Provisioned | Declined:
    """The account of somebody who signs in, with the locks that a login holds."""
    names = provisioning.names_of(provider, person)
    await locks.login(connection, provider.tenant_id, provider.id, [], names)
    return await provisioning.provision(connection, provider, person, actor=actor, invitation_id=invitation_id)


async def sign_in(
    connection: Connection,
    provider: Provider,
    identity_id: UUID,
    names: Sequence[str] | GroupsReading,
    *,
    label: str = "Somebody",
    limits: TenantLimits = DEFAULT_LIMITS,
) -> None:
    """What a login writes, once the provider's answer is verified."""
    await locks.share_mappings(connection, provider.tenant_id)
    await locks.users_of_identities(connection, provider.tenant_id, [identity_id])
    groups_reading = names if isinstance(names, GroupsReading) else reading(names)
    profile = Profile(str(identity_id), None, label, f"{identity_id.hex}@example.com", True)
    await apply_verified(
        connection,
        provider.tenant_id,
        provider,
        [Verified(identity_id, profile, groups_reading, None)],
        is_login=True,
        actor="system",
        limits=limits,
    )


async def lock_for_change(connection: Connection, tenant_id: UUID, user_ids: Sequence[UUID]) -> None:
    """The locks that every writer of grants takes, in their order."""
    await locks.share_mappings(connection, tenant_id)
    await locks.users(connection, tenant_id, user_ids)
