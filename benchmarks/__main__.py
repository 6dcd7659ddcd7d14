"""`make bench`: the read path beside the obvious way and beside its floor, all in one run, as ratios.

Settings by environment: BENCH_USERS (20000), BENCH_ROUNDS (3), BENCH_SECONDS (2), BENCH_CONNECTIONS (16).
"""

import asyncio
import base64
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from uuid import UUID

import msgspec

from benchmarks.data import Tenant, build
from benchmarks.load import Job, Result
from identity_api.db.database import Database
from identity_api.db.migrate import migrate
from identity_api.embedded.services import start_services
from identity_api.graphql.ids import global_id

USERS = int(os.environ.get("BENCH_USERS", "20000"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
SECONDS = float(os.environ.get("BENCH_SECONDS", "2"))
CONNECTIONS = int(os.environ.get("BENCH_CONNECTIONS", "16"))

FIELDS = "id username displayLabel email identities { id state subject } groups { name } permissions { name }"
PAGE = f"query ($first: Int!) {{ users(first: $first) {{ edges {{ cursor node {{ {FIELDS} }} }} }} }}"
ONE = f"query ($id: ID!) {{ user(id: $id) {{ {FIELDS} }} }}"


def post(path: str, document: str, variables: dict[str, object], token: str | None) -> bytes:
    """A complete GraphQL request."""
    body = msgspec.json.encode({"query": document, "variables": variables})
    authorization = f"authorization: Bearer {token}\r\n" if token else ""
    head = f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n{authorization}"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


def scenarios(tenant: Tenant) -> dict[str, dict[str, list[bytes]]]:
    """Scenario -> server -> its requests, with keys spread at random so that no answer repeats soon."""
    some = random.Random(7).sample(tenant.user_ids, min(2_000, len(tenant.user_ids)))

    def floor(after: UUID, first: int) -> bytes:
        return f"GET /?after={after}&first={first} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n".encode()

    start = UUID(int=0)
    tokens = tenant.session_tokens
    return {
        "page of 50": {
            "identity-api": [post("/graphql", PAGE, {"first": 50}, token) for token in tokens],
            "the obvious way": [post("/graphql", PAGE, {"first": 50}, None)],
            "floor": [floor(start, 50)],
        },
        "page of 100": {
            "identity-api": [post("/graphql", PAGE, {"first": 100}, token) for token in tokens],
            "the obvious way": [post("/graphql", PAGE, {"first": 100}, None)],
            "floor": [floor(start, 100)],
        },
        "one user": {
            "identity-api": [
                post("/graphql", ONE, {"id": global_id("User", id)}, tokens[place % len(tokens)])
                for place, id in enumerate(some)
            ],
            "the obvious way": [post("/graphql", ONE, {"id": str(id)}, None) for id in some],
            "floor": [floor(id, 1) for id in some],
        },
    }


class Servers:
    """One process each, on ports of their own; the load generator gets the other core."""

    TARGETS = {
        "identity-api": "identity_api.app:create_app",
        "the obvious way": "benchmarks.obvious:create_app",
        "floor": "benchmarks.floor:create_app",
    }

    def __init__(self, environment: dict[str, str]) -> None:
        self.ports = {name: _free_port() for name in self.TARGETS}
        self._processes = [
            subprocess.Popen(
                [sys.executable, "-m", "granian", "--interface", "asgi", "--factory", "--loop", "uvloop", "--no-ws",
                 "--log-level", "error", "--host", "127.0.0.1", "--port", str(self.ports[name]), target],
                env=environment,
            )
            for name, target in self.TARGETS.items()
        ]  # fmt: skip
        for port in self.ports.values():
            _wait(port)

    def stop(self) -> None:
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.wait(20)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(port: int) -> None:
    for _ in range(200):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=1)
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"nothing answers on port {port}")


def measure(port: int, requests: list[bytes]) -> Result:
    """One round against one server."""
    job = Job(port, CONNECTIONS, SECONDS, requests)
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.load"], input=msgspec.json.encode(job), capture_output=True, check=True
    )
    return msgspec.json.decode(done.stdout, type=Result)


def report(name: str, rounds: dict[str, list[Result]]) -> list[str]:
    """The rows of one scenario: medians over the rounds, and what each is of the obvious way and of the floor."""
    rates = {server: statistics.median([r.answers / r.seconds for r in found]) for server, found in rounds.items()}
    rows = []
    for server, found in rounds.items():
        spread = [r.answers / r.seconds for r in found]
        failures = sum(r.failures for r in found)
        rows.append(
            f"| {name} | {server} | {rates[server]:,.0f} [{min(spread):,.0f}-{max(spread):,.0f}] |"
            f" {statistics.median([r.median_ms for r in found]):.1f} / {statistics.median([r.p99_ms for r in found]):.1f} |"
            f" {rates[server] / rates['the obvious way']:.1f} | {rates[server] / rates['floor']:.2f} |"
            + (f" {failures} failed" if failures else "")
        )
    return rows


async def prepare(url: str) -> Tenant:
    await migrate(url)
    database = Database(url, pool_size=2)
    await database.open()
    async with database.reading() as connection:
        tenant = await build(connection, USERS)
    await database.close()
    return tenant


def main() -> None:
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        start_services(Path(folder), fast=True) as services,
    ):
        assert services.database_url
        assert services.redis_url
        print(f"Writing {USERS:,} users ...", file=sys.stderr)
        tenant = asyncio.run(prepare(services.database_url))
        environment = {
            **os.environ,
            "IDENTITY_DATABASE_URL": services.database_url,
            "IDENTITY_REDIS_URL": services.redis_url,
            "IDENTITY_SECRET_KEYS": "bench:" + base64.b64encode(os.urandom(32)).decode(),
            "IDENTITY_LOG_LEVEL": "error",
            "BENCH_TENANT": str(tenant.id),
        }
        servers = Servers(environment)
        try:
            print(
                f"{USERS:,} users, {CONNECTIONS} connections, {ROUNDS} interleaved rounds of {SECONDS:g} s, medians\n"
            )
            print("| what | server | requests/s [min-max] | ms median / p99 | x obvious | x floor |")
            print("| --- | --- | --- | --- | --- | --- |")
            for name, requests in scenarios(tenant).items():
                rounds: dict[str, list[Result]] = {server: [] for server in requests}
                for server, wire in requests.items():
                    measure(servers.ports[server], wire)  # warm-up
                for _ in range(ROUNDS):
                    for server, wire in requests.items():
                        rounds[server].append(measure(servers.ports[server], wire))
                print("\n".join(report(name, rounds)), flush=True)
        finally:
            servers.stop()


if __name__ == "__main__":
    main()
