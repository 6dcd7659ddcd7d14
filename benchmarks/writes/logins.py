"""Logins through the API's own routes: how many a second, and what each costs the API and PostgreSQL.

Everybody signs in once for the first time and then again, so that a first login and a later one are told apart. The API has
one core; provider, load and database have the other. Settings by environment: BENCH_LOGINS (1000 people), BENCH_AT_A_TIME (8).
"""

import asyncio
import base64
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import asyncpg
import msgspec

from benchmarks import machine
from benchmarks.sync.__main__ import running_provider
from benchmarks.sync.data import build_tenant
from benchmarks.writes.ports import open_port, wait_for
from identity_api.config import KeyRing
from identity_api.db.migrate import migrate
from identity_api.embedded.services import start_services
from identity_api.ids import uuid7
from identity_api.vault import Vault

PEOPLE = int(os.environ.get("BENCH_LOGINS", "1000"))
AT_A_TIME = int(os.environ.get("BENCH_AT_A_TIME", "8"))
WARM_UP = 50
HOST = "id.example"


class Round(msgspec.Struct, frozen=True):
    """Logins of everybody, and their processor time."""

    logins: int
    seconds: float
    api_seconds: float
    database_seconds: float


class Browser:
    """One connection to the API; each login is another person's at another address."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def sign_in(self, number: int) -> None:
        """A whole login: to the provider, back with its code, and a session's cookie."""
        address = ".".join(["10", *[str(random.randrange(256)) for _ in range(3)]])
        away = await self._get("/auth/oidc/p0/login", address, "")
        asked = parse_qs(urlsplit(away["location"]).query)
        code = f"code.{number}.{asked['nonce'][0]}"
        query = urlencode({"code": code, "state": asked["state"][0]})
        back = await self._get(f"/auth/oidc/p0/callback?{query}", address, away["set-cookie"].partition(";")[0])
        if "__Host-session=" not in back.get("set-cookie", ""):
            raise SystemExit(f"a login failed: {back}")

    async def _get(self, path: str, address: str, cookie: str) -> dict[str, str]:
        head = f"GET {path} HTTP/1.1\r\nhost: {HOST}\r\nx-forwarded-proto: https\r\nx-forwarded-host: {HOST}\r\n"
        head += f"x-forwarded-for: {address}\r\naccept: text/html\r\ncookie: {cookie}\r\n\r\n"
        self._writer.write(head.encode())
        lines = (await self._reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[1:-2]
        pairs = [line.split(": ", 1) for line in lines]
        headers: dict[str, str] = {}
        for name, value in pairs:
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        await self._reader.readexactly(int(headers.get("content-length", "0")))
        return headers


async def _everybody(port: int, people: range) -> None:
    waiting = list(people)
    random.shuffle(waiting)

    async def go_on() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        browser = Browser(reader, writer)
        while waiting:
            await browser.sign_in(waiting.pop())
        writer.close()

    await asyncio.gather(*[go_on() for _ in range(AT_A_TIME)])


async def _round(port: int, api: int, database: int, people: range) -> Round:
    processes = machine.tree(api), machine.tree(database)
    begun, before = time.perf_counter(), [machine.worked(one) for one in processes]
    await _everybody(port, people)
    seconds, after = time.perf_counter() - begun, [machine.worked(one) for one in processes]
    worked = [machine.seconds_between(*pair) for pair in zip(before, after, strict=True)]
    return Round(len(people), seconds, *worked)


def _row(name: str, done: Round) -> str:
    each_api, each_database = (1e3 * part / done.logins for part in (done.api_seconds, done.database_seconds))
    return (
        f"| {name} | {done.logins / done.seconds:,.0f} | {each_api:.2f} | {each_database:.2f} |"
        f" {1e3 / each_api:,.0f} | {machine.load_average():.1f} |"
    )


def _parent(process: int) -> int:
    """Of a backend: the server's first process."""
    return int(Path(f"/proc/{process}/stat").read_text("utf-8").rpartition(")")[2].split()[1])


async def measure(url: str, port: int, api: int, base: str, vault: Vault) -> None:
    """Prepare and print both rounds."""
    connection = await asyncpg.connect(url)
    [crowd] = await build_tenant(connection, vault, base, [(0, 0, 0)])
    await connection.execute("insert into tenant_host values ($1, $2, $3)", uuid7(), crowd.tenant_id, HOST)
    backend = await connection.fetchval("select pg_backend_pid()")
    database = _parent(backend)
    await connection.execute("analyze")
    await _everybody(port, range(WARM_UP))
    print("| login | a second | API ms | PostgreSQL ms | a second and core of the API | load |")
    print("| --- | --- | --- | --- | --- | --- |")
    people = range(WARM_UP, WARM_UP + PEOPLE)
    print(_row("first", await _round(port, api, database, people)), flush=True)
    await connection.execute("vacuum analyze")
    print(_row("later", await _round(port, api, database, people)), flush=True)
    await connection.close()


def main() -> None:
    found, key = machine.cores(), os.urandom(32)
    if found is None:
        raise SystemExit("processor time is measured on Linux, with two cores")
    machine.pin(found[1])
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        start_services(Path(folder), fast=True) as services,
        running_provider() as provider,
    ):
        assert services.database_url
        assert services.redis_url
        environment = {
            **os.environ,
            "IDENTITY_DATABASE_URL": services.database_url,
            "IDENTITY_REDIS_URL": services.redis_url,
            "IDENTITY_SECRET_KEYS": "bench:" + base64.b64encode(key).decode(),
            "IDENTITY_OUTBOUND_ALLOW": f"127.0.0.1:{provider}",
            "IDENTITY_TRUSTED_PROXIES": "127.0.0.1",
            "IDENTITY_LOG_LEVEL": "error",
        }
        asyncio.run(migrate(services.database_url))
        port = open_port()
        api = subprocess.Popen(
            [sys.executable, "-m", "granian", "--interface", "asgi", "--factory", "--loop", "uvloop", "--no-ws",
             "--log-level", "error", "--host", "127.0.0.1", "--port", str(port), "identity_api.app:create_app"],
            env=environment, preexec_fn=lambda: machine.pin(found[0]),
        )  # fmt: skip
        try:
            wait_for(port)
            vault = Vault(KeyRing([("bench", key)]))
            asyncio.run(measure(services.database_url, port, api.pid, f"http://127.0.0.1:{provider}", vault))
        finally:
            api.terminate()
            api.wait(60)


if __name__ == "__main__":
    main()
