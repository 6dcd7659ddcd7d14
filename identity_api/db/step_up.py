"""By which providers a user can prove anew who they are."""

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
    """The enabled providers at which the user has a living identity, and which are configured to ask people anew."""
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
