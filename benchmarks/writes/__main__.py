"""`make bench-writes`: edits that concern everybody of a large tenant, with what they cost the others.

Each edit goes through the API, a worker writes what follows, and a small tenant asks for something all the while.

Settings by environment: BENCH_USERS (100000), BENCH_RATE (60; requests of the others a second), BENCH_EDITS (all of preview,
everyone, pattern, apply, disable, separated by commas; `create` is the first of those that `everyone` makes).
"""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import msgspec

from benchmarks.cases import PRODUCT
from benchmarks.servers import application
from benchmarks.services import Services, running_services
from benchmarks.writes.data import Office, prepare
from benchmarks.writes.others import Job, Waited
from identity_api.graphql.ids import global_id

USERS = int(os.environ.get("BENCH_USERS", "100000"))
RATE = float(os.environ.get("BENCH_RATE", "60"))
EDITS = tuple(filter(None, os.environ.get("BENCH_EDITS", "preview,everyone,pattern,apply,disable").split(",")))
QUIET_SECONDS = 8.0
AT_MOST_SECONDS = 600.0 * max(1, USERS / 100_000)
DECLARED = 1_000
"""Group mappings of a declaration."""

_SAVED = "__typename ... on GroupMappingSaved { mapping { id version } }"
CREATE = f"mutation ($input: CreateGroupMappingInput!) {{ done: createGroupMapping(input: $input) {{ {_SAVED} }} }}"
UPDATE = f"mutation ($input: UpdateGroupMappingInput!) {{ done: updateGroupMapping(input: $input) {{ {_SAVED} }} }}"
DELETE = "mutation ($input: DeleteGroupMappingInput!) { done: deleteGroupMapping(input: $input) { __typename } }"
PREVIEW = "query ($input: CreateGroupMappingInput!) { done: previewGroupMappingCreation(input: $input) { __typename } }"
DISABLE = "mutation ($input: DisableProviderInput!) { done: disableProvider(input: $input) { __typename } }"
HELD = "query ($input: ID!) { done: user(id: $input) { permissions { name } } }"
DISABLE_USER = "mutation ($input: DisableUserInput!) { done: disableUser(input: $input) { __typename } }"

_DECLARED = """
[[tenants.group_mappings]]
provider = "okta"
group = "team-{}"
permissions = ["{}"]
"""

WAITING = {
    "mapping": "select exists (select from mapping_change where tenant_id = $1)",
    "provider": "select exists (select from session where tenant_id = $1 and ended_at is null and identity_id is not null)",
    "audit": "select exists (select from audit_event where tenant_id = $1 and sequence is null)",
}
"""Whether something of the tenant has still to be written."""
LOCK_WAIT = """
    select coalesce(max(1000 * extract(epoch from clock_timestamp() - waitstart)), 0)::float8 from pg_locks where not granted
"""


class Row(msgspec.Struct):
    """One edit."""

    name: str
    answer: str
    answered_ms: float
    in_force_ms: float | None
    """Until the last person it concerns has it, or has it no more, by the API."""
    lock_ms: float
    """The longest that any transaction waited for a lock."""
    written_seconds: float
    sealed_seconds: float
    worker_mib: int
    others: Waited


