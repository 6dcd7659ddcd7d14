"""The user that the servers run as, and the files that this user can reach.

PostgreSQL refuses to run as root, so root hands both servers to `nobody`. No user is created and the mode of an
existing directory is never changed: what `nobody` cannot reach is put somewhere else instead.
"""

import os
import stat
import sys
from dataclasses import dataclass
from pathlib import Path

from identity_api.embedded.errors import EmbeddedError

if sys.platform != "win32":  # importable everywhere, so that Windows gets an error message instead of an ImportError
    import pwd


@dataclass(frozen=True, slots=True)
class ServerUser:
    """The unprivileged user and group that servers run as if this process is root."""

    uid: int
    gid: int


def server_user() -> ServerUser | None:
    """`nobody` if this process is root, None if the servers run as the current user.

    Raises:
        EmbeddedError: this process is root and there is no such user.
    """
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        raise EmbeddedError(
            "Root cannot run PostgreSQL, and this system has no user `nobody` to run it as. "
            "Start as an ordinary user, or set IDENTITY_DATABASE_URL and IDENTITY_REDIS_URL."
        ) from None
    return ServerUser(entry.pw_uid, entry.pw_gid)


def require_entry(uid: int) -> None:
    """PostgreSQL's initdb insists on the name of the user it runs as; containers often have numbers only.

    Raises:
        EmbeddedError: the user database does not know `uid`.
    """
    try:
        pwd.getpwuid(uid)
    except KeyError:
        raise EmbeddedError(
            f"The user id {uid} has no entry in the user database, and PostgreSQL's initdb needs one. "
            "Add one to /etc/passwd, start as another user, or set IDENTITY_DATABASE_URL and IDENTITY_REDIS_URL."
        ) from None


def can_traverse(directory: Path, user: ServerUser | None) -> bool:
    """Whether `user` may enter `directory` and everything above it. None means the current user, for whom it is not
    checked.
    """
    if user is None:
        return True
    resolved = directory.resolve()
    return all(_allows(path, user, stat.S_IXOTH) for path in (resolved, *resolved.parents))


def can_read(path: Path, user: ServerUser | None) -> bool:
    """Whether `user` may reach and read a file, and run it where its owner may."""
    if user is None:
        return True
    resolved = path.resolve()
    needed = stat.S_IROTH | (stat.S_IXOTH if resolved.stat().st_mode & stat.S_IXUSR else 0)
    return can_traverse(resolved.parent, user) and _allows(resolved, user, needed)


def _allows(path: Path, user: ServerUser, needed: int) -> bool:
    """Whether the mode grants `needed` (bits of the class "other") through the class that applies to `user`."""
    found = path.stat()
    if found.st_uid == user.uid:
        needed <<= 6
    elif found.st_gid == user.gid:
        needed <<= 3
    return found.st_mode & needed == needed


def make_directories(directory: Path, user: ServerUser | None) -> None:
    """Make the missing directories of a path: private, or, if `user` must pass through, open only for that.

    Raises:
        OSError: a directory cannot be made.
    """
    mode = 0o700 if user is None else 0o711
    missing = [path for path in (directory, *directory.parents) if not path.exists()]
    for path in reversed(missing):
        path.mkdir(mode=mode, exist_ok=True)
        path.chmod(mode)  # the process's umask may have closed it


def give(path: Path, user: ServerUser | None) -> None:
    """Make `user` the owner of a file or directory that was just made.

    Raises:
        EmbeddedError: root is not allowed to, as in a container without other user ids.
    """
    if user is None:
        return
    try:
        os.chown(path, user.uid, user.gid)
    except OSError:
        raise EmbeddedError(
            f"Root may not use the user id {user.uid} here, and PostgreSQL does not run as root. "
            "Start as an ordinary user, or set IDENTITY_DATABASE_URL and IDENTITY_REDIS_URL."
        ) from None
