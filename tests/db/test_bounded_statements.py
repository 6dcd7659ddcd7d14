"""No statement reads more because a tenant has more people, but for those in the list.

Every statement of the product is run for a person of a large tenant among many small ones, with statistics that are up to
date and with some that know nothing of the large tenant, as it is planned for its arguments and as it is planned for any.
"""

import importlib
import re
from collections.abc import AsyncIterator, Iterator
from itertools import product
from typing import Any, Final, get_args
from uuid import UUID

import asyncpg
import msgspec
import pytest
import pytest_asyncio

from identity_api.db import audit_reading, listings, tenant_limits, user_read_model
from identity_api.db.database import Connection
from identity_api.db.user_filters import FEW, Filter
from identity_api.db.user_read_model import Order, Position
from tests.db.partitioned import OF_TENANTS
from tests.db.reading import Plan, Read, Run, Sample, caught, name_of, read_by
from tests.db.skewed import Skewed
from tests.db.test_statements import BY_ARGUMENT, Call, calls, modules

pytestmark = pytest.mark.asyncio

PAGES: Final = 2_000
"""Of 8 KiB. A page of fifty reads ten to thirty for each row, and most look-ups tens; what goes through a tenant's mappings reads
hundreds, and what goes through its people thousands."""
FILTERED_PAGES: Final = 3 * FEW
"""Of a page of users with a filter: as many as are read at once are looked for and looked up. It is judged by pages alone: for a
large part of so few people PostgreSQL may well look through their rows instead of an index."""
ROWS: Final = 4_000
"""Looked at, most of the large tenant's people. What has a limit of its own, as mappings and groups have, is fewer."""

MODEST_PAGES, MODEST_ROWS = 20, 60
"""Less than this is no reason to be listed."""

READ_MORE: Final = {
    # Whose work it is to look at what is there, of a number that has a limit: mappings, groups, permissions, providers.
    "access_findings.emptied_mappings": "each mapping's first living member",
    "access_findings.likely_renames": "at most 50 groups that everybody left, with at most 1,000 members each",
    "access_findings.unmapped_groups": "each group's first living member",
    "access_findings.unreached_mappings": "each mapping's first living member",
    "access_findings.unreached_permissions": "each permission's mappings",
    "onboarding.progress": "each mapping of the groups looked at",
    "provider_changes._OF_PROVIDER": "a provider is deleted with what is only its own",
    "ways_in.account": "each mapping that may give the account something",
    "ways_in.of_people": "each mapping that may give somebody something",
    "ways_in.through": "each permission that a mapping gives",
    # What is counted, or stopped, is everybody.
    "identities.of_issuers": "everybody from a directory that may not sign in any more",
    "identity_links.anchored_at": "the operator moves everybody at a provider to another anchor",
    "identity_links.count_bound": "an admin asks how many identities a change of subject concerns",
    "listings.groups": "each group before the page is full, where a part of their names or mappings is asked for",
    "listings.member_counts": "an admin asks how many are in a group",
    "login_ends.void_attempts": "each login under way at a provider that is switched off",
    "audit_reading.of_sets": "what was recorded in the seconds in which a set of changes was made",
    "erasure._DELETED": "an erased person's ended sessions are found among the tenant's; nothing else asks for them",
    "login_ends.count_without_other_way_in": "everybody of a provider that a file switches off",
    "login_ends.end_all_api_tokens": "each API token of the tenant ends",
    "frontends.delete": "each session of the application that is deleted ends",
    "user_read_model.count_users": "an admin asks how many users there are, up to 5,000",
    "permissions.uses": "an admin asks what still needs a permission",
    "provider_changes.footprint": "an admin asks what stands in the way of deleting a provider",
    "sync_health.lags": "an admin or the operator asks how late everybody's syncs are",
    "sync_health.make_provider_due": "as many as are made due at once",
    "sync_health.providers": "the metrics count identities by state",
    "sync_health.reasons": "the same, by reason",
    # Of all tenants.
    "providers.at_one_place": "providers that share a redirect URL",
    "providers.shares_place": "the same, for one provider",
    "sealed.audit_key_ids": "`doctor` asks which keys the audit still needs",
    "sync_claims.claim": "one look at each provider's queue",
    "sync_health.oldest_due_seconds": "one look at each provider's queue",
    "tenants.list_all": "the operator's list of tenants",
}
"""Statements that read more than the above, and why. One that does so no longer has to leave the list."""

REFUSED: Final = (
    "insert or update",  # a row that refers to nothing
    "duplicate key",  # a row that is there
    "violates check constraint",
    "null value in column",
    "update or delete",  # a row that others refer to
)
"""How the tables refuse what is bound to an insert or a delete of one row, which reads nothing but indexes."""


_IS_QUERY: Final = re.compile(r"\s*(select|insert|update|delete|with)\b")


