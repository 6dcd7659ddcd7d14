"""Failed logins: their causes, for administrators, found by the request id on the person's page (S4-51)."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import strawberry

from identity_api.db import login_failures
from identity_api.diagnostics import explain_failure
from identity_api.diagnostics.explanation import Explanation
from identity_api.graphql import connections
from identity_api.graphql.access import object_type
from identity_api.graphql.connections import After, Before, Connection, ConnectionRow, First, Last
from identity_api.graphql.context import Info
from identity_api.graphql.fields import resolved
from identity_api.graphql.summaries import ProviderSummary, ProviderSummaryRow, Row, provider_summary
from identity_api.graphql.summaries import user_id as global_user_id


@object_type(description="A login that failed.")
class LoginFailure:
    """This service's codes and names; the provider's text is in a field of its own."""

    id: strawberry.ID = strawberry.field(description="The id of the audit event. `node(id)` does not know it.")
    at: datetime = strawberry.field(description="When the login failed.")
    code: str = strawberry.field(description="The code that the person's page showed.")
    reason: str | None = strawberry.field(
        description="What exactly was wrong, as codes and names joined by colons; null if the code says it all."
    )
    said: str | None = strawberry.field(
        description="The provider's own words, without control characters and anything like a token, at most 600 "
        "characters. Null if it said nothing."
    )
    meaning: str = strawberry.field(description="What went wrong, as a sentence for people.")
    remedy: str = strawberry.field(description="What to do about it, as a sentence for people.")
    request_id: str | None = strawberry.field(description="The id of the request, as the person saw it on the page.")
    provider: ProviderSummary | None = strawberry.field(
        description="The provider; null for a password, or if none was known."
    )
    user_id: strawberry.ID | None = strawberry.field(
        description="The id of the user whose password was tried; null if there is no such user or it was no password."
    )


class LoginFailureRow(Row, frozen=True):
    """The row behind `LoginFailure`; the record is a `db.login_failures.LoginFailure`."""

    @property
    def id(self) -> str:
        """Of the audit event."""
        return str(self.record.id)

    @property
    def _told(self) -> Explanation:
        return explain_failure(self.record.code, self.record.reason)

    @property
    def meaning(self) -> str:
        """For the code and reason together."""
        return self._told.meaning

    @property
    def remedy(self) -> str:
        """What to do."""
        return self._told.remedy

    @property
    def provider(self) -> ProviderSummaryRow | None:
        """Where it was."""
        return provider_summary(self.record.provider_id, self.record.provider_slug, self.record.provider_label)

    @property
    def user_id(self) -> str | None:
        """Whose password it was."""
        return global_user_id(self.record.user_id) if self.record.user_id is not None else None


def _position(row: LoginFailureRow) -> UUID:
    found: UUID = row.record.id
    return found


@object_type("Query")
class LoginFailureQueries:
    """Root fields about failed logins."""

    @resolved(Connection[LoginFailure] | None, "Logins that failed, the newest first.")
    async def login_failures(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        request_id: Annotated[
            str | None,
            strawberry.argument(description="Only the failure of this request, as the person saw it on the page."),
        ] = None,
    ) -> ConnectionRow:
        """A page; or the one failure that a person's page named."""
        context, page = info.context, connections.asked(first, after, last, before)
        of = connections.listing(context, "loginFailures", _position, where=request_id)
        position = await connections.opened(context, of, page, UUID)
        async with context.reading() as connection:
            found = await login_failures.page(
                connection,
                context.tenant_id,
                after=position,
                first=page.size,
                request_id=request_id,
                backward=page.is_backward,
            )
        return connections.paged(of, [LoginFailureRow(record) for record in found], page)
