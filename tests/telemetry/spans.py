"""Everything that is traced during a test, kept in memory."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from identity_api.telemetry import configure_tracing


@contextmanager
def traced() -> Iterator[list[ReadableSpan]]:
    """What this process does inside the block is traced; the list has every span once the block is over.

    A database has to be opened inside.
    """
    exporter, found = InMemorySpanExporter(), list[ReadableSpan]()
    stop = configure_tracing("http://127.0.0.1:4318", exporter=exporter)
    try:
        yield found
    finally:
        stop()
        found += exporter.get_finished_spans()


def below(root: ReadableSpan, spans: Sequence[ReadableSpan]) -> list[ReadableSpan]:
    """Every span within this one, at any depth."""
    children = [one for one in spans if one.parent is not None and one.parent.span_id == root.context.span_id]
    return [*children, *[inner for child in children for inner in below(child, spans)]]


def statements(spans: Sequence[ReadableSpan]) -> set[str]:
    """The summaries of the statements among them."""
    return {str((one.attributes or {})["db.query.summary"]) for one in spans if one.name == "db.statement"}
