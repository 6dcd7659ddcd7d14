"""`python -m benchmarks.console`: every page of the console over a large tenant, with the process's own time for each.

The application runs in this process, over a real PostgreSQL and Valkey, and is asked by an admin who may everything. CPU is the
time of this process, in milliseconds for one answer; PostgreSQL's time is only in the wall time.

Settings by environment: BENCH_USERS (100000), BENCH_MAPPINGS (2000), BENCH_EVENTS (300000), BENCH_ROUNDS (5).
"""

import asyncio
import os
import re
import statistics
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count, cycle
from typing import Any, Final

import asyncpg
import httpx

from benchmarks.data import Tenant, build
from benchmarks.services import Services, running_services
from benchmarks.writes.data import let_administer
from identity_api.app import build_api
from identity_api.config import load_settings
from identity_api.db.migrate import migrate
from identity_api.telemetry.logs import configure_logging
from identity_api.web.console.pages import PAGES

USERS, MAPPINGS, EVENTS, ROUNDS = (
    int(os.environ.get(f"BENCH_{name}", default))
    for name, default in (("USERS", "100000"), ("MAPPINGS", "2000"), ("EVENTS", "300000"), ("ROUNDS", "5"))
)
HOST: Final = "bench.example"
AT_MOST_MS: Final = 300
TABLE: Final = "\n".join(["group,permissions", *[f"new-{number},perm:p{number % 60}" for number in range(200)]])

_FILL: Final = (
    """
    insert into group_mapping (id, tenant_id, provider_id, pattern, match, enabled, version, managed_by, created_at, updated_at)
    select gen_random_uuid(), $1, p.id, 'unseen-' || i, 'EXACT', true, 1, 'API', now(), now()
    from provider p cross join generate_series(1, $2::int) i where p.tenant_id = $1
    """,
    """
    insert into mapping_permission (tenant_id, mapping_id, permission_id)
    select $1, m.id, p.id from group_mapping m
    join permission p on p.tenant_id = $1 and p.name = 'perm:p' || (substr(m.pattern, 8)::int % 60)
    where m.tenant_id = $1 and m.pattern like 'unseen-%' and $2::int > 0
    """,
    """
    insert into audit_event (id, tenant_id, at, actor, action, subject_kind, subject_id, user_id, payload, names, old, new,
        sequence, mac, key_id, salt)
    select (lpad(to_hex((extract(epoch from e.at) * 1000)::bigint), 12, '0') || '7' || substr(md5(e.i::text), 1, 3) || '8'
        || substr(md5(e.i::text), 4, 15))::uuid, $1, e.at, 'user:' || $3::uuid, 'mapping.updated', 'mapping', m.id, null, '{}',
        jsonb_build_object('mapping', m.pattern), '{"enabled": false}', '{"enabled": true, "version": 1}', e.i, '\\x00', 'bench',
        gen_random_uuid()
    from (select i, now() - (($2::int - i) * 100 || ' milliseconds')::interval as at from generate_series(1, $2::int) i) e
    join (select id, pattern, row_number() over (order by id) - 1 as n, count(*) over () as whole from group_mapping
        where tenant_id = $1) m on m.n = e.i % m.whole
    """,
)


async def prepare(url: str) -> Tenant:
    """Write the tenant: people, mappings and events."""
    await migrate(url)
    connection = await asyncpg.connect(url, server_settings={"jit": "off"})
    try:
        await connection.execute("set enable_nestloop = off")
        tenant = await build(connection, USERS)
        await let_administer(connection, tenant.id, tenant.user_ids[0])
        more = max(MAPPINGS - 200, 0)
        for statement, arguments in zip(_FILL, ((more,), (more,), (EVENTS, tenant.user_ids[0])), strict=True):
            await connection.execute(statement, tenant.id, *arguments, timeout=600)
        await connection.execute(
            "insert into tenant_host (id, host, tenant_id) values (gen_random_uuid(), $1, $2)", HOST, tenant.id
        )
        await connection.execute("vacuum analyze", timeout=600)
    finally:
        await connection.close()
    return tenant


