"""What happens to the parts of a soak, at random moments."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable

from tests.faults.installation import socket_of
from tests.openid_provider import Fault
from tests.operations.soak.place import Place

STILL_SECONDS = 3.0
"""How long a part stands still or is away."""


async def kill_api(place: Place) -> None:
    """`kill -9` of the second API."""
    await place.apis[1].kill()
    await place.start_api(1)


async def restart_api(place: Place) -> None:
    """The second API is told to end."""
    assert await place.apis[1].terminate() == 0
    await place.start_api(1)


async def kill_worker(place: Place) -> None:
    """`kill -9` of the second worker."""
    await place.workers[1].kill()
    await place.start_worker(1)


async def restart_worker(place: Place) -> None:
    """The second worker is told to end."""
    assert await place.workers[1].terminate() == 0
    await place.start_worker(1)


async def restart_valkey(place: Place) -> None:
    """Valkey is killed, and another takes its place, with nothing in it."""
    place.valkey.process.kill()
    place.valkey_link.refuse()
    await asyncio.sleep(STILL_SECONDS)
    await asyncio.to_thread(place.valkey.stop)
    await asyncio.to_thread(place.valkey.start)
    place.valkey_link.target = socket_of(place.valkey.url)
    place.valkey_link.accept()


async def cut_database(place: Place) -> None:
    """Every connection to the database is reset."""
    place.database_link.cut()


async def still_database(place: Place) -> None:
    """The database stands still for a while, and nobody is told."""
    place.database_link.pause()
    await asyncio.sleep(STILL_SECONDS)
    place.database_link.go_on()


async def provider_away(place: Place) -> None:
    """The provider answers 503 for a while."""
    with place.installation.issuer.fault(Fault.ERROR_503):
        await asyncio.sleep(STILL_SECONDS)


MISHAPS: tuple[Callable[[Place], Awaitable[None]], ...] = (
    kill_api,
    restart_api,
    kill_worker,
    restart_worker,
    restart_valkey,
    cut_database,
    still_database,
    provider_away,
)


async def go_wrong(place: Place, chance: random.Random, stop: asyncio.Event) -> Counter[str]:
    """One mishap after the other, with pauses, until `stop`; how often each happened."""
    happened: Counter[str] = Counter()
    turn: list[Callable[[Place], Awaitable[None]]] = []
    while not stop.is_set():
        if not turn:
            turn = chance.sample(MISHAPS, len(MISHAPS))
        mishap = turn.pop()
        await mishap(place)
        happened[mishap.__name__] += 1
        try:
            async with asyncio.timeout(chance.uniform(3, 10)):
                await stop.wait()
        except TimeoutError:
            continue
    return happened
