"""One line per event, redacted, bounded, with the request's id (promise 49)."""

import asyncio
import io
import json
import logging
import re

import pytest

from identity_api.errors import Unavailable
from identity_api.telemetry import configure_logging, get_logger, log_context, log_directly
from identity_api.telemetry.logs import MAX_LINE_LENGTH


@pytest.fixture
def stream():
    stream = io.StringIO()
    configure_logging("json", "info", stream=stream)
    yield stream
    configure_logging("json", "info")


def lines(stream):
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_one_json_object_with_time_level_and_logger(stream):
    get_logger("identity_api.sessions").info("login.ended", outcome="OK")
    (line,) = lines(stream)
    assert (line["level"], line["event"], line["logger"], line["outcome"]) == (
        "info",
        "login.ended",
        "identity_api.sessions",
        "OK",
    )
    assert line["timestamp"].endswith("Z")


def test_a_line_carries_the_request_id_of_its_context_only(stream):
    with log_context(request_id="r-1"):
        get_logger("a").info("inside")
        logging.getLogger("library").warning("inside too")
    get_logger("a").info("outside")
    assert [line.get("request_id") for line in lines(stream)] == ["r-1", "r-1", None]


@pytest.mark.asyncio
async def test_concurrent_requests_keep_their_own_ids():
    stream = io.StringIO()
    configure_logging("json", "info", stream=stream)

    async def request(name):
        with log_context(request_id=name):
            await asyncio.sleep(0)
            get_logger("a").info(name)

    await asyncio.gather(*(request(f"r-{number}") for number in range(5)))
    configure_logging("json", "info")
    assert all(line["event"] == line["request_id"] for line in lines(stream))


def test_secrets_do_not_reach_the_stream_from_our_loggers_or_from_libraries(stream):
    get_logger("a").info("x eyJcanary12.canary.canary", token="canary", nested={"cookie": "canary"})
    logging.getLogger("library").warning("url %s", "https://user:canary@host/?code=canary")
    logging.getLogger("library").warning("extra", extra={"password": "canary"})
    assert stream.getvalue().count("\n") == 3
    assert "canary" not in stream.getvalue()


def test_an_exception_is_logged_with_places_and_without_its_text(stream):
    try:
        try:
            {}["canary"]
        except KeyError as error:
            raise ValueError("canary") from error
    except ValueError:
        get_logger("a").exception("failed")
        logging.getLogger("library").exception("failed")
    assert "canary" not in stream.getvalue()
    for line in lines(stream):
        assert [error["type"] for error in line["error"]] == ["builtins.ValueError", "builtins.KeyError"]
        assert "telemetry/test_logs.py:" in line["error"][0]["at"][0]


def test_our_own_errors_and_those_of_the_system_keep_their_message(stream):
    for error in (Unavailable("The database does not answer."), ConnectionRefusedError(111, "Connection refused")):
        get_logger("a").error("failed", exc_info=error)
    ours, system = (line["error"][0] for line in lines(stream))
    assert (ours["error_code"], ours["message"]) == ("UNAVAILABLE", "The database does not answer.")
    assert system["message"] == "[Errno 111] Connection refused"


def test_groups_of_exceptions_name_their_members(stream):
    get_logger("a").error("failed", exc_info=ExceptionGroup("canary", [ValueError("canary"), KeyError("canary")]))
    (line,) = lines(stream)
    assert line["error"][0]["errors"] == ["ValueError", "KeyError"]
    assert "canary" not in stream.getvalue()


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_no_text_can_forge_a_line_or_drive_a_terminal(log_format):
    stream = io.StringIO()
    configure_logging(log_format, "info", stream=stream)
    get_logger("a").info("path\r\n{forged}", path="\x1b[31m\n\u2028\x9b", **{"k\ney": 1})
    configure_logging("json", "info")
    assert stream.getvalue()[:-1].isprintable()
    assert stream.getvalue().count("\n") == 1


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_a_line_is_bounded_and_keeps_what_identifies_it(log_format):
    stream = io.StringIO()
    configure_logging(log_format, "info", stream=stream)
    with log_context(request_id="r-1"):
        get_logger("a").info("big", **{f"field{number}": "x y " * 400 for number in range(100)})
    configure_logging("json", "info")
    assert len(stream.getvalue()) <= MAX_LINE_LENGTH + 1
    assert "big" in stream.getvalue()
    assert "r-1" in stream.getvalue()


