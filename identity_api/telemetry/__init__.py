"""Logs, metrics and traces. Nothing here is configured at import, and no secret leaves through it (I3)."""

from identity_api.telemetry.logs import (
    configure_logging,
    current_request_id,
    describe_error,
    get_logger,
    log_context,
    log_directly,
    request_mark,
)
from identity_api.telemetry.metrics import METRICS, Metrics, ProviderFigures, render_metrics
from identity_api.telemetry.redaction import MASK, escape_controls, redact, redact_text
from identity_api.telemetry.tracing import configure_tracing, is_tracing, record_span, span

__all__ = [
    "MASK",
    "METRICS",
    "Metrics",
    "ProviderFigures",
    "configure_logging",
    "configure_tracing",
    "current_request_id",
    "describe_error",
    "escape_controls",
    "get_logger",
    "is_tracing",
    "log_context",
    "log_directly",
    "record_span",
    "redact",
    "redact_text",
    "render_metrics",
    "request_mark",
    "span",
]
