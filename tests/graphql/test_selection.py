"""What is read of a user follows from what is selected, and nothing of the answer does."""

from collections.abc import Iterator
from typing import Any

import pytest
from graphql import GraphQLObjectType, get_named_type

from identity_api.db import sessions, user_read_model
from identity_api.graphql.ids import global_id
from tests.graphql.documents import CORE
from tests.graphql.world import World

DEPTH = 4


def paths(type_: Any, depth: int = 0) -> Iterator[tuple[str, ...]]:
    """Every leaf below a type, by the names of the fields that lead there."""
    for name, field in type_.fields.items():
        below = get_named_type(field.type)
        if not isinstance(below, GraphQLObjectType):
            yield (name,)
        elif depth < DEPTH and below.name != "AuditEvent":
            yield from [(name, *rest) for rest in paths(below, depth + 1)]


def selected(path: tuple[str, ...]) -> str:
    return path[0] if len(path) == 1 else f"{path[0]} {{ {selected(path[1:])} }}"


def at(path: tuple[str, ...], value: Any) -> Any:
    """What an answer has there, in every entry of its lists."""
    if isinstance(value, list):
        return [at(path, one) for one in value]
    return value if not path or value is None else at(path[1:], value[path[0]])


USER = list(paths(CORE.type_map["User"]))


class Parts:
    """Which parts of users were read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.read: list[str] = []
        for name in ("list_users", "users_by_id"):
            monkeypatch.setattr(user_read_model, name, self._noting(getattr(user_read_model, name)))
        monkeypatch.setattr(sessions, "wanted_users", self._noting_ahead)

    def _noting_ahead(self, rows: Any, wanted: Any) -> Any:
        if wanted is not None:
            self.read.append(wanted.part)
        return user_read_model.wanted_users(rows, wanted)

    def _noting(self, function: Any) -> Any:
        async def noting(*args: Any, part: str = "everything", **kwargs: Any) -> Any:
            self.read.append(part)
            return await function(*args, part=part, **kwargs)

        return noting


@pytest.mark.asyncio
@pytest.mark.parametrize("chunk", range(6))
async def test_a_field_asked_for_alone_answers_as_among_all_others(world: World, chunk: int) -> None:
    """Whatever part of the user is read for it."""
    everything = "identities { subject } groups { id }"
    for path in USER[chunk::6]:
        text = f"users {{ edges {{ node {{ id {selected(path)} }} }} }}"
        whole = f"users {{ edges {{ node {{ id {everything} {selected(path)} }} }} }}"
        alone, among = await world.admin.data(f"{{ {text} }}"), await world.admin.data(f"{{ {whole} }}")
        place = ("users", "edges", "node", *path)
        assert at(place, alone) == at(place, among), path


@pytest.mark.asyncio
async def test_no_more_is_read_than_is_selected(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = Parts(monkeypatch)
    one = f'user(id: "{global_id("User", world.person)}")'
    for selection, part in (
        ("id username disabledAt", "names"),
        ("id username createdAt", "names and dates"),
        ("id permissions { name }", "permissions"),
        ("emailVerified permissions { name } activeAt", "permissions and dates"),
        ("permissions { name reasons { source group { name } } }", "permissions"),
        ("... on User { ...held }", "permissions"),
        ("permissions { name reasons { grantedAt } }", "everything"),
        ("permissions { reasons { group { id } } }", "everything"),
        ("permissions { name } groups { name }", "everything"),
        ("permissions { name @skip(if: true) } identities @skip(if: true) { id }", "everything"),
    ):
        fragment = " fragment held on User { permissions { name } }" if "...held" in selection else ""
        for text in (f"{one} {{ {selection} }}", f"users {{ edges {{ node {{ {selection} }} }} }}"):
            parts.read.clear()
            await world.admin.data(f"{{ {text} }}{fragment}")
            assert parts.read == [part], (selection, text)


@pytest.mark.asyncio
async def test_the_same_words_may_ask_for_more_in_another_document(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is remembered of one document's field is not taken for another's, whose fragment of that name is larger."""
    parts = Parts(monkeypatch)
    one = f'user(id: "{global_id("User", world.person)}") {{ ...held }}'
    for _ in range(2):
        await world.admin.data(f"{{ {one} }} fragment held on User {{ username }}")
        await world.admin.data(f"{{ {one} }} fragment held on User {{ username groups {{ id }} }}")
    assert parts.read == ["names", "everything"] * 2