class Bench:
    """The parts of one run."""

    def __init__(self, office: Office, services: Services, connection: asyncpg.Connection) -> None:
        self.office, self.services, self._connection = office, services, connection
        self._asked = 0
        self._api = application(PRODUCT, services.environment)
        self.port, self.worker = self._api.port, self._start_worker()

    def _start_worker(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-m", "identity_api", "worker"], env=self.services.environment)

    def stop(self) -> None:
        """End both."""
        self.worker.terminate()
        self._api.stop()
        self.worker.wait(60)

    def restart_worker(self) -> None:
        """Kill the worker in the middle of whatever it does, and start another."""
        self.worker.send_signal(signal.SIGKILL)
        self.worker.wait(20)
        self.worker = self._start_worker()

    def ask(self, document: str, given: dict[str, Any] | str) -> dict[str, Any]:
        """One request of the admin; what the aliased field answers, or the whole answer if it has none."""
        tokens = self.office.large.session_tokens
        self._asked += 1
        body = msgspec.json.encode({"query": document, "variables": {"input": given}})
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/graphql",
            body,
            {"content-type": "application/json", "authorization": f"Bearer {tokens[self._asked % len(tokens)]}"},
        )
        with urllib.request.urlopen(request, timeout=120) as response:
            answer: dict[str, Any] = msgspec.json.decode(response.read())
        return (answer.get("data") or {}).get("done") or answer

    def until(self, permission: str, is_held: bool) -> float:
        """When the last user holds the permission, or holds it no more."""
        last = global_id("User", self.office.last)
        while True:
            held = self.ask(HELD, last)["permissions"]
            if ({"name": permission} in held) == is_held:
                return time.perf_counter()
            time.sleep(0.05)

    @contextlib.contextmanager
    def lock_waits(self) -> Iterator[list[float]]:
        """Milliseconds of the longest wait for a lock that is seen within the block, looking a hundred times a second."""
        longest = [0.0]

        async def look() -> None:
            connection = await asyncpg.connect(self.services.database_url)
            try:
                while True:
                    longest[0] = max(longest[0], await connection.fetchval(LOCK_WAIT))
                    await asyncio.sleep(0.01)
            finally:
                connection.terminate()

        looking = asyncio.create_task(look())
        try:
            yield longest
        finally:
            looking.cancel()

    @contextlib.contextmanager
    def others(self) -> Iterator[list[Waited]]:
        """The small tenant's requests meanwhile."""
        small = self.office.small
        requests = [
            request
            for place, user in enumerate(small.user_ids)
            for token in [small.session_tokens[place % len(small.session_tokens)]]
            for request in (_me(token), _user(token, global_id("User", user)))
        ]
        found: list[Waited] = []
        with subprocess.Popen(
            [sys.executable, "-m", "benchmarks.writes.others"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process:
            assert process.stdin
            assert process.stdout
            process.stdin.write(msgspec.json.encode(Job(self.port, requests, RATE)) + b"\n")
            process.stdin.flush()
            yield found
            process.stdin.close()
            found.append(msgspec.json.decode(process.stdout.read(), type=Waited))

    async def edit(
        self,
        name: str,
        document: str,
        given: dict[str, Any],
        waiting: str,
        *,
        puts: tuple[str, bool] | None = None,
        meanwhile: Callable[[], None] | None = None,
    ) -> tuple[Row, dict[str, Any]]:
        """Make one edit, and wait until all that follows is written and sealed.

        Args:
            puts: a permission, and whether the edit puts it in force or out of it.
        """
        # Who makes edits has signed in a moment ago, however long the ones before took.
        await self._connection.execute(
            "update session set authenticated_at = now() where tenant_id = $1", self.office.large.id
        )
        with self.others() as others, self.lock_waits() as longest:
            await asyncio.sleep(0.5)
            begun = time.perf_counter()
            answer = await asyncio.to_thread(self.ask, document, given)
            answered = time.perf_counter() - begun
            in_force = None
            if puts is not None and "__typename" not in answer:
                raise SystemExit(f"{name} was not made: {answer}")
            if puts is not None:
                in_force = 1_000 * (await asyncio.to_thread(self.until, *puts) - begun)
            if meanwhile is not None:
                await asyncio.sleep(1.0)
                await asyncio.to_thread(meanwhile)
            written = await self._until_done(waiting) - begun
            # A short edit is over before anybody noticed; the others are asked for long enough in any case.
            await asyncio.sleep(max(0.0, 4.0 - written))
        sealed = await self._until_done("audit") - begun
        kind = answer.get("__typename") or str(answer.get("errors", answer))[:80]
        memory = _peak_mib(self.worker.pid)
        return Row(name, kind, 1_000 * answered, in_force, longest[0], written, sealed, memory, others[0]), answer

    async def declare(self, name: str, stored: str, permission: str) -> Row:
        """Apply what is `stored` and many mappings that give the permission, one to each of so many groups."""
        text = stored + "".join([_DECLARED.format(n, permission) for n in range(1, DECLARED + 1)])
        file = Path(self.services.environment["HOME"]) / "large.toml"
        file.write_text(text, "utf-8")
        with self.others() as others, self.lock_waits() as longest:
            await asyncio.sleep(0.5)
            begun = time.perf_counter()
            await asyncio.to_thread(self.command, "apply", str(file))
            answered = time.perf_counter() - begun
            written = await self._until_done("mapping") - begun
        sealed = await self._until_done("audit") - begun
        memory = _peak_mib(self.worker.pid)
        return Row(name, "applied", 1_000 * answered, None, longest[0], written, sealed, memory, others[0])

    def command(self, *arguments: str) -> str:
        """What a command of the operator says."""
        command = [sys.executable, "-m", "identity_api", *arguments]
        done = subprocess.run(command, env=self.services.environment, stdout=subprocess.PIPE, check=True, text=True)
        return done.stdout

    async def _until_done(self, waiting: str) -> float:
        until = time.perf_counter() + AT_MOST_SECONDS
        while await self._connection.fetchval(WAITING[waiting], self.office.large.id):
            if time.perf_counter() > until:
                break
            await asyncio.sleep(0.05)
        return time.perf_counter()


def _me(token: str) -> bytes:
    return f"GET /v1/me HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {token}\r\n\r\n".encode()


def _user(token: str, user_id: str) -> bytes:
    body = msgspec.json.encode(
        {"query": "query ($id: ID!) { user(id: $id) { username permissions { name } } }", "variables": {"id": user_id}}
    )
    head = f"POST /graphql HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\nauthorization: Bearer {token}\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


def _peak_mib(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text("utf-8").splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) // 1024
    return 0


async def edits(bench: Bench) -> None:
    """Every edit in turn, and its row as soon as it is known."""
    office = bench.office
    with bench.others() as quiet:
        await asyncio.sleep(QUIET_SECONDS)
    show(Row("(nothing)", "-", 0, None, 0, 0, 0, _peak_mib(bench.worker.pid), quiet[0]), quiet[0])

    async def made(name: str, *arguments: Any, **options: Any) -> dict[str, Any]:
        row, answer = await bench.edit(name, *arguments, **options)
        show(row, quiet[0])
        return answer

    everyone = {"pattern": "everyone", "provider": office.provider, "permissions": office.permissions[:1]}
    if "preview" in EDITS:
        await made("preview", PREVIEW, everyone, "mapping")
    if "everyone" in EDITS or "create" in EDITS:
        mapping = (await made("create", CREATE, everyone, "mapping", puts=("bench:p0", True)))["mapping"]
    if "everyone" in EDITS:
        changed = {**mapping, "permissions": office.permissions[1:2]}
        mapping = (await made("update", UPDATE, changed, "mapping", puts=("bench:p1", True)))["mapping"]
        await made("delete", DELETE, mapping, "mapping", puts=("bench:p1", False))
        await made("create, worker killed", CREATE, everyone, "mapping", meanwhile=bench.restart_worker)
    if "pattern" in EDITS:
        teams = {
            "pattern": "team-*",
            "match": "GLOB",
            "provider": office.provider,
            "permissions": office.permissions[2:],
        }
        await made("glob over 10,000 groups", CREATE, teams, "mapping", puts=("bench:p2", True))
    if "apply" in EDITS:
        stored = bench.command("export", "large")
        show(await bench.declare(f"apply {DECLARED:,} new mappings", stored, "bench:p0"), quiet[0])
        show(await bench.declare(f"apply {DECLARED:,} changed ones", stored, "bench:p1"), quiet[0])
    if "disable" in EDITS:
        user = {"id": global_id("User", office.large.user_ids[7])}
        await made("disable a user", DISABLE_USER, user, "mapping")
        await made("disable the provider", DISABLE, {"id": office.provider}, "provider")


def show(row: Row, quiet: Waited) -> None:
    """One line of the table."""
    if row.name == "(nothing)":
        columns = (
            "edit", "answer", "answered ms", "in force ms", "longest lock ms", "all written s", "sealed s", "worker MiB",
            "others p50 / p99 ms", "x p99 quiet", "failed",
        )  # fmt: skip
        print(f"| {' | '.join(columns)} |")
        print(f"|{' --- |' * len(columns)}")
    waited = row.others
    in_force = "-" if row.in_force_ms is None else f"{row.in_force_ms:,.0f}"
    print(
        f"| {row.name} | {row.answer} | {row.answered_ms:,.0f} | {in_force} | {row.lock_ms:,.0f} |"
        f" {row.written_seconds:.1f} | {row.sealed_seconds:.1f} |"
        f" {row.worker_mib} | {waited.median_ms:.1f} / {waited.p99_ms:.1f} | {waited.p99_ms / quiet.p99_ms:.1f} |"
        f" {waited.failures} of {waited.requests} |",
        flush=True,
    )


async def measure(services: Services) -> None:
    """Prepare, run and stop."""
    print(f"Writing {USERS:,} users ...", file=sys.stderr, flush=True)
    office = await prepare(services.database_url, USERS)
    connection = await asyncpg.connect(services.database_url)
    bench = Bench(office, services, connection)
    try:
        print(f"{USERS:,} users, load average {os.getloadavg()[0]:.1f}\n", flush=True)
        await edits(bench)
    finally:
        bench.stop()
        await connection.close()


def main() -> None:
    with running_services(LOG_LEVEL="error", MAX_PREVIEW_IDENTITIES=str(max(USERS, 20_000))) as services:
        asyncio.run(measure(services))


if __name__ == "__main__":
    main()
