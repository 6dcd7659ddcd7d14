"""`make soak`: MINUTES (30) of work and mishaps, then what must hold. Ends with 1 if something does not.

SEED chooses the mishaps and their moments; it is printed, so that a run can be repeated.
"""

import asyncio
import os
import random
import sys
import time
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path

from tests.operations.load import Load
from tests.operations.soak import invariants, samples
from tests.operations.soak.mishaps import go_wrong
from tests.operations.soak.place import EDITED, GROUPS, Place, make_place

MINUTES = float(os.environ.get("MINUTES") or "30")
SEED = int(os.environ.get("SEED") or time.time())
NAMES = [f"soak-{number}" for number in range(40)]


async def soak() -> list[str]:
    """Everything; what does not hold at the end."""
    chance, stop = random.Random(SEED), asyncio.Event()
    print(f"{MINUTES:g} minutes, SEED={SEED}", flush=True)
    async with AsyncExitStack() as stack:
        place = await make_place(stack, NAMES)
        people = await place.installation.sign_in(4, is_due=False)
        tokens = {person.username: await place.installation.open_session(person) for person in people}
        async with Load(place.installation, NAMES, pause=0.05) as load:
            sampling = asyncio.create_task(samples.keep_sampling(place, stop))
            going_wrong = asyncio.create_task(go_wrong(place, chance, stop))
            load.sign_in(2)
            await load.ask("question", tokens, 4)
            load.edit(place.admin_session, EDITED)
            load.repeat(lambda: move_people(place, chance), pause=1.0)
            await finish(stop, going_wrong)
            happened, taken = await going_wrong, await sampling
        await invariants.settle(place)
        report(place, load, happened, taken, await invariants.sizes(place))
        return [*load.wrong, *await invariants.broken(place, load.signed_in), *samples.leaks(taken)]


async def finish(stop: asyncio.Event, going_wrong: "asyncio.Task[Counter[str]]") -> None:
    """Wait for the end of the time, or for the first mishap that cannot be mended."""
    await asyncio.wait({going_wrong}, timeout=MINUTES * 60)
    stop.set()


async def move_people(place: Place, chance: random.Random) -> None:
    """Somebody's groups change at the provider, and a third of all syncs fall due."""
    place.installation.issuer.set_groups(chance.choice(NAMES), chance.sample(GROUPS, chance.randrange(1, 4)))
    # Rows that a worker holds are left out: waiting for several of them in another order than it does is a deadlock.
    await place.installation.world.write(
        "update identity_sync set due_at = now() where (tenant_id, id) in"
        " (select tenant_id, id from identity_sync where random() < 0.33 for update skip locked)"
    )


def report(
    place: Place, load: Load, happened: Counter[str], taken: list[samples.Sample], sizes: dict[str, int]
) -> None:
    """What was done, and what it cost."""
    folder = place.installation.folder
    logs = {str(path): path.read_text("utf-8", "replace") for path in Path(folder).rglob("*.log")}
    print("answers:", {f"{kind} {status}": number for (kind, status), number in sorted(load.answers.items())})
    print("mishaps:", dict(happened))
    print("syncs:", len(place.installation.presented()))
    for line in samples.told(taken):
        print(line)
    print("rows:", sizes)
    print("logged as errors:", dict(invariants.errors_in(logs)))
    for line in invariants.failures_in(logs):
        print(line)


if __name__ == "__main__":
    found = asyncio.run(soak())
    print("\n".join(found) if found else "Everything holds.")
    sys.exit(1 if found else 0)
