"""Change sets: many changes previewed together for the whole tenant, and made exactly as previewed."""

from collections.abc import Collection, Mapping
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
import strawberry

from identity_api.change_sets import run
from identity_api.change_sets.effect import Effect, Pair
from identity_api.change_sets.errors import ChangesRefused
from identity_api.change_sets.run import Outcome
from identity_api.change_sets.steps import Done
from identity_api.change_sets.warnings import Warned, WarningKind
from identity_api.db import listings
from identity_api.db.listings import UserNames
from identity_api.graphql import connections
from identity_api.graphql.access import object_type
from identity_api.graphql.audit.events import AuditChange, AuditChangeRow, changes_between
from identity_api.graphql.connections import After, Before, Connection, ConnectionRow, First, Last, Page
from identity_api.graphql.context import Context, Info
from identity_api.graphql.enums import enum_type
from identity_api.graphql.fields import is_row_of, resolved
from identity_api.graphql.missing_ids import telling_missing
from identity_api.graphql.outcomes import mutation
from identity_api.graphql.permissions.change_set_inputs import ApplyChangeSetInput, ChangeSetInput, asked_of
from identity_api.graphql.permissions.mapping_changes import APPLY, TouchedPermissionRow, TouchedUser, TouchedUserRow
from identity_api.graphql.summaries import (
    MappingReference,
    MappingReferenceRow,
    PermissionReferenceRow,
    UserSummary,
    UserSummaryRow,
)
from identity_api.permissions.service import USERS_READ

enum_type(
    "The kinds of warnings before a set of changes is made.",
    {
        "LAST_ADMIN": "Nobody would hold a permission any more that administers the tenant.",
        "ADMIN_RIGHT_LOST": "Somebody would lose a permission of this service.",
        "WAY_IN_LOST": "Somebody would hold no permission any more, and signs in at a provider that turns such people away.",
        "NOTHING_LEFT": "Somebody would hold no permission any more.",
    },
    name="ChangeSetWarningKind",
)(WarningKind)

FirstTouched = Annotated[
    int | None,
    strawberry.argument(
        description="How many entries a page of `touched` has at most.",
        deprecation_reason="Use the argument of `touched`.",
    ),
]
AfterTouched = Annotated[
    str | None,
    strawberry.argument(
        description="A page of `touched` begins after the entry with this cursor.",
        deprecation_reason="Use the argument of `touched`.",
    ),
]

MAX_NAMED: Final = 1_000
"""Users named beside the changes and warnings of a set."""


@object_type(description="One change of a set, as the record has it or would have it.")
class SetChange:
    """In the order of the input."""

    action: str = strawberry.field(description="The change, named as in the audit, such as `mapping.updated`.")
    name: str = strawberry.field(description="The pattern of the mapping, or the name of the permission.")
    changes: list[AuditChange] = strawberry.field(
        description="Each setting of the mapping or permission before and after. Empty for a permission given or taken by hand."
    )
    changes_nothing: bool = strawberry.field(
        description="True if it changes nothing: the user already has the permission by hand, or does not have it."
    )
    user: UserSummary | None = strawberry.field(
        description="The user who gets or loses a permission by hand; null for other changes."
    )
    mapping: MappingReference | None = strawberry.field(
        description="The mapping that is changed; null for other changes and for a mapping that a preview would make."
    )


@object_type(description="A warning to read before the changes are made.")
class ChangeSetWarning:
    """In words."""

    kind: WarningKind = strawberry.field(description="What kind of warning it is.")
    message: str = strawberry.field(description="What would happen, as a sentence for people.")
    users: int = strawberry.field(description="How many people it is about; 0 if it is about the tenant.")
    people: list[UserSummary] = strawberry.field(
        description=f"The first of them, at most ten; none without `{USERS_READ}`."
    )


