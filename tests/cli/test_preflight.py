"""What is in the way of `dev` and `make run` is told at once, with a call that works as it is written."""

import contextlib
import os
import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from identity_api.embedded.lock import FileLock
from identity_api.embedded.postgres import LOCK
from tests.cli.conftest import SCRIPT, Command, clean_environment
from tests.cli.conftest import ask as execute

ROOT = Path(__file__).parents[2]
NAMED = re.compile(r"or run: (.*)\n")


@contextlib.contextmanager
def taken(count: int) -> Iterator[list[int]]:
    """Ports that somebody listens on."""
    with contextlib.ExitStack() as stack:
        listening = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        yield [one.getsockname()[1] for one in listening]


def ask(folder: Path, *options: object, **env: str) -> subprocess.CompletedProcess[str]:
    """As `make run` asks: with no package but the standard library."""
    return subprocess.run(
        [sys.executable, "-S", "-P", "-m", "identity_api.cli.dev.preflight", "--make", *map(str, options)],
        env=clean_environment(PYTHONPATH=str(ROOT), IDENTITY_DATA_DIR=str(folder / "data"), **env),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_free_ports_are_nothing_to_talk_about_and_nothing_is_made(tmp_path: Path) -> None:
    with taken(2) as ports:
        pass
    done = ask(tmp_path, "--port", ports[0], "--demo-port", ports[1])
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == []


def test_a_public_address_is_refused_since_anyone_could_sign_in_as_anyone(tmp_path: Path) -> None:
    """Behind a proxy that ends TLS, the demo would be the internet's."""
    with taken(2) as ports:
        pass
    asked = ("--port", ports[0], "--demo-port", ports[1])
    refused = ask(tmp_path, *asked, IDENTITY_PUBLIC_URL="https://id.example.com")
    assert refused.returncode == 78
    assert refused.stderr.startswith("IDENTITY_PUBLIC_URL: ")
    assert "serve` for a public address" in refused.stderr
    assert ask(tmp_path, *asked, IDENTITY_PUBLIC_URL="https://localhost:8443").returncode == 0


def test_two_ports_in_use_are_told_together_and_the_call_that_is_named_finds_free_ones(tmp_path: Path) -> None:
    with taken(2) as ports:
        done = ask(tmp_path, "--port", ports[0], "--demo-port", ports[1])
        assert done.returncode == 78
        first, second = done.stderr.splitlines()
        assert first == f"Port {ports[0]} on 127.0.0.1, for the API, is in use."
        assert second.startswith(
            f"Port {ports[1]} on 127.0.0.1, for the demo provider, is in use. End what listens there"
        )
        named = re.fullmatch(r"make run PORT=(\d+) DEMO_PORT=(\d+)", NAMED.findall(done.stderr)[0])
        assert named is not None
        again = ask(tmp_path, "--port", named[1], "--demo-port", named[2])
        assert (again.returncode, again.stderr) == (0, "")


def test_a_data_directory_in_use_is_told_with_a_whole_call_that_uses_another(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    lock = FileLock(tmp_path / "data" / LOCK)
    assert lock.try_acquire()
    try:
        with taken(2) as ports:
            done = ask(tmp_path, "--port", ports[0], "--demo-port", ports[1])
            assert done.returncode == 69
            named = re.search(r"or run: make run PORT=(\d+) DEMO_PORT=(\d+) DATA_DIR=(\S+)\n", done.stderr)
            assert named is not None, done.stderr
            again = ask(tmp_path, "--port", named[1], "--demo-port", named[2], "--data-dir", named[3])
            assert (again.returncode, again.stderr) == (0, "")
    finally:
        lock.release()


def test_what_was_asked_for_besides_is_asked_for_again(tmp_path: Path) -> None:
    with taken(1) as ports:
        done = ask(tmp_path, "--port", ports[0], "--data-dir", tmp_path / "my data")
    assert shlex.split(NAMED.findall(done.stderr)[0])[-1] == f"DATA_DIR={tmp_path / 'my data'}"


def test_a_demo_that_exists_is_not_moved_to_another_address_of_its_provider(tmp_path: Path) -> None:
    """Its people belong to that address, so that `dev` would refuse: the call names a folder for another demo."""
    (tmp_path / "data" / "postgres").mkdir(parents=True)
    with taken(1) as ports:
        done = ask(tmp_path, "--demo-port", ports[0])
    named = re.search(r"DEMO_PORT=(\d+) DATA_DIR=(\S+)", done.stderr)
    assert named is not None
    assert named[2] == f"{tmp_path / 'data'}-{named[1]}"


def test_the_program_by_itself_is_named_as_it_was_called(tmp_path: Path) -> None:
    """`make` prepares it where no shell looks for it."""
    (tmp_path / "bin").symlink_to(SCRIPT.parent)
    with taken(1) as ports:
        done = subprocess.run(
            ["bin/identity-api", "dev", "--port", str(ports[0])],
            env=clean_environment(PATH=os.defpath, IDENTITY_DATA_DIR=str(tmp_path / "data")),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 78
    assert NAMED.findall(done.stderr)[0].startswith("bin/identity-api dev --port ")
    assert not (tmp_path / "data").exists()


def test_one_port_for_two_is_refused(tmp_path: Path) -> None:
    done = ask(tmp_path, "--port", 8001)
    assert (done.returncode, done.stderr.count("\n")) == (78, 1)
    assert "need two ports" in done.stderr


def test_make_asks_before_it_prepares_anything(tmp_path: Path) -> None:
    (tmp_path / "Makefile").symlink_to(ROOT / "Makefile")
    (tmp_path / "identity_api").symlink_to(ROOT / "identity_api")
    with taken(1) as ports:
        done = subprocess.run(
            ["make", "run", f"PORT={ports[0]}", f"PYTHON={sys.executable}"],
            env=clean_environment(IDENTITY_DATA_DIR=str(tmp_path / "data")),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 2
    assert f"Port {ports[0]} on 127.0.0.1" in done.stderr
    assert "Preparing" not in done.stdout
    assert not (tmp_path / ".venv").exists()


@pytest.mark.parametrize("arguments", [("tenant", "list"), ("doctor",)])
def test_a_command_that_is_advised_is_named_as_it_can_be_typed(
    command: Command, url: str, arguments: list[str]
) -> None:
    """Where the shell finds the program, by its name; elsewhere by its path."""
    execute(url, "delete from migration where name = (select max(name) from migration)")
    done = command(*arguments)
    assert "Run: identity-api migrate" in done.stdout + done.stderr
    done = command(*arguments, PATH=os.defpath)
    assert f"Run: {SCRIPT} migrate" in done.stdout + done.stderr
