"""Which fields a user may read, and which mutations they may call: one table, and the decorator that applies it.

Every field of every object type has a line here, or its type has one for all of its fields; a type whose field has none
cannot be defined. A request without a sign-in never reaches execution: "anyone" is anyone signed in to the tenant.

A refused field is an error with code `FORBIDDEN` that names the permission, whether or not the requested object exists.
`permissions.delegation` decides separately which permissions somebody may *give* (I8).
"""

from collections.abc import Callable
from typing import Any, Final, TypeVar
from uuid import UUID

import msgspec
import strawberry
from strawberry.utils.str_converters import to_camel_case

from identity_api.errors import Refused
from identity_api.graphql.engine import AccessRule
from identity_api.permissions import service

TypeT = TypeVar("TypeT", bound=type)


class PermissionRule(msgspec.Struct, frozen=True):
    """One of these permissions is needed; none listed: anyone signed in."""

    any_of: tuple[str, ...] = ()
    oneself: bool = False
    """Also allowed for the user it is about, without any permission. On a root field the resolver calls `require`."""
    is_sensitive: bool = False
    """The user's provider must have confirmed them within ten minutes (`STALE_AUTH`), and they must have authenticated
    within ten minutes (`STEP_UP_REQUIRED`). An API token may call the mutation only if `is_for_tokens`, and if the token
    was made for changes."""
    is_for_tokens: bool = False

    def allows(self, permissions: frozenset[str], *, is_oneself: bool = False) -> bool:
        """Whether these permissions in force are enough."""
        return not self.any_of or (self.oneself and is_oneself) or not permissions.isdisjoint(self.any_of)

    @property
    def message(self) -> str:
        """The missing permission, for the refused user."""
        return f"This needs the permission {' or '.join(self.any_of)}."

    @property
    def note(self) -> str:
        """What is needed, for the description of a root field; empty if anyone may."""
        if not self.any_of:
            return ""
        names = " or ".join([f"`{one}`" for one in self.any_of])
        return f" Needs {names}, except for oneself." if self.oneself else f" Needs {names}."


def holds(*any_of: str, oneself: bool = False) -> PermissionRule:
    """A rule for holders of one of these."""
    return PermissionRule(any_of, oneself)


def changes(*any_of: str, oneself: bool = False, is_for_tokens: bool = False) -> PermissionRule:
    """A rule for holders of one of these who have authenticated recently: the mutation is sensitive."""
    return PermissionRule(any_of, oneself, is_sensitive=True, is_for_tokens=is_for_tokens)


ANYONE: Final = PermissionRule()
REACHED: Final = ANYONE
"""Anybody who reaches the object may read it: every field that leads to it has its own line."""

USERS: Final = holds(service.USERS_READ)
PERSON: Final = holds(service.USERS_READ, oneself=True)
MAPPINGS: Final = holds(service.MAPPINGS_READ)
AUDIT: Final = holds(service.AUDIT_READ)
CATALOGUE: Final = holds(
    service.USERS_READ, service.MAPPINGS_READ, service.MAPPINGS_WRITE, service.GRANTS_WRITE, service.PERMISSIONS_WRITE
)
"""The names of the tenant's permissions: for everyone who gives them, or may read who has them."""

SETS: Final = holds(service.MAPPINGS_WRITE, service.GRANTS_WRITE, service.PERMISSIONS_WRITE)
"""Each change of a set needs one of these, which `change_sets` checks."""

