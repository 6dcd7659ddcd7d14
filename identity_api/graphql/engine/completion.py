"""Strawberry's executor, with plain objects completed by a function compiled once per document and selection.

A page of 50 users takes 12 to 24 times less CPU this way. A long list is completed in slices (`fairness.time_slices`).
If a completer meets something unexpected (null for a non-null field, a refused field, a value of another type), it
stops, and the ordinary execution completes the same object again: every message, path and null is graphql-core's. This
is sound because a plain subtree is only attribute reads; row classes therefore must have no properties with effects.

graphql-core calls the overridden methods "not public": its version is pinned exactly, and `tests/graphql/engine`
compares both executions over generated queries. `docs/decisions/0006-compiled-completion.md` says how to move to a
newer one.
"""

import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Generator, Sequence
from typing import Any, Final

from graphql import DirectiveNode, DocumentNode, VariableNode, Visitor, visit
from strawberry.execution import optimized_is_awaitable
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from identity_api.fairness.time_slices import first_slice_end, own_turn, run_in_slices, slice_end
from identity_api.graphql.engine.compiler import Completer, PlainType, compile_completer

MAX_DOCUMENTS: Final = 256
MAX_COMPLETERS_PER_DOCUMENT: Final = 64  # variables of @skip and @include multiply the variants
FEW: Final = 10
_MISSING: Final[Any] = object()


class Plans:
    """What is compiled for one document; holds the document, so that the ids of its nodes stay unique.

    `completed` and `stepped_aside` count what the completers did, so that a test can show they were used.
    """

    def __init__(self, document: DocumentNode) -> None:
        self.document = document
        self.switches = switch_variables(document)
        self.completers: dict[Any, Completer | None] = {}
        self.queries: dict[str | None, Any] = {}
        """By the name of the operation; `direct` keeps them."""
        self.completed = 0
        self.stepped_aside = 0


def switch_variables(document: DocumentNode) -> tuple[str, ...]:
    """The variables that `@skip` and `@include` read: their values choose among the document's variants."""
    found: dict[str, None] = {}

    class Find(Visitor):
        def enter_directive(self, node: DirectiveNode, *_: Any) -> None:
            if node.name.value in ("skip", "include"):
                found.update(
                    {a.value.name.value: None for a in node.arguments or () if isinstance(a.value, VariableNode)}
                )

    visit(document, Find())
    return tuple(found)


_plans: OrderedDict[int, Plans] = OrderedDict()


def plans_of(document: DocumentNode) -> Plans:
    """The plans of this very document.

    By identity and never by the nodes themselves: syntax nodes compare by structure, so two documents with different
    fragments of one name have equal field nodes, and one would be answered with the other's fields.
    """
    plans = _plans.get(id(document))
    if plans is None:
        plans = _plans[id(document)] = Plans(document)
        if len(_plans) > MAX_DOCUMENTS:
            _plans.popitem(last=False)
    else:
        _plans.move_to_end(id(document))
    return plans


def forget_plans(document: DocumentNode) -> None:
    """Free what was compiled for a document that is no longer kept."""
    _plans.pop(id(document), None)


class CompilingExecutor(StrawberryGraphQLCoreExecutionContext):
    """For `strawberry.Schema(execution_context_class=...)`; `engine.schema.build_schema` passes it."""

    plans: Plans | None
    """What is compiled for the document; None if nothing may be."""
    variant: tuple[Any, ...]
    """The values of the document's switch variables."""

    @classmethod
    def build(cls, schema: Any, document: DocumentNode, *args: Any, **kwargs: Any) -> Any:
        """The executor of one request, or the list of `GraphQLError` that keep it from starting."""
        executor = super().build(schema, document, *args, **kwargs)
        if isinstance(executor, CompilingExecutor):
            executor._choose_plans(document)
        return executor

    def _choose_plans(self, document: DocumentNode) -> None:
        # An extension with `resolve` is middleware around every field, which compiled code would skip.
        hooked = self.middleware_manager is not None and bool(self.middleware_manager.middlewares)
        self.plans = None if hooked else plans_of(document)
        if self.plans is not None:
            coerced = self.variable_values.coerced
            self.variant = tuple([coerced.get(name) for name in self.plans.switches])

    def complete_object_value(
        self, return_type: Any, field_details_list: Any, info: Any, path: Any, result: Any, position_context: Any
    ) -> Any:
        """Section 6.4.3 of the GraphQL specification for an object: compiled where plain, else ordinary."""

        def ordinary() -> Any:
            return super(CompilingExecutor, self).complete_object_value(
                return_type, field_details_list, info, path, result, position_context
            )

        return self._completed(return_type, field_details_list, result, ordinary)

    def complete_list_value(
        self, return_type: Any, field_details_list: Any, info: Any, path: Any, result: Any, position_context: Any
    ) -> Any:
        """The same for a list. A long one that is not plain is completed item by item; other requests run in between."""

        def ordinary() -> Any:
            items = _one_by_one(result) if type(result) in (list, tuple) and len(result) > FEW else result
            return super(CompilingExecutor, self).complete_list_value(
                return_type, field_details_list, info, path, items, position_context
            )

        return self._completed(return_type, field_details_list, result, ordinary)

    def _completed(self, type_: PlainType, details: Any, value: Any, ordinary: Callable[[], Any]) -> Any:
        if (plans := self.plans) is None or (complete := self._completer(plans, type_, details)) is None:
            return ordinary()
        return complete_plain(plans, complete, value, self.context_value, ordinary)

    def _completer(self, plans: Plans, type_: PlainType, details: Any) -> Completer | None:
        key = (type_, self.variant, *[id(detail.node) for detail in details])
        complete = plans.completers.get(key, _MISSING)
        if complete is not _MISSING:
            found: Completer | None = complete
            return found
        if len(plans.completers) >= MAX_COMPLETERS_PER_DOCUMENT:
            return None
        complete = plans.completers[key] = compile_completer(self, type_, details)
        return complete


def complete_plain(plans: Plans, complete: Completer, value: Any, context: Any, ordinary: Callable[[], Any]) -> Any:
    """The value as `complete` completes it, or what `ordinary` returns if it steps aside; awaitable if it takes long."""
    work = complete(value, context)
    until = first_slice_end()
    try:
        while time.perf_counter() < until:
            next(work)
    except StopIteration as done:
        plans.completed += 1
        return done.value
    except Exception:  # the ordinary execution finds what is wrong, and where
        plans.stepped_aside += 1
        return ordinary()
    return _in_slices(plans, work, ordinary)


async def _in_slices(plans: Plans, work: Generator[None, None, Any], ordinary: Callable[[], Any]) -> Any:
    """The rest of the list; other requests run in between."""
    try:
        completed = await run_in_slices(work)
    except Exception:
        plans.stepped_aside += 1
        completed = ordinary()
        return await completed if optimized_is_awaitable(completed) else completed
    plans.completed += 1
    return completed


async def _one_by_one(items: Sequence[Any]) -> AsyncIterator[Any]:
    until = first_slice_end()
    for item in items:
        if time.perf_counter() >= until:
            await own_turn()
            until = slice_end()
        yield item