def test_the_level_is_kept(stream):
    configure_logging("json", "warning", stream=stream)
    get_logger("a").info("quiet")
    logging.getLogger("library").info("quiet")
    get_logger("a").warning("loud")
    assert [line["event"] for line in lines(stream)] == ["loud"]


@pytest.mark.parametrize(
    "name", ["arq.worker", "arq.connections", "httpx", "granian.access", "_granian", "asyncpg.pool", "piccolo"]
)
def test_libraries_that_log_arguments_are_silent_below_warning(stream, name):
    configure_logging("json", "debug", stream=stream)
    logging.getLogger(name).info("canary")
    logging.getLogger(name).warning("loud")
    assert [line["event"] for line in lines(stream)] == ["loud"]


def test_configuring_twice_does_not_double_lines(stream):
    configure_logging("json", "info", stream=stream)
    get_logger("a").info("once")
    logging.getLogger("library").warning("once")
    assert len(lines(stream)) == 2


def test_a_line_that_cannot_be_formatted_is_lost_without_showing_its_arguments(stream, capsys):
    (handler,) = [handler for handler in logging.getLogger().handlers if getattr(handler, "stream", None) is stream]
    handler.handle(logging.LogRecord("library", logging.WARNING, __file__, 1, "number %d", ("canary",), None))
    assert lines(stream) == [{"level": "error", "event": "log.line_lost", "logger": "library"}]
    assert "canary" not in "".join(capsys.readouterr())


class Unwritable(dict):
    """Fails when somebody looks at it."""

    def items(self):
        raise ValueError("canary")


def test_a_line_of_ours_that_cannot_be_formatted_is_lost_and_nothing_else(stream, capsys):
    get_logger("a").info("whole", value=Unwritable())
    get_logger("a").info("after")
    assert [line["event"] for line in lines(stream)] == ["log.line_lost", "after"]
    assert "canary" not in stream.getvalue() + "".join(capsys.readouterr())


def test_a_line_for_which_there_is_no_place_is_no_error(stream):
    stream.close()
    get_logger("a").error("said to nobody")


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_a_line_that_is_written_directly_is_the_one_that_the_logger_writes(log_format):
    stream = io.StringIO()
    configure_logging(log_format, "info", stream=stream)
    values = {"method": "GET", "status": 200, "address": "ia_\x1b\u2028é", "tenant": None}
    with log_context(request_id="r-1"):
        get_logger("identity_api.a").info("http.request", **values)
    log_directly("identity_api.a", "http.request", request_id="r-1", **values)
    configure_logging("json", "info")
    first, second = [re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME", line) for line in stream.getvalue().splitlines()]
    assert sorted(first) == sorted(second)
    assert "TIME" in first


@pytest.mark.parametrize(("level", "written"), [("info", 1), ("warning", 0)])
def test_a_direct_line_has_the_level_info(level, written):
    stream = io.StringIO()
    configure_logging("json", level, stream=stream)
    log_directly("a", "http.request")
    configure_logging("json", "info")
    assert len(lines(stream)) == written


@pytest.mark.parametrize("odd", ["\u2028", "\x7f", "\ud800", "é", "\x1b[0m"])
def test_a_json_line_is_ascii_whatever_is_in_it(stream, odd):
    get_logger("a").info("event", value=odd)
    assert stream.getvalue().isascii()
    assert odd not in stream.getvalue()
    (line,) = lines(stream)
    assert line["value"] == odd
