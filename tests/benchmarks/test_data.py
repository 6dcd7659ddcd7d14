"""What benchmarks write fits the schema, and what they ask is answered: nothing is measured here."""

import os
from base64 import b64encode

import asyncpg
import httpx
import pytest

from benchmarks import cases, console, tenants
from benchmarks.cases import PRODUCT, Keys
from benchmarks.sync import data as syncing
from benchmarks.sync import queue
from benchmarks.writes import data as writing
from identity_api.app import build_api
from identity_api.config import KeyRing, load_settings
from identity_api.db.migrate import migrate
from identity_api.vault import Vault

pytestmark = pytest.mark.asyncio(loop_scope="session")
KEY = os.urandom(32)
USERS = 130
"""The last hundred have no whole page behind them."""


@pytest.fixture
def vault() -> Vault:
    return Vault(KeyRing([("bench", KEY)]))


@pytest.fixture
def environment(empty_url: str, redis_url: str) -> dict[str, str]:
    return {
        "HOME": "/nonexistent",
        "IDENTITY_DATABASE_URL": empty_url,
        "IDENTITY_REDIS_URL": redis_url,
        "IDENTITY_SECRET_KEYS": f"bench:{b64encode(KEY).decode()}",
    }


async def test_every_request_and_page_is_answered(
    monkeypatch: pytest.MonkeyPatch, empty_url: str, environment: dict[str, str], vault: Vault
) -> None:
    for name, few in {"USERS": USERS, "MAPPINGS": 210, "EVENTS": 50}.items():
        monkeypatch.setattr(console, name, few)
    tenant = await console.prepare(empty_url)
    app = build_api(load_settings(environment))
    async with console.running(app):
        visits = console.Visits(app, tenant)
        pages = {address: (await visits.get(address)).status_code for address in await visits.addresses()}
        asked = {
            case: await answer(app, wires[PRODUCT][0]) for case, wires in cases.cases(Keys(tenant, vault, {})).items()
        }
    assert {status for address, status in pages.items() if "undo" not in address} == {200}
    assert [case for case, found in asked.items() if found.status_code != 200 or b'"errors"' in found.content] == []


async def answer(app: object, wire: bytes) -> httpx.Response:
    """To a request as it is written to a socket."""
    head, _, body = wire.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    method, path, _ = first.split(" ")
    headers = dict([line.split(": ", 1) for line in lines])
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        return await client.request(method, path, headers=headers, content=body)


async def test_the_tenants_of_edits_are_written(monkeypatch: pytest.MonkeyPatch, empty_url: str) -> None:
    monkeypatch.setattr(writing, "NEIGHBOURS", USERS)
    monkeypatch.setattr(writing, "NAMES", 50)
    office = await writing.prepare(empty_url, USERS)
    assert len(office.large.user_ids) == len(office.small.user_ids) == USERS
    assert office.permissions


async def test_people_who_are_synced_are_written_and_claimed(
    monkeypatch: pytest.MonkeyPatch, empty_url: str, vault: Vault
) -> None:
    await migrate(empty_url)
    connection = await asyncpg.connect(empty_url)
    await connection.execute("create table bench_person (id uuid primary key, number integer not null)")
    crowds = await syncing.build_tenant(connection, vault, "http://127.0.0.1:1", [(0, 0, USERS)])
    await syncing.finish(connection)
    assert await syncing.make_due(connection, crowds) == USERS
    monkeypatch.setattr(queue, "ROUNDS", 1)
    assert "everywhere" in await queue.claims(connection, 20, tenants=2)
    await connection.close()


async def test_many_tenants_are_written_with_their_admins(
    monkeypatch: pytest.MonkeyPatch, empty_url: str, vault: Vault
) -> None:
    for name in ("TENANTS", "PEOPLE"):
        monkeypatch.setattr(tenants, name, 2)
    crowds = await tenants.prepare(empty_url, vault, "http://127.0.0.1:1")
    connection = await asyncpg.connect(empty_url)
    assert len(await tenants.make_admins(connection, crowds)) == len(crowds) == 2
    await connection.close()
