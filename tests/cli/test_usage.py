"""Help, wrong usage (bad inputs 74 and 75), and what starting costs."""

import subprocess
import sys
from pathlib import Path

import pytest

from identity_api.cli.root import COMMANDS
from tests.cli.conftest import Command, clean_environment

HEAVY = (
    "aiohttp",
    "asyncpg",
    "cryptography",
    "granian",
    "httpx",
    "litestar",
    "piccolo",
    "redis",
    "strawberry",
    "structlog",
)


def test_help_names_every_command_but_the_hidden_one(offline: Command) -> None:
    done = offline("--help")
    assert done.returncode == 0
    for name in COMMANDS:
        assert (f" {name} " in done.stdout) == (name != "demo-provider")


def test_every_command_has_help(offline: Command) -> None:
    for name in COMMANDS:
        done = offline(name, "--help")
        assert done.returncode == 0, name
        assert f"identity-api {name}" in done.stdout


def test_help_imports_nothing_heavy() -> None:
    """A shell completion or a typo must not pay for a web framework."""
    code = (
        "import sys\nfrom identity_api.cli.root import root\n"
        "try:\n    root(['--help'], prog_name='identity-api')\nexcept SystemExit:\n    pass\n"
        f"print('heavy:', [name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=clean_environment(), check=True
    )
    assert done.stdout.rstrip().endswith("heavy: []")


def test_a_folder_without_a_database_is_named_with_what_to_set(tmp_path: Path) -> None:
    done = Command(tmp_path, IDENTITY_DATA_DIR=str(tmp_path / "elsewhere"))("tenant", "list")
    assert (done.returncode, f"no database in {tmp_path / 'elsewhere'} yet" in done.stderr) == (78, True)
    assert "set IDENTITY_DATA_DIR" in done.stderr


def test_the_module_runs_the_same_command(offline: Command) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "identity_api", "--version"],
        capture_output=True,
        text=True,
        env=clean_environment(),
        check=True,
    )
    assert done.stdout == offline("--version").stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("frobnicate",),
        ("--frobnicate",),
        ("grant", "acme"),
        ("apply",),
        ("apply", "no-such-file.toml"),
        ("token", "create", "acme", "alice", "laptop"),
        ("token", "create", "acme", "alice", "laptop", "--days", "0"),
        ("service-client", "create", "backend"),
        ("dev", "--port", "99999"),
    ],
    ids=" ".join,
)
def test_wrong_usage_is_exit_code_2_without_a_traceback(offline: Command, arguments: tuple[str, ...]) -> None:
    done = offline(*arguments)
    assert done.returncode == 2
    assert "Usage: identity-api" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("apply", "--client-secret=hunter2-hunter2", "file.toml"),
        ("serve", "--database-url=postgresql://u:hunter2-hunter2@h/d"),
        ("keys", "rotate", "--key=hunter2-hunter2"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_secret_as_an_argument_is_refused_and_not_repeated(offline: Command, arguments: tuple[str, ...]) -> None:
    done = offline(*arguments)
    assert done.returncode == 2
    assert "hunter2" not in done.stdout + done.stderr
