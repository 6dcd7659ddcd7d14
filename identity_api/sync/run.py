"""One sync as its five named steps, and the sweep that runs them for every due identity."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from uuid import UUID

import msgspec

from identity_api.db.providers import Provider
from identity_api.db.sync import Claimed
from identity_api.errors import Unavailable
from identity_api.oidc.token_endpoint import Transient
from identity_api.sync.access import Access, Accesses
from identity_api.sync.apply import Groups
from identity_api.sync.call import LEASE_OVER, call
from identity_api.sync.claim_due import Leases, Look, claim
from identity_api.sync.deps import SyncDeps
from identity_api.sync.land import land
from identity_api.sync.outcome import Ended, Read, Stale
from identity_api.sync.repeat import repeated
from identity_api.sync.settle_failure import (
    NO_TOKEN,
    Settled,
    settle_end,
    settle_not_landed,
    settle_stale,
    settle_withdrawn,
)
from identity_api.sync.validate import validate
from identity_api.telemetry import METRICS, get_logger, span

_ROUND_SECONDS = 0.02
_LONGEST_ROUND_SECONDS = 0.06
_GOOD_CLAIM = 16
"""If a claim brings fewer, the next one comes later: a claim costs the same however many it brings."""
_IDLE_SECONDS = 1.0
DEFAULT_RETRY_SECONDS = 1.0
"""For a 429 without `Retry-After`."""

_log = get_logger(__name__)


class SweepReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a sweep did."""

    claimed: int
    postponed: int
    """Due, but not synced: disabled or inactive people, dead identities."""
    opened: int
    closed: int
    """Grants."""
    outcomes: Mapping[str, int]
    """How many syncs ended in which way: `ok`, a reason, or `superseded` by a login or another worker."""


async def sweep(
    deps: SyncDeps, *, user: tuple[UUID, UUID] | None = None, stop: asyncio.Event | None = None
) -> SweepReport:
    """Sync everybody who is due (or one (tenant, user)) until nobody is. Any number may run at once, anywhere.

    Args:
        stop: once set, nothing more is claimed; what is under way is finished.

    Raises:
        Unavailable: the database does not answer; whatever was under way has ended before.
    """
    running = _Sweep(deps, user)
    async with running.leases.kept_alive():
        try:
            while stop is None or not stop.is_set():
                was_busy = bool(running.tasks)
                took = await running.take_more()
                if not took and not was_busy:
                    break
                await running.wait(took)
        except asyncio.CancelledError:
            # The time has passed: a request that was sent and has not landed stays recorded as an attempt.
            await running.abandon()
            raise
        finally:
            await running.finish()
    return running.report()


