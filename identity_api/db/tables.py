"""Every table, as Piccolo declares it. Migrations are compared with this file by `make check`.

Piccolo has no composite keys, so these live in the migrations as SQL: every tenant-owned table has `tenant_id` leading in
its unique keys and in each reference, so that the database itself refuses a row that points into another tenant (I2).
Ids are made in Python (`ids.uuid7`). No column has a hidden default: what a row holds is what a statement wrote.
"""

from piccolo.columns import (
    JSONB,
    UUID,
    Array,
    BigInt,
    Boolean,
    Bytea,
    Column,
    Integer,
    Text,
    Timestamptz,
)
from piccolo.table import Table


def _id() -> UUID:
    return UUID(primary_key=True, default=None)


def _reference(*, null: bool = False) -> UUID:
    return UUID(default=None, null=null)


def _text(*, null: bool = False) -> Text:
    return Text(default=None, null=null)


def _time(*, null: bool = False) -> Timestamptz:
    return Timestamptz(default=None, null=null)


def _number(*, null: bool = False) -> Integer:
    return Integer(default=None, null=null)


def _flag() -> Boolean:
    return Boolean(default=None)


def _bytes(*, null: bool = False) -> Bytea:
    return Bytea(default=None, null=null)


def _list(of: Column) -> Array:
    return Array(base_column=of, default=None)


class Tenant(Table, tablename="tenant"):
    """A customer organisation. Only the operator makes one."""

    id = _id()
    slug = _text()
    name = _text()
    default_provider = _text(null=True)
    epoch = _number()
    """Raised to end every session of the tenant at once."""
    created_at = _time()


class LocalPolicy(Table, tablename="local_policy"):
    """How a tenant keeps its users, `id` being the tenant's. Without a row: by hand or by providers, without passwords."""

    id = _id()
    local_sign_in = _flag()
    """Users may have a password here and sign in with it."""
    sso_managed = _flag()
    """Providers alone make users and say what they are called."""


class TenantHost(Table, tablename="tenant_host"):
    """A host name that belongs to exactly one tenant; compared exactly, lower case, without port."""

    id = _id()
    tenant_id = _reference()
    host = _text()


class Frontend(Table, tablename="frontend"):
    """A program of the tenant that signs its people in through us."""

    id = _id()
    tenant_id = _reference()
    slug = _text()
    origins = _list(Text(default=None))
    return_urls = _list(Text(default=None))
    deliveries = _list(Text(default=None))
    """Of `cookie`, `code`, `fragment`; the first is the default."""


class ServiceClient(Table, tablename="service_client"):
    """The product's own backend. Not tenant-owned: it may look into the tenants listed, and no other."""

    id = _id()
    name = _text()
    secret_hash = _bytes()
    tenant_ids = _list(UUID(default=None))
    scopes = _list(Text(default=None))
    created_at = _time()
    revoked_at = _time(null=True)


class Permission(Table, tablename="permission"):
    """The tenant's vocabulary of rights, `noun:verb`."""

    id = _id()
    tenant_id = _reference()
    name = _text()
    description = _text()
    delegable = _flag()
    created_at = _time()


class Provider(Table, tablename="provider"):
    """An OpenID Provider, or an OAuth 2.0 provider, of one tenant. The slug is never renamed."""

    id = _id()
    tenant_id = _reference()
    slug = _text()
    protocol = _text()
    preset = _text(null=True)
    label = _text()
    icon = _text(null=True)
    position = _number()
    enabled = _flag()
    issuer = _text()
    discovery_url = _text(null=True)
    client_id = _text()
    client_authentication = _text()
    redirect_url = _text()
    scopes = _list(Text(default=None))
    authorization_parameters = JSONB(default=None)
    endpoints = JSONB(default=None)
    """OAuth 2.0 only: authorization, token and userinfo URL."""
    claims = JSONB(default=None)
    """Which claim is the anchor, username, display label, e-mail and groups, each with its ordered sources."""
    client_settings = JSONB(default=None, null=True)
    """What was agreed on beyond the ordinary (`providers.ClientSettings`); null if nothing was."""
    provisioning = _text()
    adopt_by_name = _flag()
    email_verified_rule = _text()
    absent_groups = _text()
    sync_mode = _text()
    sync = _text()
    sync_scope = _text(null=True)
    sync_interval_seconds = _number()
    outage_grace_seconds = _number()
    unsynced_lease_seconds = _number()
    max_rate = _number(null=True)
    max_concurrent = _number()
    reauthentication = _flag()
    delivery = _text(null=True)
    logout_page_url = _text(null=True)
    managed_by = _text()
    version = _number()
    created_at = _time()
    updated_at = _time()


