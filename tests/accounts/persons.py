"""People as a provider verifiably says, and what provisioning answers to them."""

from typing import Any
from uuid import UUID

from identity_api.accounts.provisioning import Declined, Provisioned, VerifiedPerson
from identity_api.claims import Profile
from identity_api.db.database import Connection
from identity_api.db.providers import Provider
from tests import factories as make


def person(provider: Provider, subject: str = "s-1", **changes: Any) -> VerifiedPerson:
    values = {
        "anchor": subject,
        "username": "alice",
        "display_label": "Alice Archer",
        "email": "alice@example.com",
        "email_verified": True,
        **changes,
    }
    issuer = values.pop("issuer", provider.issuer)
    return VerifiedPerson(issuer=issuer, subject=subject, profile=Profile(**values))


async def enter(connection: Connection, provider: Provider, who: VerifiedPerson) -> Provisioned | Declined:
    return await make.provision(connection, provider, who, actor="provider:test")


async def accepted(connection: Connection, provider: Provider, who: VerifiedPerson) -> Provisioned:
    result = await enter(connection, provider, who)
    assert isinstance(result, Provisioned)
    return result


async def refused(connection: Connection, provider: Provider, who: VerifiedPerson) -> Declined:
    before = await counts(connection, provider.tenant_id)
    result = await enter(connection, provider, who)
    assert isinstance(result, Declined)
    assert await counts(connection, provider.tenant_id) == before
    return result


async def counts(connection: Connection, tenant_id: UUID) -> tuple[int, int]:
    users = await connection.fetchval("select count(*) from app_user where tenant_id = $1", tenant_id)
    found = await connection.fetchval("select count(*) from identity where tenant_id = $1", tenant_id)
    return users, found


async def username_of(connection: Connection, user_id: UUID) -> str:
    return str(await connection.fetchval("select username from app_user where id = $1", user_id))


async def make_provider(connection: Connection, **settings: Any) -> Provider:
    tenant = await make.make_tenant(connection)
    return await make.make_provider(connection, tenant.id, **settings)