class _Sweep:
    """The syncs of one sweep that are under way, and the results of the others."""

    def __init__(self, deps: SyncDeps, user: tuple[UUID, UUID] | None) -> None:
        self.deps = deps
        self.leases = Leases(deps)
        self.tasks: set[asyncio.Task[None]] = set()
        self._one_done, self._all_done = asyncio.Event(), asyncio.Event()
        self._round = _ROUND_SECONDS
        self._user = user
        self._look = Look()
        self._groups = Groups(deps)
        self._accesses = Accesses(deps)
        self._claimed = self._postponed = 0
        self._outcomes: Counter[str] = Counter()

    async def take_more(self) -> int:
        """As `take`, but an unavailable database does not stop syncs that are under way.

        Raises:
            Unavailable: it is away, and nothing is under way.
        """
        try:
            return await self.take()
        except Unavailable as error:
            if not self.tasks:
                raise
            _log.warning("sync.claim_failed", error_code=error.code, under_way=len(self.tasks))
            return 0

    async def take(self) -> int:
        """Claim as many as there is room for, and start them; returns how many rows were claimed."""
        room = self.deps.limits.in_hand - len(self.tasks)
        if room <= 0:
            return 0
        took = await claim(self.deps, limit=room, user=self._user, look=self._look)
        batch = took.batch
        if self._user is None:
            METRICS.looked_for_due()
        self._claimed += len(batch.claims)
        self._postponed += batch.postponed
        for claimed in batch.claims:
            self.leases.hold(claimed, took.held_until)
        for claimed in batch.claims:
            self._begin(claimed)
        return len(batch.claims) + batch.postponed

    async def wait(self, took: int) -> None:
        """Wait until claiming is useful again: a moment, or all done. If nothing could be claimed, first one is done."""
        if not self.tasks:
            return
        self._round = _ROUND_SECONDS if took >= _GOOD_CLAIM else min(_LONGEST_ROUND_SECONDS, 1.5 * self._round)
        if not took:
            await _within(self._one_done, _IDLE_SECONDS)
        await _within(self._all_done, self._round)
        self._one_done.clear()

    async def finish(self) -> None:
        """Let everything under way finish: a call that was sent has to land."""
        if self.tasks:
            await self._all_done.wait()

    def _begin(self, claimed: Claimed) -> None:
        task = asyncio.create_task(self._run(claimed, self._accesses.of(claimed)))
        self.tasks.add(task)
        self._all_done.clear()
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self.tasks.discard(task)
        self._one_done.set()
        if not self.tasks:
            self._all_done.set()

    async def abandon(self) -> None:
        """Cut off everything under way."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    def report(self) -> SweepReport:
        return SweepReport(
            claimed=self._claimed,
            postponed=self._postponed,
            opened=self._groups.opened,
            closed=self._groups.closed,
            outcomes=dict(self._outcomes),
        )

    async def _run(self, claimed: Claimed, opening: "asyncio.Future[Access | Stale]") -> None:
        began = asyncio.get_running_loop().time()
        with span("sync.identity", identity=str(claimed.identity_id), provider=str(claimed.provider_id)) as note:
            outcome = await self._run_safely(claimed, opening)
            note("outcome", outcome)
        self._outcomes[outcome] += 1
        METRICS.count_sync(outcome)
        if outcome == "ok":
            METRICS.observe_sync_lag(claimed.overdue_seconds + asyncio.get_running_loop().time() - began)

    async def _run_safely(self, claimed: Claimed, opening: "asyncio.Future[Access | Stale]") -> str:
        try:
            return await self._sync(claimed, opening)
        except Unavailable:
            return "database_unavailable"  # the lease ends, and the recorded attempt says what may have happened
        except Exception:
            _log.exception("sync.failed", identity=str(claimed.identity_id))
            return await self._give_back(claimed)
        finally:
            self.leases.let_go(claimed)

    async def _sync(self, claimed: Claimed, opening: "asyncio.Future[Access | Stale]") -> str:
        """Step 1, the claim, is done; these are the other four."""
        access = await opening
        if isinstance(access, Stale):
            return await self._stale(claimed, None, access)
        if claimed.token_id is None:
            return await self._stale(claimed, access, NO_TOKEN)
        await self.deps.pace.turn(access.provider.id, access.provider.max_rate)
        async with self._place(access.provider, claimed):
            called = await call(self.deps, claimed, access, may_send=lambda: self.leases.is_held(claimed))
            if called.outcome is LEASE_OVER:
                return await self._settle(claimed, lambda: settle_withdrawn(self.deps, claimed))
            if not isinstance(called.outcome, Stale | Transient):
                self.deps.pace.accepted(access.provider.id)
            if not await land(self.deps, claimed, called):
                return await self._settle(claimed, lambda: settle_not_landed(self.deps, claimed))
            outcome = await validate(self.deps, claimed, access, called)
        return await self._write(claimed, access, outcome)

    @asynccontextmanager
    async def _place(self, provider: Provider, claimed: Claimed) -> AsyncIterator[None]:
        """One of the places for calls to providers. A slow call gives its place to others, and still runs to its end.

        So a slow provider, with as many calls under way as there are places, delays other providers' syncs by at most
        `place_seconds`. Its `max_concurrent` still limits how many calls it has.
        """
        calls, limits = self.deps.calls, self.deps.limits
        await calls.acquire()
        loop = asyncio.get_running_loop()
        has_place = True

        def leave() -> None:
            nonlocal has_place
            if has_place:
                has_place = False
                calls.release()

        def fail() -> None:
            self.deps.pace.failed(provider.id, provider.max_concurrent, claimed.identity_id)

        timers = [loop.call_later(limits.place_seconds, leave), loop.call_later(limits.deadline_seconds, fail)]
        try:
            yield
        finally:
            for timer in timers:
                timer.cancel()
            leave()

    async def _write(self, claimed: Claimed, access: Access, outcome: Read | Stale | Ended) -> str:
        provider = access.provider
        if isinstance(outcome, Stale):
            return await self._stale(claimed, access, outcome)
        self.deps.pace.answered(provider.id, provider.max_concurrent)
        if isinstance(outcome, Ended):
            settled = await self._settle(claimed, lambda: settle_end(self.deps, claimed, outcome))
            self.deps.alarms.record(provider.tenant_id, provider.id, died=settled == "invalid_grant")
            return settled
        is_applied = await self._groups.add(provider, outcome.verified)
        self.deps.alarms.record(provider.tenant_id, provider.id, died=False)
        return "ok" if is_applied else "superseded"

    async def _stale(self, claimed: Claimed, access: Access | None, stale: Stale) -> str:
        if stale.is_too_often:
            self.deps.pace.limited(claimed.provider_id, stale.retry_after_seconds or DEFAULT_RETRY_SECONDS)
        elif access is not None and stale.is_outage:
            self.deps.pace.failed(claimed.provider_id, access.provider.max_concurrent, claimed.identity_id)
        provider = access.provider if access is not None else None
        settled = await self._settle(claimed, lambda: settle_stale(self.deps, claimed, provider, stale))
        return stale.reason if settled == "stale" else settled

    async def _settle(self, claimed: Claimed, settle: Callable[[], Awaitable[Settled]]) -> Settled:
        """Write what an answer means: for as long as the database is away, since only this process knows the answer."""

        async def in_turn() -> Settled:
            async with self.deps.writers.place(claimed.tenant_id):
                return await settle()

        return await repeated(in_turn, what="settle", outlasts_outage=True)

    async def _give_back(self, claimed: Claimed) -> str:
        """Give the claim back after an internal error: as an uncertain attempt, since nobody knows how far it came."""
        try:
            await settle_stale(self.deps, claimed, None, Stale(reason="internal_error", uncertain=True))
        except Exception:
            _log.exception("sync.not_given_back", identity=str(claimed.identity_id))
        return "internal_error"


async def _within(event: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
