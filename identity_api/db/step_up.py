"""The providers that can authenticate a user again (step-up), and the user's names at each of them."""

from uuid import UUID

import msgspec

from identity_api.db.database import Connection


class ProvingProvider(msgspec.Struct, frozen=True):
    """A provider that can be asked for a fresh proof."""

    slug: str
    protocol: str
    label: str
    icon: str | None


async def proving_providers(connection: Connection, tenant_id: UUID, user_id: UUID) -> tuple[ProvingProvider, ...]:
    """The enabled providers at which the user has a living identity and that are configured for step-up."""
    rows = await connection.fetch(
        """
        select distinct p.slug, p.protocol, p.label, p.icon from identity i
        join provider p on p.tenant_id = $1 and p.id = i.provider_id
            and p.enabled and p.reauthentication and p.protocol = 'oidc'
        where i.tenant_id = $1 and i.user_id = $2 and i.unlinked_at is null and i.state not in ('REVOKED', 'QUARANTINED')
        order by p.slug
        """,
        tenant_id,
        user_id,
    )
    return tuple([ProvingProvider(**row) for row in rows])


class KnownAs(msgspec.Struct, frozen=True):
    """The names that a provider sent for a user at their last sign-in."""

    username: str | None
    email: str | None


async def known_as(connection: Connection, tenant_id: UUID, user_id: UUID, provider_id: UUID) -> KnownAs | None:
    """From the newest sign-in there; None if the user has none."""
    row = await connection.fetchrow(
        """
        select claims ->> 'username' as username, claims ->> 'email' as email from identity
        where tenant_id = $1 and user_id = $2 and provider_id = $3 and unlinked_at is null
        order by signed_in_at desc limit 1
        """,
        tenant_id,
        user_id,
        provider_id,
    )
    return KnownAs(**row) if row else None
