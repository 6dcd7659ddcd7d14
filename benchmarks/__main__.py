"""`make bench`: the read path beside what a user could pick instead, and beside its floor, all in one run.

The server is alone on one core; load, database and Valkey share the other. Every server answers the same requests, for keys
and positions at random, and what they answer is compared before anything is measured. Rounds are interleaved, so that a
neighbour on the machine disturbs all servers alike.

    make bench                            100,000 users, 3 rounds of 2 s
    make bench USERS=5000 ROUNDS=1        to see that it runs
    make bench CASES="viewer,one user"    these alone; the page is written by a run of all cases
"""

import asyncio
import base64
import datetime
import os
import platform
import subprocess
import sys

import asyncpg
import msgspec

from benchmarks import answers, cases, machine, report
from benchmarks.cases import POSTGRAPHILE, Keys
from benchmarks.data import Tenant, build
from benchmarks.load import Job, Result
from benchmarks.report import Round
from benchmarks.servers import HERE, Server, start
from benchmarks.services import Services, running_services
from identity_api.db.database import Database
from identity_api.db.migrate import migrate

USERS = int(os.environ.get("USERS") or "100000")
ROUNDS = int(os.environ.get("ROUNDS") or "3")
SECONDS = float(os.environ.get("SECONDS") or "2")
CONNECTIONS = int(os.environ.get("CONNECTIONS") or "16")
ONLY = [name for name in (os.environ.get("CASES") or "").split(",") if name]
WARM_SECONDS = 3.0
"""Node compiles what it runs for longer than that."""


def measure(server: Server, requests: list[bytes], database: int, seconds: float) -> Round:
    """One round against one server."""
    job = Job(server.port, CONNECTIONS, seconds, requests)
    server_before, database_before = _worked(server, database)
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.load"],
        input=msgspec.json.encode(job),
        stdout=subprocess.PIPE,
        check=True,
        timeout=seconds + 60,
    )
    server_after, database_after = _worked(server, database)
    return Round(
        msgspec.json.decode(done.stdout, type=Result),
        machine.seconds_between(server_before, server_after),
        machine.seconds_between(database_before, database_after),
        server.megabytes(),
    )


def _worked(server: Server, database: int) -> tuple[dict[int, int], dict[int, int]]:
    databases = machine.tree(database) if machine.HAS_PROC else []
    return machine.worked(server.processes()), machine.worked(databases)


def measure_case(servers: dict[str, Server], requests: dict[str, list[bytes]], database: int) -> dict[str, list[Round]]:
    """Interleaved rounds of one case, after a warm-up that is not counted."""
    found: dict[str, list[Round]] = {name: [] for name in requests}
    for name, wires in requests.items():
        measure(servers[name], wires, database, WARM_SECONDS)
    for _ in range(ROUNDS):
        for name, wires in requests.items():
            found[name].append(measure(servers[name], wires, database, SECONDS))
    return found


async def prepare(url: str) -> Tenant:
    """The tenant, and what PostGraphile needs beside it."""
    await migrate(url)
    database = Database(url, pool_size=2)
    await database.open()
    async with database.reading() as connection:
        tenant = await build(connection, USERS)
    await database.close()
    connection = await asyncpg.connect(url)
    await connection.execute((HERE / "setup.sql").read_text("utf-8"), timeout=600)
    await connection.close()
    return tenant


def cursors_of(servers: dict[str, Server], tenant: Tenant) -> dict[str, str]:
    """What PostGraphile's cursors of each order begin with."""
    found = {}
    if POSTGRAPHILE in servers:
        for order in ("PRIMARY_KEY_ASC", "USERNAME_FOLDED_ASC"):
            document = f"{{ allAppUsers(first: 1, orderBy: {order}) {{ pageInfo {{ endCursor }} }} }}"
            wire = cases.graphql(tenant.session_tokens[0], document, {})
            answer = msgspec.json.decode(answers.ask(servers[POSTGRAPHILE].port, wire))
            cursor = answer["data"]["allAppUsers"]["pageInfo"]["endCursor"]
            found[order] = msgspec.json.decode(base64.b64decode(cursor))[0]
    return found


def run(services: Services, core: int | None) -> str:
    """Start everything, compare, measure; what goes into the page."""
    print(f"Writing {USERS:,} users ...", file=sys.stderr)
    tenant = asyncio.run(prepare(services.database_url))
    load = machine.load_average()
    running = start(services.database_url, services.environment, core)
    try:
        servers = {one.name: one for one in running}
        asked = cases.cases(Keys(tenant, services.vault, cursors_of(servers, tenant)))
        lines, measured = [report.HEAD], {}
        print(report.HEAD, flush=True)
        for case, all_requests in asked.items():
            if ONLY and case not in ONLY:
                continue
            requests = {name: wires for name, wires in all_requests.items() if name in servers}
            if found := answers.differences({name: one.port for name, one in servers.items()}, requests):
                raise SystemExit(f"{case}: {found[0]}")
            measured[case] = measure_case(servers, requests, services.postgres)
            lines += report.rows(case, measured[case])
            print("\n".join(report.rows(case, measured[case])), flush=True)
        said = [_circumstances(core, load), "\n".join(lines), "\n".join(report.starts(running))]
        return "\n\n".join([*said, "\n".join(report.goals(measured))])
    finally:
        for one in running:
            one.stop()


def _circumstances(core: int | None, load: float) -> str:
    given = {"USERS": USERS, "ROUNDS": ROUNDS, "SECONDS": f"{SECONDS:g}", "CONNECTIONS": CONNECTIONS}
    command = "make bench " + " ".join([f"{name}={value}" for name, value in given.items()])
    pinned = "the server alone on one core" if core is not None else "nothing pinned"
    return (
        f"Measured {datetime.date.today()} with `{command}` on Python {platform.python_version()}, {os.cpu_count()} cores,"
        f" {pinned}; load average {load:.1f} when it began. Medians over interleaved rounds; the answers of all servers"
        " were compared and are the same."
    )


def main() -> None:
    """Measure, print, and write the page unless only some cases were asked for."""
    pinned = machine.cores()
    if pinned is not None:
        machine.pin(pinned[1])  # what is started from here: database, Valkey, load
    with running_services() as services:
        text = run(services, pinned[0] if pinned is not None else None)
    print("\n" + text)
    if not ONLY:
        report.write(text)
        print(f"\nWritten to {report.PAGE}", file=sys.stderr)


if __name__ == "__main__":
    main()
