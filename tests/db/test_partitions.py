"""Every statement names the tenant whose rows it reads or writes, so that it concerns one part of a table split by tenant.

Each is planned on a schema whose tables are partitioned by hash of `tenant_id`: what names no tenant reads all parts. That
is for those in the list alone, which look for tenants that have work, or clean up after all of them.
"""

import asyncio
import importlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, Final, get_args
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio

from identity_api.db import sessions, tenant_limits, user_filters, user_read_model
from identity_api.db.database import Connection, Database
from identity_api.db.user_columns import Part
from identity_api.db.user_read_model import WantedUser
from identity_api.embedded.services import Services
from identity_api.ids import uuid7
from tests.db.moments import out_of_place
from tests.db.partitioned import OF_TENANTS, PARTS, schema, tables_in_parts
from tests.db.reading import caught
from tests.db.test_statements import BY_ARGUMENT, modules, statements

pytestmark = pytest.mark.asyncio

OF_ALL_TENANTS: Final = {
    # Who has work? Each of these answers with tenants, and the work is then done tenant by tenant.
    "identity_api.db.audit.unsealed_seconds": "which tenants have events to be sealed",
    "identity_api.db.login_ends.still_ending": "which disabled providers still have something to be ended",
    "identity_api.db.outbox.after_each": "for the streams of one process, by tenant and position of each",
    "identity_api.db.outbox.tenants_with_unnumbered": "which tenants have changes without a position",
    "identity_api.db.webhooks.due": "which webhooks have something to be delivered",
    "identity_api.db.mapping_changes.lock_next_change": "the next tenant whose grants have to follow an edit of a mapping",
    # The claim and its heartbeat: many tenants at once, so that a sync of one delays no other.
    "identity_api.db.refresh_tokens.rotate": "the tokens that came at the same moment, whoever's they are",
    "identity_api.db.sync_claims.claim": "the identities that are due next, fairly between all providers",
    "identity_api.db.sync_claims.tenants_due": "the same, where they are claimed tenant by tenant",
    "identity_api.db.sync.renew_leases": "what this worker holds, by tenant and id of each",
    # What is over, of everybody.
    "identity_api.db.clean_up.forget_attempts": "clean-up",
    "identity_api.db.clean_up.forget_refresh_tokens": "clean-up",
    "identity_api.db.clean_up.forget_sessions": "clean-up",
    "identity_api.db.client_keys.forget": "clean-up",
    "identity_api.db.erasure.forget_anchors": "clean-up",
    "identity_api.db.logout_handles.forget": "clean-up",
    "identity_api.db.logout_tokens.forget": "clean-up",
    "identity_api.db.outbox.forget": "clean-up",
    "identity_api.db.webhooks.forget_deliveries": "clean-up",
    "identity_api.db.password_tokens.delete_old": "clean-up",
    "identity_api.db.password_tries.forget": "clean-up",
    "identity_api.db.provider_tests.forget": "clean-up",
    "identity_api.db.setup_links.forget": "clean-up",
    "identity_api.db.invitations.forget": "clean-up",
    # What an operator is told of the whole installation.
    "identity_api.db.webhooks.failing": "for the metrics",
    "identity_api.db.sync_health.oldest_due_seconds": "for the metrics",
    "identity_api.db.sync_health.providers": "for the metrics and `sync status`; of one tenant for its admins",
    "identity_api.db.sync_health.lags": "`sync status`; of one tenant for its admins",
    "identity_api.db.sync_health.reasons": "the same",
    "identity_api.db.sealed.audit_key_ids": "for `doctor`: which keys are still needed",
    # Rules between tenants.
    "identity_api.db.providers.at_one_place": "providers that share a redirect URL, which may be of several tenants",
    "identity_api.db.providers.at_places": "the same, for several redirect URLs",
    "identity_api.db.providers.shares_place": "the same, for one provider",
    "identity_api.db.tenants.origin_is_known": "a preflight request carries no session and may be for any tenant",
}
"""Statements of all tenants, and why."""

