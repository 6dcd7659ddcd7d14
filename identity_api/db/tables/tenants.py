"""A tenant, its hosts and frontends, and the programs that act for it."""

from piccolo.columns import UUID, Text
from piccolo.table import Table

from identity_api.db.tables.columns import array, binary, flag, key, number, reference, text, time


class Tenant(Table, tablename="tenant"):
    """A customer organisation. Only the operator makes one."""

    id = key()
    slug = text()
    name = text()
    default_provider = text(null=True)
    epoch = number()
    """Raised to end every session of the tenant at once."""
    created_at = time()


class FirstRun(Table, tablename="first_run"):
    """The link that an installation without a tenant offers; one row at most."""

    id = Text(primary_key=True, default=None)
    token_hash = binary()
    tenant_slug = text(null=True)
    """Of the tenant that was made with it."""
    created_at = time()
    expires_at = time()
    used_at = time(null=True)


class LocalPolicy(Table, tablename="local_policy"):
    """How a tenant keeps its users. Without a row: by hand or by providers, without passwords."""

    tenant_id = key()
    local_sign_in = flag()
    """Users may have a password here and sign in with it."""
    sso_managed = flag()
    """Only providers make users and set their names."""


class TenantHost(Table, tablename="tenant_host"):
    """A host name that belongs to exactly one tenant; compared exactly, lower case, without port."""

    id = key()
    tenant_id = reference()
    host = text()


class Frontend(Table, tablename="frontend"):
    """A program of the tenant that signs its people in through this service."""

    id = key()
    tenant_id = reference()
    slug = text()
    origins = array(Text(default=None))
    return_urls = array(Text(default=None))
    deliveries = array(Text(default=None))
    """Some of `cookie`, `code` and `fragment`; the first is the default."""
    managed_by = text()
    """`FILE` or `API`."""


class ServiceClient(Table, tablename="service_client"):
    """The product's own backend. Not tenant-owned: it may read the data of the listed tenants, and of no other."""

    id = key()
    name = text()
    secret_hash = binary()
    tenant_ids = array(UUID(default=None))
    scopes = array(Text(default=None))
    created_at = time()
    expires_at = time(null=True)
    """When its secret ends; null means when it is revoked."""
    seen_at = time(null=True)
    revoked_at = time(null=True)
    owner_id = reference(null=True)
    """The tenant whose admins keep it; null for a client of the operator."""
