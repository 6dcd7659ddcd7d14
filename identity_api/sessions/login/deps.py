"""Arguments of the login use cases: the parts of the process, the limits, and what a browser sent.

Structs with secrets in them do not show them in their `repr` (I3).
"""

from collections.abc import Mapping, Sequence
from typing import Literal
from uuid import UUID

import msgspec

from identity_api.clock import Clock
from identity_api.db.database import Database
from identity_api.oidc.discovery import ProviderMetadata
from identity_api.oidc.jwks import KeySet
from identity_api.relying_party.cache import ProviderCache
from identity_api.upstream.exchange import Upstream
from identity_api.upstream.keys import ProviderDocuments
from identity_api.vault import Vault

Delivery = Literal["cookie", "code", "fragment"]


class LoginLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Times in seconds, as the settings of the same names say."""

    attempt_seconds: int = 600
    handle_seconds: int = 60
    code_seconds: int = 60
    session_idle_seconds: int = 3_600
    session_absolute_seconds: int = 86_400
    sessions_per_user: int = 10
    leeway_seconds: int = 60


class LoginDeps(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of the process that logins need. Built once by the wiring."""

    database: Database
    vault: Vault
    upstream: Upstream
    documents: ProviderDocuments[ProviderMetadata, KeySet]
    clock: Clock
    public_url: str
    limits: LoginLimits = LoginLimits()
    memory: ProviderCache = msgspec.field(default_factory=ProviderCache)


class LoginRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The request to begin a login.

    `session_origin` (`https://host[:port]`) and `path_prefix` (empty, or `/t/{tenant}`) come from the web layer, which
    knows the host of the session; everything else is untrusted input.
    """

    session_origin: str
    path_prefix: str = ""
    provider_slug: str | None = None
    protocol: str | None = None
    """By which the provider is asked for; one of another protocol counts as missing."""
    frontend_slug: str | None = None
    page_origin: str | None = None
    """The `Origin` of the page whose script asks: such a page need not name its frontend."""
    return_to: str | None = None
    delivery: str | None = None
    client_challenge: str | None = None
    client_state: str | None = None
    login_hint: str | None = None
    reauthentication: bool = False
    """A signed-in person has to prove again who they are."""
    invitation_id: UUID | None = None
    """With which the person came; of a token that was checked."""


class BrowserRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a request that binds a login: the host it was sent to (port and case do not matter) and its cookies."""

    host: str
    cookies: Mapping[str, str] = msgspec.field(default_factory=dict)

    def __repr__(self) -> str:
        return f"BrowserRequest(host={self.host!r})"


class CallbackRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A callback: where it arrived, its decoded parameters (of the query, or of the form of a POST), and the cookies.

    `posted_from` is the `Origin` header of a form post: the page that posted it. None for a GET, whose `Origin` proves
    nothing.
    """

    host: str
    path: str
    pairs: Sequence[tuple[str, str]]
    cookies: Mapping[str, str] = msgspec.field(default_factory=dict)
    posted_from: str | None = None

    def __repr__(self) -> str:
        return f"Arrival(host={self.host!r}, path={self.path!r})"


class Cookie(msgspec.Struct, frozen=True, kw_only=True):
    """A cookie to set: always HttpOnly, Path=/ and without Domain. SameSite is Lax, or None if the provider's site
    posts a form here; `secure` is False only on plain http of this machine.
    """

    name: str
    value: str
    max_age_seconds: int
    same_site_none: bool = False
    secure: bool = True

    def __repr__(self) -> str:
        return f"Cookie({self.name!r})"


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """A login that waits for its browser. The launch URL works once, for a minute."""

    handle: str
    launch_url: str
    attempt_id: str

    def __repr__(self) -> str:
        return f"Prepared(attempt_id={self.attempt_id!r})"


class AuthorizationRedirect(msgspec.Struct, frozen=True, kw_only=True):
    """Where the browser goes next: the provider, or this service's launch on the callback's host."""

    location: str
    set_cookies: tuple[Cookie, ...]
    clear_cookies: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return "Launched()"


class LoginResult(msgspec.Struct, frozen=True, kw_only=True):
    """A login succeeded. Redirect to `location`, which may hold a one-time code or a token: never log it.

    SESSION: `set_cookies` has the session's cookie. COMPLETE: our own `/auth/complete` on the session's host goes on.
    CODE and FRAGMENT: the frontend gets a one-time code, or the token itself in the fragment. AGAIN: it failed, and the
    provider is asked once more. TESTED: a test login, which signs nobody in. CONTINUED: it failed too, and the person
    who is signed in already continues.
    """

    kind: Literal["SESSION", "COMPLETE", "CODE", "FRAGMENT", "AGAIN", "TESTED", "CONTINUED"]
    location: str
    set_cookies: tuple[Cookie, ...] = ()
    clear_cookies: tuple[str, ...] = ()
    known_browser: Cookie | None = None
    """After a password: the cookie that recognises the browser the next time (`accounts.known_browsers`)."""

    def __repr__(self) -> str:
        return f"Finished({self.kind})"


class Redemption(msgspec.Struct, frozen=True, kw_only=True):
    """A frontend's exchange of its one-time code.

    `origin` is the request's Origin header if a browser sent one; `tenant_id` the tenant of the request's host or
    prefix, None on the public host; `redirect_uri` where the code was sent, if the client says it (RFC 6749 section
    4.1.3).
    """

    code: str
    code_verifier: str
    frontend_slug: str | None = None
    redirect_uri: str | None = None
    origin: str | None = None
    tenant_id: UUID | None = None
    replaces: str | None = None
    """The token of the session that asked for a new proof: it ends, and only the same person gets the new one."""

    def __repr__(self) -> str:
        return f"Redemption(frontend_slug={self.frontend_slug!r})"


class BearerToken(msgspec.Struct, frozen=True, kw_only=True):
    """A session for a program: sent as `Authorization: Bearer`."""

    access_token: str
    expires_in_seconds: int

    def __repr__(self) -> str:
        return "BearerToken()"
