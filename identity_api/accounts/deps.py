"""Dependencies of the use cases of local accounts, built once by the wiring."""

import msgspec

from identity_api.accounts.passwords import Passwords
from identity_api.clock import Clock
from identity_api.db.database import Database
from identity_api.vault import Vault


class AccountDeps(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of the process that local accounts use."""

    database: Database
    vault: Vault
    passwords: Passwords
    clock: Clock
