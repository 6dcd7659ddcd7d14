"""Logins through the API's own routes: how many a second, and what each costs the API and PostgreSQL.

Everybody signs in once for the first time and then again, so that a first login and a later one are told apart. The API has
one core; provider, load and database have the other. Settings by environment: BENCH_LOGINS (1000 people), BENCH_AT_A_TIME (8).
"""

import asyncio
import os
import random
import time
from urllib.parse import parse_qs, urlencode, urlsplit

import asyncpg
import msgspec

from benchmarks import machine
from benchmarks.cases import PRODUCT
from benchmarks.servers import Server, application
from benchmarks.services import Services, running_services
from benchmarks.sync.__main__ import running_provider
from benchmarks.sync.data import build_tenant
from identity_api.db.migrate import migrate
from identity_api.ids import uuid7

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

    async def sign_in(self, number: int, provider: str = "p0", host: str = HOST) -> None:
        """A whole login: to the provider, back with its code, and a session's cookie."""
        address = ".".join(["10", *[str(random.randrange(256)) for _ in range(3)]])
        away = await self._get(f"/auth/oidc/{provider}/login", host, address, "")
        asked = parse_qs(urlsplit(away["location"]).query)
        code = f"code.{number}.{asked['nonce'][0]}"
        query = urlencode({"code": code, "state": asked["state"][0]})
        back = await self._get(
            f"/auth/oidc/{provider}/callback?{query}", host, address, away["set-cookie"].partition(";")[0]
        )
        if "__Host-session=" not in back.get("set-cookie", ""):
            raise SystemExit(f"a login failed: {back}")

    async def _get(self, path: str, host: str, address: str, cookie: str) -> dict[str, str]:
        head = f"GET {path} HTTP/1.1\r\nhost: {host}\r\nx-forwarded-proto: https\r\nx-forwarded-host: {host}\r\n"
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


async def _round(api: Server, postgres: int, people: range) -> Round:
    processes = api.processes(), machine.tree(postgres)
    begun, before = time.perf_counter(), [machine.worked(one) for one in processes]
    await _everybody(api.port, people)
    seconds, after = time.perf_counter() - begun, [machine.worked(one) for one in processes]
    worked = [machine.seconds_between(*pair) for pair in zip(before, after, strict=True)]
    return Round(len(people), seconds, *worked)


def _row(name: str, done: Round) -> str:
    each_api, each_database = (1e3 * part / done.logins for part in (done.api_seconds, done.database_seconds))
    return (
        f"| {name} | {done.logins / done.seconds:,.0f} | {each_api:.2f} | {each_database:.2f} |"
        f" {1e3 / each_api:,.0f} | {machine.load_average():.1f} |"
    )


async def measure(services: Services, api: Server, base: str) -> None:
    """Prepare and print both rounds."""
    connection = await asyncpg.connect(services.database_url)
    [crowd] = await build_tenant(connection, services.vault, base, [(0, 0, 0)])
    await connection.execute("insert into tenant_host values ($1, $2, $3)", uuid7(), crowd.tenant_id, HOST)
    await _everybody(api.port, range(WARM_UP))
    await connection.execute("analyze")  # as a worker does within seconds
    print("| login | a second | API ms | PostgreSQL ms | a second and core of the API | load |")
    print("| --- | --- | --- | --- | --- | --- |")
    people = range(WARM_UP, WARM_UP + PEOPLE)
    print(_row("first", await _round(api, services.postgres, people)), flush=True)
    await connection.execute("vacuum analyze")
    print(_row("later", await _round(api, services.postgres, people)), flush=True)
    await connection.close()


def main() -> None:
    found = machine.cores()
    if found is None:
        raise SystemExit("processor time is measured on Linux, with two cores")
    machine.pin(found[1])
    with (
        running_provider() as port,
        running_services(
            LOG_LEVEL="error", OUTBOUND_ALLOW=f"127.0.0.1:{port}", TRUSTED_PROXIES="127.0.0.1"
        ) as services,
    ):
        asyncio.run(migrate(services.database_url))
        api = application(PRODUCT, services.environment, found[0])
        try:
            asyncio.run(measure(services, api, f"http://127.0.0.1:{port}"))
        finally:
            api.stop()


if __name__ == "__main__":
    main()
