"""A tenant that shows every page there is: several ways in with and without icons, passwords, long names, many groups."""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from identity_api.accounts import totp
from identity_api.accounts.invitations import Guest, invite
from identity_api.accounts.local_passwords import create_password_token
from identity_api.db import grants, providers, tenants, user_read_model
from identity_api.db.tenants import Tenant
from identity_api.ids import uuid7
from identity_api.permissions.service import PROVIDERS_READ
from identity_api.vault import Vault
from tests import factories as make
from tests.accounts.local_world import LocalWorld
from tests.browser.systems import Systems
from tests.openid_provider import Person
from tests.web.site import add_provider

LONG_WORD = "Donaudampfschifffahrtselektrizitaetenhauptbetriebswerkbauunterbeamtengesellschaft"
EVE = Person(
    subject="s-eve",
    username="eve.okonkwo-featherstonehaugh@research.and.development.acme.example",
    name=f"Eve Okonkwo-Featherstonehaugh {LONG_WORD}",
    email="eve.okonkwo-featherstonehaugh@research.and.development.acme.example",
    email_verified=False,
    groups=("engineering", "identity-admins", LONG_WORD, *[f"team-{number:02}" for number in range(1, 15)]),
)
"""Somebody whose page has the most on it, and the longest."""


@dataclass
class House:
    """The tenant, its provider, and its people with passwords."""

    systems: Systems
    tenant: Tenant
    world: LocalWorld

    @property
    def origin(self) -> str:
        return f"https://{self.tenant.slug}.example"

    @property
    def issuer(self) -> str:
        """Of all its providers."""
        return self.systems.deployment.idps["infrahub"].issuer

    async def password_link(self, username: str) -> str:
        """What an admin sends to somebody new."""
        user_id = await self.world.make_user(username, password=None)
        made = await create_password_token(self.world.database, self.world.operator, user_id)
        return f"{self.origin}/auth/password/{made.token}"

    async def invitation_link(self, username: str, provider: str | None = None) -> str:
        """What an admin sends to somebody whom they invite, to a provider or to choose a password."""
        row_id = None
        if provider is not None:
            async with self.world.database.reading() as connection:
                found = await providers.by_slug(connection, self.tenant.id, provider)
            assert found is not None
            row_id = found.id
        made = await invite(self.world.database, self.world.operator, Guest(username=username, provider_id=row_id))
        return f"{self.origin}/invitation/{made.token}"

    async def user_with_second_factor(self, username: str) -> bytes:
        """Somebody with a password, and an authenticator that has this secret. They used it a while ago."""
        self.world.wait(minutes=-5)
        secret = await self.world.enrol(await self.world.make_user(username))
        self.world.wait(minutes=5)
        return secret

    async def let_set_up(self, user_id: UUID) -> None:
        """Give somebody what the onboarding checklist needs."""
        async with self.world.database.transaction() as connection:
            permission = await make.make_permission(connection, self.tenant.id, PROVIDERS_READ)
            await grants.open_manual_grant(connection, self.tenant.id, user_id, permission, "operator:root")
            await user_read_model.refresh(connection, self.tenant.id, [user_id])

    async def use_groups(self) -> None:
        """Mappings for some of Eve's groups, one of them with a long name."""
        async with self.world.database.transaction() as connection:
            for pattern, names in (("engineering", ("docs:read", "docs:write")), (LONG_WORD, ("docs:publish",))):
                given = [await make.make_permission(connection, self.tenant.id, name) for name in names]
                await make.make_mapping(connection, self.tenant.id, pattern, given)


def this_step() -> int:
    """The time step that authenticators are in."""
    return int(datetime.now(UTC).timestamp()) // totp.STEP_SECONDS


def code_at(secret: bytes, step: int) -> str:
    """What an authenticator shows then. It is accepted once, from a step before to a step after."""
    return totp.code_at(secret, step).decode()


async def build(systems: Systems) -> House:
    """Make the tenant with its providers, and let it have passwords."""
    database = systems.deployment.database
    vault, idp = Vault(systems.deployment.settings.secret_keys), systems.deployment.idps["infrahub"]
    idp.add_person(EVE.username, EVE.groups, subject=EVE.subject, name=EVE.name, email=EVE.email, email_verified=False)
    tenant_id = uuid7()
    tenant = Tenant(tenant_id, f"house-{tenant_id.hex[-8:]}", "Acme Research", None, 0)
    host = f"{tenant.slug}.example"
    async with database.transaction() as connection:
        await tenants.write(connection, tenant)
        await tenants.replace_hosts(connection, tenant.id, [host])
    for position, (slug, label, icon, asks_anew) in enumerate(
        (
            ("entra", "Microsoft Entra ID", "mdi:microsoft", True),
            ("google", "Google", "mdi:google", False),
            ("partners", "Single sign-on for partners, contractors and everybody else who helps us", None, False),
            ("long", LONG_WORD, "mdi:key", False),
        )
    ):
        await add_provider(
            database,
            vault,
            idp,
            tenant.id,
            host,
            slug,
            label=label,
            icon=icon,
            position=position,
            reauthentication=asks_anew,
            sync_mode="ADDITIVE",
        )
    world = LocalWorld(database, tenant, vault=vault, now=datetime.now(UTC))
    await world.set_policy()
    return House(systems, tenant, world)
