"""A tenant that keeps its users by hand, on a clock that tests move."""

import base64
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from argon2 import PasswordHasher

from identity_api.accounts import local, local_passwords, second_factor, totp
from identity_api.accounts.deps import AccountDeps
from identity_api.accounts.local import NewLocalUser
from identity_api.accounts.local_policy import apply_policy
from identity_api.accounts.passwords import Passwords
from identity_api.config import KeyRing
from identity_api.db.database import Database
from identity_api.db.local_accounts import LocalPolicy
from identity_api.db.tenants import Tenant
from identity_api.permissions.delegation import Actor
from identity_api.permissions.service import USERS_WRITE
from identity_api.vault import Vault
from tests.builder import build_tenant

PASSWORD = "four horses, one battery"
OTHER_PASSWORD = "another seven staples"
QUICK = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
"""As cheap as argon2 goes: what is tested is what is done with the answer."""


@dataclass
class LocalWorld:
    """One tenant, its operator, and the parts."""

    database: Database
    tenant: Tenant
    passwords: Passwords = field(default_factory=lambda: Passwords(QUICK))
    vault: Vault = field(default_factory=lambda: Vault(KeyRing([("test", os.urandom(32))])))
    now: datetime = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)

    @property
    def deps(self) -> AccountDeps:
        return AccountDeps(database=self.database, vault=self.vault, passwords=self.passwords, clock=lambda: self.now)

    @property
    def operator(self) -> Actor:
        return Actor(self.tenant.id, None, "operator:root", frozenset())

    def actor(self, user_id: UUID, *permissions: str) -> Actor:
        return Actor(self.tenant.id, user_id, f"user:{user_id}", frozenset(permissions))

    def admin(self, user_id: UUID, *permissions: str) -> Actor:
        return self.actor(user_id, USERS_WRITE, *permissions)

    async def set_policy(self, *, local_sign_in: bool = True, sso_managed: bool = False) -> tuple[str, ...]:
        async with self.database.transaction() as connection:
            policy = LocalPolicy(local_sign_in, sso_managed)
            return await apply_policy(connection, self.tenant.id, policy, actor="operator:root")

    async def make_user(self, username: str = "ada", *, password: str | None = PASSWORD) -> UUID:
        """A user as the operator makes them, who has chosen a password."""
        user_id = await local.create_local_user(self.database, self.operator, NewLocalUser(username=username))
        if password is not None:
            made = await local_passwords.create_password_token(self.database, self.operator, user_id)
            await local_passwords.set_password_by_token(self.deps, self.tenant.id, made.token, password)
        return user_id

    async def enrol(self, user_id: UUID, password: str = PASSWORD, *, session_id: UUID | None = None) -> bytes:
        """Set a second factor up, completely, in this session, which goes on; its secret."""
        made = await second_factor.enrol_totp(self.deps, self.actor(user_id), password, issuer="Acme")
        secret = base64.b32decode(made.secret + "=" * (-len(made.secret) % 8))
        await second_factor.confirm_totp(self.deps, self.actor(user_id), self.code(secret), session_id=session_id)
        return secret

    def code(self, secret: bytes) -> str:
        """What the authenticator shows now."""
        return totp.code_at(secret, int(self.now.timestamp()) // totp.STEP_SECONDS).decode()

    def wait(self, **time: float) -> None:
        """Move the clock."""
        self.now += timedelta(**time)

    async def fetchval(self, statement: str, *arguments: Any) -> Any:
        async with self.database.reading() as connection:
            return await connection.fetchval(statement, *arguments)

    async def execute(self, statement: str, *arguments: Any) -> None:
        async with self.database.transaction() as connection:
            await connection.execute(statement, *arguments)

    async def events(self, action: str) -> list[dict[str, Any]]:
        """The payloads of the tenant's audit events of this action, the oldest first."""
        async with self.database.reading() as connection:
            rows = await connection.fetch(
                "select payload from audit_event where tenant_id = $1 and action = $2 order by id",
                self.tenant.id,
                action,
            )
        return [msgspec.json.decode(row["payload"]) for row in rows]


async def make_local_world(database: Database) -> LocalWorld:
    """A tenant that allows passwords."""
    world = LocalWorld(database, (await build_tenant(database)).tenant)
    await world.set_policy()
    return world
