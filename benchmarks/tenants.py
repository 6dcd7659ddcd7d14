"""`python -m benchmarks.tenants`: logins, syncs, edits of mappings and pages over many tenants, on one PostgreSQL or on Citus.

Nothing is pinned: database, processes, load and provider share the machine. One API process; two workers for syncs and edits.
With BENCH_DATABASE_URL it runs on an empty database of that server, and distributes its tables if it is the coordinator of a
Citus cluster; without, on a PostgreSQL of its own.

Settings by environment: BENCH_DATABASE_URL, BENCH_TENANTS (1000), BENCH_PEOPLE (100; of each tenant), BENCH_LOGINS (1000),
BENCH_EDITS (50), BENCH_SECONDS (5; for each kind of page), BENCH_AT_MOST (1800; seconds for the syncs).
"""

import asyncio
import itertools
import os
import random
import statistics
import sys
import time
import urllib.request
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

import asyncpg
import msgspec

from benchmarks import cases, machine, processes
from benchmarks.cases import PRODUCT
from benchmarks.data import PERMISSIONS
from benchmarks.load import Result
from benchmarks.servers import Server, application
from benchmarks.services import running_services
from benchmarks.sync import __main__ as syncing
from benchmarks.sync import provider
from benchmarks.sync.data import Crowd, build_tenant, finish
from benchmarks.sync.provider import Mode
from benchmarks.writes.__main__ import CREATE
from benchmarks.writes.data import let_administer
from benchmarks.writes.logins import Browser
from identity_api.db.migrate import migrate
from identity_api.graphql.ids import global_id
from identity_api.ids import new_tenant_token, token_hash, uuid7
from identity_api.vault import Vault

TENANTS = int(os.environ.get("BENCH_TENANTS", "1000"))
PEOPLE = int(os.environ.get("BENCH_PEOPLE", "100"))
LOGINS = int(os.environ.get("BENCH_LOGINS", "1000"))
EDITS = int(os.environ.get("BENCH_EDITS", "50"))
SECONDS = float(os.environ.get("BENCH_SECONDS", "5"))
AT_MOST_SECONDS = float(os.environ.get("BENCH_AT_MOST", "1800"))
ASKING: Final = 200
"""Tenants whose admin asks for pages."""
WORKERS, AT_A_TIME, CONNECTIONS = 2, 8, 16
START_SECONDS: Final = 15.0
"""From the start of the workers to the moment at which everybody is due."""
PAGE: Final = "{ users(first: 50) { edges { node { id username displayLabel email permissions { name } } } } }"
DISTRIBUTE: Final = Path(__file__).parent.parent / "deploy" / "citus" / "distribute.sql"


async def prepare(url: str, vault: Vault, base: str) -> list[Crowd]:
    """Write the tenants, each with a host and a provider; distribute the tables first where the database can."""
    await migrate(url)
    connection = await asyncpg.connect(url)
    try:
        if await connection.fetchval("select exists (select from tenant)"):
            raise SystemExit("the database has tenants: name an empty one")
        if await connection.fetchval("select exists (select from pg_extension where extname = 'citus')"):
            await connection.execute(DISTRIBUTE.read_text("utf-8"), timeout=600)
            print("on Citus, ", end="")
            await connection.close()
            connection = await asyncpg.connect(url)  # what was set for the database holds for new connections
        await connection.execute("create table bench_person (id uuid primary key, number integer not null)")
        crowds = []
        for place in range(TENANTS):
            people = [(place, place * PEOPLE, (place + 1) * PEOPLE)]
            settings = {
                "redirect_url": f"https://{_host(place)}/auth/oidc/p{place}/callback",
                "sync_interval_seconds": 86_400,
            }
            crowds += await build_tenant(connection, vault, base, people, **settings)
        hosts = [(uuid7(), crowd.tenant_id, _host(crowd.issuer)) for crowd in crowds]
        await connection.executemany("insert into tenant_host values ($1, $2, $3)", hosts)
        await finish(connection)
    finally:
        await connection.close()
    return crowds


