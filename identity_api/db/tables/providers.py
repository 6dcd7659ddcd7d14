"""The providers of a tenant, this service's secrets and keys there, and the circuit breaker of each."""

from piccolo.columns import JSONB, UUID, DoublePrecision, Text
from piccolo.table import Table

from identity_api.db.tables.columns import array, binary, flag, key, number, reference, text, time


class Provider(Table, tablename="provider"):
    """An OpenID Provider, or an OAuth 2.0 provider, of one tenant. The slug is never renamed."""

    id = key()
    tenant_id = reference()
    slug = text()
    protocol = text()
    preset = text(null=True)
    label = text()
    icon = text(null=True)
    position = number()
    enabled = flag()
    issuer = text()
    discovery_url = text(null=True)
    client_id = text()
    client_authentication = text()
    redirect_url = text()
    scopes = array(Text(default=None))
    authorization_parameters = JSONB(default=None)
    endpoints = JSONB(default=None)
    """OAuth 2.0 only: authorization, token and userinfo URL."""
    claims = JSONB(default=None)
    """Which claim is the anchor, username, display label, e-mail and groups, each with its ordered sources."""
    client_settings = JSONB(default=None, null=True)
    """Unusual client settings (`providers.ClientSettings`); null if there are none."""
    provisioning = text()
    adopt_by_name = flag()
    email_verified_rule = text()
    absent_groups = text()
    sync_mode = text()
    sync = text()
    sync_interval_seconds = number()
    outage_grace_seconds = number()
    unsynced_lease_seconds = number()
    max_rate = number(null=True)
    max_concurrent = number()
    reauthentication = flag()
    delivery = text(null=True)
    logout_page_url = text(null=True)
    managed_by = text()
    version = number()
    created_at = time()
    updated_at = time()
    ending_after = reference(null=True)
    """Of a provider that was switched off: up to which identity its logins have been ended; null if none are left."""


class ProviderSecret(Table, tablename="provider_secret"):
    """A client secret, sealed. Two may overlap while one replaces the other."""

    id = key()
    tenant_id = reference()
    provider_id = reference()
    sealed = binary()
    created_at = time()
    expires_at = time(null=True)


class ClientKey(Table, tablename="client_key"):
    """A private key of this service for one provider: for signing (`sig`), decryption (`enc`) or TLS (`tls`)."""

    id = key()
    tenant_id = reference()
    provider_id = reference()
    use = text()
    key_id = text()
    """The JWK's `kid`; for TLS the SHA-256 of the certificate."""
    public_jwk = JSONB(default=None, null=True)
    """As it is published, so that publishing opens nothing; null for TLS."""
    sealed = binary()
    """The private JWK, or for TLS the certificate chain and its key as PEM."""
    created_at = time()
    retired_at = time(null=True)
    """From when on it is not published or used any more; may lie ahead."""


class ProviderBreaker(Table, tablename="provider_breaker"):
    """How the provider has been answering this service's requests; `id` is the provider's."""

    id = key()
    tenant_id = reference()
    failures = number()
    """Refusals since it last accepted this client: one for each person, and every refusal of the client itself."""
    people = array(UUID(default=None))
    """Ids of the identities whose requests it refused since; no more than open the breaker."""
    open_until = time(null=True)
    paused_at = time(null=True)
    """Since when an operator has paused the syncs; only a command ends that."""
    reason = text(null=True)
    changed_at = time()
    learned_rate = DoublePrecision(null=True, default=None)
    """Calls a second that it allowed a worker when it last answered 429."""


class SetupLink(Table, tablename="setup_link"):
    """A link with which somebody without an account here sets up one provider, which does not exist at first."""

    id = key()
    tenant_id = reference()
    maker_id = reference(null=True)
    """The admin whose rights limit what the link can do; null if the operator made it."""
    made_by = text()
    """The maker as the audit names them."""
    token_hash = binary()
    provider_id = reference()
    """The id that the provider has, or will have."""
    slug = text()
    label = text()
    permissions = array(Text(default=None))
    """The names of those that the provider's groups may be given."""
    step = text()
    """The furthest step that was reached."""
    preset = text(null=True)
    """The chosen vendor; null for one without a preset, or if none was chosen yet."""
    created_at = time()
    expires_at = time()
    ended_at = time(null=True)
    ended_reason = text(null=True)


class ProviderTest(Table, tablename="provider_test"):
    """A test login of a provider: of an admin, or of a set-up link. Only this admin, or who has the link, reads its report."""

    id = key()
    tenant_id = reference()
    provider_id = reference()
    user_id = reference(null=True)
    setup_link_id = reference(null=True)
    created_at = time()
    expires_at = time()
    """Ten minutes after the report, or after the beginning while there is none; for a set-up link, the link's own end."""
    report = JSONB(default=None, null=True)
    """Settings, names of claims, types and counts; never a claim's value."""