ACCESS: Final[dict[str, PermissionRule]] = {
    # Queries
    "Query.viewer": ANYONE,
    "Query.node": ANYONE,  # each type by the rule of NODES below
    "Query.nodes": ANYONE,
    "Query.user": PERSON,
    "Query.users": USERS,
    "Query.identities": USERS,
    "Query.providers": holds(service.PROVIDERS_READ),
    "Query.previewProviderDeletion": holds(service.PROVIDERS_READ),
    "Query.onboarding": holds(service.PROVIDERS_READ),
    "Query.providerTest": holds(service.PROVIDERS_WRITE),
    "Query.loginFailures": holds(service.PROVIDERS_READ),
    "Query.invitations": USERS,
    "Query.setupLinks": holds(service.PROVIDERS_READ),
    "Query.syncHealth": holds(service.PROVIDERS_READ, service.AUDIT_READ),
    "Query.groups": holds(service.GROUPS_READ),
    "Query.groupMappings": MAPPINGS,
    "Query.groupMapping": MAPPINGS,
    "Query.previewGroupMappingCreation": holds(service.MAPPINGS_WRITE),
    "Query.previewGroupMappingUpdate": holds(service.MAPPINGS_WRITE),
    "Query.previewGroupMappingDeletion": holds(service.MAPPINGS_WRITE),
    "Query.previewChangeSet": SETS,
    "Query.proposals": SETS,
    "Query.previewProposal": SETS,
    "Query.permissions": CATALOGUE,
    "Query.accessFindings": MAPPINGS,
    "Query.auditEvents": AUDIT,
    "Query.loginActivity": holds(service.PROVIDERS_READ, service.AUDIT_READ),
    "Query.explainPermission": USERS,
    "Query.accessAt": USERS,
    "Query.holders": USERS,
    "Query.holderCount": USERS,
    "Query.whoHeld": USERS,
    "Query.webhooks": holds(service.WEBHOOKS_READ),
    "Query.apiTokens": USERS,
    "Query.serviceClients": holds(service.CLIENTS_READ),
    "Query.frontends": holds(service.CLIENTS_READ),
    # Mutations
    "Mutation.createGroupMapping": changes(service.MAPPINGS_WRITE, is_for_tokens=True),
    "Mutation.updateGroupMapping": changes(service.MAPPINGS_WRITE, is_for_tokens=True),
    "Mutation.deleteGroupMapping": changes(service.MAPPINGS_WRITE, is_for_tokens=True),
    "Mutation.applyChangeSet": changes(*SETS.any_of, is_for_tokens=True),
    "Mutation.proposeChangeSet": changes(*SETS.any_of, is_for_tokens=True),
    "Mutation.approveProposal": changes(*SETS.any_of),  # a person looks at it: no token approves what a token proposes
    "Mutation.rejectProposal": changes(*SETS.any_of, is_for_tokens=True),
    "Mutation.createPermission": changes(service.PERMISSIONS_WRITE, is_for_tokens=True),
    "Mutation.updatePermission": changes(service.PERMISSIONS_WRITE, is_for_tokens=True),
    "Mutation.deletePermission": changes(service.PERMISSIONS_WRITE, is_for_tokens=True),
    "Mutation.grantPermission": changes(service.GRANTS_WRITE, is_for_tokens=True),
    "Mutation.revokePermission": changes(service.GRANTS_WRITE, is_for_tokens=True),
    "Mutation.createProvider": changes(service.PROVIDERS_WRITE),
    "Mutation.updateProvider": changes(service.PROVIDERS_WRITE),
    "Mutation.setProviderSecret": changes(service.PROVIDERS_WRITE),
    "Mutation.removeProviderSecret": changes(service.PROVIDERS_WRITE),
    "Mutation.enableProvider": changes(service.PROVIDERS_WRITE),
    "Mutation.disableProvider": changes(service.PROVIDERS_WRITE),
    "Mutation.deleteProvider": changes(service.PROVIDERS_WRITE),
    "Mutation.refreshProviderMetadata": holds(service.PROVIDERS_WRITE),  # nothing changes in this service
    "Mutation.testProvider": holds(service.PROVIDERS_WRITE),  # nothing changes
    "Mutation.createSetupLink": changes(service.PROVIDERS_WRITE),
    "Mutation.revokeSetupLink": changes(service.PROVIDERS_WRITE),
    "Mutation.disableUser": changes(service.USERS_WRITE),
    "Mutation.enableUser": changes(service.USERS_WRITE),
    "Mutation.eraseUser": changes(service.USERS_WRITE),
    "Mutation.linkIdentity": changes(service.USERS_WRITE),
    "Mutation.unlinkIdentity": changes(service.USERS_WRITE),
    "Mutation.releaseIdentity": changes(service.USERS_WRITE),
    "Mutation.createUser": changes(service.USERS_WRITE),
    "Mutation.updateUserProfile": changes(service.USERS_WRITE, oneself=True),
    "Mutation.createPasswordToken": changes(service.USERS_WRITE),
    "Mutation.createInvitation": changes(service.USERS_WRITE),
    "Mutation.revokeInvitation": changes(service.USERS_WRITE),
    "Mutation.unlockUser": changes(service.USERS_WRITE),
    "Mutation.removeUserPassword": changes(service.USERS_WRITE),
    "Mutation.resetUserTotp": changes(service.USERS_WRITE),
    # One's own: each requires the password, or a code, itself.
    "Mutation.changePassword": ANYONE,
    "Mutation.enrolTotp": ANYONE,
    "Mutation.confirmTotp": ANYONE,
    "Mutation.removeTotp": ANYONE,
    "Mutation.syncUser": holds(service.USERS_WRITE),  # it is what makes a stale login fresh
    "Mutation.createWebhook": changes(service.WEBHOOKS_WRITE),
    "Mutation.updateWebhook": changes(service.WEBHOOKS_WRITE),
    "Mutation.deleteWebhook": changes(service.WEBHOOKS_WRITE),
    "Mutation.rotateWebhookSecret": changes(service.WEBHOOKS_WRITE),
    "Mutation.replayWebhook": holds(service.WEBHOOKS_WRITE),  # sends what was sent before
    "Mutation.testWebhook": holds(service.WEBHOOKS_WRITE),  # nothing changes
    "Mutation.endSession": holds(service.USERS_WRITE, oneself=True),
    "Mutation.createApiToken": changes(service.USERS_WRITE),
    "Mutation.rotateApiToken": changes(service.USERS_WRITE),
    "Mutation.revokeApiToken": holds(service.USERS_WRITE, oneself=True),  # as for a session
    "Mutation.createFrontend": changes(service.CLIENTS_WRITE),
    "Mutation.updateFrontend": changes(service.CLIENTS_WRITE),
    "Mutation.deleteFrontend": changes(service.CLIENTS_WRITE),
    "Mutation.createServiceClient": changes(service.CLIENTS_WRITE),
    "Mutation.rotateServiceClient": changes(service.CLIENTS_WRITE),
    "Mutation.revokeServiceClient": changes(service.CLIENTS_WRITE),
    # Subscriptions
    "Subscription.viewer": ANYONE,
    "Subscription.changes": USERS,
    "Change.*": REACHED,
    # A user. Some fields are in the payloads of actors who change users without the right to read them.
    "Viewer.*": REACHED,
    "User.id": REACHED,
    "User.username": REACHED,
    "User.displayLabel": REACHED,
    "User.enabled": REACHED,
    "User.disabledAt": REACHED,
    "User.email": PERSON,
    "User.emailVerified": PERSON,
    "User.createdAt": PERSON,
    "User.activeAt": PERSON,
    "User.identities": PERSON,
    "User.groups": PERSON,
    "User.history": AUDIT,
    "User.permissions": PERSON,
    "User.dormantPermissions": PERSON,
    "User.sessions": PERSON,
    "User.apiTokens": PERSON,
    "User.hasPassword": PERSON,
    "User.hasSecondFactor": PERSON,
    "User.lockedUntil": PERSON,
    "Identity.*": REACHED,
    "Identity.history": AUDIT,
    "Identity.loginEnd": USERS,  # a provider's own text is for administrators
    "LoginEnd.*": REACHED,
    "EffectivePermission.*": REACHED,
    "DormantPermission.*": REACHED,
    "GrantReason.*": REACHED,
    "Session.*": REACHED,
    # Objects of the tenant
    "Provider.*": REACHED,
    "Provider.history": AUDIT,
    "ProviderClaims.*": REACHED,
    "ProviderTested.*": REACHED,
    "ProviderTestReport.*": REACHED,
    "ProviderFinding.*": REACHED,
    "ClaimReport.*": REACHED,
    "SeenClaim.*": REACHED,
    "DocumentNames.*": REACHED,
    "LoginFailure.*": REACHED,
    "LoginActivity.*": REACHED,
    "ProviderSyncHealth.*": REACHED,
    "SyncCount.*": REACHED,
    "ProviderClientSettings.*": REACHED,
    "ProviderSecret.*": REACHED,
    "ProviderURLs.*": REACHED,
    "ProviderDeletion.*": REACHED,
    "NameValue.*": REACHED,
    "SetupLink.*": REACHED,
    "SetupLinkCreated.*": REACHED,
    "SetupLinkRevoked.*": REACHED,
    "Onboarding.*": REACHED,
    "OnboardingStep.*": REACHED,
    "OnboardingValue.*": REACHED,
    "Group.id": REACHED,
    "Group.name": REACHED,
    "Group.provider": REACHED,
    "Group.firstSeenAt": REACHED,
    "Group.memberCount": REACHED,
    "Group.mapped": REACHED,
    "Group.mappings": MAPPINGS,
    "GroupMapping.*": REACHED,
    "AccessFindings.*": REACHED,
    "AccessFinding.*": REACHED,
    "GroupMapping.history": AUDIT,
    "Permission.*": REACHED,
    "Permission.history": AUDIT,
    "PastGrant.*": REACHED,
    "PermissionHolder.*": REACHED,
    "HolderCount.*": REACHED,
    "PermissionExplanation.*": REACHED,
    "PermissionExplanation.untakenWays": MAPPINGS,
    "ExplainedGrant.*": REACHED,
    "ExplainedGrant.mapping": MAPPINGS,
    "UntakenWay.*": REACHED,
    "GivingMapping.*": REACHED,
    "AuditEvent.*": REACHED,
    "AuditChange.*": REACHED,
    "AuditDetail.*": REACHED,
    "Webhook.*": REACHED,
    "WebhookDelivery.*": REACHED,
    "WebhookSaved.*": REACHED,
    "WebhookSecretMade.*": REACHED,
    "WebhookDeleted.*": REACHED,
    "WebhookTested.*": REACHED,
    "ApiToken.*": REACHED,
    "ApiTokenMade.*": REACHED,
    "ApiTokenRevoked.*": REACHED,
    "ServiceClient.*": REACHED,
    "Frontend.*": REACHED,
    "FrontendSaved.*": REACHED,
    "FrontendDeleted.*": REACHED,
    "ServiceClientMade.*": REACHED,
    "ServiceClientRevoked.*": REACHED,
    # The part of an object that is shown beside another
    "UserSummary.*": REACHED,
    "ProviderSummary.*": REACHED,
    "GroupSummary.*": REACHED,
    "MappingReference.*": REACHED,
    "PermissionReference.*": REACHED,
    # Pages and payloads
    "PageInfo.*": REACHED,
    "Edge.*": REACHED,
    "Connection.*": REACHED,
    "InvalidInput.*": REACHED,
    "NotAllowed.*": REACHED,
    "NotFoundError.*": REACHED,
    "ConflictError.*": REACHED,
    "SeveralProblemsError.*": REACHED,
    "InputProblem.*": REACHED,
    "GroupMappingSaved.*": REACHED,
    "GroupMappingDeleted.*": REACHED,
    "GroupMappingPreview.*": REACHED,
    "TouchedPermission.*": REACHED,
    "TouchedUser.*": REACHED,
    "ChangeSetPreview.*": REACHED,
    "ChangeSetApplied.*": REACHED,
    "ChangeSetWarning.*": REACHED,
    "SetChange.*": REACHED,
    "Proposal.*": REACHED,
    "ProposalSaved.*": REACHED,
    "ProposalApproved.*": REACHED,
    "PermissionSaved.*": REACHED,
    "PermissionDeleted.*": REACHED,
    "PermissionRevoked.user": REACHED,
    "PermissionRevoked.closed": USERS,
    "PermissionRevoked.remaining": USERS,
    "ProviderSaved.*": REACHED,
    "ProviderDeleted.*": REACHED,
    "UserChanged.*": REACHED,
    "UserErased.*": REACHED,
    "SessionEnded.*": REACHED,
    "PasswordTokenCreated.*": REACHED,
    "Invitation.*": REACHED,
    "InvitationCreated.*": REACHED,
    "InvitationRevoked.*": REACHED,
    "IdentityLinked.*": REACHED,
    "TotpPrepared.*": REACHED,
}

