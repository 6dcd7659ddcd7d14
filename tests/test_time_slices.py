"""Long work takes turns, one slice in every fourth round of the event loop."""

import asyncio
from collections.abc import Iterator
from itertools import pairwise

import pytest

from identity_api.time_slices import ROUNDS, in_slices, own_turn

pytestmark = pytest.mark.asyncio


async def test_of_many_that_want_a_turn_one_goes_in_every_fourth_round() -> None:
    rounds, went = 0, list[int]()

    async def count() -> None:
        nonlocal rounds
        while True:
            rounds += 1
            await asyncio.sleep(0)

    async def go() -> None:
        await own_turn()
        went.append(rounds)

    counting = asyncio.create_task(count())
    await asyncio.gather(*[go() for _ in range(5)])
    counting.cancel()
    assert [later - earlier for earlier, later in pairwise(went)] == [ROUNDS] * 4


async def test_whoever_gives_up_waiting_keeps_nobody_from_their_turn() -> None:
    first, second, third = [asyncio.create_task(own_turn()) for _ in range(3)]
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.gather(first, third)
    with pytest.raises(asyncio.CancelledError):
        await second
    await own_turn()


async def test_every_piece_is_handed_on_in_order() -> None:
    def pieces() -> Iterator[int]:
        yield from range(100)

    slices = [made async for made in in_slices(pieces(), seconds=0.0)]
    assert [piece for made in slices for piece in made] == list(range(100))
    assert len(slices) > 100
