"""`python -m benchmarks.neighbours`: what one tenant's worst does to another's `GET /v1/me`.

One API process with its pool of 16 connections, in this process; a large tenant that does its worst through one input
after the other, from four places at a time; and a small tenant that asks who it is, over and over. Printed for each input:
the small tenant's median and 99th percentile in milliseconds, quiet and beside it, and how much longer that is; by the wall's
clock, and as processor time of this process, which says what the tenant stands behind here whatever else the machine does.

The floor is how much longer it takes beside processes outside the service that use the same processor time in as many
pieces: on a machine whose cores are shared no scheduling of ours does better.

Settings by environment: BENCH_USERS (20000), BENCH_SECONDS (5), BENCH_ROUNDS (1; quiet, beside it and floor in turn), and
BENCH_INPUTS, a part of the inputs' names.
"""

import asyncio
import contextlib
import gc
import itertools
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import msgspec
import uvloop
from joserfc.jwk import RSAKey

from benchmarks.busy import busy
from benchmarks.data import Tenant, build
from benchmarks.replays import in_process, processor_ms
from benchmarks.services import Services, running_services
from identity_api.app import build_api
from identity_api.claims import MatchKind
from identity_api.config import load_settings
from identity_api.db import providers, sessions, user_read_model
from identity_api.db.database import Connection, Database
from identity_api.db.migrate import migrate
from identity_api.errors import Unavailable
from identity_api.fairness.served import serving, work_for
from identity_api.fairness.time_slices import run_in_slices
from identity_api.graphql.ids import global_id
from identity_api.group_mappings import edit
from identity_api.group_mappings.declare import DeclaredMapping, declare
from identity_api.group_mappings.rules import Rule
from identity_api.ids import new_tenant_token, token_hash, uuid7
from identity_api.oidc.jwks import read_key_set
from identity_api.permissions.delegation import Actor
from identity_api.telemetry import configure_logging
from tests import factories as make
from tests.openid_provider import RunningProvider
from tests.web.logouts import backchannel_path, token_for
from tests.web.site import Site, make_site, running

USERS = int(os.environ.get("BENCH_USERS", "20000"))
SECONDS = float(os.environ.get("BENCH_SECONDS", "5"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "1"))
INPUTS = os.environ.get("BENCH_INPUTS", "")
FRESH_SECONDS = 60.0
"""For which a logout token is used before another takes its place."""
DECLARED = 200
"""Mappings of one file."""
PLACES = 4
"""At which the large tenant works at a time."""
WORST_GLOBS = [f"*{'a' * 90}*{'a' * 90}*{number}" for number in range(200)]
KEY_SET = msgspec.json.encode(
    {"keys": [{**RSAKey.generate_key(4096).as_dict(private=False), "kid": str(number)} for number in range(2)] * 50}
)
PUBLIC_URL = "http://127.0.0.1:8000"

Work = Callable[[], Awaitable[object]]


