"""Store rotated tokens that come within a few milliseconds of each other with one statement.

This still comes before anything else happens with their answers. One statement for each token would be most of a busy
worker's load on the database, and a provider that answers many calls at once would take every connection of the pool.
"""

import asyncio
from uuid import UUID

from identity_api.db import refresh_tokens as rows
from identity_api.db.database import Database
from identity_api.db.refresh_tokens import Landing
from identity_api.sync.repeat import MAX_PAUSE_SECONDS, PAUSE_SECONDS, is_of_one
from identity_api.telemetry import get_logger

GROUP_SIZE = 100
GROUP_SECONDS = 0.004

_log = get_logger(__name__)
_Waiting = tuple[Landing, "asyncio.Future[bool]"]


class Landings:
    """The landings of one process. For one event loop."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._group: list[_Waiting] = []
        self._storing: set[asyncio.Task[None]] = set()

    async def store(self, landing: Landing) -> bool:
        """Wait until it is stored, however long the database is away; False if the stored token is another by now."""
        loop = asyncio.get_running_loop()
        stored: asyncio.Future[bool] = loop.create_future()
        group = self._group
        group.append((landing, stored))
        if len(group) == 1:
            loop.call_later(GROUP_SECONDS, self._begin, group)
        if len(group) >= GROUP_SIZE:
            self._begin(group)
        return await stored

    def _begin(self, group: list[_Waiting]) -> None:
        if self._group is not group:
            return  # it was full before its time was over
        self._group = []
        together: dict[UUID | None, list[_Waiting]] = {}
        for one in group:
            together.setdefault(self._tenant_of(one), []).append(one)
        for some in together.values():
            self._spawn(some)

    def _tenant_of(self, one: _Waiting) -> UUID | None:
        """With whose landings this one can be stored; None: with any."""
        return one[0].tenant_id if self._database.is_distributed else None

    def _spawn(self, group: list[_Waiting]) -> None:
        task = asyncio.create_task(self._store(group))
        self._storing.add(task)
        task.add_done_callback(self._storing.discard)

    async def _store(self, group: list[_Waiting]) -> None:
        """Store them, and try again after any failure.

        The statement is safe to repeat, also after a commit whose answer was lost; giving up means that a person has to
        sign in again.
        """
        tries, pause = 0, PAUSE_SECONDS
        while group := [one for one in group if not one[1].cancelled()]:
            tries += 1
            try:
                async with self._database.reading() as connection:
                    held = await rows.rotate(
                        connection, [landing for landing, _ in group], of=self._tenant_of(group[0])
                    )
                break
            except Exception as error:
                if tries.bit_count() == 1:  # each time that it has become twice as many
                    _log.warning("sync.landing_repeated", of=len(group), error_type=type(error).__name__, tries=tries)
                if len(group) > 1 and is_of_one(error):
                    # As in `apply`: one of them holds up nobody else.
                    for one in group:
                        self._spawn([one])
                    return
                await asyncio.sleep(pause)
                pause = min(MAX_PAUSE_SECONDS, pause * 2)
        for landing, stored in group:
            if not stored.done():
                stored.set_result(landing.token_id in held)