NODES: Final[dict[str, PermissionRule]] = {
    "User": PERSON,
    "Identity": PERSON,
    "Session": PERSON,
    "Group": ACCESS["Query.groups"],
    "GroupMapping": ACCESS["Query.groupMapping"],
    "Permission": ACCESS["Query.permissions"],
    "Provider": ACCESS["Query.providers"],
    "Webhook": ACCESS["Query.webhooks"],
    "Proposal": ACCESS["Query.proposals"],
    "ApiToken": PERSON,
    "ServiceClient": ACCESS["Query.serviceClients"],
    "Frontend": ACCESS["Query.frontends"],
}
"""`node(id)`, by the type that the id names: the rule of the type's own root field."""


def rule_of(type_name: str, field_name: str) -> PermissionRule:
    """The line of the table for a field.

    Raises:
        LookupError: the table has no line for it, so nobody has decided who may read it.
    """
    if rule := ACCESS.get(f"{type_name}.{field_name}") or ACCESS.get(f"{type_name}.*"):
        return rule
    raise LookupError(f"graphql.access has no rule for {type_name}.{field_name}")


def object_type(name: str | None = None, *, description: str | None = None) -> Callable[[TypeT], TypeT]:
    """`strawberry.type` with the table's rule on every field; the description of a root field ends with it.

    Args:
        name: the type's name in the table where it is not the class's own: `Query` and `Mutation` are made of parts.
    """

    def decorate(cls: TypeT) -> TypeT:
        made: Any = strawberry.type(cls, description=description)
        for field in made.__strawberry_definition__.fields:
            rule = rule_of(name or cls.__name__, field.graphql_name or to_camel_case(field.python_name))
            field.extensions = _extensions(rule, is_root=field.base_resolver is not None and name is not None)
            if name is not None:
                field.description += rule.note
        return made  # type: ignore[no-any-return]  # the class itself, with its definition

    return decorate


def require(rule: PermissionRule, context: Any, *, about: UUID | None = None) -> None:
    """Check a rule for one user, if only the resolver knows whom a field is about.

    Raises:
        Refused: `FORBIDDEN`.
    """
    if not rule.allows(context.permissions, is_oneself=about == context.user_id):
        raise Refused(rule.message)


def _extensions(rule: PermissionRule, *, is_root: bool) -> list[Any]:
    if not rule.any_of or (rule.oneself and is_root):
        return []  # no check, or the resolver checks, which knows whom it is about
    everybody = _for_everybody(rule)
    if rule.oneself:
        return [AccessRule(_for_the_person(rule), rule.message, allows_all=everybody)]
    return [AccessRule(lambda _, context: everybody(context), rule.message, allows_all=everybody)]


def _for_everybody(rule: PermissionRule) -> Callable[[Any], bool]:
    """Whether the permissions are enough for every user."""
    return lambda context: rule.allows(context.permissions)


def _for_the_person(rule: PermissionRule) -> Callable[[Any, Any], bool]:
    """For fields of `User`, whose rows have a `user_id`."""

    def allows(source: Any, context: Any) -> bool:
        return rule.allows(context.permissions, is_oneself=source.user_id == context.user_id)

    return allows
