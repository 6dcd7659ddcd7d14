"""The permissions of this service itself: ordinary permissions of the tenant, with fixed names.

Every tenant is given them when the operator makes the tenant. No tenant admin can invent another name under
`identity:`, give one they do not hold, or reach one through a pattern (I8).
"""

from typing import Final

SERVICE_PREFIX = "identity:"

USERS_READ = "identity:users:read"
USERS_WRITE = "identity:users:write"
GRANTS_WRITE = "identity:grants:write"
GROUPS_READ = "identity:groups:read"
MAPPINGS_READ = "identity:mappings:read"
MAPPINGS_WRITE = "identity:mappings:write"
PERMISSIONS_WRITE = "identity:permissions:write"
PROVIDERS_READ = "identity:providers:read"
PROVIDERS_WRITE = "identity:providers:write"
SCHEMA_READ = "identity:schema:read"
AUDIT_READ = "identity:audit:read"
WEBHOOKS_READ = "identity:webhooks:read"
WEBHOOKS_WRITE = "identity:webhooks:write"
CLIENTS_READ = "identity:clients:read"
CLIENTS_WRITE = "identity:clients:write"

SERVICE_PERMISSIONS: dict[str, str] = {
    USERS_READ: "See the tenant's users, their identities, groups, permissions and sessions.",
    USERS_WRITE: "Make, change, disable and enable users, their identities and passwords; end sessions; ask for a sync.",
    GRANTS_WRITE: "Give and take permissions by hand, within what one may give.",
    GROUPS_READ: "See the groups that providers have named, and how many people are in each.",
    MAPPINGS_READ: "See which provider groups give which permissions.",
    MAPPINGS_WRITE: "Create, change and delete group mappings, within what one may give.",
    PERMISSIONS_WRITE: "Create, change and delete the tenant's own permissions.",
    PROVIDERS_READ: "See the tenant's providers, without their secrets.",
    PROVIDERS_WRITE: "Create, change, enable and disable providers.",
    SCHEMA_READ: "Introspect the GraphQL schema.",
    AUDIT_READ: "See the record of every change: who changed what, from what to what, and from where.",
    WEBHOOKS_READ: "See the tenant's webhooks and what was delivered, without their secrets.",
    WEBHOOKS_WRITE: "Create, change, test and delete webhooks: addresses that get a message when permissions change.",
    CLIENTS_READ: "See the tenant's frontends and service clients, without their secrets.",
    CLIENTS_WRITE: "Create, change and delete frontends; create, rotate and revoke service clients.",
}
"""Name and what it allows; the one list from which catalogues, docs and access rules come."""

ADMINISTERING: Final = frozenset((USERS_WRITE, GRANTS_WRITE, MAPPINGS_WRITE, PROVIDERS_WRITE))
"""Permissions that administer a tenant. No change by its admins may leave one without a holder who has a way in."""