class Statement(msgspec.Struct, frozen=True):
    """One of the product's, with what is bound to it."""

    function: str
    text: str
    arguments: tuple[Any, ...]

    @property
    def limit(self) -> int:
        """Pages that it may read."""
        return FILTERED_PAGES if "few0" in self.text else PAGES

    def reads_too_much(self, read: Read) -> bool:
        """Whether what it read grows with the tenant."""
        return read.pages > self.limit or (self.limit == PAGES and read.all_rows > ROWS)


async def known(connection: Connection, sample: Sample) -> AsyncIterator[Statement]:
    """Those whose text the source says; what has a position twice, from the first row on and from the middle."""
    for module in modules():
        for call in calls(importlib.import_module(module)):
            if call.text is not None and call.function not in BY_ARGUMENT and _IS_QUERY.match(call.text):
                prepared = await connection.prepare(call.text)
                kinds = [one.name for one in prepared.get_parameters()]
                for first in (True, False) if any(name_of(one) == "after" for one in call.arguments) else (True,):
                    yield Statement(call.function, call.text, tuple(_bound(call, kinds, sample, first=first)))


def _bound(call: Call, kinds: list[str], sample: Sample, *, first: bool) -> Iterator[Any]:
    assert call.text is not None
    # What is handed on, or bound as a list, is bound by its type; its tenant is always the first.
    other = "json" if "::jsonb" in call.text else ""
    sources = call.arguments if len(call.arguments) == len(kinds) else ("tenant_id", *[other] * len(kinds))
    for source, kind in zip(sources, kinds, strict=False):
        yield None if first and name_of(source) == "after" else sample.value(call.text, source, kind)


async def built(sample: Sample) -> AsyncIterator[Statement]:
    """Those that are put together from what is asked for, each way in which they can be."""
    for function, run in _ways(sample):
        yield Statement(function, *await caught(run))


def _ways(sample: Sample) -> Iterator[tuple[str, Run]]:
    yield from _lists_of_users(sample)
    yield from _lists(sample)
    tenant_id, user_id = sample.id("tenant"), sample.id("app_user")
    yield "user_read_model.users_by_id", lambda c: user_read_model.users_by_id(c, tenant_id, [user_id])
    yield "user_read_model.users_by_id", lambda c: user_read_model.users_by_id(c, tenant_id, [user_id, UUID(int=1)])
    for where in (Filter(), Filter(enabled=False), Filter(username_prefix="user12")):
        yield (
            "user_read_model.count_users",
            lambda c, where=where: user_read_model.count_users(c, tenant_id, where, at_most=5_000),
        )
    for column, value in (("subject_id", user_id), ("user_id", user_id)):
        yield (
            "audit_reading.newest",
            lambda c, column=column, value=value: audit_reading.newest(c, tenant_id, column, [value], each=50),
        )
    for name in ("max_mappings", "max_glob_mappings", "max_permissions", "max_providers", "max_frontends"):
        yield "tenant_limits.count", lambda c, name=name: tenant_limits.count(c, name, tenant_id)
    owners = {"max_user_grants": user_id, "max_user_api_tokens": user_id, "max_provider_groups": sample.id("provider")}
    for name, owner in owners.items():
        yield "tenant_limits.count", lambda c, name=name, owner=owner: tenant_limits.count(c, name, tenant_id, owner)


def _lists_of_users(sample: Sample) -> Iterator[tuple[str, Run]]:
    user = sample.rows["app_user"]
    filters = (
        Filter(),
        Filter(username="user77"),
        Filter(username_prefix="user12"),
        Filter(display_label_prefix="user number 9"),
        Filter(email="user77@example.com"),
        Filter(email_prefix="no-such"),
        Filter(containing="ser234"),
        Filter(containing="number"),
        Filter(containing="nobody"),
        Filter(enabled=True),
        Filter(enabled=False),
        Filter(linked=True),
        Filter(linked=False),
        Filter(group_id=sample.id("provider_group", name="everyone")),
        Filter(group_id=sample.id("provider_group", name="group-7")),
        Filter(permission_id=sample.id("permission", name="perm:p0")),
        Filter(permission_id=sample.id("permission", name="perm:p7")),
    )
    orders: list[tuple[Order, bool]] = [("ID", False), ("USERNAME", False), ("EMAIL", True)]
    for where, (order, descending), late in product(filters, orders, (False, True)):
        column = "id" if order == "ID" else f"{order.lower()}_folded"
        after = Position(str(user[column]), user["id"]) if late else None
        yield (
            f"user_read_model.list_users {where} {order} {descending=} {late=}",
            lambda c, where=where, order=order, descending=descending, after=after: user_read_model.list_users(
                c, user["tenant_id"], where=where, order=order, descending=descending, after=after, first=50
            ),
        )


