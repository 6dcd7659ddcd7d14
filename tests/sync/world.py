"""A tenant whose people have signed in at a running provider, ready to be synced."""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import httpx

from identity_api.claims import Profile
from identity_api.clock import system_clock
from identity_api.config import KeyRing
from identity_api.db import grants
from identity_api.db.database import Database
from identity_api.db.providers import Provider
from identity_api.errors import CannotWrite, Unavailable
from identity_api.ids import uuid7
from identity_api.lifecycle.apply_verified import Verified, apply_verified
from identity_api.oidc.discovery import ProviderMetadata, configuration_url, parse_provider_metadata
from identity_api.oidc.id_token import nonce_hash
from identity_api.oidc.jwks import KeySet, parse_key_set
from identity_api.relying_party import refresh_tokens
from identity_api.relying_party.refresh_tokens import LoginTokens
from identity_api.sync.deps import SyncDeps, SyncLimits
from identity_api.sync.run import SweepReport, sweep
from identity_api.upstream.addresses import AllowList
from identity_api.upstream.exchange import Upstream
from identity_api.upstream.keys import ProviderDocuments
from identity_api.vault import Vault
from tests import factories as make
from tests.builder import build_tenant
from tests.openid_provider import RunningProvider

NONCE = "the nonce of every login here"
GROUP_PERMISSIONS = {"engineering": "docs:write", "support": "tickets:answer"}


@dataclass(frozen=True)
class Person:
    """Somebody who has signed in: with a user, an identity and a session."""

    username: str
    user_id: UUID
    identity_id: UUID
    session_id: UUID


