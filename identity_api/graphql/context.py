"""The context of a request's resolvers: the actor, the tenant, and the parts that use cases need.

The tenant is the session's, and comes from nowhere else (I2): no argument, no header, no id.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final
from uuid import UUID

import msgspec
import strawberry
from strawberry.dataloader import DataLoader

from identity_api.accounts.deps import AccountDeps
from identity_api.change_sets.undo import undoable
from identity_api.db import audit, audit_reading, clients, listings, local_accounts, permissions, told_ends
from identity_api.db.actor_names import actor_names
from identity_api.db.audit_reading import Recorded
from identity_api.db.clients import ApiTokenLine
from identity_api.db.database import Connection, Database
from identity_api.db.listings import LiveSession
from identity_api.db.local_accounts import Guard
from identity_api.db.permissions import PermissionRecord
from identity_api.db.told_ends import ToldEnd
from identity_api.group_mappings.findings import AccessFindings
from identity_api.lazy import lazy
from identity_api.permissions.delegation import Actor
from identity_api.permissions.service import SCHEMA_READ
from identity_api.providers.deps import ProviderDeps
from identity_api.sessions.authenticate import Authenticated
from identity_api.sessions.login.deps import LoginDeps
from identity_api.vault import Vault

HISTORY_LENGTH: Final = 20
"""How many events are shown beside the object that they are about."""


class GraphQLDeps(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of the process that GraphQL needs. Built once by the wiring."""

    database: Database
    vault: Vault
    enqueue: Callable[..., Awaitable[object]]
    """`enqueue(job_name, **ids)`: ask a worker to look now; never raises because the queue is down (`Queue.enqueue`)."""
    sync_user: Callable[[UUID, UUID], Awaitable[object]]
    """`sync_user(tenant_id, user_id)`: read the user's providers again; returns when that is written or under way."""
    public_url: str
    """The public URL of the installation, the prefix of addresses of tenants without a host of their own."""
    providers: ProviderDeps
    accounts: AccountDeps
    """Passwords and second factors."""
    login: LoginDeps
    """For tests of providers, which are logins."""
    access_findings: AccessFindings
    is_worth_recording: Callable[[str], Awaitable[bool]]
    """`is_worth_recording(subject)`: whether one more refusal of this kind is news (`EdgeLimits`)."""
    session_idle_seconds: int = 3_600


class Feed:
    """The position of a stream of changes; the resolver moves it."""

    def __init__(self, head: int, last_event_id: str | None) -> None:
        self.head, self.last_event_id = head, last_event_id
        self.position: int | None = None
        self.has_news = self.is_behind = False