def _host(place: int) -> str:
    return f"t{place}.example"


async def make_admins(connection: asyncpg.Connection, crowds: list[Crowd]) -> dict[UUID, str]:
    """An admin of each of these tenants who comes by a password, with the token of a session."""
    tokens = {}
    for crowd in crowds:
        tenant_id, user_id = crowd.tenant_id, uuid7()
        tokens[tenant_id] = token = new_tenant_token("ias", tenant_id)
        await connection.execute(
            "insert into app_user (id, tenant_id, username, username_folded, display_label, display_label_folded, epoch,"
            " created_at, active_at) values ($1, $2, 'admin', 'admin', 'Admin', 'admin', 0, $3, $3)",
            user_id,
            tenant_id,
            now := await connection.fetchval("select now()"),
        )
        await let_administer(connection, tenant_id, user_id)
        await connection.execute(
            "insert into session (id, tenant_id, user_id, kind, token_hash, epoch, created_at, seen_at, authenticated_at,"
            " absolute_until) values ($1, $2, $3, 'BEARER', $4, 0, $5, $5, $5, $6)",
            uuid7(),
            tenant_id,
            user_id,
            token_hash(token),
            now,
            now + timedelta(days=1),
        )
    return tokens


async def log_in(port: int, crowds: list[Crowd]) -> float:
    """People drawn from all tenants, once each; seconds for all of them."""
    numbers = iter(random.sample(range(TENANTS * PEOPLE), LOGINS))

    async def go_on() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        browser = Browser(reader, writer)
        for number in numbers:
            crowd = crowds[number // PEOPLE]
            await browser.sign_in(number, f"p{crowd.issuer}", _host(crowd.issuer))
        writer.close()

    begun = time.perf_counter()
    await asyncio.gather(*[go_on() for _ in range(AT_A_TIME)])
    return time.perf_counter() - begun


async def edit(connection: asyncpg.Connection, port: int, crowds: list[Crowd], tokens: dict[UUID, str]) -> str:
    """In one tenant after the other, a mapping that gives one more permission to nearly everybody."""
    answered, begun = [], time.perf_counter()
    for crowd in crowds:
        permission = await connection.fetchval(
            "select id from permission where tenant_id = $1 and name = $2", crowd.tenant_id, f"perm:p{PERMISSIONS - 1}"
        )
        given = {"pattern": "group-*", "match": "GLOB", "provider": global_id("Provider", crowd.provider_id),
                 "permissions": [global_id("Permission", permission)]}  # fmt: skip
        headers = {"content-type": "application/json", "authorization": f"Bearer {tokens[crowd.tenant_id]}"}
        body = msgspec.json.encode({"query": CREATE, "variables": {"input": given}})
        request = urllib.request.Request(f"http://127.0.0.1:{port}/graphql", body, headers)
        began = time.perf_counter()
        answer = await asyncio.to_thread(lambda: urllib.request.urlopen(request, timeout=120).read())  # noqa: B023
        answered.append(1_000 * (time.perf_counter() - began))
        if b'"GroupMappingSaved"' not in answer:
            raise SystemExit(f"an edit failed: {answer[:300]!r}")
    unwritten = True
    while unwritten:
        await asyncio.sleep(0.1)
        unwritten = await connection.fetchval("select count(*) from mapping_change")
    median, slow = statistics.median(answered), statistics.quantiles(answered, n=20)[-1]
    return (
        f"{median:,.0f} / {slow:,.0f} ms; all {len(crowds)} written {time.perf_counter() - begun:.1f} s after the first"
    )


def pages(server: Server, requests: list[bytes]) -> str:
    """One kind of request, of many tenants' admins."""
    [found] = [_load(server, requests, seconds) for seconds in (1.0, SECONDS)][1:]
    if found.failures:
        raise SystemExit(f"{found.failures} of {found.answers} requests failed")
    return f"{found.answers / found.seconds:,.0f} a second; {found.median_ms:.1f} / {found.p99_ms:.1f} ms"


def _load(server: Server, requests: list[bytes], seconds: float) -> Result:
    [found] = processes.load_all([server], requests, seconds)
    return found


async def sync_all(bench: syncing.Bench, connection: asyncpg.Connection, crowds: list[Crowd]) -> str:
    """Everybody due at the same moment, with tokens that rotate."""
    bench.begin(Mode(rotates=True), crowds)
    with processes.workers(WORKERS, bench.services.environment) as pids:
        due = await connection.fetchval("select now() + make_interval(secs => $1)", START_SECONDS)
        await connection.execute("update identity_sync set due_at = $1", due, timeout=600)
        total, synced = TENANTS * PEOPLE, 0
        await asyncio.sleep(max(0.0, await connection.fetchval("select extract(epoch from $1 - now())::float8", due)))
        before = machine.worked([one for pid in pids for one in machine.tree(pid)])
        ends_at = time.perf_counter() + AT_MOST_SECONDS
        while synced < total and time.perf_counter() < ends_at:
            await asyncio.sleep(1.0)
            synced = await connection.fetchval("select count(*) from identity_sync where verified_at >= $1", due)
        used = machine.seconds_between(before, machine.worked([one for pid in pids for one in machine.tree(pid)]))
    seconds = await connection.fetchval(
        "select extract(epoch from max(verified_at) - $1)::float8 from identity_sync", due
    )
    counts = msgspec.json.decode(bench.ask("/counts"), type=provider.Counts)
    return (
        f"{synced:,} of {total:,}, {synced / seconds:,.0f} a second, {synced / used:,.0f} a second of the workers' CPU;"
        f" asked {counts.refreshes:,} times, {counts.lost} tokens presented again"
    )


async def measure(url: str, bench: syncing.Bench, api: Server, crowds: list[Crowd]) -> None:
    """A row for each kind of work."""
    print("| what | | load average |")
    print("| --- | --- | --- |")
    connection = await asyncpg.connect(url)
    some = random.Random(3).sample(crowds, min(ASKING, TENANTS))
    tokens = await make_admins(connection, some)

    def row(what: str, found: str) -> None:
        print(f"| {what} | {found} | {machine.load_average():.1f} |", flush=True)

    for what, document in (("viewer", cases.VIEWER), ("page of 50", PAGE)):
        asked = list(itertools.islice(_asked(tokens, document), 10 * ASKING))
        row(what, await asyncio.to_thread(pages, api, asked))
    seconds = await log_in(api.port, crowds)
    row(f"{LOGINS:,} logins", f"{LOGINS / seconds:,.0f} a second")
    with processes.workers(WORKERS, bench.services.environment):
        row("edit of a mapping", await edit(connection, api.port, some[:EDITS], tokens))
    row("syncs", await sync_all(bench, connection, crowds))
    await connection.close()


def _asked(tokens: dict[UUID, str], document: str) -> Iterator[bytes]:
    for token in itertools.cycle(tokens.values()):
        yield cases.graphql(token, document, {})


def main() -> None:
    given = os.environ.get("BENCH_DATABASE_URL")
    own = {} if given is None else {"DATABASE_URL": given}
    allowed = {"LOG_LEVEL": "error", "TRUSTED_PROXIES": "127.0.0.1"}
    with (
        syncing.running_provider() as port,
        running_services(OUTBOUND_ALLOW=f"127.0.0.1:{port}", **allowed, **own) as services,
    ):
        url, bench, begun = given or services.database_url, syncing.Bench(services, port), time.perf_counter()
        print(f"{os.cpu_count()} cores, load average {machine.load_average():.1f}", file=sys.stderr)
        crowds = asyncio.run(prepare(url, services.vault, bench.base))
        print(f"{TENANTS:,} tenants of {PEOPLE:,} people, written in {time.perf_counter() - begun:.0f} s\n", flush=True)
        api = application(PRODUCT, services.environment)
        try:
            asyncio.run(measure(url, bench, api, crowds))
        finally:
            api.stop()


if __name__ == "__main__":
    main()
