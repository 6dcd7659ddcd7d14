"""Permissions, groups, the mappings from one to the other, and grants."""

from piccolo.columns import JSONB, Text
from piccolo.table import Table

from identity_api.db.tables.columns import array, flag, key, number, reference, text, time


class Permission(Table, tablename="permission"):
    """A permission of the tenant, `noun:verb`."""

    id = key()
    tenant_id = reference()
    name = text()
    description = text()
    delegable = flag()
    created_at = time()


class UndelegableName(Table, tablename="undelegable_name"):
    """The name of a deleted permission that was not delegable."""

    tenant_id = key()
    name = text()


class ProviderGroup(Table, tablename="provider_group"):
    """A group as a provider asserted it, kept from when it was first seen."""

    id = key()
    tenant_id = reference()
    provider_id = reference()
    name = text()
    first_seen_at = time()


class IdentityGroup(Table, tablename="identity_group"):
    """An identity's membership of a group, as last asserted completely."""

    tenant_id = key()
    identity_id = reference()
    group_id = reference()


class GroupMapping(Table, tablename="group_mapping"):
    """A tenant's rule from groups at a provider (or at every provider) to permissions. Deleted ones stay, for history."""

    id = key()
    tenant_id = reference()
    provider_id = reference(null=True)
    pattern = text()
    match = text()
    enabled = flag()
    version = number()
    managed_by = text()
    created_at = time()
    updated_at = time()
    deleted_at = time(null=True)


class MappingPermission(Table, tablename="mapping_permission"):
    """A permission that a mapping gives now. Gone means: not in force, whatever grants say (I1)."""

    tenant_id = key()
    mapping_id = reference()
    permission_id = reference()


class MappingGroup(Table, tablename="mapping_group"):
    """A seen group that a mapping matches now; kept when a group first appears or a mapping changes."""

    tenant_id = key()
    mapping_id = reference()
    group_id = reference()


class MappingChange(Table, tablename="mapping_change"):
    """A mapping edit whose effect on grants is still being written, user by user; deleted with the last of them."""

    id = key()
    tenant_id = reference()
    mapping_id = reference()
    actor = text()
    total = number()
    done = number()
    after_identity_id = reference(null=True)
    created_at = time()


class PermissionGrant(Table, tablename="permission_grant"):
    """A permission given to a user, with its source. Closed, never deleted, so that the past can be queried."""

    id = key()
    tenant_id = reference()
    user_id = reference()
    permission_id = reference()
    source = text()
    identity_id = reference(null=True)
    mapping_id = reference(null=True)
    group_id = reference(null=True)
    granted_at = time()
    granted_by = text()
    revoked_at = time(null=True)
    revoked_by = text(null=True)
    revoked_reason = text(null=True)


class Proposal(Table, tablename="proposal"):
    """A set of changes that waits for another admin's approval. Without a decision it is over at `expires_at`."""

    id = key()
    tenant_id = reference()
    changes = JSONB(default=None)
    """As `change_sets.stored` writes them."""
    needs = array(Text(default=None))
    """The permissions without which nobody may make the changes."""
    reason = text()
    proposed_by = reference()
    created_at = time()
    expires_at = time()
    decision = text(null=True)
    decided_by = reference(null=True)
    decided_at = time(null=True)
