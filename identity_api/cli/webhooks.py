"""The work of `identity-api webhook`, apart from parsing and printing."""

from collections.abc import Awaitable, Callable
from typing import TypeVar
from uuid import UUID

from identity_api.cli.context import operator, read_settings, run_on_database, tenant_named
from identity_api.cli.providers import allowed_targets
from identity_api.clock import system_clock
from identity_api.db.database import Database
from identity_api.errors import BadInput
from identity_api.permissions.delegation import Actor
from identity_api.upstream.addresses import AllowList
from identity_api.upstream.exchange import Upstream
from identity_api.vault import Vault
from identity_api.webhooks.send import Sending

T = TypeVar("T")
Work = Callable[[Sending, AllowList, Actor], Awaitable[T]]


def with_webhooks(tenant: str, work: Work[T]) -> T:
    """Run `work` as the operator, for the tenant of this slug.

    Raises:
        NotFound: there is no such tenant; and what `work` raises.
    """
    settings = read_settings()
    allow = allowed_targets(settings)

    async def run(database: Database) -> T:
        upstream = Upstream(allow=allow)
        try:
            sending = Sending(database, Vault(settings.secret_keys), upstream, system_clock)
            return await work(sending, allow, operator(await tenant_named(database, tenant)))
        finally:
            await upstream.aclose()

    return run_on_database(settings, run)


def webhook_id(text: str) -> UUID:
    """The id that `webhook list` shows.

    Raises:
        BadInput: it is not such an id.
    """
    try:
        return UUID(text)
    except ValueError:
        raise BadInput("This is not the id of a webhook; `identity-api webhook list TENANT` shows them.") from None
