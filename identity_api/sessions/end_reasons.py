"""Why a session has ended, in the few kinds that help a person; shown only to the browser that has its token."""

from collections.abc import Mapping
from typing import Final, Literal
from uuid import UUID

from identity_api.db import sessions
from identity_api.db.database import Connection
from identity_api.ids import token_hash

End = Literal["provider", "again", "held", "administrator", "elsewhere", "replaced", "unused", "over", "other"]

_ENDS: Final[Mapping[str, End]] = {
    "invalid_grant": "provider",
    "directory_removed": "provider",
    "logout_token": "provider",
    "provider_logout": "provider",
    "rotation_lost": "again",
    "reauth_required": "again",
    "subject_changed": "held",
    "claims_mismatch": "held",
    "admin": "administrator",
    "login_ended": "administrator",
    "user_disabled": "administrator",
    "provider_disabled": "administrator",
    "local_sign_in_off": "administrator",
    "frontend_deleted": "administrator",
    "password_removed": "administrator",
    "password_changed": "elsewhere",
    "second_factor_enrolled": "elsewhere",
    "matched_by_name": "replaced",
    "adopted_by_name": "replaced",
    "identity_bound": "replaced",
    "rebound": "again",
    "session_ended": "elsewhere",
    "signed_out": "elsewhere",
    "idle": "unused",
    "absolute": "over",
}
"""The reasons with which sessions end, by the kind that the person sees. Any other reason is `other`."""

SENTENCES: Final[Mapping[End, str]] = {
    "provider": "Your sign-in was ended: your organisation's sign-in service no longer confirms it.",
    "again": "Your sign-in was ended: your organisation has to confirm again who you are. Sign in again.",
    "held": "Your sign-in was ended: an administrator has to look at your account.",
    "administrator": "Your sign-in was ended by an administrator.",
    "elsewhere": "Your sign-in was ended: you signed out, changed your password, or set up a second factor elsewhere.",
    "replaced": "Your sign-in was ended: somebody signed in to this account with your organisation for the first time, which"
    " ended every older way in. Sign in with your organisation.",
    "unused": "Your sign-in was ended: it had not been used for a while. Sign in again.",
    "over": "Your sign-in was ended: it had reached its maximum duration. Sign in again.",
    "other": "Your sign-in was ended. Sign in again.",
}


async def why_ended(connection: Connection, tenant_id: UUID, token: str, *, idle_seconds: int) -> End | None:
    """The end of the tenant's session with this token; None if there is no such session, or it is live."""
    reason = await sessions.end_reason(connection, tenant_id, token_hash(token), idle_seconds=idle_seconds)
    return None if reason is None else _ENDS.get(reason, "other")
