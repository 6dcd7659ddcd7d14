"""Structured logs: one line per event on stderr, as JSON or for people, with the request's id.

The standard library's logging uses the same processors, so that libraries' lines are redacted and bounded too.
"""

import json
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, Literal, TextIO

import msgspec
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from identity_api.errors import IdentityAPIError
from identity_api.telemetry.redaction import escape_controls, redact

MAX_LINE_LENGTH: Final = 16_384
_MAX_FRAMES: Final = 20
_MAX_CHAIN: Final = 4
_encode_ascii: Final = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode
_FIRST: Final = ("timestamp", "level", "event", "logger", "request_id")
_DELETE: Final = b"\x7f"
_OURS: Final = frozenset({"timestamp", "level", "logger"})
"""Written here, or a module's name: there is nothing in them to redact."""

# arq logs arguments of jobs, httpx whole URLs, granian and aiohttp every request, piccolo SQL with its values.
_TAMED: Final = (
    "arq", "asyncpg", "granian", "_granian", "aiohttp", "httpx", "httpcore", "piccolo", "litestar", "asyncio", "redis",
    "strawberry", "opentelemetry", "urllib3",
)  # fmt: skip


def configure_logging(
    log_format: Literal["json", "text"] = "json", log_level: str = "info", *, stream: TextIO | None = None
) -> None:
    """Send structlog and the standard library's logging to one place. Calling it again replaces the earlier choice.

    Args:
        log_format: "json" for one object a line, "text" for people.
        log_level: debug, info, warning or error; the lowest level written.
        stream: the destination; None means stderr.
    """
    level = logging.getLevelNamesMapping()[log_level.upper()]
    before: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    render = _render_json if log_format == "json" else _render_text
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=before,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            _describe_exception,
            _redact_event,
            render,
        ],
    )
    handler = _QuietHandler(stream or sys.stderr)
    handler.setFormatter(formatter)
    _DIRECT.write = partial(_write_directly, handler, render) if level <= logging.INFO else None
    root = logging.getLogger()
    root.handlers[:] = [kept for kept in root.handlers if not isinstance(kept, _QuietHandler)] + [handler]
    root.setLevel(level)
    for name in _TAMED:
        tamed = logging.getLogger(name)
        tamed.handlers.clear()
        tamed.propagate = True
        tamed.setLevel(max(level, logging.WARNING))
    structlog.configure(
        processors=[*before, partial(_finish, render)],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=partial(_Lines, handler),
        cache_logger_on_first_use=False,
    )


class _Direct:
    """How `log_directly` writes an event; None while nothing of level info is written."""

    write: Callable[[EventDict], None] | None = None


_DIRECT: Final = _Direct()


def log_directly(logger: str, event: str, **values: object) -> None:
    """The line that `get_logger(logger).info(event, **values)` writes, for what is written with every request.

    Structlog's chain of processors takes four times as long as the line itself, and looking for secrets in texts twice as long.
    So what `log_context` has added is not in it, and nothing is redacted: pass what this service has made, and all else
    through `redact`.
    """
    if _DIRECT.write is not None:
        now = datetime.now(UTC).isoformat().removesuffix("+00:00")
        _DIRECT.write({"timestamp": f"{now}Z", "level": "info", "event": event, "logger": logger, **values})


def _write_directly(handler: "_QuietHandler", render: Processor, event: EventDict) -> None:
    try:
        line = str(render(None, "info", event))
    except Exception:
        line = _lost(str(event["logger"]))
    handler.write(line)


def get_logger(name: str) -> Any:
    """A structlog logger: `log.info("event.name", key=value)`. Log ids and codes, not texts of people or providers."""
    return structlog.stdlib.get_logger(name)


@contextmanager
def log_context(**values: object) -> Iterator[None]:
    """Add values, such as `request_id` or `job_id`, to every line logged within, also from called tasks."""
    # `bound_contextvars` looks through every variable of the context before that.
    before = structlog.contextvars.bind_contextvars(**values)
    try:
        yield
    finally:
        structlog.contextvars.reset_contextvars(**before)


def current_request_id() -> str | None:
    """The id of the current request, as in its answer and its log lines; None outside a request."""
    found = structlog.contextvars.get_contextvars().get("request_id")
    return found if isinstance(found, str) else None


def request_mark() -> dict[str, str]:
    """`{"request": id}` for an audit event of a request, so that the id on a person's page leads to it; otherwise
    empty.
    """
    request_id = current_request_id()
    return {} if request_id is None else {"request": request_id}


