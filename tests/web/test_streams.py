"""Subscriptions as server-sent events: what is sent, to whom, and when a stream ends."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import pytest
import pytest_asyncio

from identity_api import http
from identity_api.accounts import administration
from identity_api.accounts.api_tokens import revoke_api_token
from identity_api.db import outbox, sessions
from identity_api.db.database import Database
from identity_api.graphql.engine.prepared import DocumentCache, Prepared
from identity_api.graphql.ids import global_id
from identity_api.ids import uuid7
from identity_api.lifecycle.end_login import end_session
from identity_api.permissions.delegation import Actor
from identity_api.permissions.service import USERS_READ
from identity_api.telemetry import METRICS
from tests import factories as make
from tests.web.site import FRONTEND, Site
from tests.web.streams import Stream

pytestmark = pytest.mark.asyncio

MINE = "subscription { viewer { permissions { name } } }"
FEED = "subscription { changes { position type userIds } }"


class Person:
    """Somebody with a bearer token, and what is done to them."""

    def __init__(self, site: Site, token: str, user_id: UUID, permission_id: UUID) -> None:
        self.site, self.token, self.user_id, self.permission_id = site, token, user_id, permission_id
        self.operator = Actor(site.tenant.id, None, "operator:root", frozenset())

    def stream(self, query: str = MINE, *, reads: bool = True, **headers: str) -> Stream:
        return Stream(self.site, self.token, query, reads=reads, **headers)

    async def grant(self) -> None:
        await administration.grant_permission(self.site.database, self.operator, self.user_id, self.permission_id)

    async def revoke(self) -> None:
        await administration.revoke_permission(self.site.database, self.operator, self.user_id, self.permission_id)

    async def change_of(self, user_id: UUID) -> None:
        async with self.site.database.transaction() as connection:
            await outbox.record(connection, self.site.tenant.id, "user.updated", [user_id])


@pytest_asyncio.fixture
async def alice(site: Site) -> AsyncIterator[Person]:
    token = await site.bearer()
    async with site.database.transaction() as connection:
        permission_id = await make.make_permission(connection, site.tenant.id, USERS_READ)
    user_id = await site.fetchval("select id from app_user where tenant_id = $1", site.tenant.id)
    yield Person(site, token, user_id, permission_id)


def names(result: Any) -> list[str]:
    return [one["name"] for one in result["data"]["viewer"]["permissions"]]


async def test_a_viewer_is_told_at_once_and_again_when_their_permissions_change(alice: Person) -> None:
    async with alice.stream(origin=FRONTEND) as stream:
        assert names(await stream.result()) == []
        assert stream.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert stream.headers["access-control-allow-origin"] == FRONTEND
        await alice.grant()
        assert names(await stream.result()) == [USERS_READ]
        await alice.revoke()
        assert names(await stream.result()) == []


async def test_what_changes_nothing_that_is_selected_is_not_sent(alice: Person) -> None:
    async with alice.stream() as stream:
        await stream.result()
        await alice.change_of(alice.user_id)
        await alice.grant()
        assert names(await stream.result()) == [USERS_READ]
        assert stream.waiting == 0


async def test_the_stream_of_a_session_that_is_ended_ends(alice: Person) -> None:
    async with alice.stream() as stream:
        await stream.result()
        session_id = await alice.site.fetchval("select id from session where tenant_id = $1", alice.site.tenant.id)
        async with alice.site.database.transaction() as connection:
            await end_session(connection, alice.site.tenant.id, session_id, reason="admin", actor="operator:root")
        assert [one["extensions"]["code"] for one in (await stream.result())["errors"]] == ["UNAUTHENTICATED"]
        last = await stream.next()
        assert last is not None
        assert last.event == "complete"
        assert await stream.next() is None


async def test_the_stream_of_an_api_token_that_is_revoked_ends(alice: Person) -> None:
    tenant_id, database = alice.site.tenant.id, alice.site.database
    token = await make.create_api_token(database, tenant_id, "alice", "program", days=1)
    async with Stream(alice.site, token, MINE) as stream:
        await stream.result()
        token_id = await alice.site.fetchval("select id from api_token where tenant_id = $1", tenant_id)
        await revoke_api_token(database, Actor(tenant_id, None, "operator:root", frozenset()), token_id)
        assert [one["extensions"]["code"] for one in (await stream.result())["errors"]] == ["UNAUTHENTICATED"]


async def test_a_stream_keeps_no_session_alive_and_a_query_of_the_same_client_does(alice: Person) -> None:
    async def unused_minutes() -> int:
        value: int = await alice.site.fetchval(
            "select extract(epoch from now() - seen_at)::int / 60 from session where tenant_id = $1",
            alice.site.tenant.id,
        )
        return value

    await alice.site.execute(
        "update session set seen_at = now() - interval '10 minutes' where tenant_id = $1", alice.site.tenant.id
    )
    async with alice.stream() as stream:
        await stream.result()
    assert await unused_minutes() == 10
    accepted = {"accept": "application/json, text/event-stream", "authorization": f"Bearer {alice.token}"}
    async with alice.site.client(headers=accepted) as client:
        assert (await client.post("/graphql", json={"query": "{ __typename }"})).status_code == 200
    assert await unused_minutes() == 0


async def test_a_lease_that_ends_is_told_though_nothing_is_written(alice: Person) -> None:
    await alice.grant()
    async with alice.stream() as stream:
        assert names(await stream.result()) == [USERS_READ]
        await alice.site.execute(
            "update identity_sync set signed_in_until = now() + interval '500 milliseconds' where tenant_id = $1",
            alice.site.tenant.id,
        )
        await alice.change_of(alice.user_id)  # renewed, say, and the stream learns the new end
        assert names(await stream.result()) == []


async def test_somebody_who_may_read_users_follows_the_tenant_and_goes_on_without_a_gap(alice: Person) -> None:
    await alice.grant()
    others = [uuid7() for _ in range(4)]
    seen: list[str] = []

    async def see(stream: Stream) -> str | None:
        event = await stream.next()
        assert event is not None
        users = [user_id for one in event.data["data"]["changes"] for user_id in one["userIds"] or []]
        seen.extend([user_id for user_id in users if user_id in expected])
        return event.id

    expected = [global_id("User", one) for one in others]
    async with alice.stream(FEED) as stream:
        await stream.begun()
        await alice.change_of(others[0])
        while not seen:
            last = await see(stream)
    for other in others[1:3]:
        await alice.change_of(other)
    async with alice.stream(FEED, last_event_id=str(last)) as stream:
        while len(seen) < 3:
            await see(stream)
        await alice.change_of(others[3])
        await see(stream)
    assert seen == expected


async def test_a_position_that_there_is_not_is_refused_instead_of_waited_for(alice: Person) -> None:
    await alice.grant()
    async with alice.stream(FEED) as stream:
        await stream.begun()
        await alice.change_of(alice.user_id)
        event = await stream.next()
        assert event is not None
        newest = int(str(event.id))
    for position, codes in ((newest, None), (newest + 1_000, ["CHANGES_FORGOTTEN"])):
        async with alice.stream(FEED, last_event_id=str(position)) as stream:
            await stream.begun()
            await alice.change_of(alice.user_id)
            told = await stream.result()
        assert [one["extensions"]["code"] for one in told.get("errors", [])] == (codes or [])


async def test_who_may_not_read_users_follows_nobody_else(alice: Person) -> None:
    async with alice.stream(FEED) as stream:
        assert [one["extensions"]["code"] for one in (await stream.result())["errors"]] == ["FORBIDDEN"]
        last = await stream.next()
        assert last is not None
        assert last.event == "complete"


async def test_a_right_that_is_taken_ends_the_stream_that_needs_it(alice: Person) -> None:
    await alice.grant()
    async with alice.stream(FEED) as stream:
        await stream.begun()
        await alice.revoke()
        results = [await stream.result()]
        while "errors" not in results[-1]:
            results.append(await stream.result())
        assert [one["extensions"]["code"] for one in results[-1]["errors"]] == ["FORBIDDEN"]


async def test_a_user_has_ten_streams_and_no_more(alice: Person) -> None:
    opened = [alice.stream() for _ in range(11)]
    for one in opened[:10]:
        await one.__aenter__()
        await one.result()
    async with opened[10] as refused:
        status, body = await refused.answered()
    assert (status, msgspec.json.decode(body)["code"]) == (429, "TOO_MANY_STREAMS")
    await opened[0].__aexit__(None, None, None)
    async with alice.stream() as stream:
        assert names(await stream.result()) == []
    for one in opened[1:10]:
        await one.__aexit__(None, None, None)
    assert METRICS.registry.get_sample_value("identity_streams") == 0


async def test_streams_that_a_user_opens_at_the_same_moment_are_counted_too(alice: Person) -> None:
    opened = [alice.stream() for _ in range(14)]
    for one in opened:
        await one.__aenter__()
    for one in opened:
        await one.begun()
    assert sorted([one.status for one in opened]) == [200] * 10 + [429] * 4
    for one in opened:
        await one.__aexit__(None, None, None)
    assert METRICS.registry.get_sample_value("identity_streams") == 0


async def test_whoever_never_reads_loses_the_place(alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "READ_SECONDS", 0.05)
    async with alice.stream(reads=False) as stalled, alice.stream() as stream:
        await stream.result()
        assert await stalled.is_cut_off()
        assert METRICS.registry.get_sample_value("identity_streams") == 1
        await alice.grant()
        assert names(await stream.result()) == [USERS_READ]


async def test_streams_that_wake_together_look_their_sessions_up_together(
    alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant_id, database = alice.site.tenant.id, alice.site.database
    opened: list[Stream] = []
    for number in range(40):
        async with database.transaction() as connection:
            await make.make_user(connection, tenant_id, username=f"user{number}")
        token = await make.create_api_token(database, tenant_id, f"user{number}", "page", days=1)
        opened.append(Stream(alice.site, token, "subscription { viewer { user { email } } }"))
    statements: list[int] = []
    authenticate_each = sessions.authenticate_each

    async def counted(connection: Any, tenant_id: UUID, *hashes: list[bytes], idle_seconds: int) -> Any:
        statements.append(sum(map(len, hashes)))
        return await authenticate_each(connection, tenant_id, *hashes, idle_seconds=idle_seconds)

    for one in opened:
        await one.__aenter__()
        await one.result()
    monkeypatch.setattr(sessions, "authenticate_each", counted)
    async with database.transaction() as connection:
        await connection.execute("update app_user set email = 'new@example.com' where tenant_id = $1", tenant_id)
        await outbox.record(connection, tenant_id, "user.updated", None)
    for one in opened:
        assert (await one.result())["data"]["viewer"]["user"]["email"] == "new@example.com"
        await one.__aexit__(None, None, None)
    # On a busy machine few wake in the same moment.
    assert (sum(statements), len(statements) < 40) == (40, True)


async def test_streams_that_wake_together_are_each_their_own_persons(alice: Person) -> None:
    """Sessions and API tokens are looked up in one statement; every second token is over by then."""
    tenant_id, database = alice.site.tenant.id, alice.site.database
    query = "subscription { viewer { user { username email } } }"
    opened: dict[str, Stream] = {"alice": alice.stream(query)}
    for number in range(12):
        name = f"person{number}"
        async with database.transaction() as connection:
            await make.make_user(connection, tenant_id, username=name)
        opened[name] = Stream(alice.site, await make.create_api_token(database, tenant_id, name, "page", days=1), query)
    for one in opened.values():
        await one.__aenter__()
        await one.result()
    async with database.transaction() as connection:
        await connection.execute(
            "update app_user set email = username || '@new.example' where tenant_id = $1", tenant_id
        )
        await connection.execute(
            """
            update api_token t set ended_at = now() from app_user u
            where t.tenant_id = $1 and u.id = t.user_id and right(u.username, 1) in ('1', '3', '5', '7', '9')
            """,
            tenant_id,
        )
        await outbox.record(connection, tenant_id, "user.updated", None)
    for name, one in opened.items():
        told = await one.result()
        if name[-1] in "13579":
            assert [error["extensions"]["code"] for error in told["errors"]] == ["UNAUTHENTICATED"], name
        else:
            assert (
                told["data"]["viewer"]["user"]["email"].partition("@")[0] == told["data"]["viewer"]["user"]["username"]
            )
            assert name == "alice" or told["data"]["viewer"]["user"]["username"] == name
        await one.__aexit__(None, None, None)


async def test_a_look_that_fails_stops_no_stream_from_being_woken(
    alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    has_failed = asyncio.Event()
    number_all = outbox.number_all

    async def failing_once(database: Database) -> int:
        if not has_failed.is_set():
            has_failed.set()
            raise asyncpg.DeadlockDetectedError("deadlock detected")
        return await number_all(database)

    async with alice.stream() as stream:
        await stream.result()
        monkeypatch.setattr(outbox, "number_all", failing_once)
        await asyncio.wait_for(has_failed.wait(), 30)
        await alice.grant()
        assert names(await stream.result()) == [USERS_READ]


async def test_a_subscription_may_name_its_field_in_a_fragment(alice: Person) -> None:
    spread = "subscription { ...Mine } fragment Mine on Subscription { ... { viewer { permissions { name } } } }"
    async with alice.stream(spread) as stream:
        assert names(await stream.result()) == []


async def test_a_subscription_that_is_asked_for_like_a_query_says_what_is_missing(alice: Person) -> None:
    headers = {"authorization": f"Bearer {alice.token}", "accept": "application/json"}
    async with alice.site.client(headers=headers) as client:
        answer = await client.post("/graphql", json={"query": MINE})
        assert [one["extensions"]["code"] for one in answer.json()["errors"]] == ["STREAM_NEEDED"]
        both = {"accept": "application/json, text/event-stream"}
        query = await client.post("/graphql", json={"query": "{ viewer { permissions { name } } }"}, headers=both)
    assert query.json() == {"data": {"viewer": {"permissions": []}}}


async def test_a_document_of_a_stranger_is_not_looked_at(alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[str] = []
    prepare = DocumentCache.prepare

    def seen(cache: DocumentCache, text: str) -> Prepared:
        looked_at.append(text)
        return prepare(cache, text)

    monkeypatch.setattr(DocumentCache, "prepare", seen)
    async with Stream(alice.site, "iab_unknown_unknown_unknown", MINE) as stream:
        assert (await stream.answered())[0] == 401
    assert looked_at == []
    async with alice.stream() as stream:
        await stream.result()
    assert looked_at[0] == MINE


async def test_without_a_session_there_is_no_stream(alice: Person) -> None:
    async with Stream(alice.site, "iab_unknown_unknown_unknown", MINE) as stream:
        assert (await stream.answered())[0] == 401
    async with alice.site.client() as client:
        answer = await client.post("/graphql", json={"query": MINE}, headers={"accept": "text/event-stream"})
    assert answer.status_code == 401
