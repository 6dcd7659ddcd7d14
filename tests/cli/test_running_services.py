"""Commands beside a running `dev` have its port and public URL."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from identity_api.cli.context import read_settings
from identity_api.cli.running_services import Running, announced
from identity_api.config import Settings
from identity_api.embedded.lock import FileLock
from identity_api.embedded.postgres import LOCK

RUNNING = Running("postgresql://x", "redis://x", port=8610, public_url="http://localhost:8610")
DEFAULT = (8000, "http://127.0.0.1:8000")


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data directory, and no other setting in the environment."""
    for name in ("PORT", "PUBLIC_URL", "DATABASE_URL", "REDIS_URL", "CONFIG_FILE"):
        monkeypatch.delenv(f"IDENTITY_{name}", raising=False)
    monkeypatch.setenv("IDENTITY_DATA_DIR", str(tmp_path))
    return tmp_path


@contextlib.contextmanager
def held(data_dir: Path) -> Iterator[None]:
    """Somebody has the data directory."""
    lock = FileLock(data_dir / LOCK)
    assert lock.try_acquire()
    try:
        yield
    finally:
        lock.release()


def address(settings: Settings) -> tuple[int, str]:
    return settings.port, settings.public_url


def test_a_command_has_port_and_public_url_of_the_process_that_has_the_data_directory(data_dir: Path) -> None:
    with held(data_dir), announced(data_dir, RUNNING):
        assert address(read_settings(keys_required=False)) == (8610, "http://localhost:8610")
    assert address(read_settings(keys_required=False)) == DEFAULT


def test_what_a_killed_process_left_is_not_believed(data_dir: Path) -> None:
    with announced(data_dir, RUNNING):
        assert address(read_settings(keys_required=False)) == DEFAULT


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("IDENTITY_PORT", "8700", (8700, "http://127.0.0.1:8700")),
        ("IDENTITY_PUBLIC_URL", "https://sso.example", (8000, "https://sso.example")),
        ("IDENTITY_DATABASE_URL", "postgresql://db.example/identity", DEFAULT),
    ],
)
def test_the_environment_says_it_before_the_running_process(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, expected: tuple[int, str]
) -> None:
    monkeypatch.setenv(name, value)
    with held(data_dir), announced(data_dir, RUNNING):
        assert address(read_settings(keys_required=False)) == expected


def test_a_server_has_an_address_of_its_own(data_dir: Path) -> None:
    with held(data_dir), announced(data_dir, RUNNING):
        assert address(read_settings(keys_required=False, is_server=True)) == DEFAULT
        assert address(read_settings(keys_required=False, demo=True)) == DEFAULT