@dataclass(frozen=True)
class World:
    """One tenant, one provider, and everything a test asks of them."""

    database: Database
    vault: Vault
    issuer: RunningProvider
    provider: Provider
    deps: SyncDeps
    moment: list[float] | None = None
    """The time by which this worker measures its leases, where a test moves it."""

    @property
    def tenant_id(self) -> UUID:
        return self.provider.tenant_id

    def another_worker(self) -> "World":
        """The same world as another process sees it."""
        return replace(self, deps=make_deps(self.database, self.vault, self.deps.upstream))

    def with_limits(self, **limits: Any) -> "World":
        """The same world as a worker with other limits sees it."""
        return replace(self, deps=make_deps(self.database, self.vault, self.deps.upstream, **limits))

    def with_elapsed(self, moment: list[float]) -> "World":
        """The same world as a worker sees it whose time stands still until the test moves it."""
        return replace(self.with_elapsed_of(lambda: moment[0]), moment=moment)

    def with_elapsed_of(self, elapsed: Callable[[], float]) -> "World":
        """The same world as a worker sees it who measures time with this."""
        return replace(self, deps=replace(self.another_worker().deps, elapsed=elapsed))

    def with_database(self, database: Any) -> "World":
        """The same world over another way to its database."""
        return replace(self, deps=replace(self.deps, database=database))

    async def sweep(self) -> SweepReport:
        return await sweep(self.deps)

    async def sync(self, person: Person) -> SweepReport:
        """Only this person's, so that tests which share a database do not sync each other's people."""
        return await sweep(self.deps, user=(self.tenant_id, person.user_id))

    async def sign_in(self, username: str, *, identity_of: Person | None = None, is_due: bool = True) -> Person:
        """A login: verified answer, session and refresh token, as the callback writes them."""
        issued = self.issuer.issue_login(username)
        person = self.issuer.people[username]
        async with self.database.transaction() as connection:
            if identity_of is None:
                user_id = await make.make_user(connection, self.tenant_id)
                identity_id = await make.make_identity(connection, self.provider, user_id, subject=person.subject)
            else:
                user_id, identity_id = identity_of.user_id, identity_of.identity_id
            profile = Profile(person.subject, username, person.name, person.email, True)
            answer = Verified(identity_id, profile, make.reading(person.groups), None)
            await make.lock_for_change(connection, self.tenant_id, [user_id])
            await apply_verified(
                connection, self.tenant_id, self.provider, [answer], is_login=True, actor=f"user:{user_id}"
            )
            tokens = LoginTokens(
                refresh_token=issued.refresh_token,
                nonce_hash=nonce_hash(NONCE),
                auth_time=issued.auth_time,
                is_access_token=self.provider.sync == "ACCESS_TOKEN",
                client_id=self.provider.client_id,
            )
            await refresh_tokens.keep(connection, self.vault, self.tenant_id, identity_id, tokens)
            session_id, _ = await make.make_session(connection, self.tenant_id, user_id, identity_id)
        signed_in = Person(username, user_id, identity_id, session_id)
        if is_due:
            await self.make_due(signed_in)
        return signed_in

    async def make_due(self, person: Person) -> None:
        await self.write("update identity_sync set due_at = now() where id = $1", person.identity_id)

    async def let_lease_run_out(self, person: Person) -> None:
        """As if the worker that holds it had been killed a while ago."""
        await self.write(
            "update identity_sync set lease_until = now() - interval '1 second' where id = $1", person.identity_id
        )

    async def permissions(self, person: Person) -> frozenset[str]:
        async with self.database.reading() as connection:
            return await grants.effective(connection, self.tenant_id, person.user_id)

    async def state(self, person: Person) -> tuple[str, str | None]:
        row = await self.row("select state, state_reason from identity where id = $1", person.identity_id)
        return row["state"], row["state_reason"]

    async def sync_row(self, person: Person) -> Any:
        return await self.row(
            """
            select *, extract(epoch from due_at - now())::float8 as due_in,
                extract(epoch from lease_until - now())::float8 as lease_in
            from identity_sync where id = $1
            """,
            person.identity_id,
        )

    async def session_is_over(self, person: Person) -> str | None:
        row = await self.row("select ended_reason from session where id = $1", person.session_id)
        return row["ended_reason"]

    async def actions(self, person: Person) -> list[str]:
        """What the audit says of the identity, oldest first."""
        async with self.database.reading() as connection:
            rows = await connection.fetch(
                "select action from audit_event where tenant_id = $1 and subject_id = $2 order by id",
                self.tenant_id,
                person.identity_id,
            )
        return [row["action"] for row in rows]

    async def recorded(self, person: Person, action: str) -> list[Any]:
        """What the audit says of the identity in events of this action, oldest first."""
        async with self.database.reading() as connection:
            rows = await connection.fetch(
                """
                select payload from audit_event where tenant_id = $1 and subject_id = $2 and action = $3 order by id
                """,
                self.tenant_id,
                person.identity_id,
                action,
            )
        return [json.loads(row["payload"]) for row in rows]

    def token_requests(self, person: Person | None = None) -> int:
        return self.issuer.log.count("/token", grant_type="refresh_token", person=person.username if person else None)

    async def expected_permissions(self, person: Person) -> frozenset[str]:
        """What the person's groups at the provider give."""
        groups = self.issuer.people[person.username].groups
        return frozenset([GROUP_PERMISSIONS[group] for group in groups if group in GROUP_PERMISSIONS])

    async def provider_actions(self) -> list[str]:
        """What the audit says of the provider, oldest first."""
        async with self.database.reading() as connection:
            rows = await connection.fetch(
                "select action from audit_event where tenant_id = $1 and subject_id = $2 order by id",
                self.tenant_id,
                self.provider.id,
            )
        return [row["action"] for row in rows]

    async def access_token(self, username: str) -> str:
        """An access token of that person, fresh from the provider."""
        issued = self.issuer.issue_login(username)
        form = {
            "grant_type": "refresh_token",
            "refresh_token": issued.refresh_token,
            "client_id": self.issuer.client_id,
            "client_secret": self.issuer.client_secret,
        }
        async with httpx.AsyncClient(trust_env=False, verify=False) as client:
            return str((await client.post(f"{self.issuer.issuer}/token", data=form)).json()["access_token"])

    async def keep_instead(self, person: Person, token: str) -> None:
        """Put this token in the place of the one that the login kept."""
        async with self.database.transaction() as connection:
            await connection.execute("delete from refresh_token where identity_id = $1", person.identity_id)
            tokens = LoginTokens(
                refresh_token=token,
                is_access_token=self.provider.sync == "ACCESS_TOKEN",
                anchored_by=tuple(self.provider.claims.anchor),
            )
            await refresh_tokens.keep(connection, self.vault, self.tenant_id, person.identity_id, tokens)

    async def narrow_mapping_of(self, group: str) -> None:
        """Take every permission from the group's mapping, as an edit does whose grants are still to be written."""
        async with self.database.transaction() as connection:
            await connection.execute(
                """
                delete from mapping_permission where tenant_id = $1 and mapping_id in (
                    select id from group_mapping where tenant_id = $1 and pattern = $2)
                """,
                self.tenant_id,
                group,
            )
            await connection.execute(
                """
                insert into mapping_change (id, tenant_id, mapping_id, actor, total, done, created_at)
                select $3, $1, id, 'system', 1, 0, now() from group_mapping where tenant_id = $1 and pattern = $2
                """,
                self.tenant_id,
                group,
                uuid7(),
            )

    async def token(self, person: Person) -> Any:
        """The refresh token's row; the identity has one."""
        return await self.row("select * from refresh_token where identity_id = $1", person.identity_id)

    async def events(self) -> int:
        """How many audit events the tenant has."""
        return int((await self.row("select count(*) from audit_event where tenant_id = $1", self.tenant_id))[0])

    async def end_pause(self) -> None:
        """As if the time had passed for which the provider is to be left alone."""
        await self.write("update provider_breaker set open_until = now() where id = $1", self.provider.id)

    async def seal_under_a_lost_key(self, person: Person) -> None:
        """Seal the person's refresh token as a ring would have done that nobody has any more."""
        row = await self.token(person)
        opened = refresh_tokens.open_sealed(self.vault, self.tenant_id, row["id"], row["sealed"])
        lost = Vault(KeyRing([("lost", os.urandom(32))]))
        sealed = refresh_tokens.seal(lost, self.tenant_id, row["id"], opened)
        await self.write("update refresh_token set sealed = $2 where id = $1", row["id"], sealed)

    async def row(self, statement: str, *arguments: Any) -> Any:
        async with self.database.reading() as connection:
            return await connection.fetchrow(statement, *arguments)

    async def rows(self, statement: str, *arguments: Any) -> list[Any]:
        async with self.database.reading() as connection:
            return list(await connection.fetch(statement, *arguments))

    async def write(self, statement: str, *arguments: Any) -> None:
        async with self.database.reading() as connection:
            await connection.execute(statement, *arguments)


