"""End everything that depends on a login. Always in the caller's transaction, with the users locked.

Grants stay open but are no longer in force (I1): the next login's groups decide. After an admin's "end this login" the
person can sign in again; to keep somebody out, disable the user.
"""

from collections.abc import Mapping, Sequence
from typing import Literal
from uuid import UUID

from identity_api.db import audit, invitations, local_accounts, login_ends, password_tokens, user_read_model
from identity_api.db.database import Connection
from identity_api.lifecycle.last_admin import tell_if_nobody_administers

Reason = Literal[
    "invalid_grant",
    "login_refused",
    "access_token_refused",
    "reauth_required",
    "logout_token",
    "login_ended",
    "admin",
    "rebound",
    "directory_removed",
    "subject_changed",
    "issuer_changed",
]
"""Why an identity's login has ended. The last two quarantine it: an admin must check it before a login brings it back.
"""

QUARANTINING = ("subject_changed", "issuer_changed")
"""The provider's answer was about another person. Only this is a reason for a quarantine."""

OlderWaysReason = Literal["matched_by_name", "adopted_by_name", "identity_bound"]
"""Why the earlier ways into an account have ended: its person has signed in at a provider for the first time."""


async def end_logins(
    connection: Connection,
    tenant_id: UUID,
    identity_ids: Sequence[UUID],
    *,
    reason: Reason,
    actor: str,
    detail: Mapping[str, str] | None = None,
) -> None:
    """End these identities' logins: state, refresh tokens, sessions, codes; API tokens of users without another way to
    sign in.

    Args:
        detail: what the audit records beside the reason.
    """
    state: Literal["REVOKED", "QUARANTINED"] = "QUARANTINED" if reason in QUARANTINING else "REVOKED"
    ended = await login_ends.revoke_identities(connection, tenant_id, identity_ids, state, reason)
    if not ended:
        return
    ids = [one.identity_id for one in ended]
    user_ids = sorted({one.user_id for one in ended})
    await login_ends.discard_refresh_tokens(connection, tenant_id, ids, reason)
    await login_ends.void_codes(connection, tenant_id, identity_ids=ids)
    sessions = await login_ends.end_sessions(connection, tenant_id, identity_ids=ids, reason=reason)
    stranded = await login_ends.users_without_way_in(connection, tenant_id, user_ids)
    tokens = await login_ends.end_api_tokens(connection, tenant_id, stranded, reason) if stranded else []
    await audit.record(
        connection,
        tenant_id,
        actor,
        [
            *[
                audit.Event(
                    f"identity.{state.lower()}",
                    "identity",
                    id,
                    {**(detail or {}), "reason": reason},
                    new={"state": state},
                )
                for id in ids
            ],
            *_ended("session", sessions, reason),
            *_ended("api_token", tokens, reason),
        ],
    )
    await user_read_model.refresh(connection, tenant_id, user_ids)
    await tell_if_nobody_administers(connection, tenant_id, user_ids, actor=actor)


async def end_everything_of_users(
    connection: Connection, tenant_id: UUID, user_ids: Sequence[UUID], *, reason: str, actor: str
) -> None:
    """End every session, API token and finished login of users who were disabled. Their identities stay as they are."""
    await login_ends.void_codes(connection, tenant_id, user_ids=user_ids)
    sessions = await login_ends.end_sessions(connection, tenant_id, user_ids=user_ids, reason=reason)
    tokens = await login_ends.end_api_tokens(connection, tenant_id, user_ids, reason)
    await audit.record(
        connection,
        tenant_id,
        actor,
        [*_ended("session", sessions, reason), *_ended("api_token", tokens, reason)],
    )


async def end_everything_at_provider(
    connection: Connection, tenant_id: UUID, provider_id: UUID, identity_ids: Sequence[UUID], *, reason: str, actor: str
) -> None:
    """End the logins under way and sessions of a disabled provider, and API tokens of users without another way to sign
    in.

    Its identities stay as they are, and count again when it is enabled, unless their leases have run out.

    Args:
        identity_ids: all of the provider's, with their users locked; the provider's row is already disabled.
    """
    await login_ends.void_attempts(connection, tenant_id, provider_id)
    await login_ends.void_codes(connection, tenant_id, identity_ids=identity_ids)
    sessions = await login_ends.end_sessions(connection, tenant_id, identity_ids=identity_ids, reason=reason)
    user_ids = await login_ends.users_of(connection, tenant_id, identity_ids)
    stranded = await login_ends.users_without_way_in(connection, tenant_id, user_ids)
    tokens = await login_ends.end_api_tokens(connection, tenant_id, stranded, reason) if stranded else []
    await audit.record(
        connection, tenant_id, actor, [*_ended("session", sessions, reason), *_ended("api_token", tokens, reason)]
    )


