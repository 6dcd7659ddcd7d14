"""Metrics for Prometheus. Labels come from closed sets, so that requests cannot add series.

Each process counts for itself; with several API processes a scrape sees the one that answered. Series that only a worker
can measure are shown only by a worker (`show_worker_series`): a 0 of another process would mean that nothing is late.
"""

import re
import time
from collections.abc import Iterable
from typing import Final, Literal, NamedTuple

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_CODE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
_REQUEST_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
# The promise is 600 s from a change at the provider until it is in force.
_LAG_SECONDS: Final = (1, 5, 15, 30, 60, 120, 180, 240, 300, 360, 420, 480, 540, 600, 900, 1_800, 3_600, 14_400)
_MAX_DISTINCT: Final = 200
_WORST: Final = frozenset(("oldest_due_seconds", "refused", "paused"))
"""Figures whose maximum is shown if providers are counted together; the others are added up."""


ALARMS: Final = (
    "mass_invalid_grant",
    "mass_absent_groups",
    "breaker_opened",
    "break_glass_used",
    "nobody_administers",
)
"""The kinds of alarms."""


class ProviderFigures(NamedTuple):
    """One provider's syncs, for its gauges."""

    tenant: str
    provider: str
    synced: int
    due: int
    stale: int
    oldest_due_seconds: float
    refused: bool
    paused: bool