@asynccontextmanager
async def running(app: Any) -> AsyncIterator[None]:
    """The application between its start and its stop."""
    events, answers = asyncio.Queue[dict[str, Any]](), asyncio.Queue[dict[str, Any]]()
    serving = asyncio.create_task(app({"type": "lifespan", "asgi": {"version": "3.0"}}, events.get, answers.put))
    await events.put({"type": "lifespan.startup"})
    await answers.get()
    yield
    await events.put({"type": "lifespan.shutdown"})
    await answers.get()
    await serving


class Visits:
    """An admin's requests: each with another session, as each session has a budget for a minute."""

    def __init__(self, app: Any, tenant: Tenant) -> None:
        transport = httpx.ASGITransport(app, client=("203.0.113.1", 40_000))
        self._client = httpx.AsyncClient(transport=transport, base_url=f"https://{HOST}", timeout=60)
        self._tokens = cycle(tenant.session_tokens)

    async def get(self, address: str) -> httpx.Response:
        """A page."""
        return await self._client.get(address, headers=self._headers())

    async def post(self, address: str, **fields: str) -> httpx.Response:
        """A form."""
        return await self._client.post(address, data=fields, headers={**self._headers(), "origin": f"https://{HOST}"})

    def _headers(self) -> dict[str, str]:
        return {"cookie": f"__Host-session={next(self._tokens)}", "accept": "text/html"}

    async def addresses(self) -> list[str]:
        """Every page; a page of one thing is that of the first in its list, if there is one."""
        found = []
        for page in PAGES:
            listed, is_one, _ = page.path.partition("/{id:str}")
            if not is_one:
                found.append(page.path)
                continue
            text = (await self.get(listed)).text
            link = re.search(rf'href="({listed}/[A-Za-z0-9_-]{{24}})"', text)
            found += [link[1]] if link else []
        searches = [
            "users?q=User+Number+99&in=label",
            "groups?q=group-1",
            "mappings?q=SEEN-19",
            "mappings?q=perm:p7",
            "audit?by=action&value=mapping.updated",
        ]
        return [*found, *[f"/console/{one}" for one in searches], "/console/users?q=user77&in=username"]


async def timed(visits: Visits, address: str) -> tuple[int, float, float]:
    """Status, median CPU and median wall time of a page, in milliseconds; the first answer warms up."""
    cpu, wall = [], []
    for number in count():
        began, used = time.perf_counter(), time.process_time()
        answer = await (
            visits.post(address, table=TABLE) if address.endswith("mappings/import") else visits.get(address)
        )
        if number:
            cpu.append((time.process_time() - used) * 1000)
            wall.append((time.perf_counter() - began) * 1000)
        if number == ROUNDS:
            return answer.status_code, statistics.median(cpu), statistics.median(wall)
    raise AssertionError


async def measure(services: Services) -> bool:
    """Fill, open each page and print the table; whether every page took less than `AT_MOST_MS` of our own time."""
    print(f"Writing {USERS:,} users ...", file=sys.stderr, flush=True)
    tenant = await prepare(services.database_url)
    settings = load_settings(services.environment)
    configure_logging(settings.log_format, settings.log_level)
    app, is_fast = build_api(settings), True
    async with running(app):
        visits = Visits(app, tenant)
        print(f"{USERS:,} users, {MAPPINGS:,} mappings, {EVENTS:,} events, load {os.getloadavg()[0]:.1f}\n")
        print("| page | status | CPU ms | wall ms |\n| --- | --- | --- | --- |")
        for address in await visits.addresses():
            status, cpu, wall = await timed(visits, address)
            shown = re.sub(r"[A-Za-z0-9_-]{24}", "{id}", address)
            print(f"| `{shown}` | {status} | {cpu:.1f} | {wall:.1f} |", flush=True)
            is_fast &= cpu < AT_MOST_MS and (status == 200 or "undo" in address)
    return is_fast


def main() -> None:
    room = str(MAPPINGS + 1_000)  # otherwise the import is refused, and is no preview
    with running_services(PUBLIC_URL="https://id.example", LOG_LEVEL="error", MAX_MAPPINGS=room) as services:
        if not asyncio.run(measure(services)):
            sys.exit(1)


if __name__ == "__main__":
    main()
