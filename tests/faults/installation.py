"""An installation: a database of its own, a provider, people who have signed in there, and the processes that work for them.

The test looks at the database by a way of its own, which no fault lies on.
"""

import asyncio
import json
import re
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import Any
from uuid import UUID

from identity_api.config import parse_key_ring
from identity_api.db.database import Database
from identity_api.ids import uuid7
from identity_api.vault import Vault
from tests import factories as make
from tests.cli.conftest import clean_environment, new_key
from tests.faults.processes import API, Program, Worker, ask
from tests.faults.waiting import until
from tests.openid_provider import Client, RunningProvider
from tests.ports import free_ports
from tests.sync.world import Person, World, make_upstream, make_world

GROUP, PERMISSION = "engineering", "docs:write"
"""Everybody's group, and what it gives."""


@dataclass
class Installation:
    """See the module. `url` and `redis_url` are what the processes are told, with a proxy in between or without."""

    folder: Path
    url: str
    redis_url: str
    world: World
    keys: str
    ports: tuple[int, ...]
    """Of the APIs; the provider sends people back to the first."""
    people: list[Person] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    _processes: list[Worker | Program] = field(default_factory=list)

    @property
    def issuer(self) -> RunningProvider:
        return self.world.issuer

    @property
    def host(self) -> str:
        """The tenant's name at the API."""
        return f"{self.world.tenant_id.hex}.localhost"

    def variables(self, **more: str) -> dict[str, str]:
        """The environment of a process."""
        return clean_environment(
            **{
                "IDENTITY_DATA_DIR": str(self.folder / "data"),
                "IDENTITY_DATABASE_URL": self.url,
                "IDENTITY_REDIS_URL": self.redis_url,
                "IDENTITY_SECRET_KEYS": self.keys,
                "IDENTITY_PUBLIC_URL": f"http://127.0.0.1:{self.ports[0]}",
                "IDENTITY_OUTBOUND_ALLOW": f"127.0.0.1:{self.issuer.port}",
                "IDENTITY_LOG_FORMAT": "json",
                **self.environment,
                **more,
            }
        )

    def worker(self, *, output: Path | None = None, **more: str) -> Worker:
        """Start a worker."""
        folder = self.folder / f"worker-{len(self._processes)}"
        folder.mkdir()
        started = Worker(folder, self.variables(**more), output=output)
        self._processes.append(started)
        return started

    async def stopped_worker(self) -> Worker:
        """A worker that has started and stands still, to take over within a second of `go_on`."""
        started = self.worker()
        await started.started()
        await self.stop_between_statements(started)
        return started

    async def stop_between_statements(self, worker: Worker) -> None:
        """SIGSTOP, at a moment at which it holds no lock of the database."""

        async def holds_nothing() -> bool:
            worker.stop()
            busy = await self.rows(
                """
                select from pg_stat_activity
                where datname = current_database() and pid <> pg_backend_pid() and state <> 'idle'
                """
            )
            if busy:
                worker.go_on()
            return not busy

        await until(holds_nothing)

    def program(self, *arguments: str, **more: str) -> Program:
        """Start a command of the console script."""
        folder = self.folder / f"program-{len(self._processes)}"
        folder.mkdir()
        started = Program(folder, self.variables(**more), *arguments)
        self._processes.append(started)
        return started

    async def api(self, number: int = 0, *, output: Path | None = None, **more: str) -> API:
        """Start the first of the APIs, or another one, and wait until it is ready."""
        folder = self.folder / f"api-{len(self._processes)}"
        started = API(folder, self.variables(**more), self.ports[number], output=output)
        self._processes.append(started)
        await started.ready()
        return started

    def discard_processes(self) -> None:
        """Kill whatever still runs."""
        while self._processes:
            self._processes.pop().discard()

    # People

    async def sign_in(self, number: int, *, is_due: bool = True, groups: Sequence[str] = (GROUP,)) -> list[Person]:
        """So many more people who have signed in, each in the same groups."""
        names = [f"person-{len(self.people) + one}" for one in range(number)]
        for name in names:
            self.issuer.add_person(name, groups)
        found = []
        for name in names:
            found.append(await self.world.sign_in(name, is_due=False))
        self.people += found
        if is_due:
            await self.make_due(found)
        return found

    async def make_due(self, people: Sequence[Person] | None = None) -> None:
        """These people's syncs, or everybody's, are due now, all at the same moment."""
        await self.world.write(
            "update identity_sync set due_at = now() where id = any($1::uuid[])", _ids(people or self.people)
        )

    async def let_leases_run_out(self) -> None:
        """As if fifteen seconds had passed since the last heartbeat. A worker that runs would renew its own at any moment."""
        await self.world.write(
            "update identity_sync set lease_until = now() - interval '1 second' where lease_until is not null"
        )

    async def outlast_leases(self) -> None:
        """Wait until they are over. A worker measures its own leases too, and no statement moves its clock."""
        await until(self._no_lease_is_left, within=60)

    async def _no_lease_is_left(self) -> bool:
        return not await self.rows("select from identity_sync where lease_until > now()")

    async def open_session(self, person: Person) -> str:
        """A bearer token of a session of that person's identity."""
        tenant_id, database = self.world.tenant_id, self.world.database
        async with database.transaction() as connection:
            _, token = await make.make_session(connection, tenant_id, person.user_id, person.identity_id, kind="BEARER")
        return token

    async def admin(self, *permissions: str, groups: Sequence[str] = ()) -> str:
        """A bearer token of somebody new who holds these permissions by a mapping, and is in these groups as well."""
        async with self.world.database.transaction() as connection:
            ids = [await make.make_permission(connection, self.world.tenant_id, name) for name in permissions]
            await make.make_mapping(connection, self.world.tenant_id, "admins", ids)
        (person,) = await self.sign_in(1, is_due=False, groups=["admins", *groups])
        self.people.remove(person)
        return await self.open_session(person)

    # What an API says

    async def me(self, token: str, number: int = 0) -> tuple[int, dict[str, Any]]:
        """Status and body of /v1/me."""
        return await self.ask("GET", "/v1/me", number=number, authorization=f"Bearer {token}")

    async def graphql(self, token: str, query: str, **variables: Any) -> tuple[int, dict[str, Any]]:
        """Status and body of an answer of GraphQL."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        headers = {"authorization": f"Bearer {token}", "content_type": "application/json"}
        return await self.ask("POST", "/graphql", body=body, **headers)

    async def ask(
        self, method: str, path: str, *, number: int = 0, body: bytes | None = None, **headers: str
    ) -> tuple[int, dict[str, Any]]:
        """Status and JSON body of an answer on the tenant's host; status 0 if the connection ended without one."""
        port = self.ports[number]
        named = {"host": f"{self.host}:{port}", "accept": "application/json", **headers}
        try:
            status, content = await asyncio.to_thread(ask, port, method, path, body=body, **named)
        except (OSError, HTTPException):
            return 0, {}
        return status, json.loads(content) if content.startswith(b"{") else {}

    @property
    def url_of_api(self) -> str:
        """The tenant's origin at the first API."""
        return f"http://{self.host}:{self.ports[0]}"

    # What became of them

    async def token_hashes(self) -> list[bytes]:
        """What is stored of everybody's newest refresh token, in the order of `people`."""
        rows = await self.rows("select identity_id, hash from refresh_token where dead_at is null")
        stored = {row["identity_id"]: row["hash"] for row in rows}
        return [stored.get(person.identity_id, b"") for person in self.people]

    async def rows(self, statement: str, *arguments: Any) -> list[Any]:
        async with self.world.database.reading() as connection:
            found: list[Any] = await connection.fetch(statement, *arguments)
            return found

    async def syncs(self, people: Sequence[Person] | None = None) -> list[Any]:
        """State and sync row of each of these people, or of everybody."""
        return await self.rows(
            """
            select i.id, i.state, i.state_reason, s.uncertain, s.attempt_hash, s.lease_until, s.outcome, s.failures,
                s.generation, s.verified_at, s.due_at, s.due_at <= now() as is_due,
                coalesce(s.lease_until > now(), false) as is_leased
            from identity i join identity_sync s on s.id = i.id where i.id = any($1::uuid[]) order by i.id
            """,
            _ids(self.people if people is None else people),
        )

    async def all_synced(self, people: Sequence[Person] | None = None) -> bool:
        """Whether each of them has been synced since they were made due, with a verified answer."""
        return all(
            row["outcome"] == "ok" and row["lease_until"] is None and not row["is_due"]
            for row in await self.syncs(people)
        )

    async def synced(self, people: Sequence[Person] | None = None, **how: float) -> None:
        """Wait until `all_synced`."""
        try:
            await until(lambda: self.all_synced(people), **how)
        except AssertionError as error:
            error.add_note(f"States: {await self.standings(people)}")
            raise

    async def require_fresh(self, people: Sequence[Person] | None = None) -> None:
        """Everybody is FRESH, with no attempt open and none uncertain."""
        rows = await self.syncs(people)
        found = {(row["state"], row["state_reason"], row["uncertain"], row["attempt_hash"]) for row in rows}
        assert found == {("FRESH", None, False, None)}, found

    async def standings(self, people: Sequence[Person] | None = None) -> set[tuple[str, str | None]]:
        """Every state and reason that occurs among them."""
        return {(row["state"], row["state_reason"]) for row in await self.syncs(people)}

    async def stand_at(self, state: str, reason: str | None, *, people: Sequence[Person] | None = None) -> None:
        """Wait until all of them have this state and reason."""

        async def look() -> bool:
            return await self.standings(people) == {(state, reason)}

        await until(look)

    async def are_leased(self, number: int) -> bool:
        """Whether so many syncs are in hand."""
        return sum(row["is_leased"] for row in await self.syncs()) == number

    async def lost_permissions(self, people: Sequence[Person] | None = None) -> list[str]:
        """Who of them may no longer do what their group gives."""
        return [
            person.username
            for person in (self.people if people is None else people)
            if PERMISSION not in await self.world.permissions(person)
        ]

    async def ended_sessions(self, people: Sequence[Person] | None = None) -> int:
        """How many of their sessions are over."""
        ids = [person.session_id for person in (self.people if people is None else people)]
        rows = await self.rows("select from session where id = any($1::uuid[]) and ended_at is not null", ids)
        return len(rows)

    async def events(self, action: str) -> int:
        """How often the audit says this of the tenant."""
        rows = await self.rows(
            "select from audit_event where tenant_id = $1 and action = $2", self.world.tenant_id, action
        )
        return len(rows)

    def presented(self) -> list[str]:
        """The refresh tokens that the provider was shown, as digests, in order."""
        return [one.presented or "" for one in self.issuer.log.find("/token", grant_type="refresh_token")]


