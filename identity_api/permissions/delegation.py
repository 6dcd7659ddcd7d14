"""Who may give which permission (I8). Pure; the use cases add that nobody gives themself more permissions."""

from uuid import UUID

import msgspec

from identity_api.errors import Refused
from identity_api.permissions.service import MAPPINGS_WRITE, SERVICE_PREFIX


class Actor(msgspec.Struct, frozen=True):
    """The actor of a change, within one tenant.

    `user_id` is None for the operator, who runs the command line with database access and is exempt from these rules.
    """

    tenant_id: UUID
    user_id: UUID | None
    name: str
    """As the audit names them: `user:<id>` or `operator:<os user>`."""
    permissions: frozenset[str]
    """In force now."""

    @property
    def is_operator(self) -> bool:
        """Whether the rules for tenant users do not apply."""
        return self.user_id is None


def check_may_give(actor: Actor, permission: str, *, delegable: bool) -> None:
    """A service permission may be given only by its holder; a product permission also by a mapping admin if delegable.

    Raises:
        Refused: `FORBIDDEN`, naming the permission.
    """
    if actor.is_operator or permission in actor.permissions:
        return
    if not permission.startswith(SERVICE_PREFIX) and delegable and MAPPINGS_WRITE in actor.permissions:
        return
    raise Refused(f"You may not give or take {permission}, because you do not hold it.")


def check_no_self_benefit(actor: Actor, before: frozenset[str], after: frozenset[str]) -> None:
    """A change must not give its own actor more permissions, by any path.

    Raises:
        Refused: `SELF_BENEFIT`, naming the permissions that the actor would gain.
    """
    gained = sorted(after - before)
    if not actor.is_operator and gained:
        raise Refused(f"This would give yourself {', '.join(gained)}. Ask another admin to do it.", code="SELF_BENEFIT")
