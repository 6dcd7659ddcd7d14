"""Keyset connections (Relay cursor connections) whose cursors are sealed.

A cursor is a position in one list: it opens only for the same tenant, field, order and filter. So a page can neither
begin in another tenant's list nor at a position that a client made up (Hydra GHSA-r9w3-57w2-gch2). Nothing is counted
or skipped: a page costs the same wherever it begins.

Cursors are sealed only when a query selects them, because sealing fifty costs more than completing a page does.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, Final, Generic, TypeVar

import msgspec
import strawberry

from identity_api.errors import BadInput
from identity_api.graphql.access import object_type
from identity_api.graphql.context import Context
from identity_api.graphql.fields import resolved
from identity_api.vault import Vault, VaultError

MAX_FIRST: Final = 100
DEFAULT_FIRST: Final = 50
BATCH: Final = 200
MAX_LOOKED_AT: Final = 2_000
"""Rows that one page looks at, if most of them do not match."""

First = Annotated[
    int | None, strawberry.argument(description=f"How many entries the page has at most, from 1 to {MAX_FIRST}.")
]
After = Annotated[
    str | None,
    strawberry.argument(description="The page begins after the entry with this cursor; null begins the list."),
]
Last = Annotated[
    int | None,
    strawberry.argument(
        description=f"How many entries a page that is read backwards has at most, from 1 to {MAX_FIRST}. It cannot be "
        "combined with `first` or `after`."
    ),
]
Before = Annotated[
    str | None,
    strawberry.argument(
        description="With `last`: the page ends before the entry with this cursor; null ends the list."
    ),
]
"""The arguments of every list."""

NodeT = TypeVar("NodeT")
PositionT = TypeVar("PositionT")
RowT = TypeVar("RowT")


@object_type(description="Where a page stands in its list.")
class PageInfo:
    """Relay's. Beyond the cursor that a page was asked for with is the cursor's own entry."""

    has_next_page: bool = strawberry.field(description="Whether there are entries after this page.")
    has_previous_page: bool = strawberry.field(description="Whether there are entries before this page.")
    start_cursor: str | None = strawberry.field(description="The cursor of the first entry; null for an empty page.")
    end_cursor: str | None = strawberry.field(
        description="The cursor of the last entry, for `after` of the next page; null for an empty page."
    )


@object_type(description="One entry of a page.")
class Edge(Generic[NodeT]):
    """One entry of a page."""

    cursor: str = strawberry.field(
        description="The place of this entry in the list, for `after`. It works only for the same list, filter and "
        "order."
    )
    node: NodeT = strawberry.field(description="The entry itself.")


@object_type(description="A page of a list (Relay connection).")
class Connection(Generic[NodeT]):
    """A page of a list."""

    edges: list[Edge[NodeT]] = strawberry.field(description="The entries of the page, in order.")
    page_info: PageInfo = strawberry.field(description="Where the page stands in the list.")

    @resolved(
        int | None,
        "How many entries the whole list has with its filter; null if they are not counted, or if they are too many.",
    )
    async def total_count(self) -> int | None:
        """Counted only if it is selected."""
        source: Any = self  # what is resolved is the row
        return await source.count() if source.count is not None else None

    @resolved(
        int | None,
        "About how many entries the whole list has with its filter; `totalCount` where that is known, and null if it is "
        "not estimated.",
    )
    async def estimated_count(self) -> int | None:
        """The same."""
        source: Any = self  # what is resolved is the row
        found = await source.count() if source.count is not None else None
        return await source.estimate() if found is None and source.estimate is not None else found


class Listing(msgspec.Struct, frozen=True):
    """What a list's cursors are bound to, and the tenant's key for them."""

    vault: Vault
    bound_to: str
    position: Callable[[Any], Any]
    """From a row of the list to its position, as a JSON value."""
    seal_position: Callable[[bytes], str]
    """From that JSON to a cursor."""

    def seal(self, row: Any) -> str:
        """The cursor of a row."""
        return self.seal_position(msgspec.json.encode(self.position(row)))


class EdgeRow(msgspec.Struct, frozen=True, gc=False):
    """The row behind `Edge`."""

    listing: Listing
    node: Any

    @property
    def cursor(self) -> str:
        """Sealed now."""
        return self.listing.seal(self.node)


class PageInfoRow(msgspec.Struct, frozen=True):
    """The row behind `PageInfo`."""

    edges: Sequence[EdgeRow]
    has_next_page: bool
    has_previous_page: bool

    @property
    def start_cursor(self) -> str | None:
        """Of the first entry."""
        return self.edges[0].cursor if self.edges else None

    @property
    def end_cursor(self) -> str | None:
        """Of the last entry."""
        return self.edges[-1].cursor if self.edges else None


class PlacedPageInfoRow(msgspec.Struct, frozen=True):
    """Behind `PageInfo` of a page that ends beyond its last entry: the rows read there do not match the filter."""

    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


Count = Callable[[], Awaitable[int | None]]


class ConnectionRow(msgspec.Struct, frozen=True):
    """The row behind `Connection`."""

    edges: list[EdgeRow]
    page_info: PageInfoRow | PlacedPageInfoRow
    count: Count | None = None
    """Counts the whole list; None if there are too many."""
    estimate: Count | None = None


def listing(
    context: Context,
    field: str,
    position: Callable[[Any], Any],
    *,
    order: str = "",
    where: object = None,
) -> Listing:
    """A list as its cursors know it.

    Args:
        field: the root field.
        position: from a row to what orders it.
        order: the order's name, with its direction.
        where: the filter as it was parsed; anything that msgspec writes as JSON.
    """
    bound_to = msgspec.json.encode([str(context.tenant_id), field, order, where]).decode()
    vault = context.deps.vault
    return Listing(vault, bound_to, position, vault.cursor_sealer(bound_to))


class Page(msgspec.Struct, frozen=True):
    """Which part of a list is asked for: `size` entries beyond a cursor, in the list's direction or against it."""

    size: int
    cursor: str | None
    is_backward: bool


