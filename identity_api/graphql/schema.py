"""The schema: what every concept's module offers, put together; and the request context that goes with it.

    schema = build()                                              once per process
    context = build_context(authenticated, parts, request_id)     once per request
    answer = await engine.handle(schema, request, context_factory)

`access` says who may see what. `schema.graphql` at the root of the repository is printed from here and reviewed like code.
"""

from typing import Annotated, Any

import strawberry

from identity_api.graphql import ids
from identity_api.graphql.access import object_type
from identity_api.graphql.audit.events import AuditQueries
from identity_api.graphql.audit.login_activity import LoginActivityQueries
from identity_api.graphql.audit.past_grants import PastGrantQueries
from identity_api.graphql.context import Context, GraphQLDeps, Info, build_context
from identity_api.graphql.engine import EngineSchema, build_schema
from identity_api.graphql.fields import resolved
from identity_api.graphql.ids import Node
from identity_api.graphql.live import Subscriptions
from identity_api.graphql.permissions.change_sets import ChangeSetMutations, ChangeSetQueries
from identity_api.graphql.permissions.explanation import ExplanationQueries
from identity_api.graphql.permissions.findings import FindingQueries
from identity_api.graphql.permissions.groups import GroupQueries, load_group
from identity_api.graphql.permissions.mapping_changes import MappingMutations, MappingPreviewQueries
from identity_api.graphql.permissions.mappings import MappingQueries, load_mapping
from identity_api.graphql.permissions.permissions import PermissionMutations, PermissionQueries, load_permission
from identity_api.graphql.providers.login_failures import LoginFailureQueries
from identity_api.graphql.providers.onboarding import OnboardingQueries
from identity_api.graphql.providers.provider_changes import ProviderMutations
from identity_api.graphql.providers.provider_tests import ProviderTestMutations, ProviderTestQueries
from identity_api.graphql.providers.providers import ProviderQueries, load_provider
from identity_api.graphql.providers.sync_health import SyncHealthQueries
from identity_api.graphql.users.identities import IdentityQueries, load_identity
from identity_api.graphql.users.identity_changes import IdentityMutations
from identity_api.graphql.users.local_users import LocalUserMutations
from identity_api.graphql.users.own_credentials import OwnCredentialMutations
from identity_api.graphql.users.sessions import SessionMutations, load_session
from identity_api.graphql.users.user_changes import UserMutations
from identity_api.graphql.users.users import UserQueries, load_user
from identity_api.graphql.users.viewer import ViewerQueries
from identity_api.graphql.webhooks.webhook_changes import WebhookMutations
from identity_api.graphql.webhooks.webhooks import WebhookQueries, load_webhook

__all__ = ["Context", "GraphQLDeps", "build", "build_context", "print_schema"]


@object_type("Query")
class NodeQueries:
    """The root field of Relay."""

    @resolved(Node | None, "Anything that has a global id. Needs what the root field of its type needs.")
    async def node(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The id of anything that implements `Node`.")],
    ) -> Any:
        """By the rule of the type that the id names."""
        return await load_node(info.context, id)


async def load_node(context: Context, value: str) -> Any:
    """The row that a global id names.

    Raises:
        Refused: what the id's type needs is missing; whether the row exists is not told.
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


@strawberry.type(description="Everything that can be read.")
class Query(
    ViewerQueries,
    NodeQueries,
    UserQueries,
    IdentityQueries,
    ProviderQueries,
    ProviderTestQueries,
    LoginFailureQueries,
    SyncHealthQueries,
    GroupQueries,
    MappingQueries,
    MappingPreviewQueries,
    ChangeSetQueries,
    PermissionQueries,
    FindingQueries,
    OnboardingQueries,
    AuditQueries,
    LoginActivityQueries,
    PastGrantQueries,
    ExplanationQueries,
    WebhookQueries,
):
    """What can be read."""


@strawberry.type
class _PasswordMutations(LocalUserMutations, OwnCredentialMutations, IdentityMutations):
    """What admins, and users themselves, change about the ways in."""


@strawberry.type(description="Everything that can be changed.")
class Mutation(
    MappingMutations,
    ChangeSetMutations,
    PermissionMutations,
    ProviderMutations,
    ProviderTestMutations,
    UserMutations,
    SessionMutations,
    WebhookMutations,
    _PasswordMutations,
):
    """What can be changed."""


@strawberry.type(description="What can be followed, as server-sent events.")
class Subscription(Subscriptions):
    """What can be followed."""


def build(*, compiled: bool = True) -> EngineSchema:
    """The schema, with its own cache of documents; `compiled` as for the engine."""
    return build_schema(Query, Mutation, Subscription, compiled=compiled)


def print_schema() -> str:
    """The schema in the schema definition language, as `schema.graphql` has it."""
    return build().as_str() + "\n"
