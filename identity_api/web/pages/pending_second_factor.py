"""Username and password of a sign-in, while the page asks the person for the code of a second factor.

The use case needs username, password and code together, and a page without JavaScript keeps only what is in its form.
So the form holds the first two sealed (I3): only this service can open them, only for the tenant they were typed at, and
only for five minutes. They are checked as if they had just been typed.
"""

import base64
import binascii
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from identity_api.ids import uuid7
from identity_api.vault import Vault, VaultError

HELD_SECONDS: Final = 300
_MAX_LENGTH: Final = 8_192
_PLACE: Final = {"table": "login_page", "column": "held"}
"""There is no such table: a sealed value of a row never opens here, nor one of these there."""


class HeldSignIn(msgspec.Struct, frozen=True, kw_only=True):
    """What was typed, and until when it may come back (Unix seconds)."""

    username: str
    password: str
    until: float

    def __repr__(self) -> str:
        return "HeldSignIn()"


def hold(vault: Vault, tenant_id: UUID, username: str, password: str, now: datetime) -> str:
    """The value of the form's hidden field."""
    row_id = uuid7()
    held = HeldSignIn(username=username, password=password, until=now.timestamp() + HELD_SECONDS)
    sealed = vault.seal(msgspec.json.encode(held), tenant_id=tenant_id, row_id=row_id, **_PLACE)
    return base64.urlsafe_b64encode(row_id.bytes + sealed).decode("ascii")


def take(vault: Vault, tenant_id: UUID, value: str, now: datetime) -> HeldSignIn | None:
    """What the field holds; None if it was not made for this tenant, or too long ago."""
    try:
        if len(value) > _MAX_LENGTH:
            return None
        raw = base64.b64decode(value, altchars=b"-_", validate=True)
        row_id = UUID(bytes=raw[:16])
        opened = vault.open(raw[16:], tenant_id=tenant_id, row_id=row_id, **_PLACE)
    except (binascii.Error, ValueError, VaultError):
        return None
    held = msgspec.json.decode(opened, type=HeldSignIn)
    return held if now.timestamp() < held.until else None