UNSEEN: Final = {
    "identity_api.db.attempts._is_first": "gets the statements of its callers, which are found there",
    "identity_api.db.audit_reading.newest": "the column is an argument; the tenant is in the text",
    "identity_api.db.audit_reading.page": "the columns that it looks for are an argument; the tenant is in the text",
    "identity_api.db.listings.existing": "the table's name is an argument; the tenant is in the text",
    "identity_api.db.provider_changes.remove": "runs a list of statements, which are found there",
    "identity_api.db.erasure._empty": "runs a list of statements, which are found there",
    "identity_api.db.providers.write": "an insert of one row",
    "identity_api.db.sealed.count_other": "the rotation of keys, of all tenants",
    "identity_api.db.sealed.headers": "for `doctor`, of all tenants",
    "identity_api.db.sealed.other": "the rotation of keys, of all tenants",
    "identity_api.db.sealed.replace": "the rotation of keys, by tenant and id of each",
    "identity_api.db.sessions._with_wanted": "planned in a test below",
    "identity_api.db.tenant_limits.count": "planned in a test below",
    "identity_api.db.user_read_model._read": "`users_by_id` and `list_users`, planned in a test below",
    "identity_api.db.user_read_model.count_users": "planned in a test below",
    "identity_api.db.user_read_model.estimate_users": "asks for a plan; the tenant is in the text",
}
"""Functions whose statement the source alone does not say, and where its tenant is."""

OF_NO_TENANTS_TABLE: Final = {
    "identity_api.db.health.writing": "asks the server whether it could write",
    "identity_api.db.migrate._record_finished": "Piccolo's own table",
    "identity_api.db.migrate.applied_migrations": "Piccolo's own table",
    "identity_api.db.sql_migration.run": "runs migrations",
}

_READS_OR_WRITES: Final = re.compile(r"\s*(select|insert|update|delete|with)\b")


async def _run(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement, timeout=300)
    finally:
        await connection.close()


@pytest.fixture(scope="module")
def split_url(services: Services) -> Iterator[str]:
    """A database with the partitioned schema and nothing in it."""
    assert services.database_url is not None
    name = f"split_{uuid4().hex}"
    url = services.database_url.replace("/identity?", f"/{name}?")
    asyncio.run(_run(services.database_url, f"create database {name}"))
    asyncio.run(_run(url, schema()))
    yield url
    asyncio.run(_run(services.database_url, f"drop database {name} with (force)"))


@pytest_asyncio.fixture
async def connection(split_url: str) -> AsyncIterator[Connection]:
    opened = await asyncpg.connect(split_url)
    yield opened
    await opened.close()


def known_statements() -> Iterator[tuple[str, str]]:
    for module in modules():
        for function, statement in statements(importlib.import_module(module)):
            is_left_out = function in UNSEEN or function in OF_NO_TENANTS_TABLE
            if statement is not None and not is_left_out and _READS_OR_WRITES.match(statement):
                yield function, statement


async def concerns_several(connection: Connection, statement: str) -> bool:
    parts = await tables_in_parts(connection, statement)
    return "is null or tenant_id" in statement or any(number > 1 for number in parts.values())


async def test_every_statement_but_the_listed_ones_concerns_one_tenant(connection: Connection) -> None:
    found = {function for function, statement in known_statements() if await concerns_several(connection, statement)}
    assert sorted(found - OF_ALL_TENANTS.keys()) == []
    assert sorted(OF_ALL_TENANTS.keys() - found) == [], "listed, and concern one tenant"


async def test_every_function_whose_statement_is_not_seen_is_explained() -> None:
    assert sorted(BY_ARGUMENT - UNSEEN.keys() - OF_NO_TENANTS_TABLE.keys()) == []
    assert sorted(UNSEEN.keys() - BY_ARGUMENT) == [], "explained, and seen"


