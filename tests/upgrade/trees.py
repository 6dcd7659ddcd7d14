"""The code of the previous version and of the next one, as folders from which processes run.

`previous_version.txt` names the previous version: the git tag of the last minor release, or `unreleased` while there is none.
Then nothing runs anywhere that a change could break, and this tree's code stands for it.
"""

import io
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PARTS = ("identity_api", "piccolo_migrations")
UNRELEASED = "unreleased"
FOLLOWING = {"expansion": "2999-01-01T00:00:00:000000", "contraction": "2999-01-02T00:00:00:000000"}
"""The migrations of `migrations/`, which the next version has, by their ids."""
_ID = re.compile(r'^ID = "([^"]+)"$', re.MULTILINE)


class NotHere(Exception):
    """This checkout does not have that version."""


def previous_version() -> str:
    return (HERE / "previous_version.txt").read_text("utf-8").strip()


def export(version: str, folder: Path) -> Path:
    """Put the code of a version into a new folder, which becomes the first entry of PYTHONPATH.

    Args:
        version: what git calls it, or `UNRELEASED`.

    Raises:
        NotHere: with what to do.
    """
    folder.mkdir()
    if version == UNRELEASED:
        for part in PARTS:
            shutil.copytree(ROOT / part, folder / part)
        return folder
    command = ["git", "-C", str(ROOT), "archive", "--format=tar", version, *PARTS]
    try:
        done = subprocess.run(command, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise NotHere(
            f"The code of {version} is not here. In a checkout: git fetch --depth=1 origin tag {version}"
        ) from error
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder


def last_migration(tree: Path) -> str:
    """The id of the newest migration that this code knows."""
    found = [_ID.search(path.read_text("utf-8")) for path in (tree / "piccolo_migrations").glob("identity_api_*.py")]
    return max(match[1] for match in found if match)


def next_version(folder: Path, *names: str, previous: Path) -> Path:
    """This tree's code with these migrations more, for which `previous` is the previous minor version."""
    export(UNRELEASED, folder)
    for name in names:
        target = folder / "piccolo_migrations" / f"identity_api_{FOLLOWING[name][:10].replace('-', '')}_{name}"
        python = (HERE / "migrations" / f"{name}.py").read_text("utf-8")
        target.with_suffix(".py").write_text(python.replace("LAST_OF_PREVIOUS", last_migration(previous)), "utf-8")
        shutil.copy(HERE / "migrations" / f"{name}.sql", target.with_suffix(".sql"))
    return folder
