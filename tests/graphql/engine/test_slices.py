"""A long list is completed in slices, whichever execution completes it, and the answer is the same."""

import asyncio
import copy

import pytest
from graphql import parse

from identity_api.fairness import time_slices
from identity_api.graphql.engine import completion
from identity_api.graphql.engine.completion import CompilingExecutor, plans_of
from tests.graphql.engine.example import BranchRow, Context, LeafRow
from tests.graphql.engine.test_completion import compare, execute

PLAIN = "{ branches { name leaves { number texts colour } maybeLeaf { key } } }"


@pytest.fixture
def turns(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """One more after each turn that is waited for; every slice is over at once."""
    taken: list[None] = []

    async def own_turn() -> None:
        taken.append(None)
        await asyncio.sleep(0)

    for module in (completion, time_slices):
        monkeypatch.setattr(module, "own_turn", own_turn)
    monkeypatch.setattr(completion, "first_slice_end", lambda: 0.0)
    return taken


def page(**leaf: object) -> BranchRow:
    return BranchRow(leaves=[LeafRow() for _ in range(49)] + [LeafRow(**leaf)])


def test_a_compiled_list_waits_for_turns_and_is_completed_by_one_call(turns: list[None]) -> None:
    document = parse(PLAIN)
    compare(document, {}, lambda: Context(copy.deepcopy(page())))
    assert turns
    assert (plans_of(document).completed, plans_of(document).stepped_aside) == (1, 0)


def test_a_mistake_in_a_later_slice_is_told_as_by_the_ordinary_execution(turns: list[None]) -> None:
    document = parse(PLAIN)
    _, errors = compare(document, {}, lambda: Context(copy.deepcopy(page(number="seven"))))
    assert turns
    assert errors
    assert plans_of(document).stepped_aside > 0


def test_a_long_list_that_is_not_plain_waits_for_turns_too(turns: list[None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CompilingExecutor, "_completer", lambda *_: None)
    document = parse(PLAIN)
    compare(document, {}, lambda: Context(copy.deepcopy(page())))
    assert turns
    before = len(turns)
    assert execute(CompilingExecutor, document, {}, Context(BranchRow()))[1] == []
    assert len(turns) == before  # a short one does not
