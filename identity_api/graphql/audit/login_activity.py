"""`loginActivity`: how many people signed in, and how many failed to, for each hour."""

from datetime import datetime, timedelta
from typing import Final

import msgspec
import strawberry

from identity_api.db import login_activity
from identity_api.graphql.access import object_type
from identity_api.graphql.context import Info
from identity_api.graphql.fields import resolved
from identity_api.ids import first_uuid7

HOURS: Final = 24


@object_type(description="The logins of one hour.")
class LoginActivity:
    """Of the audit."""

    start: datetime = strawberry.field(description="The start of the hour.")
    succeeded: int = strawberry.field(description="How many logins succeeded.")
    failed: int = strawberry.field(description="How many logins failed.")


class LoginActivityRow(msgspec.Struct, frozen=True):
    """The row behind `LoginActivity`."""

    start: datetime
    succeeded: int
    failed: int


@object_type("Query")
class LoginActivityQueries:
    """The root field."""

    @resolved(
        list[LoginActivity] | None,
        f"Logins in each of the last {HOURS} hours, the present one included, the oldest first.",
    )
    async def login_activity(self, info: Info) -> list[LoginActivityRow]:
        """One statement."""
        context = info.context
        now = context.authenticated.at.replace(minute=0, second=0, microsecond=0)
        starts = [now - timedelta(hours=ago) for ago in range(HOURS - 1, -2, -1)]
        async with context.reading() as connection:
            found = await login_activity.counts(connection, context.tenant_id, [first_uuid7(one) for one in starts])
        return [LoginActivityRow(start, *numbers) for start, numbers in zip(starts, found, strict=False)]