@pytest.mark.parametrize(
    "run",
    [
        lambda catching: user_read_model.users_by_id(catching, uuid7(), [uuid7()]),
        lambda catching: user_read_model.users_by_id(catching, uuid7(), [uuid7(), uuid7()]),
        lambda catching: user_read_model.users_by_id(catching, uuid7(), [uuid7()], part="permissions"),
        lambda catching: user_read_model.users_by_id(catching, uuid7(), [uuid7()], part="names"),
        lambda catching: user_read_model.users_by_id(catching, uuid7(), [uuid7()], part="names and dates"),
        *[
            lambda catching, part=part: sessions.authenticate_session(
                catching, uuid7(), b"", idle_seconds=1, wanted=WantedUser(uuid7(), part)
            )
            for part in get_args(Part)
        ],
        lambda catching: sessions.authenticate_api_token(
            catching, uuid7(), b"", wanted=WantedUser(uuid7(), "everything")
        ),
        lambda catching: user_read_model.list_users(
            catching,
            uuid7(),
            where=user_filters.Filter(
                username_prefix="a", email_prefix="a", group_id=uuid7(), permission_id=uuid7(), linked=True
            ),
            order="USERNAME",
            descending=False,
            after=user_read_model.Position("a", uuid7()),
            first=50,
        ),
        lambda catching: user_read_model.count_users(
            catching, uuid7(), user_filters.Filter(username_prefix="a", group_id=uuid7()), at_most=5_000
        ),
        *[
            lambda catching, name=name: tenant_limits.count(catching, name, uuid7(), uuid7())
            for name in ("max_provider_groups", "max_user_grants", "max_user_api_tokens")
        ],
        *[
            lambda catching, name=name: tenant_limits.count(catching, name, uuid7())
            for name in (
                "max_mappings",
                "max_permissions",
                "max_providers",
                "max_frontends",
                "max_webhooks",
                "max_proposals",
            )
        ],
    ],
)
async def test_a_statement_that_is_put_together_concerns_one_tenant(
    connection: Connection, run: Callable[[Any], Awaitable[object]]
) -> None:
    statement, _ = await caught(run)
    parts = await tables_in_parts(connection, statement)
    assert parts
    assert set(parts.values()) == {1}


async def test_a_search_by_a_part_of_a_name_asks_each_part_s_index(connection: Connection) -> None:
    """Its keys are the tenant's own, so that all others have nothing to tell; what it lists is of one part."""
    where = user_filters.Filter(containing="ann")
    statement, arguments = await caught(lambda c: user_read_model.count_users(c, uuid7(), where, at_most=5))
    assert await tables_in_parts(connection, statement) == {"app_user": PARTS}
    plan = "\n".join([row[0] for row in await connection.fetch(f"explain {statement}", *arguments)])
    assert plan.count("name_parts") >= PARTS


async def test_a_schema_that_is_split_by_tenant_has_every_constraint(
    connection: Connection, database: Database
) -> None:
    """None is refused, and none is another for it."""
    statement = """
        select conrelid::regclass::text as table, conname as name, pg_get_constraintdef(oid) as text
        from pg_constraint where conrelid::regclass::text = any($1::text[]) and conparentid = 0 order by 1, 2
    """
    split = await connection.fetch(statement, OF_TENANTS)
    async with database.reading() as whole:
        assert split == await whole.fetch(statement, OF_TENANTS)
    assert len(split) > 100


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("update a set b = case when c then now() end", ["case"]),
        ("update a set b = coalesce(b, now())", ["coalesce"]),
        ("with x as (update a set b = coalesce(b, now() + d)) select 1", ["coalesce"]),
        ("insert into a values (now()) on conflict (id) do update set b = now()", ["do update"]),
        ("delete from a where b returning c > now()", ["returning"]),
        ("update a set b = clock_timestamp()", ["clock_timestamp"]),
        ("update a set b = now(), c = case when d then 1 end where e < now() - interval '1 day'", []),
        ("update a set b = coalesce(b, m.at) from (select case when c then now() end as at) m", []),
        ("insert into a values (case when $1 then now() end) on conflict (id) do update set b = excluded.b", []),
        ("select case when b > now() then 1 end from a for update", []),
    ],
)
async def test_where_the_moment_is_out_of_place(statement: str, found: list[str]) -> None:
    assert list(out_of_place(statement)) == found


async def test_no_statement_asks_for_the_moment_where_a_distributed_database_refuses_it() -> None:
    found = {function: where for function, statement in known_statements() if (where := list(out_of_place(statement)))}
    assert found == {}