async def make_installation(
    stack: AsyncExitStack,
    folder: Path,
    direct_url: str,
    *,
    url: str,
    redis_url: str,
    issuer: RunningProvider,
    behind: int | None = None,
    **settings: Any,
) -> Installation:
    """An installation on a migrated and empty database; what it opens is closed with the stack.

    Args:
        behind: the port of a balancer, which comes first in `ports`; the APIs come after it.
        direct_url: the test's own way to the database.
        url: the processes' way to the same database.
        settings: of the provider's row.
    """
    keys, ports = new_key("k1"), (*([] if behind is None else [behind]), *free_ports(2))
    vault = Vault(parse_key_ring(keys))
    database = Database(direct_url, pool_size=4)
    await database.open()
    stack.push_async_callback(database.close)
    upstream = make_upstream(issuer)
    stack.push_async_callback(upstream.aclose)
    world = await make_world(database, vault, upstream, issuer, slug="sso", **settings)
    installation = Installation(folder, url, redis_url, world, keys, ports)
    stack.callback(installation.discard_processes)
    redirect_url = f"{installation.url_of_api}/auth/oidc/sso/callback"
    issuer.register(
        Client(client_id=issuer.client_id, redirect_uris=(redirect_url,), client_secret=issuer.client_secret)
    )
    await world.write("update provider set redirect_url = $1", redirect_url)
    statement = "insert into tenant_host (id, tenant_id, host) values ($1, $2, $3)"
    await world.write(statement, uuid7(), world.tenant_id, installation.host)
    return installation


def through(url: str, port: int) -> str:
    """The URL of a database on a unix socket, as it is reached through a proxy at this port."""
    name = re.search(r"/([^/?]+)\?host=", url)
    assert name is not None
    return f"postgresql://app@127.0.0.1:{port}/{name[1]}?sslmode=disable"


def socket_of(url: str) -> str:
    """The path of the unix socket of a database's or Valkey's URL."""
    if url.startswith("unix://"):
        return url.removeprefix("unix://")
    return f"{url.partition('?host=')[2]}/.s.PGSQL.5432"


def _ids(people: Sequence[Person]) -> list[UUID]:
    return [person.identity_id for person in people]