@object_type(description="What a set of changes would do if it were made now. Nothing is changed.")
class ChangeSetPreview:
    """For the whole tenant."""

    digest: str = strawberry.field(
        description="A digest of every change and of who gains and loses what, for `asPreviewed` of `applyChangeSet`."
    )
    changes: list[SetChange] = strawberry.field(description="The changes, in the order of the input.")
    warnings: list[ChangeSetWarning] = strawberry.field(
        description="Warnings to read before the changes are made, the worst first."
    )
    concerned: int = strawberry.field(
        description="How many identities are in groups of the changed mappings, before or after."
    )
    gaining: int = strawberry.field(description="How many users would gain a permission that they do not hold now.")
    losing: int = strawberry.field(
        description="How many users would lose a permission, with no other grant that gives it."
    )

    @resolved(
        Connection[TouchedUser],
        f"The users who would gain or lose a permission, by username; none without `{USERS_READ}`.",
    )
    async def touched(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> ConnectionRow:
        """A page."""
        row: Any = self  # what is resolved is the row
        is_asked = (first, after, last, before) != (None, None, None, None)
        page = connections.asked(first, after, last, before) if is_asked else row.page
        return await _touched(info.context, row.effect, page)


@object_type(description="The changes are made, exactly as previewed.")
class ChangeSetApplied:
    """What they give and take is in force."""

    changes: list[SetChange] = strawberry.field(description="The changes, in the order of the input.")
    concerned: int = strawberry.field(
        description="How many identities are in the groups of the mappings, before or after."
    )
    gaining: int = strawberry.field(description="How many users gain a permission that they did not hold.")
    losing: int = strawberry.field(description="How many users have lost a permission.")
    event: strawberry.ID = strawberry.field(
        description="The id of the audit's event of the whole set: its `undo` puts back all of the changes."
    )

    is_type_of = is_row_of(lambda: ChangeSetAppliedRow)


People = Mapping[UUID, UserSummaryRow]


class SetChangeRow(msgspec.Struct, frozen=True):
    """The row behind `SetChange`."""

    action: str
    name: str
    changes: list[AuditChangeRow]
    changes_nothing: bool
    user: UserSummaryRow | None
    mapping: MappingReferenceRow | None


class ChangeSetWarningRow(msgspec.Struct, frozen=True):
    """The row behind `ChangeSetWarning`."""

    kind: str
    message: str
    users: int
    people: list[UserSummaryRow]


class ChangeSetPreviewRow(msgspec.Struct, frozen=True):
    """The row behind `ChangeSetPreview`."""

    digest: str
    changes: list[SetChangeRow]
    warnings: list[ChangeSetWarningRow]
    concerned: int
    gaining: int
    losing: int
    effect: Effect
    page: Page
    """Of those whom it touches, where the query does not ask for one."""


class ChangeSetAppliedRow(msgspec.Struct, frozen=True):
    """The row behind `ChangeSetApplied`."""

    changes: list[SetChangeRow]
    concerned: int
    gaining: int
    losing: int
    event: str


class _Touched(TouchedUserRow, frozen=True, kw_only=True):
    """A row behind `TouchedUser` that knows its place."""

    named: UserNames


def _position(row: _Touched) -> tuple[str, UUID]:
    return row.named.username_folded, row.named.id


@object_type("Query")
class ChangeSetQueries:
    """What a set would do."""

    @resolved(
        ChangeSetPreview | None,
        "What a set of changes would do, for the whole tenant; each needs what its own mutation needs, and nothing is changed.",
    )
    async def preview_change_set(
        self,
        info: Info,
        input: Annotated[ChangeSetInput, strawberry.argument(description="The changes, as for `applyChangeSet`.")],
        first: FirstTouched = None,
        after: AfterTouched = None,
    ) -> ChangeSetPreviewRow:
        """Made, looked at and taken back."""
        context, page = info.context, connections.asked(first, after, None, None)
        async with telling_missing(context, input), context.turn:
            asked = await asked_of(context.deps.database, context.actor, input.changes)
            try:
                outcome = await run.preview(context.deps.database, context.actor, asked.changes)
            except ChangesRefused as error:
                raise asked.refused(error) from error
        return await previewed(context, outcome, page)


@object_type("Mutation")
class ChangeSetMutations:
    """Sets that are made."""

    @mutation(
        "ApplyChangeSetPayload",
        ChangeSetApplied,
        "Make a set of changes, all or none, exactly as previewed; each needs what its own mutation needs.",
    )
    async def apply_change_set(self, info: Info, input: ApplyChangeSetInput) -> ChangeSetAppliedRow:
        """One transaction; workers let grants follow."""
        context = info.context
        asked = await asked_of(context.deps.database, context.actor, input.changes)
        try:
            outcome = await run.apply(
                context.deps.database, context.actor, asked.changes, as_previewed=input.as_previewed
            )
        except ChangesRefused as error:
            raise asked.refused(error) from error
        return await applied(context, outcome)


async def previewed(context: Context, outcome: Outcome, page: Page) -> ChangeSetPreviewRow:
    """What a set would do, with a page of the users whom it touches unless `touched` asks for another."""
    people = await _people(context, outcome)
    return ChangeSetPreviewRow(
        outcome.digest,
        [_change(one, people, is_made=False) for one in outcome.done],
        [_warning(one, people, context) for one in outcome.warnings],
        outcome.effect.concerned,
        len(outcome.effect.gaining),
        len(outcome.effect.losing),
        outcome.effect,
        page,
    )


async def applied(context: Context, outcome: Outcome) -> ChangeSetAppliedRow:
    """What a set has done; workers let grants follow."""
    await context.deps.enqueue(APPLY)
    people = await _people(context, outcome)
    return ChangeSetAppliedRow(
        [_change(one, people, is_made=True) for one in outcome.done],
        outcome.effect.concerned,
        len(outcome.effect.gaining),
        len(outcome.effect.losing),
        str(outcome.event_id),
    )


async def _people(context: Context, outcome: Outcome) -> People:
    """The names of the users in changes and warnings."""
    wanted: Collection[UUID] = {
        *[one.user_id for one in outcome.done if one.user_id is not None],
        *[user_id for one in outcome.warnings for user_id in one.user_ids],
    }
    if not wanted:
        return {}
    async with context.reading() as connection:
        found = await listings.user_names(connection, context.tenant_id, wanted, first=MAX_NAMED)
    return {one.id: UserSummaryRow(one.id, one.username, one.display_label) for one in found}


def _change(one: Done, people: People, *, is_made: bool) -> SetChangeRow:
    is_there = is_made or one.old is not None
    return SetChangeRow(
        one.action,
        one.name,
        changes_between(dict(one.old or {}), dict(one.new or {})),
        one.changes_nothing,
        people.get(one.user_id) if one.user_id is not None else None,
        MappingReferenceRow(str(one.mapping_id)) if one.mapping_id is not None and is_there else None,
    )


def _warning(one: Warned, people: People, context: Context) -> ChangeSetWarningRow:
    named = [people[user_id] for user_id in one.user_ids if user_id in people]
    return ChangeSetWarningRow(one.kind, one.message, one.users, named if USERS_READ in context.permissions else [])


async def _touched(context: Context, effect: Effect, page: Page) -> ConnectionRow:
    of = connections.listing(context, "previewChangeSet", _position)
    position = await connections.opened(context, of, page, tuple[str, UUID])
    touched = effect.gaining | effect.losing
    if USERS_READ not in context.permissions or not touched:
        return connections.paged(of, [], page)
    async with context.reading() as connection:
        found = await listings.user_names(
            connection, context.tenant_id, touched, after=position, first=page.size, backward=page.is_backward
        )
    shown = {one.id for one in found}
    gained, lost = (_by_user(pairs, shown, effect.permission_ids) for pairs in (effect.gained, effect.lost))
    listed = [
        _Touched(
            UserSummaryRow(one.id, one.username, one.display_label),
            gained.get(one.id, []),
            lost.get(one.id, []),
            named=one,
        )
        for one in found
    ]

    async def count() -> int:
        return len(touched)

    return connections.paged(of, listed, page, count=count)


def _by_user(
    pairs: Collection[Pair], shown: Collection[UUID], permission_ids: Mapping[str, UUID]
) -> dict[UUID, list[TouchedPermissionRow]]:
    found: dict[UUID, list[TouchedPermissionRow]] = {}
    for user_id, name in sorted([pair for pair in pairs if pair[0] in shown]):
        row_id = permission_ids.get(name)
        reference = None if row_id is None else PermissionReferenceRow(row_id, name)
        found.setdefault(user_id, []).append(TouchedPermissionRow(name, reference))
    return found
