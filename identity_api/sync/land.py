"""Step 3: store the rotated refresh token, before anything else can fail.

The old token is worthless as soon as the provider has answered, and the new one exists only in this process's memory.
So nothing comes between the answer and its landing: no validation, no second request, no lock.
"""

import msgspec

from identity_api.db.refresh_tokens import Landing
from identity_api.db.sync import Claimed
from identity_api.oidc.token_endpoint import BadResponse, Refreshed
from identity_api.relying_party.refresh_tokens import LoginTokens, seal
from identity_api.sync.call import Called
from identity_api.sync.deps import SyncDeps


async def land(deps: SyncDeps, claimed: Claimed, called: Called) -> bool:
    """Replace the presented token with the new one, if the presented one is still stored.

    Tried for as long as this process lives: a token that the provider has rotated exists nowhere else. The sync keeps its
    place meanwhile, so that such syncs do not pile up while the database is unavailable.

    An unreadable answer lands its token too. Whether the claim is still held does not matter here: the token's own row
    decides, so a login meanwhile (which has a row of its own) costs this login nothing.

    Returns:
        False if another token is stored now, or the stored one is dead: this one is dropped. It is not revoked at the
        provider (RFC 7009), because that might revoke the other token too.
    """
    successor = _successor(claimed, called)
    if successor is None:
        return True
    assert claimed.token_id is not None
    assert claimed.token_hash is not None
    return await deps.landings.store(
        Landing(
            tenant_id=claimed.tenant_id,
            token_id=claimed.token_id,
            presented_hash=claimed.token_hash,
            hash=successor.hash,
            sealed=seal(deps.vault, claimed.tenant_id, claimed.token_id, successor),
            generation=claimed.generation,
            uncertain=claimed.uncertain,
        )
    )


def _successor(claimed: Claimed, called: Called) -> LoginTokens | None:
    """The tokens to store; None if the provider kept the one presented, or gave none that can be read.

    One that was in doubt and was taken without a successor is stored again, which ends the doubt.
    """
    if called.presented is None or not isinstance(called.outcome, Refreshed | BadResponse):
        return None
    came = (
        called.outcome.tokens.refresh_token if isinstance(called.outcome, Refreshed) else called.outcome.refresh_token
    )
    if came is None or came == called.presented.refresh_token:
        is_proven = isinstance(called.outcome, Refreshed) and claimed.token_uncertain and not claimed.uncertain
        return called.presented if is_proven else None
    return msgspec.structs.replace(called.presented, refresh_token=came)