class FlakyDatabase:
    """A database that cannot be reached the first few times."""

    is_distributed = False

    def __init__(self, database: Database, *, failures: int) -> None:
        self._database = database
        self.failures = failures

    def reading(self) -> Any:
        if self.failures:
            self.failures -= 1
            raise Unavailable("The database does not answer.")
        return self._database.reading()


class CutTransactions:
    """A database whose transactions are cut off for a while: before their commits, or after them and before the answer."""

    is_distributed = False

    def __init__(self, database: Database, *, after: int, times: int, is_carried_out: bool) -> None:
        """Args:
        after: how many transactions go well before.
        times: how many are cut.
        """
        self._database, self.limits = database, database.limits
        self._after, self.times, self._is_carried_out = after, times, is_carried_out
        self.reading = database.reading

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Any]:
        cuts = self._after <= 0 and self.times > 0
        self._after -= 1
        if not cuts:
            async with self._database.transaction() as connection:
                yield connection
            return
        self.times -= 1
        async with self._database.transaction() as connection:
            yield connection
            if not self._is_carried_out:
                raise Unavailable("The database does not answer.")
        raise Unavailable("The database does not answer.")


class AwayDatabase:
    """A database that takes no write before it is back."""

    is_distributed = False

    def __init__(self, database: Database) -> None:
        self._database, self.limits = database, database.limits
        self._landings, self._claims = asyncio.Semaphore(0), asyncio.Semaphore(0)
        self.is_back = False

    def reading(self) -> Any:
        return self._used(self._database.reading, self._landings)

    def transaction(self) -> Any:
        return self._used(self._database.transaction, self._claims)

    @asynccontextmanager
    async def _used(self, use: Callable[[], Any], tried: asyncio.Semaphore) -> AsyncIterator[Any]:
        if not self.is_back:
            tried.release()
            raise CannotWrite
        async with use() as connection:
            yield connection

    async def refuses(self, *, landings: int = 0, claims: int = 0) -> None:
        """Wait until it has refused so many."""
        for _ in range(landings):
            await self._landings.acquire()
        for _ in range(claims):
            await self._claims.acquire()


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not is_so():  # noqa: ASYNC110  # a counter tells nobody
            await asyncio.sleep(0.01)


def make_vault() -> Vault:
    return Vault(KeyRing([("k1", os.urandom(32))]))


def make_deps(database: Database, vault: Vault, upstream: Upstream, **limits: Any) -> SyncDeps:
    documents: ProviderDocuments[ProviderMetadata, KeySet] = ProviderDocuments(
        upstream,
        monotonic=time.monotonic,
        configuration_url=configuration_url,
        parse_metadata=parse_provider_metadata,
        parse_keys=parse_key_set,
    )
    return SyncDeps(
        database=database,
        vault=vault,
        upstream=upstream,
        documents=documents,
        clock=system_clock,
        limits=SyncLimits(**limits),
    )


def make_upstream(issuer: RunningProvider, limits: SyncLimits | None = None) -> Upstream:
    """As the worker's wiring makes it."""
    connections = (limits or SyncLimits()).in_hand
    allow = AllowList.parse([f"127.0.0.1:{issuer.port}"])
    return Upstream(allow=allow, connections=connections, per_origin=connections)


async def make_world(
    database: Database, vault: Vault, upstream: Upstream, issuer: RunningProvider, **settings: Any
) -> World:
    """A tenant with the running provider, where groups give permissions."""
    limits = {name: settings.pop(name) for name in SyncLimits.__struct_fields__ if name in settings}
    built = await build_tenant(
        database,
        provider={"absent_groups": "EMPTY", **settings},
        at=(issuer, vault),
        permissions=list(GROUP_PERMISSIONS.values()),
        mapped=GROUP_PERMISSIONS,
    )
    return World(database, vault, issuer, built.its_provider, make_deps(database, vault, upstream, **limits))
