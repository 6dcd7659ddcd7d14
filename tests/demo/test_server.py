"""The provider as a process: where it listens, that it stops, that it comes back."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from identity_api.demo import demo_config, run_demo_provider
from identity_api.errors import ConfigurationError
from tests.ports import free_port

PROGRAM = """
import sys
from pathlib import Path
from identity_api.demo import demo_config, run_demo_provider
port = int(sys.argv[1])
config = demo_config(
    f"http://127.0.0.1:{port}", ["http://127.0.0.1:9/"], client_secret="s", state_file=Path(sys.argv[2])
)
run_demo_provider(config, "127.0.0.1", port)
print("stopped")
"""


@contextmanager
def started(port: int, state_file: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", PROGRAM, str(port), str(state_file)]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            wait_until_it_answers(port, process)
            yield process
        finally:
            process.kill()


def wait_until_it_answers(port: int, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        try:
            read(port, "/jwks")
        except urllib.error.URLError:
            time.sleep(0.02)  # another process starts; there is nothing to be told by
        else:
            return
    raise AssertionError("the demo provider did not start")


def read(port: int, path: str) -> dict[str, object]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
        return dict(json.loads(answer.read()))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_cleanly_and_comes_back_with_the_same_key(tmp_path: Path, number: signal.Signals) -> None:
    port, state_file = free_port(), tmp_path / "demo.json"
    with started(port, state_file) as process:
        before = read(port, "/jwks")
        process.send_signal(number)
        assert process.communicate(timeout=90)[0] == "stopped\n"
        # Granian's own threads may abort an interpreter that is being finalised: seen once in some hundred runs, after
        # everything was written and said.
        assert process.returncode in (0, -signal.SIGABRT)
    with started(port, state_file):
        assert read(port, "/jwks") == before


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com"])
def test_an_address_others_can_reach_is_refused(host: str) -> None:
    config = demo_config("http://127.0.0.1:1", ["http://127.0.0.1:9/"], client_secret="s")
    with pytest.raises(ConfigurationError, match="loopback"):
        run_demo_provider(config, host, 1)


def test_a_port_in_use_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        config = demo_config(f"http://127.0.0.1:{port}", ["http://127.0.0.1:9/"], client_secret="s")
        with pytest.raises(ConfigurationError, match=f"port {port}"):
            run_demo_provider(config, "127.0.0.1", port)
