"""The files of the embedded database: where they are, whether this process may start them, and how they are made.

A database appears by a rename after everything in it has been made, so a killed first start leaves nothing that looks
like one. The caller holds the data directory's lock.
"""

import os
import platform
import secrets
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from identity_api.embedded import children
from identity_api.embedded.binaries import POSTGRES_MAJOR
from identity_api.embedded.errors import DataDirectoryError, ServiceFailed
from identity_api.embedded.privileges import ServerUser, can_traverse, give, make_directories, require_entry

SUPERUSER = "app"
DATABASE = "identity"

_LINUX = platform.system() == "Linux"
_INIT_OPTIONS = (
    *("-A", "trust", "-E", "UTF8", "--locale=C", "--no-instructions"),
    # Deterministic everywhere, with upper and lower case beyond ASCII; a locale of libc differs between machines.
    *("--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
)
_INIT_SECONDS = 120.0
_LONGEST_PATH_BYTES = 900  # PostgreSQL's MAXPGPATH is 1024, for the directory and a file's name below it


def locate(data_dir: Path, user: ServerUser | None, shared_root: Path) -> Path:
    """Where the database of `data_dir` is or will be: `data_dir/postgres`, or what that link points to.

    Where `user` cannot enter `data_dir` (a home with mode 0700, and we are root), the files go below `shared_root`
    under a random name, and `data_dir/postgres` becomes a link. After the data directory is removed, a new database is
    made.

    Raises:
        DataDirectoryError: the path is too long for PostgreSQL, or neither place can be entered.
        OSError: the shared place cannot be made.
    """
    plain = data_dir / "postgres"
    if plain.is_symlink():
        return plain.readlink()
    home = plain
    if not can_traverse(data_dir, user):
        databases = shared_root / "databases"
        make_directories(databases, user)
        if plain.exists() or not can_traverse(databases, user):  # never a second database beside an existing one
            raise DataDirectoryError(
                f"PostgreSQL does not run as root, and its user may not enter {data_dir} or {databases}. "
                "Set IDENTITY_DATA_DIR to a folder that everyone may enter (chmod o+x on it and all above it)."
            )
        home = databases / secrets.token_hex(8)
    if len(os.fsencode(home)) > _LONGEST_PATH_BYTES:
        raise DataDirectoryError(
            f"The path of the data directory is longer than PostgreSQL allows ({_LONGEST_PATH_BYTES} bytes). "
            "Set IDENTITY_DATA_DIR to a shorter one."
        )
    return home


def exists(home: Path) -> bool:
    """Whether `home` holds a database that this server can start.

    Raises:
        DataDirectoryError: something else is there, or a database of another version.
        OSError: it belongs to another user.
    """
    if not home.exists() or (home.is_dir() and not any(home.iterdir())):
        return False
    try:
        version = (home / "PG_VERSION").read_text(errors="replace").strip()
    except OSError:
        raise DataDirectoryError(
            f"{home} exists and is not a PostgreSQL database. "
            "Move it away to start with an empty one, or set IDENTITY_DATA_DIR to another folder."
        ) from None
    if version != str(POSTGRES_MAJOR):
        raise DataDirectoryError(
            f"The database in {home} was made by PostgreSQL {version[:20]!r} and this is PostgreSQL {POSTGRES_MAJOR}. "
            "Move it away to start with an empty one, or serve it with its own version and set IDENTITY_DATABASE_URL."
        )
    return True


def create(home: Path, bin_dir: Path, *, user: ServerUser | None, fast: bool) -> None:
    """Make the database cluster and in it the database `identity`, owned by the role `app`.

    Raises:
        DataDirectoryError: the directory cannot be written.
        EmbeddedError: the current user has no name, or root may not use the server's user.
        ServiceFailed: initdb or the first start of the server failed.
    """
    staging = home.with_name(f"{home.name}.new")
    if user is None:
        require_entry(os.geteuid())
    try:
        make_directories(home.parent, user)
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(mode=0o700)
        give(staging, user)
        sync = ["--no-sync"] if fast else ["--sync-method=syncfs"] if _LINUX else []
        _run([bin_dir / "initdb", "-D", str(staging), "-U", SUPERUSER, *_INIT_OPTIONS, *sync], user=user)
        options = ["--single", "-D", str(staging), "-c", f"fsync={'off' if fast else 'on'}"]
        _run(
            [bin_dir / "postgres", *options, "postgres"], user=user, statement=f"CREATE DATABASE {DATABASE}\n".encode()
        )
        staging.rename(home)
    except OSError as error:
        raise unwritable(home.parent, error) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def unwritable(directory: Path, error: OSError) -> DataDirectoryError:
    """The error for a data directory that cannot be written."""
    return DataDirectoryError(
        f"The data directory {directory} cannot be written ({error.strerror}). "
        "Set IDENTITY_DATA_DIR to a folder that can."
    )


def link(data_dir: Path, home: Path) -> None:
    """Make `data_dir/postgres` lead to a database that had to be put elsewhere."""
    plain = data_dir / "postgres"
    if home != plain and not plain.is_symlink():
        plain.symlink_to(home)


def _run(command: Sequence[str | Path], *, user: ServerUser | None, statement: bytes | None = None) -> None:
    process = children.spawn(
        command,
        environment=children.SERVER_ENVIRONMENT,
        death_signal=signal.SIGINT,
        user=user,
        output=subprocess.PIPE,
        stdin=subprocess.PIPE,
    )
    try:
        output, _ = process.communicate(statement or b"", timeout=_INIT_SECONDS)
    except subprocess.TimeoutExpired:
        output = b"it took too long"
    finally:
        children.stop(process, (signal.SIGINT, 2.0))
    if process.returncode != 0 or b"ERROR:" in output:
        raise ServiceFailed(
            f"PostgreSQL could not make a new database: {children.reason(output)}. "
            "Correct that, or set IDENTITY_DATABASE_URL to a database of your own."
        )
