"""Authenticates the tokens of many streams that wake up at the same moment with one statement.

A change for everybody wakes every stream of a tenant, and each looks its token up anew. What is asked for while a statement
runs waits for the next one, so nothing waits longer than one statement, and no answer is older than the question.
"""

import asyncio
from typing import Final
from uuid import UUID

from identity_api.db import sessions
from identity_api.db.database import Database
from identity_api.ids import token_key
from identity_api.sessions.authenticate import MAX_TOKEN_LENGTH, SESSION_PREFIXES, Authenticated

AT_ONCE: Final = 64
"""Tokens of one statement."""


class _Waiting:
    """The tokens of one tenant whose turn comes with the next statement."""

    def __init__(self) -> None:
        self.answers: dict[str, asyncio.Future[Authenticated | None]] = {}

    def take(self) -> dict[str, asyncio.Future[Authenticated | None]]:
        """The first of them."""
        taken = dict(list(self.answers.items())[:AT_ONCE])
        for token in taken:
            del self.answers[token]
        return taken


class Together:
    """Of one process and one event loop."""

    def __init__(self, database: Database, *, idle_seconds: int) -> None:
        self._database, self._idle_seconds = database, idle_seconds
        self._waiting: dict[UUID, _Waiting] = {}
        self._reading: set[asyncio.Task[None]] = set()

    async def authenticate(self, token: str) -> Authenticated | None:
        """As `sessions.authenticate`, for a token of ours.

        Raises:
            Unavailable: the database does not answer.
        """
        if len(token) > MAX_TOKEN_LENGTH:
            return None
        tenant_id = token_key(token).tenant_id
        waiting = self._waiting.get(tenant_id)
        if waiting is None:
            waiting = self._waiting[tenant_id] = _Waiting()
            task = asyncio.create_task(self._read(tenant_id, waiting), name="authenticate_together")
            self._reading.add(task)
            task.add_done_callback(self._reading.discard)
        answer = waiting.answers.get(token)
        if answer is None:
            answer = waiting.answers[token] = asyncio.get_running_loop().create_future()
        return await asyncio.shield(answer)

    async def _read(self, tenant_id: UUID, waiting: _Waiting) -> None:
        try:
            while waiting.answers:
                await self._answer(tenant_id, waiting.take())
        finally:
            del self._waiting[tenant_id]

    async def _answer(self, tenant_id: UUID, taken: dict[str, asyncio.Future[Authenticated | None]]) -> None:
        hashes = {token: token_key(token).hash for token in taken}
        of_sessions = [hash for token, hash in hashes.items() if token.startswith(SESSION_PREFIXES)]
        of_programs = [hash for token, hash in hashes.items() if not token.startswith(SESSION_PREFIXES)]
        try:
            async with self._database.reading() as connection:
                found = await sessions.authenticate_each(
                    connection, tenant_id, of_sessions, of_programs, idle_seconds=self._idle_seconds
                )
        except BaseException as error:
            for answer in taken.values():
                if not answer.done():
                    answer.set_exception(error if isinstance(error, Exception) else asyncio.CancelledError())
            if not isinstance(error, Exception):
                raise
            return
        for token, answer in taken.items():
            row = found.get(hashes[token])
            if not answer.done():
                answer.set_result(None if row is None else Authenticated(row))
