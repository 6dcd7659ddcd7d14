"""The worker's listener: metrics and its own health, over HTTP."""

import socket
from collections.abc import Iterator

import httpx
import pytest

from identity_api.telemetry import Metrics
from identity_api.telemetry.listener import listening


class Worker:
    """What the listener is asked about."""

    def __init__(self) -> None:
        self.metrics = Metrics()
        self.is_alive = True


@pytest.fixture
def worker() -> Worker:
    return Worker()


@pytest.fixture
def client(worker: Worker) -> Iterator[httpx.Client]:
    with (
        listening("127.0.0.1", 0, worker.metrics, is_alive=lambda: worker.is_alive) as port,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as asking,
    ):
        yield asking


def test_the_metrics_of_a_worker_are_read_over_http(worker: Worker, client: httpx.Client) -> None:
    worker.metrics.show_worker_series()
    worker.metrics.set_oldest_due(42)
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert "\nidentity_sync_oldest_due_seconds 42.0\n" in answer.text


def test_a_worker_that_does_its_work_is_alive_and_one_that_does_not_is_not(
    worker: Worker, client: httpx.Client
) -> None:
    assert client.get("/health/live").status_code == 200
    worker.is_alive = False
    answer = client.get("/health/live")
    assert answer.status_code == 503
    assert "has not looked for due identities" in answer.text


@pytest.mark.parametrize(("method", "path"), [("GET", "/"), ("GET", "/metrics/x"), ("POST", "/metrics")])
def test_everything_else_is_not_found(client: httpx.Client, method: str, path: str) -> None:
    assert client.request(method, path).status_code == 404


def test_a_client_that_says_nothing_keeps_nobody_else_waiting(client: httpx.Client) -> None:
    with socket.create_connection((client.base_url.host, client.base_url.port or 0)):
        assert client.get("/metrics", timeout=5).status_code == 200