def _lists(sample: Sample) -> Iterator[tuple[str, Run]]:
    tenant_id, provider_id = sample.id("tenant"), sample.id("provider")
    for state, at, after in product(
        (None, *get_args(listings.IdentityState)), (None, provider_id), (None, sample.id("identity"))
    ):
        yield (
            f"listings.identities {state=} {at=} {after=}",
            lambda c, state=state, at=at, after=after: listings.identities(
                c, tenant_id, state=state, provider_id=at, after=after, first=50
            ),
        )
    group = sample.rows["provider_group"]
    later = listings.GroupPosition(provider_id, group["name"])
    for prefix, is_mapped, at, position in product(
        (None, "group-1"), (None, True, False), (None, provider_id), (None, later)
    ):
        yield (
            f"listings.groups {prefix=} {is_mapped=} {at=} {position=}",
            lambda c, prefix=prefix, is_mapped=is_mapped, at=at, position=position: listings.groups(
                c, tenant_id, provider_id=at, name_prefix=prefix, is_mapped=is_mapped, after=position, first=50
            ),
        )
    event = sample.rows["audit_event"]
    for column, after, oldest_first in product(
        (None, *get_args(audit_reading.Column)), (None, event["id"]), (False, True)
    ):
        where = audit_reading.Where(column, (event[column],) if column else ())
        yield (
            f"audit_reading.page {column=} {after=} {oldest_first=}",
            lambda c, where=where, after=after, oldest_first=oldest_first: audit_reading.page(
                c, tenant_id, where, after=after, first=50, oldest_first=oldest_first
            ),
        )


class Walk(msgspec.Struct, frozen=True):
    """What was found of every statement."""

    too_much: dict[str, str]
    """Short name of the function -> how much it read, the most of all times that it was run."""
    known: set[str]
    modest: set[str]
    """Those that read tens of pages, whenever they were run."""
    refused: list[str]
    found_rows: int
    """Runs that found a row of any table: what is bound fits the data."""
    runs: int


async def walk(url: str, tenant_id: UUID) -> Walk:
    """Run every statement on the data set."""
    connection = await asyncpg.connect(url, server_settings={"jit": "off"})
    most: dict[str, tuple[int, str]] = {}
    seen: dict[str, bool] = {}
    refused: list[str] = []
    runs = found = 0
    try:
        sample = await Sample.of(connection, tenant_id, "user2345", OF_TENANTS)
        statements = [one async for one in known(connection, sample)] + [one async for one in built(sample)]
        for statement in statements:
            for plan in get_args(Plan):
                try:
                    read = await read_by(connection, statement.text, statement.arguments, plan)
                except asyncpg.PostgresError as error:
                    if not any(one in str(error) for one in REFUSED):
                        refused.append(f"{statement.function}: {error}")
                    continue
                runs, found = runs + 1, found + bool(read.all_rows)
                name = statement.function.removeprefix("identity_api.db.")
                is_modest = read.pages < MODEST_PAGES and read.all_rows < MODEST_ROWS
                seen[name.split()[0]] = seen.get(name.split()[0], True) and is_modest
                if statement.reads_too_much(read) and read.pages > most.get(name, (0, ""))[0]:
                    most[name] = (
                        read.pages,
                        f"{plan}: {read.pages} pages of at most {statement.limit}, rows {read.rows}, by {read.worst_scan}",
                    )
    finally:
        await connection.close()
    modest = {name for name, is_modest in seen.items() if is_modest}
    return Walk({name: text for name, (_, text) in most.items()}, set(seen), modest, refused, found, runs)


@pytest_asyncio.fixture(scope="module")
async def walks(stale_crowd: Skewed, crowd: Skewed) -> dict[str, Walk]:
    """By how old the statistics are."""
    return {
        "stale": await walk(stale_crowd.url, stale_crowd.tenants[0]),
        "fresh": await walk(crowd.url, crowd.tenants[0]),
    }


@pytest.mark.parametrize("statistics", ["stale", "fresh"])
async def test_a_statement_reads_no_more_for_a_large_tenant(walks: dict[str, Walk], statistics: str) -> None:
    found = {name: text for name, text in walks[statistics].too_much.items() if name.split()[0] not in READ_MORE}
    assert not found, "\n".join([f"{name}: {text}" for name, text in sorted(found.items())])


async def test_what_is_listed_as_reading_more_does(walks: dict[str, Walk]) -> None:
    modest = walks["stale"].modest & walks["fresh"].modest
    assert sorted(READ_MORE.keys() & modest) == [], "listed, and reads no more"
    assert sorted(READ_MORE.keys() - walks["fresh"].known) == [], "listed, and is not there"


@pytest.mark.parametrize("statistics", ["stale", "fresh"])
async def test_hardly_a_statement_is_refused_or_finds_nothing(walks: dict[str, Walk], statistics: str) -> None:
    assert walks[statistics].refused == []
    assert walks[statistics].found_rows > walks[statistics].runs // 2
