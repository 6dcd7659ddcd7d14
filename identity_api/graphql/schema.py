"""The schema, put together from every concept's module, and the request context that goes with it.

    schema = build()                                              once per process
    context = build_context(authenticated, parts, request_id)     once per request
    answer = await engine.handle(schema, request, context_factory)

`access` defines who may read what. `schema.graphql` at the root of the repository is printed from here and reviewed
like code.
"""

import strawberry

from identity_api.graphql.audit.events import AuditQueries
from identity_api.graphql.audit.login_activity import LoginActivityQueries
from identity_api.graphql.audit.past_grants import PastGrantQueries
from identity_api.graphql.clients.api_tokens import ApiTokenMutations, ApiTokenQueries
from identity_api.graphql.clients.frontends import FrontendMutations, FrontendQueries
from identity_api.graphql.clients.service_clients import ServiceClientMutations, ServiceClientQueries
from identity_api.graphql.context import Context, GraphQLDeps, build_context
from identity_api.graphql.engine import EngineSchema, build_schema
from identity_api.graphql.live import Subscriptions
from identity_api.graphql.nodes import NodeQueries
from identity_api.graphql.permissions.change_sets import ChangeSetMutations, ChangeSetQueries
from identity_api.graphql.permissions.explanation import ExplanationQueries
from identity_api.graphql.permissions.findings import FindingQueries
from identity_api.graphql.permissions.groups import GroupQueries
from identity_api.graphql.permissions.holders import HolderQueries
from identity_api.graphql.permissions.mapping_changes import MappingMutations, MappingPreviewQueries
from identity_api.graphql.permissions.mappings import MappingQueries
from identity_api.graphql.permissions.permissions import PermissionMutations, PermissionQueries
from identity_api.graphql.permissions.proposals import ProposalMutations, ProposalQueries
from identity_api.graphql.providers.login_failures import LoginFailureQueries
from identity_api.graphql.providers.onboarding import OnboardingQueries
from identity_api.graphql.providers.provider_changes import ProviderMutations
from identity_api.graphql.providers.provider_tests import ProviderTestMutations, ProviderTestQueries
from identity_api.graphql.providers.providers import ProviderQueries
from identity_api.graphql.providers.setup_links import SetupLinkMutations, SetupLinkQueries
from identity_api.graphql.providers.sync_health import SyncHealthQueries
from identity_api.graphql.users.identities import IdentityQueries
from identity_api.graphql.users.identity_changes import IdentityMutations
from identity_api.graphql.users.invitations import InvitationMutations, InvitationQueries
from identity_api.graphql.users.local_users import LocalUserMutations
from identity_api.graphql.users.own_credentials import OwnCredentialMutations
from identity_api.graphql.users.sessions import SessionMutations
from identity_api.graphql.users.user_changes import UserMutations
from identity_api.graphql.users.users import UserQueries
from identity_api.graphql.users.viewer import ViewerQueries
from identity_api.graphql.webhooks.webhook_changes import WebhookMutations
from identity_api.graphql.webhooks.webhooks import WebhookQueries

__all__ = ["Context", "GraphQLDeps", "build", "build_context", "print_schema"]


@strawberry.type(description="Everything that can be read.")
class Query(
    ViewerQueries,
    NodeQueries,
    UserQueries,
    IdentityQueries,
    ProviderQueries,
    ProviderTestQueries,
    SetupLinkQueries,
    InvitationQueries,
    LoginFailureQueries,
    SyncHealthQueries,
    GroupQueries,
    MappingQueries,
    MappingPreviewQueries,
    ChangeSetQueries,
    ProposalQueries,
    PermissionQueries,
    FindingQueries,
    OnboardingQueries,
    AuditQueries,
    LoginActivityQueries,
    PastGrantQueries,
    HolderQueries,
    ExplanationQueries,
    WebhookQueries,
    ApiTokenQueries,
    ServiceClientQueries,
    FrontendQueries,
):
    """What can be read."""


@strawberry.type
class _PasswordMutations(LocalUserMutations, OwnCredentialMutations, IdentityMutations):
    """What admins, and users themselves, change about the ways in."""


@strawberry.type(description="Everything that can be changed.")
class Mutation(
    MappingMutations,
    ChangeSetMutations,
    ProposalMutations,
    PermissionMutations,
    ProviderMutations,
    ProviderTestMutations,
    SetupLinkMutations,
    InvitationMutations,
    UserMutations,
    SessionMutations,
    WebhookMutations,
    ApiTokenMutations,
    ServiceClientMutations,
    FrontendMutations,
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
    definition = "directive @oneOf "
    return build().as_str().replace(definition, f'"""Just one field of the input is given."""\n{definition}', 1) + "\n"
