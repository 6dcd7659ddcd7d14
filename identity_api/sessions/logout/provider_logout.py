"""End sessions when the provider ends a login, by a token (`backchannel`) or through a browser (`frontchannel`).

    a token with `sid`       ends the sessions that came from that session of the provider, and its finished logins that
                             were not picked up yet
    a token with `sub` only  ends the identity's login: all its sessions, codes and refresh tokens; its permissions are not
                             in force until the next login (`lifecycle.end_login`)
    a browser's request      like a token with `sid`

A login under way ends as well, since it depends on the session that the provider ended: all three hold the lock of what
they end, and record what they ended for logins that began before (`ending_hashes`).

Decision: refresh tokens when one session of the provider ends.
  Context: Back-Channel Logout 2.7 says that refresh tokens with `offline_access` should outlive a logout, and that others
  should not. Which of an identity's refresh tokens came with which session is not stored.
  Decision: none is discarded here. If the provider is not asked for `offline_access`, the identity is made due: its
  tokens of that session are invalid at the provider, which the next sync finds out; it tries those of other logins too.
  Consequences: a person signed out on one device stays signed in on others, and permissions end with the last login.
  A sync in flight continues, since no sync brings a session back.
  Alternatives: ending the identity's login for each `sid` signs a person out everywhere.
"""

from typing import Literal

from identity_api.db import audit, locks, login_ends, logout_tokens
from identity_api.db.database import Connection
from identity_api.db.logout_tokens import FoundSession, ProviderSession
from identity_api.db.providers import Provider
from identity_api.errors import BadInput
from identity_api.ids import token_hash

Outcome = Literal["ended", "nothing"]
REASON: Literal["logout_token"] = "logout_token"
OFFLINE_ACCESS = "offline_access"


class LogoutRefused(BadInput):
    """A refused logout request. `reason` is for the operator: this service's codes and claim names."""

    default_code = "LOGOUT_REFUSED"

    def __init__(self, reason: str) -> None:
        super().__init__("The logout request is not valid.")
        self.reason = reason


class LogoutReplayed(LogoutRefused):
    """The logout token is the provider's, and was used before."""

    def __init__(self) -> None:
        super().__init__("REPLAYED:jti")


async def end_provider_session(
    connection: Connection, provider: Provider, named: ProviderSession
) -> list[FoundSession]:
    """End the sessions that came from this session of the provider, in the caller's transaction; returns those that
    ended.
    """
    # Users first, as everywhere: this waits for a code that is being redeemed now, and then sees its session.
    await locks.users(connection, named.tenant_id, await logout_tokens.users_from(connection, named))
    await logout_tokens.void_codes_from(connection, named)
    found = await logout_tokens.sessions_from(connection, named)
    ids = [one.id for one in found]
    ended = await login_ends.end_sessions(connection, named.tenant_id, session_ids=ids, reason=REASON)
    events = [audit.Event("session.ended", "session", id, {"reason": REASON}) for id in ended]
    await audit.record(connection, named.tenant_id, f"provider:{provider.id}", events)
    if OFFLINE_ACCESS not in provider.scopes:
        await logout_tokens.sync_soon(connection, named.tenant_id, [one.identity_id for one in found])
    return found


async def hold_and_remember(
    connection: Connection, named: ProviderSession, *, remembered_seconds: float | None
) -> None:
    """Before a browser's logout ends anything: wait for logins of this session that are being committed, and store the
    logout for those that are not. With None nothing is stored.
    """
    ended = ended_hash(named.issuer, named.subject, named.session_id)
    await locks.logouts(connection, named.tenant_id, named.provider_id, [ended])
    if remembered_seconds is not None:
        # No token's hash begins like this: an issuer is a URL.
        name_hash = token_hash(f"browser\0{named.issuer}\0{named.session_id}")
        await logout_tokens.remember_browser(
            connection, named.tenant_id, named.provider_id, ended, name_hash=name_hash, seconds=remembered_seconds
        )


def ending_hashes(issuer: str, subject: str, session_id: str | None) -> list[bytes]:
    """Hashes of the logouts that end a login of this person, from this session of the provider if it is known."""
    person = ended_hash(issuer, subject, None)
    return [person] if session_id is None else [person, ended_hash(issuer, subject, session_id)]


def ended_hash(issuer: str, subject: str | None, session_id: str | None) -> bytes:
    """A hash of what a logout ends: the session if it names one, otherwise the person."""
    # The two kinds cannot collide, since no name holds a NUL.
    kind, name = ("sub", subject) if session_id is None else ("sid", session_id)
    return token_hash(f"{kind}\0{issuer}\0{name}")