class _QuietHandler(logging.StreamHandler[TextIO]):
    """A handler that never prints the arguments of a line it could not format."""

    def handleError(self, record: logging.LogRecord) -> None:
        self.write(_lost(record.name))

    def write(self, line: str) -> None:
        """One finished line."""
        try:
            self.stream.write(line + "\n")
            self.stream.flush()
        except (OSError, ValueError):
            return  # stderr itself is closed, so this cannot be reported


def _lost(logger_name: str) -> str:
    return f'{{"level": "error", "event": "log.line_lost", "logger": {json.dumps(logger_name)}}}'


class _Lines:
    """A logger for structlog: its finished lines go directly to the handler's stream.

    Records of the standard library, which nothing else reads, took twice as long as the line itself.
    """

    def __init__(self, handler: _QuietHandler, name: str = "") -> None:
        self.name = name
        self._handler = handler

    def __getattr__(self, level: str) -> Callable[[str], None]:
        """The method of each level; structlog has already filtered by level."""
        return self._handler.write


def _finish(render: Processor, logger: WrappedLogger, method: str, event: EventDict) -> Any:
    """Write the line of an event; one that cannot be written is lost without showing its content."""
    name = event.get("logger", "")
    try:
        return render(logger, method, _redact_event(logger, method, _describe_exception(logger, method, event)))
    except Exception:
        return _lost(str(name))


def _describe_exception(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace `exc_info` by types and places. Messages are kept only if they are known to hold no data."""
    raised = event.pop("exc_info", None)
    event.pop("stack_info", None)
    if raised is True:
        raised = sys.exc_info()
    error = raised[1] if isinstance(raised, tuple) else raised
    if isinstance(error, BaseException):
        event["error"] = describe_error(error)
    return event


def describe_error(error: BaseException) -> list[dict[str, Any]]:
    """What failed and where, from the outermost error to its causes, without the data it failed on."""
    described: list[dict[str, Any]] = []
    current: BaseException | None = error
    while current is not None and len(described) < _MAX_CHAIN:
        described.append(_describe_one(current))
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return described


def _describe_one(error: BaseException) -> dict[str, Any]:
    description: dict[str, Any] = {"type": f"{type(error).__module__}.{type(error).__qualname__}"}
    if isinstance(error, IdentityAPIError):
        description |= {"error_code": error.code, "message": error.message}
    elif isinstance(error, OSError):
        description["message"] = str(error)
    for attribute in ("sqlstate", "constraint_name"):  # asyncpg: its messages quote rows, these do not
        if isinstance(value := getattr(error, attribute, None), str):
            description[attribute] = value
    if isinstance(error, BaseExceptionGroup):
        description["errors"] = [type(inner).__qualname__ for inner in error.exceptions[:_MAX_FRAMES]]
    description["at"] = _places(error)
    return description


def _places(error: BaseException) -> list[str]:
    places: list[str] = []
    traceback = error.__traceback__
    while traceback is not None:
        code = traceback.tb_frame.f_code
        file = "/".join(code.co_filename.replace("\\", "/").split("/")[-3:])
        places.append(f"{file}:{traceback.tb_lineno} {code.co_name}")
        traceback = traceback.tb_next
    return places[-_MAX_FRAMES:]


def _redact_event(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return {key: value if key in _OURS else redact(key, value) for key, value in event.items()}


def _encode(event: EventDict) -> str:
    """As JSON in ASCII, which escapes every control character, line separator and lone surrogate by itself.

    msgspec takes a tenth of the time, and leaves what is not ASCII as it is.
    """
    try:
        quick = msgspec.json.encode(event)
    except (TypeError, ValueError):
        return _encode_ascii(event)
    return quick.decode() if quick.isascii() and _DELETE not in quick else _encode_ascii(event)


def _render_json(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    ordered = {key: event[key] for key in _FIRST if key in event} | dict(event)
    line = _encode(ordered)
    return line if len(line) <= MAX_LINE_LENGTH else _encode(_shortened(event))


def _render_text(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    line = _text_line(event)
    return line if len(line) <= MAX_LINE_LENGTH else _text_line(_shortened(event))


def _text_line(event: EventDict) -> str:
    rest = " ".join(f"{key}={value}" for key, value in event.items() if key not in {"timestamp", "level", "event"})
    head = f"{event.get('timestamp', '')} {event.get('level', ''):<8}{event.get('event', '')}"
    return escape_controls(f"{head}  {rest}".rstrip())


def _shortened(event: EventDict) -> EventDict:
    return {key: str(event[key])[:500] for key in _FIRST if key in event} | {"fields_dropped": len(event)}
