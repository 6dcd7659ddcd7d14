"""Whose requests are under way in this process."""

import asyncio
import contextvars
from uuid import uuid4

import pytest

from identity_api.fairness import served
from identity_api.fairness.holders import Holders
from identity_api.fairness.served import is_shared, serving, work_for, worked_for

pytestmark = pytest.mark.asyncio


async def test_the_process_is_shared_while_requests_of_two_tenants_are_under_way() -> None:
    one, other = uuid4(), uuid4()
    answer = asyncio.Event()

    async def request() -> None:
        with serving():
            work_for(other)
            await answer.wait()

    with serving():
        work_for(one)
        assert not is_shared()
        beside = asyncio.create_task(request())
        await asyncio.sleep(0)
        assert is_shared()
        answer.set()
        await beside
        assert not is_shared()


async def test_beside_a_request_work_that_is_none_shares_the_process_with_it() -> None:
    assert not is_shared()
    with serving():
        work_for(uuid4())
        assert not is_shared()
        assert await asyncio.create_task(_is_shared(), context=contextvars.Context())


async def _is_shared() -> bool:
    return is_shared()


async def test_two_requests_of_one_tenant_share_nothing_with_anybody() -> None:
    tenant = uuid4()
    with serving():
        work_for(tenant)

        async def request() -> bool:
            with serving():
                work_for(tenant)
                return is_shared()

        assert not await asyncio.create_task(request())


async def test_a_request_whose_tenant_turns_out_to_be_another_counts_for_that_one() -> None:
    first, second = uuid4(), uuid4()
    with serving():
        work_for(first)
        work_for(second)
        assert worked_for() == second
        assert not is_shared()


async def test_whoever_asks_one_thing_after_the_other_shares_the_process_in_between(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A tenant that is greedy must not be let in as one that is alone, each time that its neighbour draws breath."""
    monkeypatch.setattr(served, "LATELY_SECONDS", 3_600.0)
    greedy, modest = uuid4(), uuid4()
    with serving():
        work_for(modest)
    with serving():
        work_for(greedy)
        assert is_shared()
    with serving():
        work_for(greedy)
        assert is_shared()
    monkeypatch.setattr(served, "LATELY_SECONDS", 0.0)
    with serving():
        work_for(greedy)
        assert not is_shared()


async def test_a_tenants_own_requests_of_a_moment_ago_are_no_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(served, "LATELY_SECONDS", 3_600.0)
    only = uuid4()
    for _ in range(2):
        with serving():
            work_for(only)
    with serving():
        work_for(only)
        assert not is_shared()
    assert is_shared()  # work that is no request is beside it


async def test_what_a_request_starts_works_for_its_tenant() -> None:
    tenant = uuid4()

    async def started() -> object:
        return worked_for()

    with serving():
        work_for(tenant)
        assert await asyncio.create_task(started()) == tenant


async def test_a_token_is_looked_up_as_work_of_whoever_held_it() -> None:
    holders, tenant = Holders(), uuid4()
    holders.remember("iab_known", tenant)
    with serving():
        holders.work_for_holder("iab_unknown")
        assert worked_for() is None
        holders.work_for_holder("iab_known")
        assert worked_for() == tenant


async def test_a_token_that_is_over_is_nobodys_work() -> None:
    holders = Holders()
    holders.remember("iab_known", uuid4())
    holders.forget("iab_known")
    holders.forget("iab_unknown")
    with serving():
        holders.work_for_holder("iab_known")
        assert worked_for() is None
