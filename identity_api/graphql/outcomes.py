"""What a mutation may return instead of its success: problems that a client can act on, as types of the schema.

`problem_of` is the one place where errors of the use cases become these types. An error that is not listed there (the
database does not answer, a fault of this service) stays an entry of `errors`.
"""

import functools
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Annotated, Any, Final, TypeVar, Union

import msgspec
import strawberry
from strawberry.utils.str_converters import to_camel_case

from identity_api.errors import BadInput, Conflict, IdentityAPIError, NotFound, Refused, SeveralProblems
from identity_api.graphql.access import object_type, rule_of
from identity_api.graphql.context import Context, Info
from identity_api.graphql.fields import is_row_of
from identity_api.graphql.missing_ids import telling_missing
from identity_api.sessions.step_up import StepUpRequired, ensure_elevated

FRESH_FOR: Final = timedelta(minutes=10)
"""The contract of the sync: a change at the provider is in force within this."""


@strawberry.interface(description="Why a mutation did not do what was asked. Nothing was changed.")
class Problem:
    """What every problem has."""

    code: str = strawberry.field(description="A stable code, for programs.")
    message: str = strawberry.field(description="One sentence for people.")


class ProblemRow(msgspec.Struct, frozen=True):
    """The row behind every problem; the subclass tells which."""

    code: str
    message: str


class InvalidInputRow(ProblemRow, frozen=True):
    """Behind `InvalidInput`."""

    field: str | None


class NotAllowedRow(ProblemRow, frozen=True):
    """Behind `NotAllowed`."""

    step_up_url: str | None = None


class NotFoundRow(ProblemRow, frozen=True):
    """Behind `NotFoundError`."""

    field: str | None


class ConflictRow(ProblemRow, frozen=True):
    """Behind `ConflictError`."""

    current_version: int | None


class InputProblemRow(msgspec.Struct, frozen=True):
    """The row behind `InputProblem`."""

    path: str
    code: str
    message: str


class SeveralProblemsRow(ProblemRow, frozen=True):
    """Behind `SeveralProblemsError`."""

    problems: list[InputProblemRow]


@object_type(description="One of several problems of an input.")
class InputProblem:
    """Of `SeveralProblems`."""

    path: str = strawberry.field(
        description="Where in the input it is, such as `changes.3.createGroupMapping.pattern`; places in lists begin at 0."
    )
    code: str = strawberry.field(description="A stable code, for programs.")
    message: str = strawberry.field(description="One sentence for people.")


@object_type(
    description="Several values of the input, or changes of the set, cannot be used; the code is the first one's."
)
class SeveralProblemsError(Problem):
    """From `SeveralProblems`."""

    problems: list[InputProblem] = strawberry.field(description="Every problem found, in the order of the input.")

    is_type_of = is_row_of(lambda: SeveralProblemsRow)


@object_type(description="A value in the input cannot be used.")
class InvalidInput(Problem):
    """From `BadInput`."""

    field: str | None = strawberry.field(description="The input field that is wrong; null if it is no single one.")

    is_type_of = is_row_of(lambda: InvalidInputRow)


@object_type(description="The actor may not do this; the code names the rule.")
class NotAllowed(Problem):
    """From `Refused`."""

    step_up_url: str | None = strawberry.field(
        description="For `STEP_UP_REQUIRED`: the URL for the step-up; null for other codes. A frontend adds `return_to` and "
        "`state`; to an authorization endpoint `redirect_uri`, `state` and `code_challenge`."
    )

    is_type_of = is_row_of(lambda: NotAllowedRow)


@object_type(description="An id in the input names nothing in this tenant.")
class NotFoundError(Problem):
    """From `NotFound`."""

    field: str | None = strawberry.field(description="The input field that names nothing; null if that is not known.")

    is_type_of = is_row_of(lambda: NotFoundRow)


@object_type(description="The object has changed since it was read, or something else is in the way. Read it again.")
class ConflictError(Problem):
    """From `Conflict`."""

    current_version: int | None = strawberry.field(
        description="The present version of the object; null if it has no versions."
    )

    is_type_of = is_row_of(lambda: ConflictRow)


PROBLEMS: Final = (InvalidInput, NotAllowed, NotFoundError, ConflictError, SeveralProblemsError)
"""What each mutation can answer instead of its result."""