class ProviderSecret(Table, tablename="provider_secret"):
    """A client secret, sealed. Two may overlap while one replaces the other."""

    id = _id()
    tenant_id = _reference()
    provider_id = _reference()
    sealed = _bytes()
    created_at = _time()
    expires_at = _time(null=True)


class ClientKey(Table, tablename="client_key"):
    """A private key of ours at one provider: to sign with (`sig`), to decrypt with (`enc`), or for TLS (`tls`)."""

    id = _id()
    tenant_id = _reference()
    provider_id = _reference()
    use = _text()
    key_id = _text()
    """The JWK's `kid`; for TLS the SHA-256 of the certificate."""
    public_jwk = JSONB(default=None, null=True)
    """As it is published, so that publishing opens nothing; null for TLS."""
    sealed = _bytes()
    """The private JWK, or for TLS the certificate chain and its key as PEM."""
    created_at = _time()
    retired_at = _time(null=True)
    """From when on it is not published or used any more; may lie ahead."""


class ProviderBreaker(Table, tablename="provider_breaker"):
    """How the provider has been answering our own requests; `id` is the provider's."""

    id = _id()
    tenant_id = _reference()
    failures = _number()
    """Refusals that count since it last accepted us: one for each person, or each that was of us as a client."""
    people = _list(UUID(default=None))
    """Whose requests it refused since, as ids of identities; no more than open the breaker."""
    open_until = _time(null=True)
    reason = _text(null=True)
    changed_at = _time()


class AppUser(Table, tablename="app_user"):
    """A person in our records. `disabled_at` is an admin's word and never touched by sync."""

    id = _id()
    tenant_id = _reference()
    username = _text()
    username_folded = _text()
    display_label = _text()
    display_label_folded = _text()
    email = _text(null=True)
    email_folded = _text(null=True)
    email_verified = Boolean(default=None, null=True)
    disabled_at = _time(null=True)
    password_hash = _text(null=True)
    epoch = _number()
    created_at = _time()
    active_at = _time()
    """When the human last asked for something; written at most once an hour."""


class LocalAccount(Table, tablename="local_account"):
    """What guards a user's password, `id` being the user's; the password's hash is in `app_user`."""

    id = _id()
    tenant_id = _reference()
    failures = _number()
    """Wrong tries since the last right one, by browsers that have not signed in to the account before."""
    locked_until = _time(null=True)
    totp_sealed = _bytes(null=True)
    totp_confirmed_at = _time(null=True)
    """Null while the secret has not been proven to be in the user's hands; it counts for nothing until then."""
    totp_step = BigInt(default=None, null=True)
    """The newest time step whose code was used (RFC 6238 section 5.2); no code up to it works again."""


class PasswordTry(Table, tablename="password_try"):
    """Wrong tries at one account from one source within a day."""

    id = _id()
    tenant_id = _reference()
    user_id = _reference()
    source_hash = _bytes()
    is_known = Boolean()
    """A browser that has signed in with this password; else an address."""
    failures = _number()
    locked_until = _time(null=True)
    tried_at = _time()


class PasswordToken(Table, tablename="password_token"):
    """An admin's permission to set a user's password, once."""

    id = _id()
    tenant_id = _reference()
    user_id = _reference()
    token_hash = _bytes()
    created_at = _time()
    expires_at = _time()
    used_at = _time(null=True)


class Identity(Table, tablename="identity"):
    """A link from a user to one (issuer, subject) at one provider."""

    id = _id()
    tenant_id = _reference()
    user_id = _reference()
    provider_id = _reference()
    issuer = _text()
    subject = _text(null=True)
    """Null until the first login of an identity that an admin entered."""
    anchor = _text()
    claims = JSONB(default=None)
    """The profile claims as last verified."""
    state = _text()
    state_reason = _text(null=True)
    state_since = _time()
    created_at = _time()
    signed_in_at = _time()
    unlinked_at = _time(null=True)
    """An admin took it from its user. Kept for the grants that name it; nothing finds it any more."""


class IdentitySync(Table, tablename="identity_sync"):
    """What the sync needs: one narrow row per identity, `id` being the identity's.

    Written at every sync, so that nothing else lives here.
    """

    id = _id()
    tenant_id = _reference()
    user_id = _reference()
    provider_id = _reference()
    due_at = _time(null=True)
    """When the next sync is due; null while there is nothing to sync with."""
    lease_until = _time(null=True)
    lease_owner = _reference(null=True)
    generation = BigInt(default=None)
    """Raised by every claim, login and end of login; a result applies only if it is still the claimed one."""
    attempt_token_id = _reference(null=True)
    attempt_hash = _bytes(null=True)
    """Hash of the refresh token about to be presented; set before the call, cleared by its answer."""
    attempt_at = _time(null=True)
    uncertain = _flag()
    """An attempt was sent and its answer never landed."""
    failures = _number()
    signed_in_until = _time(null=True)
    groups_valid_until = _time(null=True)
    verified_at = _time(null=True)
    outcome = _text(null=True)
    groups_completeness = _text()


