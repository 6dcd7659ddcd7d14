"""Objects of every type by their global ids."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, Final
from uuid import UUID

import strawberry

from identity_api.db import user_read_model
from identity_api.errors import BadInput, NotFound
from identity_api.graphql import ids
from identity_api.graphql.access import ACCESS, object_type, require
from identity_api.graphql.clients.api_tokens import load_api_token
from identity_api.graphql.clients.frontends import load_frontend
from identity_api.graphql.clients.service_clients import load_service_client
from identity_api.graphql.context import Context, Info
from identity_api.graphql.fields import resolved
from identity_api.graphql.ids import Kind, Node
from identity_api.graphql.permissions.groups import load_group, load_groups
from identity_api.graphql.permissions.mappings import load_mapping, load_mappings
from identity_api.graphql.permissions.permissions import load_permission, load_permissions
from identity_api.graphql.permissions.proposals import load_proposal
from identity_api.graphql.providers.providers import load_provider
from identity_api.graphql.users.identities import load_identities, load_identity
from identity_api.graphql.users.sessions import load_session
from identity_api.graphql.users.users import UserRow, load_user, user_rows
from identity_api.graphql.webhooks.webhooks import load_webhook

MAX_NODES: Final = 100


@object_type("Query")
class NodeQueries:
    """The root field of Relay."""

    @resolved(Node | None, "Any object that has a global id. Needs what the root field of its type needs.")
    async def node(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The id of anything that implements `Node`.")],
    ) -> Any:
        """Checked by the rule of the type that the id names."""
        return await load_node(info.context, id)

    @resolved(
        list[Node | None] | None,
        f"Objects by their global ids, at most {MAX_NODES}, in the order given; each needs what `node` needs, and is null"
        " if it does not exist.",
    )
    async def nodes(
        self,
        info: Info,
        ids: Annotated[
            list[strawberry.ID], strawberry.argument(description="The ids of anything that implements `Node`.")
        ],
    ) -> list[Any]:
        """One statement for each type that a tenant has many of; everything else one by one, each once."""
        return await load_nodes(info.context, ids)


async def load_node(context: Context, value: str) -> Any:
    """The row that a global id names.

    Raises:
        Refused: the permission for the id's type is missing; the answer does not show whether the row exists.
        NotFound: the tenant has no such row.
    """
    asked = ids.parse(value)
    match asked:
        case None:
            raise ids.not_found("Node")
        case ids.GlobalID("User", _):
            return await load_user(context, asked)
        case ids.GlobalID("Identity", row_id):
            return await load_identity(context, row_id)
        case ids.GlobalID("Session", row_id):
            return await load_session(context, row_id)
        case ids.GlobalID("Group", row_id):
            return await load_group(context, row_id)
        case ids.GlobalID("GroupMapping", row_id):
            return await load_mapping(context, row_id)
        case ids.GlobalID("Permission", row_id):
            return await load_permission(context, row_id)
        case ids.GlobalID("Provider", row_id):
            return await load_provider(context, row_id)
        case ids.GlobalID("Webhook", row_id):
            return await load_webhook(context, row_id)
        case ids.GlobalID("Proposal", row_id):
            return await load_proposal(context, row_id)
        case ids.GlobalID("ApiToken", row_id):
            return await load_api_token(context, row_id)
        case ids.GlobalID("ServiceClient", row_id):
            return await load_service_client(context, row_id)
        case ids.GlobalID("Frontend", row_id):
            return await load_frontend(context, row_id)


async def load_nodes(context: Context, values: list[strawberry.ID]) -> list[Any]:
    """The rows that global ids name; None for an id of nothing.

    Raises:
        BadInput: too many.
        Refused: as `load_node`, for any of them.
    """
    if len(values) > MAX_NODES:
        raise BadInput(f"Ask for at most {MAX_NODES} things.", field="ids")
    wanted = {value: ids.parse(value) for value in dict.fromkeys(values)}
    found: dict[str, Any] = {}
    for kind, load in MANY.items():
        row_ids = [one.row_id for one in wanted.values() if one is not None and one.kind == kind]
        if row_ids:
            found |= {row.id: row for row in await load(context, row_ids)}
    for value, one in wanted.items():
        if one is None or one.kind not in MANY:
            found[value] = await _node_or_none(context, value)
    return [found.get(value) for value in values]


async def _node_or_none(context: Context, value: str) -> Any:
    try:
        return await load_node(context, value)
    except NotFound:
        return None


async def load_users(context: Context, row_ids: Sequence[UUID]) -> list[UserRow]:
    """Those of these users that are this tenant's, in one statement.

    Raises:
        Refused: as `load_user`, for any of them.
    """
    for row_id in row_ids:
        require(ACCESS["Query.user"], context, about=row_id)
    async with context.reading() as connection:
        return user_rows(await user_read_model.users_by_id(connection, context.tenant_id, row_ids))


MANY: Final[dict[Kind, Callable[[Context, Sequence[UUID]], Awaitable[Sequence[Any]]]]] = {
    "User": load_users,
    "Identity": load_identities,
    "Group": load_groups,
    "GroupMapping": load_mappings,
    "Permission": load_permissions,
}
"""Types of which somebody may ask for a hundred at once: one statement for all of a type. Of the others a tenant has few."""