def asked(first: int | None, after: str | None, last: int | None, before: str | None) -> Page:
    """The page that the arguments of a list ask for.

    Raises:
        BadInput: a number is less than 1 or more than 100, or both directions are asked for.
    """
    if last is None and before is None:
        return Page(_size(first, "first"), after, is_backward=False)
    if first is not None or after is not None:
        raise BadInput("Ask with `first` and `after`, or with `last` and `before`.", field="last")
    return Page(_size(last, "last"), before, is_backward=True)


def _size(asked_for: int | None, field: str) -> int:
    if asked_for is None:
        return DEFAULT_FIRST
    if not 1 <= asked_for <= MAX_FIRST:
        raise BadInput(f"Ask for 1 to {MAX_FIRST} entries.", field=field)
    return asked_for


async def opened(context: Context, of: Listing, page: Page, type_: type[PositionT]) -> PositionT | None:
    """The position that a page's cursor stands for; None without a cursor.

    Raises:
        BadInput: it is not a cursor of this list; a forged one is recorded in the audit.
    """
    if page.cursor is None:
        return None
    try:
        return msgspec.json.decode(of.vault.open_cursor(of.bound_to, page.cursor), type=type_)
    except (VaultError, msgspec.DecodeError):
        await context.record_refusal("cursor", code="CURSOR_REFUSED")
        field = "before" if page.is_backward else "after"
        raise BadInput("This is not a cursor of this list in this order and with this filter.", field=field) from None


def paged(
    of: Listing,
    found: Sequence[Any],
    page: Page,
    *,
    goes_on: bool | None = None,
    count: Count | None = None,
    estimate: Count | None = None,
) -> ConnectionRow:
    """The page of the rows that were read in its direction: one more than the page has if the list goes on there.

    Args:
        goes_on: whether it does, if no such row is among them.
        count: counts the whole list.
        estimate: about how many there are, if they are too many to count.
    """
    rows, came_from = found[: page.size], page.cursor is not None
    goes_on = len(found) > page.size if goes_on is None else goes_on
    edges = [EdgeRow(of, row) for row in (reversed(rows) if page.is_backward else rows)]
    info = PageInfoRow(edges, came_from, goes_on) if page.is_backward else PageInfoRow(edges, goes_on, came_from)
    return ConnectionRow(edges, info, None if count is None else _once(count), estimate)


def _once(count: Count) -> Count:
    """Count once, though both fields want to know and are resolved side by side."""
    counting: list[asyncio.Future[int | None]] = []

    async def counted() -> int | None:
        if not counting:
            counting.append(asyncio.ensure_future(count()))
        return await counting[0]

    return counted


async def searched(
    page: Page,
    begin: PositionT | None,
    read: Callable[[PositionT | None], Awaitable[tuple[Sequence[RowT], bool]]],
    *,
    matches: Callable[[RowT], bool],
    position: Callable[[RowT], PositionT],
) -> tuple[list[RowT], PositionT | None]:
    """A page of the rows that match what no statement filters by: batches are read, and looked at row by row.

    Args:
        read: a batch beyond a position in the page's direction, and whether the list goes on beyond it.

    Returns:
        The rows in the list's order, fewer than asked for if too few of those looked at match; and the position beyond which
        the list goes on, None if it does not.
    """
    found: list[RowT] = []
    last = begin
    for _ in range(MAX_LOOKED_AT // BATCH):
        rows, goes_on = await read(last)
        for row in rows:
            if not matches(row):
                continue
            if len(found) == page.size:
                return _in_order(found, page), position(found[-1])
            found.append(row)
        if not goes_on:
            return _in_order(found, page), None
        last = position(rows[-1])
    return _in_order(found, page), last


def _in_order(found: list[RowT], page: Page) -> list[RowT]:
    return found[::-1] if page.is_backward else found


def placed(of: Listing, rows: Sequence[Any], page: Page, *, end: Any, count: Count | None = None) -> ConnectionRow:
    """The page of these rows, which are in the list's order.

    Args:
        end: the position behind which the list goes on in the page's direction; None if it does not.
        count: counts the whole list.
    """
    edges, came_from = [EdgeRow(of, row) for row in rows], page.cursor is not None
    counted = None if count is None else _once(count)
    if end is None:
        info = PageInfoRow(edges, came_from, False) if page.is_backward else PageInfoRow(edges, False, came_from)
        return ConnectionRow(edges, info, counted)
    place = of.seal_position(msgspec.json.encode(end))
    if page.is_backward:
        last = edges[-1].cursor if edges else None
        return ConnectionRow(edges, PlacedPageInfoRow(came_from, True, place, last), counted)
    first = edges[0].cursor if edges else None
    return ConnectionRow(edges, PlacedPageInfoRow(True, came_from, first, place), counted)