def problem_of(error: IdentityAPIError) -> ProblemRow | None:
    """The problem for a use case's error; None if no client can act on it."""
    match error:
        case SeveralProblems():
            found = [InputProblemRow(_shown(one.path), one.error.code, one.error.message) for one in error.problems]
            return SeveralProblemsRow(error.code, error.message, found)
        case BadInput():
            return InvalidInputRow(error.code, error.message, error.field and _shown(error.field))
        case StepUpRequired():
            return NotAllowedRow(error.code, error.message, error.path)
        case Refused():
            return NotAllowedRow(error.code, error.message)
        case NotFound():
            return NotFoundRow(error.code, error.message, error.field and _shown(error.field))
        case Conflict():
            return ConflictRow(error.code, error.message, error.current_version)
        case _:
            return None


def _shown(path: str) -> str:
    """A place in the input, with the schema's names."""
    return ".".join([to_camel_case(one) for one in path.split(".")])


ResolverT = TypeVar("ResolverT", bound=Callable[..., Awaitable[Any]])


def mutation(payload: str, success: type, description: str) -> Callable[[ResolverT], ResolverT]:
    """A mutation whose resolver returns the row behind `success`, and raises what becomes a problem.

    Args:
        payload: the name of the union of success and problems. The field itself is null only beside an entry of `errors`.
        success: the type of the schema.
        description: what it does.
    """
    union: Any = Union[(success, *PROBLEMS)]  # made at run time
    name = payload[0].lower() + payload[1:].removesuffix("Payload")
    told = f"What `{name}` answers: its result, or the problem that stopped it."
    answered = Annotated[union, strawberry.union(payload, description=told)] | None

    def decorate(resolver: ResolverT) -> ResolverT:
        field: Any = strawberry.mutation(graphql_type=answered, description=description)(_answering(resolver))
        for argument in field.arguments:
            argument.description = "What the mutation needs."
        made: ResolverT = field
        return made

    return decorate


def _answering(resolver: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """Answer with problems instead of raising them. A refusal is recorded in the audit."""
    field = to_camel_case(resolver.__name__)
    rule = rule_of("Mutation", field)

    @functools.wraps(resolver)
    async def answer(*args: Any, info: Info, **kwargs: Any) -> Any:
        try:
            if rule.is_sensitive:
                check_fresh(info.context)
                await check_elevated(info.context, is_for_tokens=rule.is_for_tokens)
            async with telling_missing(info.context, kwargs.get("input")):
                return await resolver(*args, info=info, **kwargs)
        except IdentityAPIError as error:
            problem = problem_of(error)
            if problem is None:
                raise
            if isinstance(problem, NotAllowedRow) and problem.step_up_url is not None:
                # Nobody tried what they may not.
                return msgspec.structs.replace(problem, step_up_url=info.context.base_url + problem.step_up_url)
            for refused in _refusals(error):
                await info.context.record_refusal("mutation", mutation=field, code=refused.code)
            return problem

    return answer


def _refusals(error: IdentityAPIError) -> list[Refused]:
    """The refusals, each code once."""
    found = [one.error for one in error.problems] if isinstance(error, SeveralProblems) else [error]
    return list({one.code: one for one in found if isinstance(one, Refused)}.values())


async def check_elevated(context: Context, *, is_for_tokens: bool) -> None:
    """Refuse a user who authenticated more than ten minutes ago, and an API token that was not made for changes.

    Raises:
        Refused: `STEP_UP_REQUIRED`, `STEP_UP_IMPOSSIBLE`, `SESSION_NEEDED`.
    """
    if is_for_tokens and context.authenticated.may_change:
        return
    await ensure_elevated(context.deps.database, context.authenticated, context.authenticated.at)


def check_fresh(context: Context) -> None:
    """Refuse a user whose own identity has not been confirmed within ten minutes.

    Only a login at a provider that is synced can go stale: a local password, an API token and a provider whose sync is
    `OFF` have no provider to call.

    Raises:
        Refused: `STALE_AUTH`.
    """
    authenticated = context.authenticated
    identity_id = str(authenticated.identity_id)
    identity = next((one for one in authenticated.user.facts.identities if one.id == identity_id), None)
    if identity is None or authenticated.tenant.providers[identity.provider_id].sync == "OFF":
        return
    sync = authenticated.user.syncs.get(identity_id)
    if sync is None or sync.verified_at is None or authenticated.at - sync.verified_at > FRESH_FOR:
        raise Refused(
            "Your provider has not confirmed your account within ten minutes. Sync it, or sign in again.",
            code="STALE_AUTH",
        )
