"""Refuse the login of a person without any permission, if the provider has `deny_unmapped`.

Some products have nothing to show to people without permissions, and want their login refused before an account
is made for them. By S1-24 the provider decides who may sign in; this setting is for providers that admit everybody.
"""

from typing import Literal

from identity_api.accounts.provisioning import Provisioned
from identity_api.claims import GroupsReading
from identity_api.db import grants
from identity_api.db.database import Connection
from identity_api.db.providers import Provider
from identity_api.lifecycle.mapping_matches import give_something

Denial = Literal["nothing_maps", "groups_unknown"]


async def denial(
    connection: Connection, provider: Provider, account: Provisioned, reading: GroupsReading
) -> Denial | None:
    """Why this person's login is refused, if the provider refuses people without permissions; None admits them.

    A person has no permissions only if their groups are known completely (I7): otherwise a person who could sign in before
    still can, and the lease decides. A new person with unknown groups is refused, because people without groups often
    come without the claim. A permission given by hand counts too. Call it after `provisioning.provision`, which holds the
    mappings' lock, in the same transaction; the caller rolls that back.
    """
    if not provider.claims.deny_unmapped or (not reading.is_verified and not account.is_new):
        return None
    if reading.is_verified and await _give_something(connection, provider, reading):
        return None
    if await grants.holds_by_hand(connection, provider.tenant_id, account.user_id):
        return None
    return "nothing_maps" if reading.is_verified else "groups_unknown"


async def _give_something(connection: Connection, provider: Provider, reading: GroupsReading) -> bool:
    if provider.sync_mode == "NONE":
        return False
    return await give_something(connection, provider.tenant_id, provider.id, reading.groups)
