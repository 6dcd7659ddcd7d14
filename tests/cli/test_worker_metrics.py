"""A real worker tells how late the syncs are, on a listener of its own."""

import contextlib
import socket

import httpx

from tests.cli.conftest import Command
from tests.flows.product import eventually
from tests.ports import free_ports


def test_a_worker_shows_its_metrics_and_its_health_where_the_settings_say(command: Command) -> None:
    (port,) = free_ports(1)
    asked = [f"http://127.0.0.1:{port}{path}" for path in ("/metrics", "/health/live")]
    worker = command.start("worker", IDENTITY_WORKER_METRICS_PORT=str(port))
    try:

        def answers() -> list[httpx.Response] | None:
            assert worker.poll() is None, command.said
            with contextlib.suppress(httpx.TransportError):
                return [httpx.get(url, trust_env=False) for url in asked]
            return None

        told = eventually(answers)
        assert [one.status_code for one in told] == [200, 200]
        assert "\nidentity_sync_oldest_due_seconds 0.0\n" in told[0].text
        assert "identity_audit_oldest_unsealed_seconds" in told[0].text
    finally:
        worker.terminate()
        assert worker.wait(40) == 0


def test_a_worker_whose_port_is_taken_says_so_and_which_setting_gives_another(command: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = command("worker", IDENTITY_WORKER_METRICS_PORT=str(taken.getsockname()[1]))
    assert done.returncode == 78
    assert "is in use" in done.stderr
    assert "IDENTITY_WORKER_METRICS_PORT" in done.stderr
