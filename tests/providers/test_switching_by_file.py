"""A provider switched off and on by its declaration: as by the mutations, with everything that follows."""

import os
from pathlib import Path
from uuid import UUID

import msgspec
import pytest

from identity_api.db import providers
from identity_api.providers.declaration import ProviderDeclaration
from identity_api.tenants.apply import Applier, apply_tenant
from identity_api.tenants.declaration import TenantDeclaration
from tests.providers.office import FIELDS, Office
from tests.providers.test_switching import is_signed_in, session_of

ON = ProviderDeclaration(
    slug="keycloak",
    issuer=FIELDS["issuer"],
    client_id=FIELDS["client_id"],
    client_secret_env="ACME_SECRET",
)
OFF = msgspec.structs.replace(ON, enabled=False)
OTHER = msgspec.structs.replace(ON, slug="other", issuer="https://login.acme.example")


async def apply(office: Office, *declared: ProviderDeclaration) -> None:
    environ = {"ACME_SECRET": "correct-horse"}
    applier = Applier(office.deps.vault, office.deps.defaults, environ, Path(os.devnull), "operator:root")
    tenant = TenantDeclaration(slug=office.slug, name="Acme", hosts=(f"{office.slug}.example.com",), providers=declared)
    await apply_tenant(office.database, applier, tenant)


class Colleague(msgspec.Struct, frozen=True):
    """Somebody who has signed in at a declared provider, and has an API token."""

    office: Office
    user_id: UUID
    session: str

    async def standing(self) -> tuple[bool, bool, frozenset[str]]:
        """Signed in? Has a living API token? And may do what?"""
        tokens = await self.office.fetch("select from api_token where user_id = $1 and ended_at is null", self.user_id)
        may = await self.office.effective(self.user_id)
        return await is_signed_in(self.office, self.session), bool(tokens), may


async def colleague(office: Office, slug: str) -> Colleague:
    async with office.database.reading() as connection:
        provider = await providers.by_slug(connection, office.tenant_id, slug)
    assert provider is not None
    user_id, identity_id = await office.person(provider, ["engineering"])
    return Colleague(office, user_id, await session_of(office, user_id, identity_id))


@pytest.mark.asyncio
async def test_what_came_from_a_provider_that_a_file_disables_stays_over_when_a_file_enables_it(office: Office) -> None:
    """Its groups count again; its sessions and API tokens do not, and a login is needed."""
    await office.mapping("engineering", "docs:read")
    await apply(office, ON, OTHER)
    gone, here = await colleague(office, "keycloak"), await colleague(office, "other")
    assert await gone.standing() == await here.standing() == (True, True, {"docs:read"})
    await apply(office, OFF, OTHER)
    assert await gone.standing() == (False, False, frozenset())
    assert await here.standing() == (True, True, {"docs:read"})
    await apply(office, ON, OTHER)
    assert await gone.standing() == (False, False, {"docs:read"})
    assert await here.standing() == (True, True, {"docs:read"})
    ended = await office.fetch(
        "select action, actor, payload from audit_event where tenant_id = $1 and action like '%.ended' order by action",
        office.tenant_id,
    )
    assert [(row["action"], row["actor"], msgspec.json.decode(row["payload"])) for row in ended] == [
        ("api_token.ended", "operator:root", {"reason": "provider_disabled"}),
        ("session.ended", "operator:root", {"reason": "provider_disabled"}),
    ]


@pytest.mark.asyncio
async def test_a_file_that_switches_nothing_ends_nothing(office: Office) -> None:
    """Applied again as it is, and with another change: of who is signed in before, everybody stays."""
    await office.mapping("engineering", "docs:read")
    await apply(office, ON)
    one = await colleague(office, "keycloak")
    for declared in (ON, msgspec.structs.replace(ON, label="Acme SSO"), ON):
        await apply(office, declared)
        assert await one.standing() == (True, True, {"docs:read"})


@pytest.mark.asyncio
async def test_who_has_another_way_in_keeps_the_api_token(office: Office) -> None:
    await apply(office, ON, OTHER)
    one = await colleague(office, "keycloak")
    async with office.database.reading() as connection:
        other = await providers.by_slug(connection, office.tenant_id, "other")
    assert other is not None
    await office.identity(other, one.user_id, ["engineering"])
    await apply(office, OFF, OTHER)
    assert (await one.standing())[:2] == (False, True)


@pytest.mark.asyncio
async def test_logins_under_way_are_refused_as_after_the_mutation(office: Office) -> None:
    await apply(office, ON)
    await office.fetch(
        """
        insert into login_attempt (id, tenant_id, provider_id, delivery, return_to, session_origin, path_prefix,
            redirect_url, issuer, reauthentication, created_at, expires_at)
        select gen_random_uuid(), tenant_id, id, 'cookie', '/', 'https://a.example', '', redirect_url, issuer, false, now(),
            now() + interval '10 minutes' from provider where tenant_id = $1
        """,
        office.tenant_id,
    )
    outcome = "select outcome from login_attempt where tenant_id = $1"
    await apply(office, msgspec.structs.replace(ON, label="Acme SSO"))
    assert [row["outcome"] for row in await office.fetch(outcome, office.tenant_id)] == [None]
    await apply(office, OFF)
    assert [row["outcome"] for row in await office.fetch(outcome, office.tenant_id)] == ["PROVIDER_DISABLED"]


@pytest.mark.asyncio
async def test_a_strict_provider_that_a_file_switches_on_lets_its_groups_decide_again(office: Office) -> None:
    """What was given by hand meanwhile is closed."""
    await apply(office, ON)
    one = await colleague(office, "keycloak")
    await apply(office, OFF)
    await office.fetch(
        """
        insert into permission_grant (id, tenant_id, user_id, permission_id, source, granted_at, granted_by)
        select gen_random_uuid(), $1, $2, id, 'MANUAL', now(), 'user:someone' from permission
        where tenant_id = $1 and name = 'identity:providers:write'
        """,
        office.tenant_id,
        one.user_id,
    )
    await apply(office, ON)
    [grant] = await office.fetch("select revoked_reason from permission_grant where user_id = $1", one.user_id)
    assert grant["revoked_reason"] == "STRICT_PROVIDER"
