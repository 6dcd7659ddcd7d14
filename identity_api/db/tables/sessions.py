"""Sessions and API tokens, and their logout at a provider."""

from piccolo.columns import Text
from piccolo.table import Table

from identity_api.db.tables.columns import array, binary, flag, key, number, reference, text, time


class Session(Table, tablename="session"):
    """The record that a browser, or a program for a person, is signed in as a user. Holds only the token's hash."""

    id = key()
    tenant_id = reference()
    user_id = reference()
    identity_id = reference(null=True)
    frontend_id = reference(null=True)
    kind = text()
    token_hash = binary()
    epoch = number()
    """The user's and the tenant's epoch added up when it began; a session of a past epoch has ended."""
    created_at = time()
    seen_at = time()
    authenticated_at = time()
    absolute_until = time()
    ended_at = time(null=True)
    ended_reason = text(null=True)
    provider_session = text(null=True)
    id_token_sealed = binary(null=True)
    """For the provider's end-session request (`id_token_hint`)."""
    device = text(null=True)
    """Browser and system, as the browser called itself at sign-in: "Firefox (Linux)"."""
    address = text(null=True)
    """Where it was begun, as in the audit: an IPv4 address, or an IPv6 network of 64 bits."""


class ApiToken(Table, tablename="api_token"):
    """A long-lived token of a user, for programs. It dies with the user's logins."""

    id = key()
    tenant_id = reference()
    user_id = reference()
    name = text()
    token_hash = binary()
    created_at = time()
    expires_at = time()
    seen_at = time(null=True)
    ended_at = time(null=True)
    ended_reason = text(null=True)
    permissions = array(Text(default=None))
    """Names of the permissions that it is limited to; empty means no limit."""
    may_change = flag()
    """It may change who may do what, without a person present."""


class LogoutHandle(Table, tablename="logout_handle"):
    """A one-time address of this service that redirects to a provider's sign-out; no page may read the target."""

    id = key()
    tenant_id = reference()
    token_hash = binary()
    sealed = binary()
    """The target with the ID Token in it, and the `state` for the return."""
    expires_at = time()


class LogoutTokenSeen(Table, tablename="logout_token_seen"):
    """A logout token that was used (Back-Channel Logout 2.6 step 8): remembered for as long as it would be accepted.

    Or a session that a browser named (Front-Channel Logout 3): remembered for as long as a login may be under way.
    """

    tenant_id = key()
    provider_id = reference()
    token_hash = binary()
    """Of issuer and `jti`; for a browser's logout, of what it named."""
    ended_hash = binary()
    """Of the provider's session or of the person that it ended: a login of theirs that is still under way ends as well."""
    seen_at = time()
    expires_at = time()
