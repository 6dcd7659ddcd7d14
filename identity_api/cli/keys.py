"""Make keys, and seal again what is sealed under an older key."""

import base64
import secrets

from identity_api.config import KEY_BYTES, KeyRing
from identity_api.db.database import Database
from identity_api.maintenance.key_rotation import Progress, Rotation, rotate
from identity_api.vault import Vault

_SHOWN = 10


def new_key() -> str:
    """A key in the form of `IDENTITY_SECRET_KEYS`, with a unique id."""
    return f"k{secrets.token_hex(4)}:{base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()}"


async def rotate_with_progress(database: Database, ring: KeyRing, *, show: bool) -> Rotation:
    """Rotate; with `show`, a progress bar on standard error.

    Raises:
        Unavailable: the database went away; run it again to continue.
    """
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), disable=not show, transient=True) as bar:
        task = bar.add_task("Sealing again", total=None)

        def report(progress: Progress) -> None:
            bar.update(task, completed=progress.done, total=progress.total)

        return await rotate(database, Vault(ring), report=report)


def describe_rotation(done: Rotation) -> list[str]:
    """The result of a rotation, in sentences."""
    lines = [f"{done.resealed} value(s) sealed under the current key."]
    if done.superseded:
        lines.append(f"{done.superseded} value(s) were replaced by others meanwhile.")
    for one in done.unopened[:_SHOWN]:
        why = f"the ring has no key {one.key_id}" if one.key_id else "it was changed, or sealed for another row"
        lines.append(f"{one.table}.{one.column} of row {one.row_id} does not open: {why}.")
    if len(done.unopened) > _SHOWN:
        lines.append(f"... and {len(done.unopened) - _SHOWN} more that do not open.")
    return lines
