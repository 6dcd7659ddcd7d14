"""Random queries over the example schema, and rows that hold what they should not with a given probability."""

import enum
from datetime import UTC, datetime
from random import Random
from typing import Any

from graphql import (
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLUnionType,
    get_named_type,
    is_leaf_type,
    is_required_argument,
)

from tests.graphql.engine.example import BranchRow, Colour, LeafRow, schema

ROOTS = ("branch", "maybeBranch", "branches")


class Other(enum.Enum):
    RED = "red"


class Thing:
    def __repr__(self) -> str:
        return "a thing"  # without an address, which would differ between two executions


def odd_values() -> list[Any]:
    """One of everything; made anew, because iterators can be read once."""
    return [
        None, "", "text", b"bytes", 0, 1, -1, 2**31, 2**40, True, False, 0.0, 1.5, float("nan"), float("inf"), 10**400,
        [], (), ["a"], [1, None], [None], {}, {"a": 1}, Thing(), ValueError("odd"), iter([1]), iter(["a", "b"]), range(2),
        Colour.BLUE, Other.RED, "RED", LeafRow(), BranchRow(), [LeafRow(), None],
        datetime(2031, 2, 3, tzinfo=UTC),
    ]  # fmt: skip


class Queries:
    """Text of random queries; every one draws from its own seed."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.fragments: list[str] = []

    def text(self) -> str:
        mutation = self.random.random() < 0.2
        roots = ["change"] if mutation else self.random.sample(ROOTS, self.random.randint(1, 2))
        branch = schema._schema.type_map["Branch"]
        body = " ".join(f"{root} {self.selection(branch, 4)}" for root in roots)
        head = "mutation" if mutation else "query"
        return f"{head} Q($a: Boolean!, $b: Boolean = true) {{ {body} }} {' '.join(self.fragments)}"

    def selection(self, type_: Any, depth: int) -> str:
        parts = [self.part(type_, depth) for _ in range(self.random.randint(1, 4))]
        return "{ " + " ".join(parts) + " __typename }"

    def part(self, type_: Any, depth: int) -> str:
        roll = self.random.random()
        if roll < 0.1 and depth > 0:
            return f"... {self.on(type_)} {self.switch()} {self.selection(type_, depth - 1)}"
        if roll < 0.2 and depth > 0:
            name = f"F{len(self.fragments)}"
            self.fragments.append("")
            index = len(self.fragments) - 1
            self.fragments[index] = f"fragment {name} on {type_.name} {self.selection(type_, depth - 1)}"
            return f"...{name} {self.switch()}"
        if isinstance(type_, (GraphQLUnionType, GraphQLInterfaceType)):
            member = self.random.choice(schema._schema.get_possible_types(type_))
            return f"... on {member.name} {self.selection(member, depth - 1)}" if depth > 0 else "__typename"
        return self.field(type_, depth)

    def on(self, type_: Any) -> str:
        return f"on {type_.name}" if self.random.random() < 0.5 else ""

    def field(self, type_: GraphQLObjectType, depth: int) -> str:
        fields = [
            (name, field)
            for name, field in type_.fields.items()
            if not any(is_required_argument(argument) for argument in field.args.values())
            and (depth > 0 or is_leaf_type(get_named_type(field.type)))
        ]
        name, field = self.random.choice(fields)
        # Few aliases, so that they collide: some merge, the others make the query invalid and are thrown away.
        alias = f"{self.random.choice('xy')}: " if self.random.random() < 0.15 else ""
        inner = get_named_type(field.type)
        below = "" if is_leaf_type(inner) else self.selection(inner, depth - 1)
        return f"{alias}{name} {self.switch()} {below}"

    def switch(self) -> str:
        if self.random.random() > 0.2:
            return ""
        return f"@{self.random.choice(['skip', 'include'])}(if: {self.random.choice(['$a', '$b', 'true', 'false'])})"


class Rows:
    """Rows of which each attribute is odd with a probability."""

    def __init__(self, seed: int, probability: float) -> None:
        self.random = Random(seed)
        self.probability = probability

    def branch(self, depth: int = 2) -> Any:
        row = BranchRow(
            leaf=self.leaf(),
            maybe_leaf=self.random.choice([None, self.leaf()]),
            leaves=self.many(),
            maybe_leaves=self.random.choice([None, [*self.many(), None]]),
            nested=[self.many(), []],
            either=self.branch(depth - 1) if depth and self.random.random() < 0.5 else self.leaf(),
            anything=[self.leaf(), self.branch(depth - 1) if depth else self.leaf()],
            branch=self.branch(depth - 1) if depth else None,
        )
        return self.spoil(row)

    def many(self) -> Any:
        return self.random.choice([list, tuple])([self.leaf() for _ in range(self.random.randint(0, 2))])

    def leaf(self) -> Any:
        return self.spoil(
            LeafRow(
                maybe_text=self.random.choice([None, "maybe"]),
                maybe_number=self.random.choice([None, 3]),
                maybe_colour=self.random.choice([None, Colour.BLUE]),
                maybe_texts=self.random.choice([None, ["a", None]]),
                flag=self.random.random() < 0.9,
            )
        )

    def spoil(self, row: Any) -> Any:
        for name in row.__struct_fields__:
            if self.random.random() < self.probability:
                setattr(row, name, self.random.choice(odd_values()))
        return row