class RefreshToken(Table, tablename="refresh_token"):
    """The refresh token of one login, sealed; at most 5 live ones per identity. A dead one keeps only its hash."""

    id = _id()
    tenant_id = _reference()
    identity_id = _reference()
    sealed = _bytes(null=True)
    hash = _bytes()
    created_at = _time()
    rotated_at = _time(null=True)
    dead_at = _time(null=True)
    dead_reason = _text(null=True)
    uncertain = _flag()
    """A presentation of it, or of one before it, may have been carried out without our learning what came of it."""


class ProviderGroup(Table, tablename="provider_group"):
    """A group as a provider asserted it, kept from when it was first seen."""

    id = _id()
    tenant_id = _reference()
    provider_id = _reference()
    name = _text()
    first_seen_at = _time()


class IdentityGroup(Table, tablename="identity_group"):
    """An identity's membership of a group, as last asserted completely."""

    id = _id()
    tenant_id = _reference()
    identity_id = _reference()
    group_id = _reference()


class GroupMapping(Table, tablename="group_mapping"):
    """A tenant's rule from groups at a provider (or at every provider) to permissions. Deleted ones stay, for history."""

    id = _id()
    tenant_id = _reference()
    provider_id = _reference(null=True)
    pattern = _text()
    match = _text()
    enabled = _flag()
    version = _number()
    managed_by = _text()
    created_at = _time()
    updated_at = _time()
    deleted_at = _time(null=True)


class MappingPermission(Table, tablename="mapping_permission"):
    """A permission that a mapping gives now. Gone means: not in force, whatever grants say (I1)."""

    id = _id()
    tenant_id = _reference()
    mapping_id = _reference()
    permission_id = _reference()


class MappingGroup(Table, tablename="mapping_group"):
    """A seen group that a mapping matches now; kept when a group first appears or a mapping changes."""

    id = _id()
    tenant_id = _reference()
    mapping_id = _reference()
    group_id = _reference()


class MappingChange(Table, tablename="mapping_change"):
    """A mapping edit whose effect on grants is still being written, user by user."""

    id = _id()
    tenant_id = _reference()
    mapping_id = _reference()
    actor = _text()
    total = _number()
    done = _number()
    after_identity_id = _reference(null=True)
    created_at = _time()
    finished_at = _time(null=True)


class PermissionGrant(Table, tablename="permission_grant"):
    """A permission given to a user, with its source. Closed, never deleted, so that the past can be asked."""

    id = _id()
    tenant_id = _reference()
    user_id = _reference()
    permission_id = _reference()
    source = _text()
    identity_id = _reference(null=True)
    mapping_id = _reference(null=True)
    group_id = _reference(null=True)
    granted_at = _time()
    granted_by = _text()
    revoked_at = _time(null=True)
    revoked_by = _text(null=True)
    revoked_reason = _text(null=True)


class UserRead(Table, tablename="user_read"):
    """The read model: a user's facts in one row, `id` being the user's. Written in the transaction that changes them."""

    id = _id()
    tenant_id = _reference()
    facts = _text()
    """JSON, shaped as `permissions.facts.GrantSnapshot`."""


class Session(Table, tablename="session"):
    """Our record that a browser, or a program for a person, is signed in as a user. Holds only the token's hash."""

    id = _id()
    tenant_id = _reference()
    user_id = _reference()
    identity_id = _reference(null=True)
    frontend_id = _reference(null=True)
    kind = _text()
    token_hash = _bytes()
    epoch = _number()
    """The user's and the tenant's epoch added up when it began; a session of a past epoch is over."""
    created_at = _time()
    seen_at = _time()
    authenticated_at = _time()
    absolute_until = _time()
    ended_at = _time(null=True)
    ended_reason = _text(null=True)
    provider_session = _text(null=True)
    id_token_sealed = _bytes(null=True)
    """For the provider's end-session request (`id_token_hint`)."""
    user_agent = _text(null=True)


class ApiToken(Table, tablename="api_token"):
    """A long-lived token of a user, for programs. It dies with the user's logins."""

    id = _id()
    tenant_id = _reference()
    user_id = _reference()
    name = _text()
    token_hash = _bytes()
    created_at = _time()
    expires_at = _time()
    seen_at = _time(null=True)
    ended_at = _time(null=True)
    ended_reason = _text(null=True)