async def end_password(
    connection: Connection, tenant_id: UUID, user_id: UUID, *, reason: str, actor: str, keep: UUID | None = None
) -> None:
    """End the sessions begun with a removed or replaced password; API tokens if no other way to sign in is left.

    Args:
        keep: the session in which the user chose a new password.
    """
    await login_ends.void_local_codes(connection, tenant_id, user_id)
    found = await local_accounts.local_sessions(connection, tenant_id, user_id)
    ending = [session_id for session_id in found if session_id != keep]
    sessions = await login_ends.end_sessions(connection, tenant_id, session_ids=ending, reason=reason)
    stranded = await login_ends.users_without_way_in(connection, tenant_id, [user_id])
    tokens = await login_ends.end_api_tokens(connection, tenant_id, stranded, reason) if stranded else []
    await audit.record(
        connection, tenant_id, actor, [*_ended("session", sessions, reason), *_ended("api_token", tokens, reason)]
    )


async def end_older_ways_in(
    connection: Connection, tenant_id: UUID, user_id: UUID, *, reason: OlderWaysReason, actor: str
) -> None:
    """End every way into an account except its identities, because a person verified by a provider now owns it.

    Password, second factor, links for a new password, an invitation, API tokens, sessions, and finished logins that wait: their
    previous owner may be another person. The user is locked, and the person's own session begins afterwards.

    Identities stay. They are verified persons of a provider, or wait for one: the admin who entered one beside another
    was allowed to give the permissions of both (`permissions.ways_in`), which is how people move from one provider to
    the next.
    """
    had_password, had_totp = await local_accounts.remove_credentials(connection, tenant_id, user_id)
    links = await password_tokens.void(connection, tenant_id, user_id)
    await invitations.close(connection, tenant_id, user_id)
    await login_ends.void_codes(connection, tenant_id, user_ids=[user_id])
    sessions = await login_ends.end_sessions(connection, tenant_id, user_ids=[user_id], reason=reason)
    tokens = await login_ends.end_api_tokens(connection, tenant_id, [user_id], reason)
    if not (had_password or had_totp or links or sessions or tokens):
        return
    payload = {
        "reason": reason,
        "password": had_password,
        "second_factor": had_totp,
        "password_links": links,
        "sessions": len(sessions),
        "api_tokens": len(tokens),
    }
    event = audit.Event("user.older_ways_in_ended", "user", user_id, payload)
    ended = [*_ended("session", sessions, reason), *_ended("api_token", tokens, reason)]
    await audit.record(connection, tenant_id, actor, [event, *ended])
    await user_read_model.refresh(connection, tenant_id, [user_id])


async def end_local_sessions(connection: Connection, tenant_id: UUID, *, reason: str, actor: str) -> None:
    """End every session of the tenant that came from a password, because passwords have been switched off."""
    await login_ends.void_local_codes(connection, tenant_id)
    found = await local_accounts.local_sessions(connection, tenant_id)
    ended = await login_ends.end_sessions(connection, tenant_id, session_ids=found, reason=reason)
    await audit.record(connection, tenant_id, actor, _ended("session", ended, reason))


async def end_session(connection: Connection, tenant_id: UUID, session_id: UUID, *, reason: str, actor: str) -> bool:
    """End one session and nothing else; False if it had ended already, or is another tenant's."""
    ended = await login_ends.end_sessions(connection, tenant_id, session_ids=[session_id], reason=reason)
    await audit.record(connection, tenant_id, actor, _ended("session", ended, reason))
    return bool(ended)


def _ended(kind: str, ids: Sequence[UUID], reason: str) -> list[audit.Event]:
    old, new = {"live": True}, {"live": False}
    return [audit.Event(f"{kind}.ended", kind, id, {"reason": reason}, old=old, new=new) for id in ids]
