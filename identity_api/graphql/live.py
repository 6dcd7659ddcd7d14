"""Subscriptions: the user's own permissions as they change, and the tenant's changes for those who may read users."""

from datetime import datetime
from typing import Annotated

import strawberry

from identity_api.db import outbox
from identity_api.db.outbox import Change as ChangeRecord
from identity_api.errors import BadInput, Conflict
from identity_api.graphql import ids
from identity_api.graphql.access import object_type
from identity_api.graphql.context import Feed, Info
from identity_api.graphql.fields import resolved
from identity_api.graphql.summaries import Row
from identity_api.graphql.users.users import viewer_row
from identity_api.graphql.users.viewer import Viewer, ViewerRow
from identity_api.graphql.webhooks.webhooks import ChangeType

AT_ONCE = 100
_user_id, _session_id = ids.encoder("User"), ids.encoder("Session")


@object_type(description="A change of some users' data; it says whose data changed, never what it is now.")
class Change:
    """Of the outbox."""

    position: str = strawberry.field(
        description="Its place among the tenant's changes, a whole number; pass it as `after` to continue from there."
    )
    type: ChangeType = strawberry.field(description="What it is about.")
    user_ids: list[strawberry.ID] | None = strawberry.field(
        description="The ids of the users concerned; null for everybody of the tenant."
    )
    session_ids: list[strawberry.ID] = strawberry.field(
        description="The ids of sessions that ended; each belongs to the user at the same place in `userIds`."
    )
    at: datetime = strawberry.field(description="When it was made.")


class ChangeRow(Row, frozen=True):
    """The row behind `Change`; the record is a change of the outbox."""

    @property
    def position(self) -> str:
        """As text: a position may have more than 32 bits."""
        return str(self.record.position)

    @property
    def type(self) -> ChangeType:
        """As the schema writes it."""
        return ChangeType(self.record.type)

    @property
    def user_ids(self) -> list[str] | None:
        """Global ids."""
        return None if self.record.user_ids is None else [_user_id(one) for one in self.record.user_ids]

    @property
    def session_ids(self) -> list[str]:
        """Global ids."""
        return [_session_id(one) for one in self.record.session_ids or ()]

    @property
    def at(self) -> datetime:
        """When."""
        at: datetime = self.record.at
        return at


@object_type("Subscription")
class Subscriptions:
    """Root fields of subscriptions. Each reads the present state, and runs again whenever that may have changed."""

    @resolved(Viewer, "The user who is signed in: at once, and again whenever something that is selected differs.")
    def viewer(self, info: Info) -> ViewerRow:
        """No statement."""
        return ViewerRow(viewer_row(info.context), info.context)

    @resolved(
        list[Change] | None,
        "The tenant's changes as they happen, a hundred at most at a time; `Last-Event-ID` continues like `after`.",
    )
    async def changes(
        self,
        info: Info,
        after: Annotated[
            str | None,
            strawberry.argument(
                description="The position to continue after; without one, changes from now on. They are kept for a week."
            ),
        ] = None,
    ) -> list[ChangeRow]:
        """A page of the outbox."""
        feed = info.context.feed
        assert feed is not None, "subscriptions are executed by streams alone"
        async with info.context.reading() as connection:
            if feed.position is None:
                feed.position = _position(feed, after)
                oldest = await outbox.oldest(connection, info.context.tenant_id)
                newest = await outbox.head(connection, info.context.tenant_id)
                _check_kept(feed.position, max(newest, feed.head), oldest)
            found = await outbox.after(connection, info.context.tenant_id, feed.position, limit=AT_ONCE)
        _note(feed, found)
        return [ChangeRow(one) for one in found]


def _note(feed: Feed, found: list[ChangeRecord]) -> None:
    feed.has_news, feed.is_behind = bool(found), len(found) == AT_ONCE
    if found:
        feed.position = found[-1].position


def _position(feed: Feed, after: str | None) -> int:
    wanted = feed.last_event_id if feed.last_event_id is not None else after
    if wanted is None:
        return feed.head
    if not wanted.isdecimal() or len(wanted) > 18:
        raise BadInput("A position is a whole number.", field="after")
    return int(wanted)


def _check_kept(position: int, head: int, oldest: int | None) -> None:
    """A position after the newest is of a database that has been restored since: what is numbered anew would be missed."""
    if position > head or (position < head and (oldest is None or position < oldest - 1)):
        raise Conflict(
            f"Changes are kept for {outbox.KEPT_DAYS} days, and there is none at this position. Read everything again.",
            code="CHANGES_FORGOTTEN",
        )