class Context:
    """One request. Satisfies `engine.GraphQLContext`."""

    def __init__(self, authenticated: Authenticated, deps: GraphQLDeps, request_id: str, base_url: str = "") -> None:
        self.authenticated = authenticated
        self.deps = deps
        self.request_id = request_id
        self.base_url = base_url
        self.feed: Feed | None = None
        """The feed of the stream that this is executed for, if any."""
        self.tenant_id: UUID = authenticated.tenant_id
        self.user_id: UUID = authenticated.user.id
        self.permissions: frozenset[str] = authenticated.permissions
        self.introspection_allowed: bool = SCHEMA_READ in self.permissions

    @lazy
    def turn(self) -> asyncio.Lock:
        """Held while a connection is: root fields run concurrently, and one request must not take the whole pool."""
        return asyncio.Lock()

    # Loaders keep nothing: a mutation's payload must not show rows that an earlier mutation of the same request read.
    @lazy
    def sessions(self) -> DataLoader[UUID, list[LiveSession]]:
        """Live sessions of users."""
        return DataLoader(self._sessions_of, cache=False)

    @lazy
    def guards(self) -> DataLoader[UUID, Guard]:
        """Password guards of users."""
        return DataLoader(self._guards_of, cache=False)

    @lazy
    def member_counts(self) -> DataLoader[UUID, int]:
        """How many identities are in groups."""
        return DataLoader(self._member_counts_of, cache=False)

    @lazy
    def told_ends(self) -> DataLoader[UUID, ToldEnd | None]:
        """How providers ended the logins of identities."""
        return DataLoader(self._told_ends_of, cache=False)

    @lazy
    def histories(self) -> DataLoader[UUID, list[Recorded]]:
        """The newest events of objects."""
        return DataLoader(self._histories_of, cache=False)

    @lazy
    def user_histories(self) -> DataLoader[UUID, list[Recorded]]:
        """The newest events about users."""
        return DataLoader(self._histories_about, cache=False)

    @lazy
    def api_tokens(self) -> DataLoader[UUID, list[ApiTokenLine]]:
        """API tokens of users."""
        return DataLoader(self._api_tokens_of, cache=False)

    @lazy
    def actor_names(self) -> DataLoader[str, str]:
        """Names of actors."""
        return DataLoader(self._actor_names_of, cache=False)

    @lazy
    def undoable(self) -> DataLoader[Recorded, bool]:
        """Whether events can be undone."""
        return DataLoader(self._undoable_of, cache=False)

    @lazy
    def permissions_named(self) -> DataLoader[str, PermissionRecord | None]:
        """Permissions by name."""
        return DataLoader(self._permissions_named, cache=False)

    @property
    def actor(self) -> Actor:
        """The user as mutations know them."""
        return Actor(self.tenant_id, self.user_id, self.authenticated.actor, self.permissions)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Connection]:
        """A connection for single statements.

        One at a time: root fields run concurrently, and a request with twenty of them would take the whole pool.
        """
        async with self.turn, self.deps.database.reading() as connection:
            yield connection

    async def record_refusal(self, subject_kind: str, *, code: str, **payload: Any) -> None:
        """Record in the audit that the actor tried something that is not allowed; ids and codes only.

        Ten a minute for each actor and code: one request can be refused a hundred times without new information.
        """
        actor = self.authenticated.actor
        if not await self.deps.is_worth_recording(f"{self.tenant_id}:{actor}:{code}"):
            return
        async with self.turn, self.deps.database.transaction() as connection:
            event = audit.Event("access.refused", subject_kind, None, {**payload, "code": code})
            await audit.record(connection, self.tenant_id, actor, [event])

    async def _guards_of(self, user_ids: list[UUID]) -> list[Guard]:
        """The password guards of every user requested in this step of the execution, in one statement."""
        async with self.reading() as connection:
            found = await local_accounts.guards(connection, self.tenant_id, user_ids)
        return [found.get(user_id, Guard()) for user_id in user_ids]

    async def _member_counts_of(self, group_ids: list[UUID]) -> list[int]:
        """How many identities are in every group requested in this step of the execution, in one statement."""
        async with self.reading() as connection:
            found = await listings.member_counts(connection, self.tenant_id, group_ids)
        return [found[group_id] for group_id in group_ids]

    async def _told_ends_of(self, identity_ids: list[UUID]) -> list[ToldEnd | None]:
        """How providers ended the logins of every identity requested in this step of execution, in one statement."""
        async with self.reading() as connection:
            found = await told_ends.of_identities(connection, self.tenant_id, identity_ids)
        return [found.get(identity_id) for identity_id in identity_ids]

    async def _histories_of(self, row_ids: list[UUID]) -> list[list[Recorded]]:
        """The newest events of every object requested in this step of the execution, in one statement."""
        async with self.reading() as connection:
            found = await audit_reading.newest(connection, self.tenant_id, "subject_id", row_ids, each=HISTORY_LENGTH)
        return [found[row_id] for row_id in row_ids]

    async def _histories_about(self, user_ids: list[UUID]) -> list[list[Recorded]]:
        """The newest events about every user requested in this step of the execution, in one statement."""
        async with self.reading() as connection:
            found = await audit_reading.newest(connection, self.tenant_id, "user_id", user_ids, each=HISTORY_LENGTH)
        return [found[user_id] for user_id in user_ids]

    async def _actor_names_of(self, actors: list[str]) -> list[str]:
        """The names of every actor requested in this step of the execution, in one statement."""
        async with self.reading() as connection:
            found = await actor_names(connection, self.tenant_id, set(actors))
        return [found[actor] for actor in actors]

    async def _undoable_of(self, events: list[Recorded]) -> list[bool]:
        """Whether each of these events can be undone, in one statement for each kind of thing."""
        async with self.reading() as connection:
            found = await undoable(connection, self.tenant_id, events)
        return [event.id in found for event in events]

    async def _sessions_of(self, user_ids: list[UUID]) -> list[list[LiveSession]]:
        """The sessions of every user requested in this step of the execution, in one statement."""
        async with self.reading() as connection:
            found = await listings.live_sessions(
                connection, self.tenant_id, user_ids, idle_seconds=self.deps.session_idle_seconds
            )
        return [[session for session in found if session.user_id == user_id] for user_id in user_ids]

    async def _api_tokens_of(self, user_ids: list[UUID]) -> list[list[ApiTokenLine]]:
        """The live API tokens of every user requested in this step of the execution, in one statement."""
        async with self.reading() as connection:
            found = await clients.live_api_tokens(connection, self.tenant_id, user_ids)
        return [[one for one in found if one.user_id == user_id] for user_id in user_ids]

    async def _permissions_named(self, names: list[str]) -> list[PermissionRecord | None]:
        """The permissions of every name requested in this step of the execution, in one statement."""
        async with self.reading() as connection:
            found = await permissions.by_names(connection, self.tenant_id, names)
        return [found.get(name) for name in names]


Info = strawberry.Info[Context, None]
"""What resolvers take as `info`."""


def build_context(authenticated: Authenticated, deps: GraphQLDeps, request_id: str, *, base_url: str = "") -> Context:
    """The context of one request, which has been authenticated already: without a session nothing is executed.

    Args:
        base_url: the prefix of this service's own pages, as in this request.
    """
    return Context(authenticated, deps, request_id, base_url)
