"""Optional OpenTelemetry traces. Without `configure_tracing` a span costs one comparison and does nothing."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Final

from identity_api.errors import ConfigurationError
from identity_api.telemetry.redaction import redact

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Tracer

SafeAttribute = str | int | float | bool
Note = Callable[[str, SafeAttribute], None]
"""Adds an attribute that is known only later."""


class _Tracing:
    tracer: "Tracer | None" = None


_TRACING: Final = _Tracing()


def configure_tracing(endpoint: str, *, exporter: "SpanExporter | None" = None) -> Callable[[], None]:
    """Send spans to an OTLP/HTTP collector. Gives the function that flushes and stops.

    Args:
        endpoint: base URL of the collector; `/v1/traces` is added unless it has a path.
        exporter: where spans go instead of the collector.

    Raises:
        ConfigurationError: the extra `telemetry` is not installed.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import SERVICE_NAME, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        raise ConfigurationError(["IDENTITY_OTLP_ENDPOINT needs the extra: install identity-api[telemetry]"]) from None
    url = endpoint if endpoint.count("/") > 2 and not endpoint.endswith("/") else endpoint.rstrip("/") + "/v1/traces"
    # shutdown_on_exit=False: the returned function is called by the wiring, in an order it knows.
    provider = TracerProvider(resource=Resource({SERVICE_NAME: "identity-api"}), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter or OTLPSpanExporter(endpoint=url)))
    _TRACING.tracer = provider.get_tracer("identity_api")

    def stop() -> None:
        _TRACING.tracer = None
        provider.shutdown()

    return stop


def _no_note(_key: str, _value: SafeAttribute) -> None:
    """What an untraced step notes."""


class _Untraced:
    """The span of a step that is not traced."""

    def __enter__(self) -> Note:
        return _no_note

    def __exit__(self, *_: object) -> None:
        return None


_UNTRACED: Final = _Untraced()


def span(name: str, **safe_attributes: SafeAttribute) -> AbstractContextManager[Note]:
    """Trace a step. Attributes are ids, codes and counts; they pass the same redaction as logs.

    An exception marks the span with its type and nothing more: messages may quote data.
    """
    tracer = _TRACING.tracer
    return _UNTRACED if tracer is None else _traced(tracer, name, safe_attributes)


@contextmanager
def _traced(tracer: "Tracer", name: str, safe_attributes: dict[str, SafeAttribute]) -> Iterator[Note]:
    attributes = {key: redact(key, value) for key, value in safe_attributes.items()}
    with tracer.start_as_current_span(
        name, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as current:
        try:
            yield lambda key, value: current.set_attribute(key, redact(key, value))
        except BaseException as error:
            current.set_attribute("error.type", type(error).__qualname__)
            raise


def is_tracing() -> bool:
    """Whether spans are recorded in this process."""
    return _TRACING.tracer is not None


def record_span(name: str, seconds: float, **safe_attributes: SafeAttribute) -> None:
    """Trace a step that has just ended and took so long, within the caller's span."""
    tracer = _TRACING.tracer
    if tracer is None:
        return
    ended = time.time_ns()
    attributes = {key: redact(key, value) for key, value in safe_attributes.items()}
    tracer.start_span(name, start_time=ended - round(seconds * 1e9), attributes=attributes).end(ended)