class Metrics:
    """All series of one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._seen: dict[str, set[str]] = {}
        self._swept_at: float | None = None
        self._began_at = time.monotonic()
        self._shows_worker_series = False
        self._make_api_series(self.registry)
        self._make_common_series(self.registry)
        self._worker_registry = CollectorRegistry()
        self._make_sync_series(self._worker_registry)
        self._make_provider_series(self._worker_registry)
        self._make_webhook_series(self._worker_registry)

    def show_worker_series(self) -> None:
        """This process is a worker: also show the series of workers."""
        if not self._shows_worker_series:
            self.registry.register(self._worker_registry)
            self._shows_worker_series = True

    def _make_api_series(self, registry: CollectorRegistry) -> None:
        self._logins = Counter(
            "identity_logins", "Logins ended, by outcome.", ["outcome", "provider_kind"], registry=registry
        )
        self._logouts = Counter(
            "identity_provider_logouts",
            "Logouts that providers asked for, by channel and outcome.",
            ["channel", "outcome"],
            registry=registry,
        )
        self._requests = Histogram(
            "identity_http_request_seconds",
            "HTTP requests by route template.",
            ["route", "method", "status"],
            buckets=_REQUEST_SECONDS,
            registry=registry,
        )
        self._known_requests: dict[tuple[str, str, int], Histogram] = {}
        """As `labels` finds them, which takes several times as long as counting."""
        self._limited = Counter(
            "identity_rate_limited", "Requests refused by a rate limit.", ["limit"], registry=registry
        )
        self._streams = Gauge("identity_streams", "Open streams of this process.", registry=registry)
        self._limit_fallbacks = Counter(
            "identity_rate_limit_fallbacks", "Times the in-process limiter took over from Redis.", registry=registry
        )

    def _make_common_series(self, registry: CollectorRegistry) -> None:
        self._alarms = Counter("identity_alarms", "What somebody should look at, by kind.", ["kind"], registry=registry)
        for kind in ALARMS:
            self._alarms.labels(kind)  # from 0 on: the first alarm of a process would otherwise be no increase
        self._enqueue_failures = Counter(
            "identity_enqueue_failures", "Wake-ups of workers that Redis did not take.", registry=registry
        )
        self._jobs = Counter("identity_jobs", "Job bodies ended.", ["job", "outcome"], registry=registry)
        self._queue_restarts = Counter(
            "identity_queue_restarts", "Restarts of the queue's reader after a failure of Redis.", registry=registry
        )

    def _make_sync_series(self, registry: CollectorRegistry) -> None:
        self._syncs = Counter(
            "identity_syncs", "Syncs of identities ended, by outcome.", ["outcome"], registry=registry
        )
        self._sync_lag = Histogram(
            "identity_sync_lag_seconds", "Time from due to applied.", buckets=_LAG_SECONDS, registry=registry
        )
        self._sync_oldest = Gauge(
            "identity_sync_oldest_due_seconds",
            "Age of the most overdue sync of those that may be done.",
            registry=registry,
        )
        self._identities = Gauge("identity_identities", "Identities by sync state.", ["state"], registry=registry)
        self._sweep_age = Gauge(
            "identity_sync_sweep_age_seconds",
            "Time since this worker last looked for due identities, or since its start.",
            registry=registry,
        )
        self._sweep_age.set_function(lambda: self.seconds_without_sweep)
        self._unsealed = Gauge(
            "identity_audit_oldest_unsealed_seconds", "Age of the oldest audit event not sealed yet.", registry=registry
        )

    def _make_webhook_series(self, registry: CollectorRegistry) -> None:
        self._webhook_attempts = Counter(
            "identity_webhook_attempts", "Attempts to deliver a message, by outcome.", ["outcome"], registry=registry
        )
        self._webhooks_failing = Gauge(
            "identity_webhooks_failing", "Enabled webhooks whose last attempt failed.", registry=registry
        )
        self._webhooks_given_up = Gauge(
            "identity_webhooks_given_up",
            "Webhooks disabled because nothing arrived, or 410 was answered.",
            registry=registry,
        )
        self._webhook_oldest_failing = Gauge(
            "identity_webhook_oldest_failing_seconds",
            "For how long the longest failing webhook has failed.",
            registry=registry,
        )

    def _make_provider_series(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, text: str) -> Gauge:
            return Gauge(f"identity_provider_{name}", text, ["tenant", "provider"], registry=registry)

        self._provider_gauges = {
            "synced": gauge("synced_identities", "Identities of the provider that are synced."),
            "due": gauge("due_identities", "Identities of the provider whose sync is due."),
            "stale": gauge("stale_identities", "Identities whose last sync did not confirm them."),
            "oldest_due_seconds": gauge("oldest_due_seconds", "Age of the provider's most overdue sync."),
            "refused": gauge("refused", "1 while the provider refuses us and its syncs wait (open breaker)."),
            "paused": gauge("paused", "1 while an operator has paused the provider's syncs."),
        }

    def count_login(self, outcome: str, provider_kind: str) -> None:
        """A login ended: outcome code (`OK` or an error's code) and the provider's protocol or preset."""
        self._logins.labels(self._label("outcome", outcome), self._label("provider_kind", provider_kind)).inc()

    def count_logout(self, channel: Literal["back", "front"], outcome: Literal["ended", "nothing", "refused"]) -> None:
        """A provider asked to end a login; `nothing` if the session or person is not signed in here."""
        self._logouts.labels(channel, outcome).inc()

    def count_sync(self, outcome: str, amount: int = 1) -> None:
        """Identities were synced with this outcome code."""
        self._syncs.labels(self._label("sync", outcome)).inc(amount)

    def observe_sync_lag(self, seconds: float) -> None:
        """An identity's sync was applied this long after it was due."""
        self._sync_lag.observe(max(0.0, seconds))

    def set_oldest_due(self, seconds: float) -> None:
        """The current delay of the most overdue identity."""
        self._sync_oldest.set(max(0.0, seconds))

    def count_alarm(self, kind: str) -> None:
        """Count an event that a person should check, such as many logins ending at once."""
        self._alarms.labels(self._label("alarm", kind)).inc()

    def looked_for_due(self) -> None:
        """This worker looked for due identities just now, and the database answered."""
        self._swept_at = time.monotonic()

    @property
    def seconds_without_sweep(self) -> float:
        """Since this worker last looked for due identities; since its start if it never did."""
        return time.monotonic() - (self._began_at if self._swept_at is None else self._swept_at)

    def set_identities(self, by_state: dict[str, int]) -> None:
        """How many identities are in each state; states left out count as none."""
        self._identities.clear()
        for state, count in by_state.items():
            self._identities.labels(self._label("state", state)).set(count)

    def set_providers(self, providers: Iterable[ProviderFigures], limit: int) -> None:
        """The figures of each provider; those after the first `limit` are shown together, under OTHER."""
        shown: dict[tuple[str, str], dict[str, float]] = {}
        for number, one in enumerate(providers):
            into = shown.setdefault((one.tenant, one.provider) if number < limit else ("OTHER", "OTHER"), {})
            for name in self._provider_gauges:
                value, before = float(getattr(one, name)), into.get(name, 0.0)
                into[name] = max(before, value) if name in _WORST else before + value
        for name, gauge in self._provider_gauges.items():
            gauge.clear()
            for labels, values in shown.items():
                gauge.labels(*labels).set(values[name])

    def set_oldest_unsealed(self, seconds: float) -> None:
        """For how long the oldest audit event has waited to be sealed."""
        self._unsealed.set(max(0.0, seconds))

    def count_webhook(self, outcome: str) -> None:
        """A message was sent: `OK`, or the reason why it did not arrive."""
        self._webhook_attempts.labels(self._label("webhook", outcome)).inc()

    def set_webhooks(self, *, failing: int, given_up: int, oldest_failing_seconds: float) -> None:
        """The state of all webhooks."""
        self._webhooks_failing.set(failing)
        self._webhooks_given_up.set(given_up)
        self._webhook_oldest_failing.set(max(0.0, oldest_failing_seconds))

    def set_streams(self, number: int) -> None:
        """Set the number of open streams."""
        self._streams.set(number)

    def observe_request(self, route: str, method: str, status: int, seconds: float) -> None:
        """An HTTP request ended. `route` is the template (`/login/{provider}`), never the path that was asked for."""
        key = (route, method, status)
        series = self._known_requests.get(key)
        if series is None:
            known = method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
            bounded = self._bounded("route", route)
            series = self._requests.labels(bounded, method if known else "OTHER", str(status))
            if known and bounded == route:
                self._known_requests[key] = series
        series.observe(seconds)

    def count_job(self, job: str, outcome: str) -> None:
        """A job's body ended: `OK`, `FAILED` or `TIMEOUT`."""
        self._jobs.labels(self._label("job", job), self._label("job_outcome", outcome)).inc()

    def count_enqueue_failure(self) -> None:
        """A wake-up did not reach the queue; the sweep will find the work."""
        self._enqueue_failures.inc()

    def count_queue_restart(self) -> None:
        """The reader of the queue ended and is started again."""
        self._queue_restarts.inc()

    def count_rate_limited(self, limit: str) -> None:
        """A request was refused by the limit of this name."""
        self._limited.labels(self._label("limit", limit)).inc()

    def count_limit_fallback(self) -> None:
        """Redis did not answer in time; limits are counted in this process for a while."""
        self._limit_fallbacks.inc()

    def render(self) -> tuple[bytes, str]:
        """The exposition text and its content type."""
        return generate_latest(self.registry), CONTENT_TYPE_LATEST

    def _label(self, name: str, value: str) -> str:
        return self._bounded(name, value if _CODE.fullmatch(value) else "OTHER")

    def _bounded(self, name: str, value: str) -> str:
        """The value, or OTHER once this label has had too many different ones."""
        seen = self._seen.setdefault(name, set())
        if value not in seen and len(seen) >= _MAX_DISTINCT:
            return "OTHER"
        seen.add(value)
        return value


METRICS: Final = Metrics()
"""The series of this process."""


def render_metrics() -> tuple[bytes, str]:
    """The answer of `/metrics`: body and content type."""
    return METRICS.render()
