"""JMESPath over claims, bounded, and strict where JMESPath is lenient (https://jmespath.org/specification.html).

Bounded: a tenant's admin writes the expression, and the provider writes the document, so together they must not be able to
keep the service busy. Length and number of nodes are limited, only functions that cannot enlarge a value are supported,
and every evaluation has a budget that visits and copied entries use up.

Strict: JMESPath answers null, or leaves an entry out, where a value is not of the kind that the expression expects.
For groups that would turn "unreadable" into "absent" or into half a list (I7). Here it is a failure, except where the
expression itself tests for it: in the condition of a filter, on the left of `||`, and in `not_null` and `type`. An entry
of a list for which the expression finds nothing is a failure too; use a filter to leave such entries out.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from jmespath.exceptions import JMESPathError
from jmespath.parser import Parser
from jmespath.visitor import TreeInterpreter

from identity_api.claims.errors import ClaimPathInvalid

MAX_EXPRESSION_LENGTH: Final = 300
MAX_NODES: Final = 80
BUDGET: Final = 100_000
FUNCTIONS: Final = frozenset(
    {"contains", "ends_with", "join", "keys", "length", "not_null", "starts_with", "to_array", "type", "values"}
)
"""Not `to_string` (each quoting doubles), `merge`, `map` and the orderings, which nothing here needs."""

_SIZED: Final = (list, dict, str)

Node = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ExpressionFailed:
    """The expression has no usable answer for these claims; `detail` never holds a value from them."""

    detail: str


class _OutOfBudget(Exception):
    """This evaluation has become too large."""


def check_expression(expression: str) -> None:
    """Check an expression before it is stored.

    Raises:
        ClaimPathInvalid: code JMESPATH_INVALID, JMESPATH_TOO_LONG, JMESPATH_FUNCTION.
    """
    _compile(expression)


def names_in(expression: str) -> frozenset[str]:
    """The names of all members that the expression looks at."""
    return frozenset(node["value"] for node in _nodes(_compile(expression)) if node["type"] == "field")


def evaluate(expression: str, claims: Mapping[str, Any]) -> object | None:
    """The value, None where there is none, or `ExpressionFailed`.

    Raises:
        ClaimPathInvalid: the expression is one that `check_expression` refuses.
    """
    interpreter = _Interpreter()
    try:
        value: object | None = interpreter.visit(_compile(expression), dict(claims))
    except (_OutOfBudget, RecursionError):
        return ExpressionFailed("the expression does too much")
    except (JMESPathError, TypeError, ValueError):
        return ExpressionFailed("the expression does not fit the claims")
    if interpreter.missed:
        return ExpressionFailed("a value is not of the kind that the expression expects")
    return value


@lru_cache(maxsize=512)
def _compile(expression: str) -> Node:
    if len(expression) > MAX_EXPRESSION_LENGTH:
        raise ClaimPathInvalid(
            f"A JMESPath expression has at most {MAX_EXPRESSION_LENGTH} characters.", code="JMESPATH_TOO_LONG"
        )
    try:
        with warnings.catch_warnings():
            # Literals without quotes are deprecated in JMESPath; the warning does not belong in the service's log.
            warnings.simplefilter("ignore", PendingDeprecationWarning)
            root: Node = Parser().parse(expression).parsed
    except (JMESPathError, RecursionError, ValueError):
        raise ClaimPathInvalid("This is not a JMESPath expression.", code="JMESPATH_INVALID") from None
    nodes = list(_nodes(root))
    if len(nodes) > MAX_NODES:
        raise ClaimPathInvalid(f"A JMESPath expression has at most {MAX_NODES} parts.", code="JMESPATH_TOO_LONG")
    for node in nodes:
        is_unknown_function = node["type"] == "function_expression" and node["value"] not in FUNCTIONS
        if is_unknown_function or node["type"] == "expref":
            known = ", ".join(sorted(FUNCTIONS))
            raise ClaimPathInvalid(f"The functions that can be used are {known}.", code="JMESPATH_FUNCTION")
    return root


def _nodes(root: Node) -> Iterator[Node]:
    """All nodes of the tree. A slice has numbers for children."""
    waiting: list[Node] = [root]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend([child for child in node.get("children", ()) if isinstance(child, Mapping)])


class _Interpreter(TreeInterpreter):  # type: ignore[misc]  # jmespath ships no types
    """JMESPath's own interpreter, with a budget, and with a record of the misses that it would ignore."""

    def __init__(self) -> None:
        super().__init__()
        self.missed = False
        self._left = BUDGET

    def visit(self, node: Node, *args: Any, **kwargs: Any) -> Any:
        self._spend(1)
        return super().visit(node, *args, **kwargs)

    def _spend(self, amount: int) -> None:
        self._left -= amount
        if self._left < 0:
            raise _OutOfBudget

    def _expect(self, kind: type, value: Any) -> bool:
        """Whether the value is of the kind; another kind, except null, is a miss."""
        if isinstance(value, kind):
            return True
        self.missed = self.missed or value is not None
        return False

    def _forgiving(self, node: Node, value: Any) -> Any:
        """Visit a part that tests for a value, so that a miss in it is not a failure."""
        before = self.missed
        found = self.visit(node, value)
        self.missed = before
        return found

    def visit_field(self, node: Node, value: Any) -> Any:
        return value.get(node["value"]) if self._expect(dict, value) else None

    def visit_index(self, node: Node, value: Any) -> Any:
        return super().visit_index(node, value) if self._expect(list, value) else None

    def visit_slice(self, node: Node, value: Any) -> Any:
        if not self._expect(list, value):
            return None
        self._spend(len(value))
        return super().visit_slice(node, value)

    def visit_flatten(self, node: Node, value: Any) -> Any:
        base = self.visit(node["children"][0], value)
        if not self._expect(list, base):
            return None
        merged: list[Any] = []
        for element in base:
            parts = element if isinstance(element, list) else [element]
            self._spend(len(parts) + 1)
            merged.extend(parts)
        return merged

    def visit_projection(self, node: Node, value: Any) -> Any:
        return self._project(node, value, lambda element: True)

    def visit_filter_projection(self, node: Node, value: Any) -> Any:
        condition = node["children"][2]
        return self._project(node, value, lambda element: self._is_true(self._forgiving(condition, element)))

    def _project(self, node: Node, value: Any, is_wanted: Callable[[Any], bool]) -> Any:
        base = self.visit(node["children"][0], value)
        if not self._expect(list, base):
            return None
        found = [self.visit(node["children"][1], element) for element in base if is_wanted(element)]
        kept = [one for one in found if one is not None]
        self.missed = self.missed or len(kept) < len(found)
        return kept

    def visit_value_projection(self, node: Node, value: Any) -> Any:
        base = self.visit(node["children"][0], value)
        if not self._expect(dict, base):
            return None
        # The members of an object are of many kinds; those without what is asked for are passed over, as in JMESPath.
        found = [self.visit(node["children"][1], element) for element in base.values()]
        return [one for one in found if one is not None]

    def visit_or_expression(self, node: Node, value: Any) -> Any:
        before = self.missed
        found = self.visit(node["children"][0], value)
        if not self._is_false(found):
            return found
        self.missed = before
        return self.visit(node["children"][1], value)

    def visit_comparator(self, node: Node, value: Any) -> Any:
        sides = [self.visit(child, value) for child in node["children"]]
        if any(isinstance(side, list | dict) for side in sides):
            # Equality would compare them to the bottom, at no cost to the budget.
            raise TypeError("lists and objects are not compared")
        literals = [{"type": "literal", "value": side} for side in sides]
        return super().visit_comparator({**node, "children": literals}, value)

    def visit_function_expression(self, node: Node, value: Any) -> Any:
        visit = self._forgiving if node["value"] in ("not_null", "type") else self.visit
        given = [visit(child, value) for child in node["children"]]
        # Looking through a text is much faster than looking through a list.
        self._spend(sum(len(one) // (64 if isinstance(one, str) else 1) for one in given if isinstance(one, _SIZED)))
        match node["value"], given:
            case "join", [str(separator), list(entries)]:
                self._spend(len(separator) * len(entries) + sum(len(one) for one in entries if isinstance(one, str)))
            case "contains", [_, list() | dict()]:
                raise TypeError("contains looks for texts and numbers only")
        return self._functions.call_function(node["value"], given)
