"""Which part of a sync the processor's time went to, by looking at the stack each few milliseconds of it."""

import signal
from collections import Counter
from types import FrameType

INTERVAL_SECONDS = 0.003
PARTS = {
    "sync/claim_due.py": "claim",
    "db/sync.py": "claim",
    "sync/call.py": "call",
    "aiohttp/": "call",
    "sync/land.py": "land",
    "sync/landing.py": "land",
    "sync/validate.py": "validate",
    "sync/apply.py": "apply",
    "sync/settle_failure.py": "settle",
    "sync/access.py": "access",
    "sync/pace.py": "run",
    "sync/run.py": "run",
    "asyncpg/": "database",
}
"""By the end of a file's name or a folder in it: the part. The innermost frame that is named here counts."""


class Split:
    """Samples while it runs; in the main thread only."""

    def __init__(self) -> None:
        self.found: Counter[str] = Counter()
        self._part_of: dict[str, str | None] = {}

    def start(self) -> None:
        signal.signal(signal.SIGPROF, self._look)
        signal.setitimer(signal.ITIMER_PROF, INTERVAL_SECONDS, INTERVAL_SECONDS)

    def stop(self) -> dict[str, float]:
        """Shares by part, the largest first."""
        signal.setitimer(signal.ITIMER_PROF, 0)
        total = max(1, sum(self.found.values()))
        return {part: count / total for part, count in self.found.most_common()}

    def _look(self, number: int, frame: FrameType | None) -> None:
        part = "loop"
        while frame is not None:
            found = self._named(frame.f_code.co_filename)
            if found is not None:
                part = found
                break
            frame = frame.f_back
        self.found[part] += 1

    def _named(self, name: str) -> str | None:
        if name not in self._part_of:
            self._part_of[name] = next((part for key, part in PARTS.items() if key in name), None)
        return self._part_of[name]
