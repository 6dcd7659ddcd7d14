"""The user who asks. The statement that authenticated the request has read everything; no other is needed."""

from collections.abc import Sequence

import msgspec
import strawberry

from identity_api.graphql.access import object_type
from identity_api.graphql.context import Context, Info
from identity_api.graphql.fields import resolved
from identity_api.graphql.permissions.grants import EffectivePermission, EffectivePermissionRow
from identity_api.graphql.users.sessions import Session, SessionRow, current_session
from identity_api.graphql.users.users import User, UserRow, viewer_row
from identity_api.lazy import lazy
from identity_api.permissions.grant_snapshot import HeldPermission


@object_type(description="The user who is signed in, and what they may do.")
class Viewer:
    """For every signed-in user, whatever their permissions."""

    user: User = strawberry.field(description="The user who is signed in.")
    permissions: list[EffectivePermission] = strawberry.field(
        description="The permissions in force now, with the grants behind each."
    )
    session: Session | None = strawberry.field(description="The session of this request; null for an API token.")


class ViewerRow(msgspec.Struct, frozen=True, dict=True):
    """The row behind `Viewer`."""

    user: UserRow
    context: Context

    @lazy
    def session(self) -> SessionRow | None:
        """The request's."""
        return current_session(self.context)

    @property
    def permissions(self) -> Sequence[EffectivePermissionRow | HeldPermission]:
        """The user's."""
        return self.user.permissions


@object_type("Query")
class ViewerQueries:
    """The root field."""

    @resolved(Viewer, "The user who is signed in, for everybody.")
    def viewer(self, info: Info) -> ViewerRow:
        """No statement."""
        return ViewerRow(viewer_row(info.context), info.context)