class LoginAttempt(Table, tablename="login_attempt"):
    """A login under way: what it was begun with, and the hashes that bind it to one browser (I4)."""

    id = _id()
    tenant_id = _reference()
    provider_id = _reference(null=True)
    """None for a local sign-in, which has happened before there is a row: it carries the one-time code to the frontend."""
    frontend_id = _reference(null=True)
    delivery = _text()
    return_to = _text()
    session_origin = _text()
    path_prefix = _text()
    """Empty on a tenant's host, `/t/{tenant}` on the public one; where the session's cookie host answers for the tenant."""
    client_state = _text(null=True)
    client_challenge = _text(null=True)
    login_hint = _text(null=True)
    reauthentication = Boolean(default=False)
    """Somebody who is signed in proves anew who they are; a default, so that logins survive an upgrade."""
    redirect_url = _text()
    issuer = _text()
    state_hash = _bytes(null=True)
    nonce_hash = _bytes(null=True)
    code_verifier_sealed = _bytes(null=True)
    session_binding_hash = _bytes(null=True)
    callback_binding_hash = _bytes(null=True)
    created_at = _time()
    expires_at = _time()
    launched_at = _time(null=True)
    consumed_at = _time(null=True)
    outcome = _text(null=True)
    test_id = _reference(null=True)
    """The test that it is made for: then it signs nobody in and changes nothing."""


class ProviderTest(Table, tablename="provider_test"):
    """A test login of a provider, made by an admin in their own browser; its report is for nobody else."""

    id = _id()
    tenant_id = _reference()
    provider_id = _reference()
    user_id = _reference()
    created_at = _time()
    expires_at = _time()
    """Ten minutes after the report, or after the beginning while there is none."""
    report = JSONB(default=None, null=True)
    """Settings, names of claims, types and counts; never what a claim says."""


class LoginHandle(Table, tablename="login_handle"):
    """A one-time handle that moves a prepared login into the person's browser."""

    id = _id()
    tenant_id = _reference()
    attempt_id = _reference()
    token_hash = _bytes()
    stage = _text()
    expires_at = _time()
    used_at = _time(null=True)


class OneTimeCode(Table, tablename="one_time_code"):
    """A finished login waiting to be picked up: by the session's host (`COMPLETE`) or by a frontend (`TOKEN`)."""

    id = _id()
    tenant_id = _reference()
    attempt_id = _reference()
    user_id = _reference()
    identity_id = _reference(null=True)
    """None where a local password vouches."""
    kind = _text()
    code_hash = _bytes()
    provider_session = _text(null=True)
    id_token_sealed = _bytes(null=True)
    authenticated_at = _time()
    expires_at = _time()
    used_at = _time(null=True)
    session_id = _reference(null=True)


class LogoutHandle(Table, tablename="logout_handle"):
    """A one-time address of ours that leads a browser on to its provider's sign-out, which no page may read."""

    id = _id()
    tenant_id = _reference()
    token_hash = _bytes()
    sealed = _bytes()
    """Where it leads, with the ID Token in it, and the state to come back with."""
    expires_at = _time()


class LogoutTokenSeen(Table, tablename="logout_token_seen"):
    """A logout token that was used (Back-Channel Logout 2.6 step 8): remembered for as long as it would be accepted.

    Or a session that a browser named (Front-Channel Logout 3): remembered for as long as a login may be under way.
    """

    id = _id()
    tenant_id = _reference()
    provider_id = _reference()
    token_hash = _bytes()
    """Of issuer and `jti`; for a browser's logout, of what it named."""
    ended_hash = _bytes()
    """Of the provider's session or of the person that it ended: a login of theirs that is still under way ends as well."""
    seen_at = _time()
    expires_at = _time()


class AuditEvent(Table, tablename="audit_event"):
    """What changed, by whom. Written in the changing transaction; chained afterwards by the sealer (I6)."""

    id = _id()
    tenant_id = _reference()
    at = _time()
    actor = _text()
    action = _text()
    subject_kind = _text()
    subject_id = _reference(null=True)
    payload = JSONB(default=None)
    sequence = BigInt(default=None, null=True)
    mac = _bytes(null=True)
    key_id = _text(null=True)


class AuditHead(Table, tablename="audit_head"):
    """The newest link of a tenant's audit chain; `id` is the tenant's."""

    id = _id()
    sequence = BigInt(default=None)
    mac = _bytes()
    key_id = _text()
    sealed_at = _time()


TABLES: list[type[Table]] = [
    value
    for value in list(globals().values())
    if isinstance(value, type) and issubclass(value, Table) and value is not Table
]
"""All of them, in the order of this file."""

__all__ = ["TABLES", *[table.__name__ for table in TABLES]]
