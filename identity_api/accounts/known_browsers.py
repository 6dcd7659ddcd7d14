"""A sealed cookie, one for each account, that recognises a browser which has signed in to the account before.

The cookie does not sign anybody in. A browser with it has its own count of password tries (`db.password_tries`), so that
strangers' wrong tries do not lock the account's owner out. It is invalid after the password or the second factor has
changed: otherwise somebody who knows the password could collect cookies before a second factor is set up, and use all of
them to guess codes later.
"""

import base64
import binascii
import hashlib
import os
from collections.abc import Mapping
from uuid import UUID

from identity_api.db.local_accounts import LocalAccount
from identity_api.db.password_tries import Source
from identity_api.vault import Vault, VaultError

COOKIE_SECONDS = 15_552_000
"""180 days."""
SIGNED_IN = "signed in"
"""The address of somebody who is signed in already: all their sessions together."""
_ID_BYTES = 16
_MAX_LENGTH = 512


def cookie_name(user_id: UUID) -> str:
    """The end of the cookie's name: unique for an account, without revealing which one."""
    return f"known-{hashlib.sha256(user_id.bytes).hexdigest()[:16]}"


def source_of(vault: Vault, tenant_id: UUID, account: LocalAccount, cookies: Mapping[str, str], address: str) -> Source:
    """The source of a try: the browser if it is known, otherwise the address."""
    name = cookie_name(account.user_id)
    for key in (f"__Host-{name}", name):
        browser = _opened(vault, tenant_id, account, cookies.get(key, ""))
        if browser is not None:
            return Source(hashlib.sha256(b"browser" + browser).digest(), is_known=True)
    return source_of_address(address)


def source_of_address(address: str) -> Source:
    """The source of a try by an unknown browser."""
    return Source(hashlib.sha256(b"address" + address.encode()).digest(), is_known=False)


def cookie_value(vault: Vault, tenant_id: UUID, account: LocalAccount, cookies: Mapping[str, str]) -> str:
    """For a browser that has just proven password and code: the one it has, or a new one."""
    name = cookie_name(account.user_id)
    for key in (f"__Host-{name}", name):
        if _opened(vault, tenant_id, account, cookies.get(key, "")) is not None:
            return cookies[key]
    content = os.urandom(_ID_BYTES) + _tag(account)
    sealed = vault.seal(content, tenant_id=tenant_id, table="app_user", column="known_browser", row_id=account.user_id)
    return base64.urlsafe_b64encode(sealed).decode("ascii")


def _opened(vault: Vault, tenant_id: UUID, account: LocalAccount, value: str) -> bytes | None:
    """The browser's id, if the cookie is genuine and for this account, its current password and second factor."""
    if not 0 < len(value) <= _MAX_LENGTH:
        return None
    try:
        sealed = base64.b64decode(value, altchars=b"-_", validate=True)
        opened = vault.open(
            sealed, tenant_id=tenant_id, table="app_user", column="known_browser", row_id=account.user_id
        )
    except (binascii.Error, ValueError, VaultError):
        return None
    return opened[:_ID_BYTES] if opened[_ID_BYTES:] == _tag(account) else None


def _tag(account: LocalAccount) -> bytes:
    assert account.password_hash is not None, "only passwords are tried"
    confirmed = account.totp_confirmed_at.isoformat() if account.totp_confirmed_at is not None else ""
    return hashlib.sha256(f"{account.password_hash}{confirmed}".encode()).digest()[:8]
