"""`serve` and `worker` as processes: they start, refuse and stop (bad inputs 71 to 73)."""

import http.client
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.conftest import Command, ask, new_key
from tests.embedded.places import wait_gone
from tests.flows.product import descendants, is_alive
from tests.ports import free_port

DECLARATION = """
[[tenants]]
slug = "acme"
name = "Acme"

[[tenants.providers]]
slug = "keycloak"
issuer = "https://sso.acme.example"
client_id = "identity-api"
client_secret_env = "ACME_SECRET"
"""


def ready(
    port: int, process: subprocess.Popen[bytes], *, status: int = 200, seconds: float = 120.0
) -> dict[str, object]:
    """The answer of /health/ready as soon as it has this status."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert process.poll() is None, "it ended"
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/health/ready")
            answer = connection.getresponse()
            if answer.status == status:
                found: dict[str, object] = json.loads(answer.read())
                return found
        except OSError:
            pass
        finally:
            connection.close()
        time.sleep(0.05)
    raise AssertionError(f"no {status} within {seconds} s")


@contextmanager
def running(command: Command, *arguments: object, **env: str) -> Iterator[subprocess.Popen[bytes]]:
    process = command.start(*arguments, **env)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


@pytest.fixture
def port(command: Command) -> int:
    """Where the API of this test listens."""
    found = free_port()
    command.env["IDENTITY_PORT"] = str(found)
    return found


def test_a_killed_api_leaves_no_worker_at_its_port(command: Command, port: int) -> None:
    with running(command, "serve") as process:
        ready(port, process)
        workers = descendants(process.pid)
        assert workers
        process.kill()
        process.wait()
        deadline = time.monotonic() + 120
        while any(is_alive(worker) for worker in workers):
            assert time.monotonic() < deadline, "the worker outlived its supervisor"
            time.sleep(0.05)
    with socket.create_server(("127.0.0.1", port)):
        pass


_SERVING = """
import pathlib, sys, time
from granian.server import mp
from identity_api import app
from identity_api.cli import server
from identity_api.config import load_settings

reached, port, moment = sys.argv[1:]

def pause(seconds):
    pathlib.Path(reached).write_text("")
    time.sleep(seconds)

def create_app():
    if moment == "application":
        pause(600)
    return serve

async def serve(scope, receive, send):
    await receive()
    if moment == "lifespan":
        pause(2)
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})

make_worker = mp.ASGIWorker

def worker(*arguments):
    if moment == "listening":
        pause(2)
    return make_worker(*arguments)

mp.ASGIWorker = worker
app.create_app = create_app
server._run_granian(load_settings({"IDENTITY_PORT": port}, keys_required=False))
"""


@pytest.mark.parametrize("moment", ["application", "lifespan", "listening"])
def test_an_api_that_is_killed_while_its_worker_starts_leaves_no_orphan(tmp_path: Path, moment: str) -> None:
    """A forked worker begins with the supervisor's handlers, and must not take the kernel's signal for nothing."""
    reached, port = tmp_path / "reached", free_port()
    with subprocess.Popen([sys.executable, "-c", _SERVING, reached, str(port), moment]) as process:
        while not reached.exists():
            assert process.poll() is None, "it ended"
            time.sleep(0.02)
        workers = descendants(process.pid)
        assert workers
        process.kill()
    assert all(wait_gone(worker) for worker in workers)
    with socket.create_server(("127.0.0.1", port)):
        pass


def test_the_api_answers_and_stops_in_order(command: Command, port: int) -> None:
    with running(command, "serve") as process:
        assert ready(port, process)["database"] == "ok"
        process.send_signal(signal.SIGTERM)
        assert process.wait(90) == 0
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
    assert "Traceback" not in command.said


def test_a_database_that_does_not_answer_makes_the_api_unready_and_not_absent(
    command: Command, port: int, tmp_path: Path
) -> None:
    nowhere = f"postgresql://app@/identity?host={tmp_path}"
    with running(command, "serve", IDENTITY_DATABASE_URL=nowhere) as process:
        assert ready(port, process, status=503)["database"] == "unavailable"


@pytest.mark.parametrize("name", ["serve", "worker"])
def test_an_unfit_schema_is_refused(command: Command, port: int, url: str, name: str) -> None:
    ask(url, "delete from migration where name = (select max(name) from migration)")
    done = command(name)
    assert done.returncode == 78
    assert done.stderr == "The database lacks 1 migration(s). Run: identity-api migrate\n"


def test_a_missing_key_ring_is_refused(command: Command, port: int) -> None:
    done = command("serve", IDENTITY_SECRET_KEYS="")
    assert done.returncode == 78
    assert "IDENTITY_SECRET_KEYS" in done.stderr
    assert not (command.folder / "data" / "keys.toml").exists()


@pytest.mark.parametrize("name", ["serve", "worker"])
def test_a_ring_without_a_key_that_is_in_use_is_refused_by_the_keys_id(command: Command, port: int, name: str) -> None:
    assert command("apply", "-", stdin=DECLARATION.encode(), ACME_SECRET="s3cret").returncode == 0
    other = new_key("k2")
    done = command(name, IDENTITY_SECRET_KEYS=other)
    assert done.returncode == 78
    assert "The key ring has no key k1" in done.stderr
    assert other.partition(":")[2] not in done.stderr


def test_a_port_in_use_is_one_sentence(command: Command, port: int) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        done = command("serve")
    assert done.returncode == 78
    assert done.stderr == (
        f"Port {port} on 127.0.0.1, for the API, is in use. End what listens there, or set IDENTITY_PORT.\n"
    )


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_the_worker_seals_the_audit_and_stops_in_order(
    command: Command, url: str, number: signal.Signals, status: int
) -> None:
    command("apply", "-", stdin=DECLARATION.encode(), ACME_SECRET="s3cret")
    with running(command, "worker") as process:
        deadline = time.monotonic() + 120
        while ask(url, "select from audit_event where sequence is null") and time.monotonic() < deadline:
            assert process.poll() is None, command.said
            time.sleep(0.05)
        process.send_signal(number)
        assert process.wait(90) == status
    assert ask(url, "select from audit_event where sequence is null") == []
    assert "Traceback" not in command.said


def test_the_worker_needs_services_that_somebody_else_started(command: Command) -> None:
    done = command("worker", IDENTITY_REDIS_URL="")
    assert done.returncode == 78
    assert "IDENTITY_REDIS_URL" in done.stderr
