"""Which errors of use cases become types of the schema, and which stay errors."""

import msgspec
import pytest

from identity_api.claims import PatternInvalid
from identity_api.errors import (
    BadInput,
    ConfigurationError,
    Conflict,
    IdentityAPIError,
    NotFound,
    Refused,
    Unavailable,
)
from identity_api.graphql.ids import global_id
from identity_api.graphql.outcomes import (
    ConflictRow,
    InvalidInputRow,
    NotAllowedRow,
    NotFoundRow,
    ProblemRow,
    problem_of,
)
from tests.graphql.world import World


@pytest.mark.parametrize(
    ("error", "row"),
    [
        (BadInput("No.", field="name"), InvalidInputRow("BAD_INPUT", "No.", "name")),
        (BadInput("No."), InvalidInputRow("BAD_INPUT", "No.", None)),
        (PatternInvalid("No.", code="PATTERN_EMPTY"), InvalidInputRow("PATTERN_EMPTY", "No.", "pattern")),
        (Refused("No.", code="SELF_BENEFIT"), NotAllowedRow("SELF_BENEFIT", "No.")),
        (NotFound("No."), NotFoundRow("NOT_FOUND", "No.", None)),
        (NotFound("No.", field="user"), NotFoundRow("NOT_FOUND", "No.", "user")),
        (Conflict("No.", current_version=3), ConflictRow("CONFLICT", "No.", 3)),
    ],
)
def test_what_a_client_can_act_on_is_a_problem(error: IdentityAPIError, row: ProblemRow) -> None:
    assert problem_of(error) == row


@pytest.mark.parametrize("error", [Unavailable("Down."), ConfigurationError(["wrong"]), IdentityAPIError("Odd.")])
def test_what_no_client_can_act_on_stays_an_error(error: IdentityAPIError) -> None:
    assert problem_of(error) is None


@pytest.mark.asyncio
async def test_a_part_that_is_down_is_an_error_beside_a_null_field(world: World) -> None:
    async def unavailable(*_: object) -> None:
        raise Unavailable("The provider does not answer.", code="PROVIDER_UNAVAILABLE")

    world.deps = msgspec.structs.replace(world.deps, sync_user=unavailable)
    answer = await world.admin.ask(
        "mutation ($id: ID!) { syncUser(input: {id: $id}) { __typename } }", id=global_id("User", world.person)
    )
    assert (answer.code, answer.data) == ("PROVIDER_UNAVAILABLE", {"syncUser": None})
