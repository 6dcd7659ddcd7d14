"""Hash and verify passwords: argon2id (RFC 9106) as argon2-cffi sets it up, off the event loop.

Each hash takes 64 MiB and some 50 ms by design. Only a few run at once and only a few may wait, so that a flood of tries
is refused and does not slow other requests.
"""

import asyncio
import base64
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from identity_api.errors import Unavailable

T = TypeVar("T")


class Passwords:
    """The hasher of a process. Built by the wiring.

    Args:
        hasher: argon2-cffi's, whose defaults follow RFC 9106 section 4; changing them rehashes at the next sign-in.
        at_once: hashes that run at the same time.
        waiting: further ones that may wait for their turn.
    """

    def __init__(self, hasher: PasswordHasher | None = None, *, at_once: int = 2, waiting: int = 32) -> None:
        self._hasher = hasher or PasswordHasher()
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="argon2")
        self._room = at_once + waiting
        self._busy = 0
        self._nobody = _hash_of_nothing(self._hasher)

    def __repr__(self) -> str:
        return "<Passwords>"

    async def hash(self, password: bytes) -> str:
        """The hash to store, with its salt and parameters in it (PHC string format).

        Raises:
            Unavailable: `SIGN_IN_BUSY`: too many wait already.
        """
        return await self._run(lambda: self._hasher.hash(password))

    async def verify(self, stored: str | None, password: bytes | None) -> bool:
        """Whether the password has this hash. It takes as long without a hash or password, so that timing reveals nothing.

        Raises:
            Unavailable: as for `hash`.
        """
        return await self._run(lambda: self._verify(stored, password))

    def needs_rehash(self, stored: str) -> bool:
        """Whether a hash that was just verified was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(stored)

    def close(self) -> None:
        """Wait for running hashes, and end the threads."""
        self._threads.shutdown(cancel_futures=True)

    def _verify(self, stored: str | None, password: bytes | None) -> bool:
        try:
            self._hasher.verify(stored or self._nobody, password or b"")
        except InvalidHashError:
            # Nobody can sign in with it, and timing must not reveal that.
            return self._verify(None, password)
        except Argon2Error:
            return False
        return stored is not None and password is not None

    async def _run(self, work: Callable[[], T]) -> T:
        if self._busy >= self._room:
            raise Unavailable("Too many people are signing in at once. Try again in a moment.", code="SIGN_IN_BUSY")
        self._busy += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._busy -= 1


def _hash_of_nothing(hasher: PasswordHasher) -> str:
    """A hash with today's parameters that no password has, except by guessing 256 bits."""

    def random(length: int) -> str:
        return base64.b64encode(os.urandom(length)).decode("ascii").rstrip("=")

    parameters = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    return f"$argon2id$v=19${parameters}${random(hasher.salt_len)}${random(hasher.hash_len)}"