async def call(app: Any, method: str, path: str, token: str, body: bytes = b"") -> int:
    """One request without a server; its status."""
    status = 0
    headers = [(b"host", b"127.0.0.1:8000"), (b"authorization", f"Bearer {token}".encode())]
    headers += [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    scope = {
        "type": "http", "method": method, "scheme": "http", "path": path, "raw_path": path.encode(), "query_string": b"",
        "headers": headers, "client": ("203.0.113.7", 5), "state": {},
    }  # fmt: skip

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(0)  # as a socket
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(event: dict[str, Any]) -> None:
        nonlocal status
        status = event.get("status", status)

    await app(scope, receive, send)
    return status


class Hostile:
    """The large tenant and its inputs."""

    def __init__(
        self, app: Any, database: Database, tenant: Tenant, provider: providers.Provider, office: Site
    ) -> None:
        self._app, self._database, self._tenant, self._provider = app, database, tenant, provider
        self._office, self._logout, self._logout_made = office, b"", float("-inf")
        self._file = asyncio.Lock()
        self._tokens = itertools.cycle(tenant.session_tokens)
        self._numbers = itertools.count()
        self.permission = self.group = UUID(int=0)

    async def prepare(self, connection: Connection) -> None:
        """Rights, the worst patterns, and somebody who signs in with new groups."""
        admin = self._tenant.user_ids[0]
        for name in ("identity:mappings:read", "identity:mappings:write", "identity:groups:read"):
            row_id = await make.make_permission(connection, self._tenant.id, name)
            await connection.execute(
                "insert into permission_grant (id, tenant_id, user_id, permission_id, source, granted_at, granted_by)"
                " values ($1, $2, $3, $4, 'MANUAL', now(), 'operator:bench')",
                uuid7(), self._tenant.id, admin, row_id,
            )  # fmt: skip
        self.permission = await make.make_permission(connection, self._tenant.id, "spare:read")
        await make.make_permission(connection, self._tenant.id, "other:read")
        for pattern in WORST_GLOBS:
            await make.make_mapping(connection, self._tenant.id, pattern, [self.permission], match="GLOB")
        self.group = await connection.fetchval(
            "select id from provider_group where tenant_id = $1 and name = 'group-7'", self._tenant.id
        )
        self._people = [
            await make.make_identity(
                connection, self._provider, await make.make_user(connection, self._tenant.id, username=f"new{number}")
            )
            for number in range(PLACES)
        ]
        await user_read_model.refresh(connection, self._tenant.id, [admin])

    def graphql(self, document: str, **variables: object) -> Work:
        """The same document over and over."""
        body = msgspec.json.encode({"query": document, "variables": variables})

        async def ask() -> None:
            status = await call(self._app, "POST", "/graphql", next(self._tokens), body)
            assert status in (200, 429, 503), status

        return ask

    async def sign_in(self) -> None:
        """A login with a thousand groups that nobody has seen."""
        number = next(self._numbers)
        names = [f"{number}-{place}-{'a' * 200}" for place in range(1_000)]
        with (
            serving(),
            contextlib.suppress(Unavailable),
        ):  # too slow on this machine: cut off, and no neighbour's matter
            work_for(self._tenant.id)
            async with self._database.transaction() as connection:
                await make.sign_in(connection, self._provider, self._people[number % PLACES], names)

    async def edit(self) -> None:
        """One mapping of a file, made and taken back."""
        number, operator = next(self._numbers), Actor(self._tenant.id, None, "operator:bench", frozenset())
        rule = Rule(None, f"batch-{number}", MatchKind.EXACT, (self.permission,))
        with serving():
            work_for(self._tenant.id)
            made = await edit.make(self._database, operator, rule)
            await edit.make(self._database, operator, edit.Deletion(made.mapping_id, 1))

    async def read_keys(self) -> None:
        """What a provider of the tenant publishes, and how fast it can: each fetch is a request of ours."""
        await run_in_slices(read_key_set(KEY_SET))
        await asyncio.sleep(0.005)

    async def apply(self) -> None:
        """A file of two hundred mappings, each with another permission than before."""
        number, operator = next(self._numbers), Actor(self._tenant.id, None, "operator:bench", frozenset())
        permissions = ("spare:read",) if number % 2 else ("spare:read", "other:read")
        declared = [
            DeclaredMapping(None, f"declared-{one}", MatchKind.EXACT, permissions, True) for one in range(DECLARED)
        ]
        async with self._file:  # nobody applies four at once
            with serving():
                work_for(self._tenant.id)
                await declare(self._database, operator, declared, prune=False)

    async def replay(self) -> None:
        """A logout token that has been used and has not expired."""
        if time.monotonic() - self._logout_made > FRESH_SECONDS:
            token = token_for(self._office, sid="x" * 32)
            self._logout, self._logout_made = urlencode({"logout_token": token}).encode(), time.monotonic()
        await asyncio.sleep(0)  # as a socket
        await in_process(self._app, backchannel_path(self._office.provider), self._office.host, self._logout)

    def inputs(self) -> dict[str, Work]:
        """By name."""
        mapping = {"pattern": "group-1*", "match": "GLOB", "permissions": [global_id("Permission", self.permission)]}
        names = "groups { name } permissions { name }"
        return {
            "logins with 1,000 new groups": self.sign_in,
            "pages of 100 users": self.graphql(
                f"{{ users(first: 100) {{ edges {{ node {{ id username {names} }} }} }} }}"
            ),
            "pages that are not compiled": self.graphql(
                f"{{ users(first: 100) {{ edges {{ node {{ id lockedUntil {names} }} }} }} }}"
            ),
            "edits of mappings": self.edit,
            "key sets of 100 keys": self.read_keys,
            "users of a group": self.graphql(
                "query ($group: ID!) { users(filter: {group: $group}) { edges { node { id } } } }",
                group=global_id("Group", self.group),
            ),
            "users without identity": self.graphql("{ users(filter: {linked: false}) { edges { node { id } } } }"),
            "identities by state": self.graphql("{ identities(filter: {state: STALE}) { edges { node { id } } } }"),
            "groups with their members": self.graphql("{ groups(first: 100) { edges { node { id name } } } }"),
            "previews of a mapping": self.graphql(
                "query ($input: CreateGroupMappingInput!) { previewGroupMappingCreation(input: $input) { __typename } }",
                input=mapping,
            ),
            "files of 200 mappings": self.apply,
            "replays of a logout token": self.replay,
        }


class Times(msgspec.Struct, frozen=True):
    """What the small tenant's requests took, in milliseconds, each list sorted."""

    waited: list[float]
    """By the wall's clock: what the tenant sees, and what other programs of the machine do is in it."""
    worked: list[float]
    """Processor time of this process from a request to its answer: its own work, and what it stood behind."""


async def ask_who(app: Any, token: str, until: Callable[[], bool]) -> Times:
    """Ask one after the other."""
    waited, worked = [], []
    while not until():
        begun, begun_work = time.perf_counter(), time.thread_time()
        status = await call(app, "GET", "/v1/me", token)
        assert status == 200, status
        waited.append((time.perf_counter() - begun) * 1_000)
        worked.append((time.thread_time() - begun_work) * 1_000)
        await asyncio.sleep(0.002)
    return Times(sorted(waited), sorted(worked))


def at(times: list[float], share: float) -> float:
    return times[min(len(times) - 1, int(len(times) * share))]


class Beside(msgspec.Struct, frozen=True):
    """What was measured beside some work."""

    times: Times
    done: int
    """How often the work was done."""
    processor_ms: float
    """What this process and PostgreSQL used meanwhile."""


async def beside(app: Any, token: str, work: Work | None, postgres: int) -> Beside:
    """The small tenant's times while the large one works."""
    done = 0
    until = time.perf_counter() + SECONDS
    used = _used_ms(postgres)

    def is_over() -> bool:
        return time.perf_counter() >= until

    async def repeat() -> None:
        nonlocal done
        while work is not None and not is_over():
            await work()
            done += 1

    loops = [asyncio.create_task(repeat()) for _ in range(PLACES)]
    times = await ask_who(app, token, is_over)
    used = _used_ms(postgres) - used
    await asyncio.gather(*loops)
    return Beside(times, done, used)


def _used_ms(postgres: int) -> float:
    return time.process_time() * 1_000 + processor_ms(postgres)


async def measure(app: Any, token: str, work: Work, postgres: int) -> str:
    """Quiet, beside the work, and beside as much processor time outside, in turn; all of them as one line."""
    found: dict[str, list[Beside]] = {"quiet": [], "beside": [], "floor": []}
    for _ in range(ROUNDS):
        quiet = await beside(app, token, None, postgres)
        loaded = await beside(app, token, work, postgres)
        own = quiet.processor_ms * len(loaded.times.waited) / len(quiet.times.waited)
        with busy(max(0.0, loaded.processor_ms - own) / 1_000, within=SECONDS, pieces=loaded.done):
            found["floor"].append(await beside(app, token, None, postgres))
        found["quiet"].append(quiet)
        found["beside"].append(loaded)
    waited = {name: sorted([ms for one in ones for ms in one.times.waited]) for name, ones in found.items()}
    worked = {name: sorted([ms for one in ones for ms in one.times.worked]) for name, ones in found.items()}
    floor = at(waited["floor"], 0.99) / at(waited["quiet"], 0.99)
    done = sum([one.done for one in found["beside"]])
    return f"{told(waited)} {floor:5.1f}   {told(worked)}   {done:5}"


async def small_tenant(database: Database) -> str:
    """Somebody's session."""
    async with database.transaction() as connection:
        tenant = await make.make_tenant(connection)
        token = new_tenant_token("ias", tenant.id)
        provider = await make.make_provider(connection, tenant.id)
        user_id = await make.make_user(connection, tenant.id)
        identity_id = await make.make_identity(connection, provider, user_id)
        await make.sign_in(connection, provider, identity_id, ["engineering"])
        session = sessions.NewSession(
            id=uuid7(), tenant_id=tenant.id, user_id=user_id, identity_id=identity_id, frontend_id=None, kind="BEARER",
            token_hash=token_hash(token), epoch=0, authenticated_at=await connection.fetchval("select now()"),
            provider_session=None, id_token_sealed=None,
        )  # fmt: skip
        await sessions.insert(connection, session, absolute_seconds=86_400, idle_seconds=86_400, at_most=1_000)
    return token


async def main(services: Services, idp: RunningProvider) -> None:
    """Build both tenants, and measure."""
    await migrate(services.database_url)
    settings, postgres = load_settings(services.environment), services.postgres
    app: Any = build_api(settings)
    async with running(app):
        database = app._deps.database
        office = await make_site(app, database, services.vault, idp)
        token = await small_tenant(database)
        async with database.reading() as connection:
            tenant = await build(connection, USERS)
            [provider] = await providers.of_tenant(connection, tenant.id)
        hostile = Hostile(app, database, tenant, provider, office)
        async with database.transaction() as connection:
            await hostile.prepare(connection)
        print(f"{'':<32} {'waited: quiet':^16} {'beside it':^16} {'p99':>5} floor   ", end="")
        print(f"{'worked: quiet':^16} {'beside it':^16} {'p99':>5}   times", flush=True)
        gc.collect()
        gc.freeze()  # as the product's processes do
        await beside(app, token, None, postgres)
        for name, work in hostile.inputs().items():
            if INPUTS in name:
                print(f"{name:<32} {await measure(app, token, work, postgres)}", flush=True)


def told(times: dict[str, list[float]]) -> str:
    """Median and 99th percentile, quiet and beside it, and how many times the one the other is."""
    both = " ".join([f"{at(times[name], 0.5):7.2f} {at(times[name], 0.99):8.2f}" for name in ("quiet", "beside")])
    return f"{both} {at(times['beside'], 0.99) / at(times['quiet'], 0.99):5.1f}"


if __name__ == "__main__":
    with (
        Path(os.devnull).open("w") as nowhere,
        RunningProvider() as asked,
        running_services(PUBLIC_URL=PUBLIC_URL, OUTBOUND_ALLOW=f"127.0.0.1:{asked.port}") as found,
    ):
        configure_logging("json", "error", stream=nowhere)
        uvloop.run(main(found, asked))
