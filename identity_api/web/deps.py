"""What the edge is handed by the wiring. Built once per process; nothing here is made at import."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

import msgspec

from identity_api.accounts.deps import AccountDeps
from identity_api.config import Network
from identity_api.db.database import Database
from identity_api.db.user_read_model import WantedUser
from identity_api.fairness.gate import FairGate
from identity_api.fairness.holders import Holders
from identity_api.http import EventStream, HTTPRequest, HTTPResponse
from identity_api.providers.deps import ProviderDeps
from identity_api.sessions.authenticate import Authenticated
from identity_api.sessions.authenticate_together import Together
from identity_api.sessions.login.deps import LoginDeps
from identity_api.sessions.login.password_login import PasswordLoginDeps
from identity_api.setup.provider import SetupDeps
from identity_api.web.http.arriving_bodies import Arriving
from identity_api.web.http.limits import EdgeLimits
from identity_api.web.http.logout_replays import Replays
from identity_api.web.http.origins import Origins
from identity_api.web.http.tenancy import Tenancy

Authenticate = Callable[[WantedUser | None], Awaitable[Authenticated]]
"""Whose request it is; a wanted user may be read ahead."""


class GraphQLEndpoint(Protocol):
    """Answers GraphQL. The wiring hands it in: edges do not know each other."""

    async def __call__(self, request: HTTPRequest, authenticate: Authenticate) -> HTTPResponse:
        """Answer one request. `authenticate` is awaited before the document is parsed, and raises what the edge renders."""
        ...


class GraphQLStreams(Protocol):
    """Answers subscriptions. The wiring hands it in, as `GraphQLEndpoint`."""

    def takes(self, request: HTTPRequest) -> bool:
        """Whether the request is a subscription that takes events for an answer."""
        ...

    async def open(
        self,
        request: HTTPRequest,
        found: Authenticated,
        looking: Callable[[], AbstractAsyncContextManager[Authenticated | None]],
        last_event_id: str | None,
    ) -> EventStream:
        """Begin a stream. `looking` is entered for each look: it authenticates anew, and gives None once the session is over.

        Raises:
            TooManyStreams.
        """
        ...


class Readiness(Protocol):
    """Details that readiness reports beside the database, and that never make the service unready."""

    async def __call__(self) -> dict[str, str]:
        """For example `{"queue": "ok"}`."""
        ...


class WebDeps(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of the edge."""

    login: LoginDeps
    accounts: AccountDeps
    providers: ProviderDeps
    tenancy: Tenancy
    origins: Origins
    limits: EdgeLimits
    readiness: Readiness
    together: Together
    """For the streams, which wake up together."""
    replays: Replays = msgspec.field(default_factory=Replays)
    arriving: Arriving = msgspec.field(default_factory=Arriving)
    holders: Holders = msgspec.field(default_factory=Holders)
    gate: FairGate = msgspec.field(default_factory=FairGate)
    graphql: GraphQLEndpoint | None = None
    streams: GraphQLStreams | None = None
    trusted_proxies: Sequence[Network] = ()
    handlers: Sequence[Any] = ()
    """Further Litestar handlers, such as the GraphiQL page's."""
    notices: set[str] = msgspec.field(default_factory=set)
    """What this process has noticed that an operator should look at; readiness lists it."""

    @property
    def database(self) -> Database:
        """The same database that logins use."""
        return self.login.database

    @property
    def setup(self) -> SetupDeps:
        """What the set-up of a provider by a link needs."""
        return SetupDeps(providers=self.providers, login=self.login)

    @property
    def local(self) -> PasswordLoginDeps:
        """What signing in with a local password needs."""
        return PasswordLoginDeps(accounts=self.accounts, limits=self.login.limits)

    @property
    def session_idle_seconds(self) -> int:
        """After how long an unused session is over."""
        return self.login.limits.session_idle_seconds
