"""Wiring of the API process: settings in, an ASGI application out.

`build_api` makes every part once and hands it to the edges; nothing is opened before the server starts, and nothing is
made at import. `create_app` is what a server is pointed at (`granian --factory identity_api.app:create_app`).
"""

import asyncio
import contextlib
import gc
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from identity_api import limits as rate_limits
from identity_api.accounts.deps import AccountDeps
from identity_api.accounts.passwords import Passwords
from identity_api.clock import Clock, system_clock
from identity_api.config import Secret, Settings, load_settings
from identity_api.db.database import Database
from identity_api.db.migrate import check_schema
from identity_api.errors import ConfigurationError, Unavailable
from identity_api.graphql import engine
from identity_api.graphql.context import Context as GraphQLContext
from identity_api.graphql.context import GraphQLDeps
from identity_api.graphql.schema import build as build_schema
from identity_api.graphql.schema import build_context
from identity_api.graphql.subscription_streams import SubscriptionStreams
from identity_api.group_mappings.findings import AccessFindings
from identity_api.http import HTTPRequest, HTTPResponse
from identity_api.providers.deps import ProviderDeps
from identity_api.providers.provider_row import Defaults
from identity_api.queue import Queue
from identity_api.sessions.authenticate import Authenticated
from identity_api.sessions.authenticate_together import Together
from identity_api.sessions.login.deps import LoginDeps, LoginLimits
from identity_api.streams.hub import ChangeHub
from identity_api.streams.signals import ending_streams
from identity_api.sync.on_demand import request as request_sync
from identity_api.telemetry import configure_logging, configure_tracing, get_logger
from identity_api.upstream.addresses import AllowList
from identity_api.upstream.exchange import Upstream
from identity_api.upstream.keys import provider_documents
from identity_api.vault import Vault
from identity_api.web.deps import Authenticate, GraphQLEndpoint, GraphQLStreams, WebDeps
from identity_api.web.http.errors import TooManyRequests
from identity_api.web.http.http_application import HTTPApplication
from identity_api.web.http.limits import EdgeLimits
from identity_api.web.http.litestar_app import build_web
from identity_api.web.http.origins import Origins
from identity_api.web.http.tenancy import Tenancy
from identity_api.web.pages.graphiql import graphiql_handlers

REOPEN_SECONDS: Final = 1.0
NEW_OBJECTS: Final = 20_000
"""A collection of garbage is made once there are so many new objects. A page alone makes a thousand, which go by themselves."""
COST_PER_MINUTE: Final = 20_000
COST_WINDOW_SECONDS: Final = 60.0
"""Fields that the documents of one session may ask for in a minute (promise 41)."""
_REDIS_SECONDS: Final = 0.2
_log = get_logger(__name__)
Context = TypeVar("Context", bound=engine.GraphQLContext)


class ProcessDeps(msgspec.Struct, frozen=True, kw_only=True):
    """What one process has, whichever edge it serves. For one event loop; `opened` opens and closes it."""

    settings: Settings
    login: LoginDeps
    accounts: AccountDeps
    queue: Queue
    redis: Redis
    limiter: rate_limits.Limiter


def build_process(settings: Settings, *, clock: Clock = system_clock) -> ProcessDeps:
    """Make the parts; nothing is connected yet.

    Raises:
        ConfigurationError: no database or no Redis is named (the embedded ones are started, and named, by the command
            line), or an outbound allowance cannot be read.
    """
    database_url, redis_url = _urls(settings)
    upstream = Upstream(allow=AllowList.parse(settings.outbound_allow))
    login = LoginDeps(
        database=Database(
            database_url,
            pool_size=settings.database_pool_size,
            limits=settings.tenant_limits,
            pooling=settings.database_pooling,
        ),
        vault=Vault(settings.secret_keys),
        upstream=upstream,
        documents=provider_documents(upstream, monotonic=time.monotonic),
        clock=clock,
        public_url=settings.public_url,
        limits=LoginLimits(**{name: getattr(settings, name) for name in LoginLimits.__struct_fields__}),
    )
    redis = rate_limits.connect(redis_url)
    return ProcessDeps(
        settings=settings,
        login=login,
        accounts=AccountDeps(database=login.database, vault=login.vault, passwords=Passwords(), clock=clock),
        queue=Queue(redis_url),
        redis=redis,
        limiter=rate_limits.Limiter(redis),
    )


@asynccontextmanager
async def opened(process: ProcessDeps) -> AsyncIterator[None]:
    """Open the parts, and close them on the way out.

    A database that does not answer yet does not stop the start: readiness says so until it does.

    Raises:
        ConfigurationError: the database's schema is not this version's.
    """
    opening = None
    try:
        await _open_database(process.login.database)
    except Unavailable as error:
        _log.warning("app.database_unavailable", reason=error.message)
        opening = asyncio.create_task(_keep_opening(process.login.database))
    try:
        yield
    finally:
        if opening is not None:
            opening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await opening
        process.accounts.passwords.close()
        await process.login.documents.aclose()
        await process.login.upstream.aclose()
        await process.queue.aclose()
        await process.redis.aclose()
        await process.login.database.close()


async def _open_database(database: Database) -> None:
    await database.open()
    try:
        async with database.reading() as connection:
            await check_schema(connection)
    except ConfigurationError:
        await database.close()
        raise


async def _keep_opening(database: Database) -> None:
    while True:
        await asyncio.sleep(REOPEN_SECONDS)
        try:
            return await _open_database(database)
        except Unavailable:
            continue
        except ConfigurationError as error:
            _log.error("app.schema_unfit", problems=list(error.problems))


def build_api(
    settings: Settings,
    *,
    clock: Clock = system_clock,
    graphql: Callable[[ProcessDeps], GraphQLEndpoint] | None = None,
    at_open: Callable[[], None] | None = None,
    at_close: Callable[[], None] | None = None,
) -> HTTPApplication:
    """The API as an ASGI application, with its lifespan.

    Args:
        clock: the time that protocol rules go by.
        graphql: makes the GraphQL endpoint from the process's parts; by default the product's own.
        at_open: called when everything is open, before the first request.
        at_close: called when everything is closed; flushes the last traces.

    Raises:
        ConfigurationError: as `build_process`.
    """
    process = build_process(settings, clock=clock)
    database = process.login.database
    hub = ChangeHub(database, most=settings.max_streams)
    product = ProductGraphQL(process)
    deps = WebDeps(
        login=process.login,
        accounts=process.accounts,
        providers=provider_deps(process),
        tenancy=Tenancy(database, urlsplit(settings.public_url).hostname or ""),
        origins=Origins(database),
        limits=EdgeLimits(process.limiter),
        readiness=lambda: _queue_state(process.redis),
        together=Together(database, idle_seconds=process.login.limits.session_idle_seconds),
        graphql=graphql(process) if graphql is not None else product.endpoint,
        streams=None if graphql is not None else product.streams(hub),
        trusted_proxies=settings.trusted_proxies,
        handlers=graphiql_handlers(),
    )

    return build_web(deps, lifespan=_lifespan(process, hub, at_open, at_close))


def _lifespan(
    process: ProcessDeps, hub: ChangeHub, at_open: Callable[[], None] | None, at_close: Callable[[], None] | None
) -> Callable[[Any], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        try:
            async with opened(process), ending_streams(hub):
                if at_open is not None:
                    at_open()
                yield
        finally:
            if at_close is not None:
                # It waits for the collector: not on the loop.
                await asyncio.to_thread(at_close)

    return lifespan


def _graphql_deps(process: ProcessDeps) -> GraphQLDeps:
    database, queue = process.login.database, process.queue
    return GraphQLDeps(
        database=database,
        access_findings=AccessFindings(database),
        is_worth_recording=EdgeLimits(process.limiter).is_worth_recording,
        vault=process.login.vault,
        accounts=process.accounts,
        enqueue=queue.enqueue,
        sync_user=lambda tenant_id, user_id: request_sync(database, queue, tenant_id, user_id),
        public_url=process.login.public_url,
        login=process.login,
        providers=provider_deps(process),
        session_idle_seconds=process.login.limits.session_idle_seconds,
    )


class ProductGraphQL:
    """The product's schema over a process's parts, with a budget per session that no alias or batch gets around."""

    def __init__(self, process: ProcessDeps) -> None:
        self._deps, self._fields = _graphql_deps(process), rate_limits.DeferredHits(process.limiter)
        self._schema = build_schema(compiled=process.settings.graphql_completion == "compiled")

    @property
    def endpoint(self) -> GraphQLEndpoint:
        """For requests that are answered once."""
        return graphql_endpoint(self._schema, self._make_context, charge=self._charge)

    def streams(self, hub: ChangeHub) -> GraphQLStreams:
        """For subscriptions."""
        return SubscriptionStreams(self._schema, self._make_context, self._charge, hub)

    async def _make_context(self, authenticated: Authenticated, request: HTTPRequest) -> GraphQLContext:
        prefix = f"/t/{authenticated.tenant_slug}" if request.path_prefix is None else request.path_prefix
        return build_context(authenticated, self._deps, request.request_id, base_url=request.origin + prefix)

    async def _charge(self, context: GraphQLContext, measured: engine.Measured) -> None:
        cost = min(max(1, measured.fields), COST_PER_MINUTE)
        key = f"graphql:{context.authenticated.session_id}"
        decision = await self._fields.hit(key, limit=COST_PER_MINUTE, window_seconds=COST_WINDOW_SECONDS, cost=cost)
        if not decision.allowed:
            raise TooManyRequests(decision.retry_after_seconds)


def provider_deps(process: ProcessDeps) -> ProviderDeps:
    """What administering providers needs of this process. Its documents are those that logins use."""
    settings, login = process.settings, process.login
    return ProviderDeps(
        database=login.database,
        vault=login.vault,
        documents=login.documents,
        allow=AllowList.parse(settings.outbound_allow),
        defaults=Defaults(**{name: getattr(settings, name) for name in Defaults.__struct_fields__}),
    )


def graphql_endpoint(
    schema: engine.EngineSchema,
    make_context: Callable[[Authenticated, HTTPRequest], Awaitable[Context]],
    *,
    charge: Callable[[Context, engine.Measured], Awaitable[None]] | None = None,
) -> GraphQLEndpoint:
    """Bring the engine and the edge together, which do not know each other.

    Args:
        schema: what can be asked.
        make_context: who asks, and how, to the context that resolvers get.
        charge: see `engine.handle`.
    """

    async def answer(request: HTTPRequest, authenticate: Authenticate) -> HTTPResponse:
        async def context(read_ahead: Any) -> Context:
            return await make_context(await authenticate(read_ahead), request)

        return await engine.handle(schema, request, context, charge=charge)

    return answer


def create_app() -> HTTPApplication:
    """The API from the environment's settings, for a server's factory option."""
    settings = load_settings(os.environ)
    configure_logging(settings.log_format, settings.log_level)
    flush = configure_tracing(settings.otlp_endpoint) if settings.otlp_endpoint is not None else None
    return build_api(settings, at_open=keep_what_is_loaded, at_close=flush)


def keep_what_is_loaded() -> None:
    """Take everything that the start has made out of garbage collection: it lives as long as the process.

    Modules, the schema and the compiled routes are hundreds of thousands of objects. A full collection that visits them
    stops every request for tens of milliseconds.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS, 10, 10)
    gc.enable()  # off while the server imports


def _urls(settings: Settings) -> tuple[str, str]:
    def required(value: Secret | None, variable: str, problems: list[str]) -> str:
        if value is None:
            problems.append(f"{variable} is missing; `identity-api serve` starts an embedded service and sets it")
            return ""
        return value.reveal()

    problems: list[str] = []
    database_url = required(settings.database_url, "IDENTITY_DATABASE_URL", problems)
    redis_url = required(settings.redis_url, "IDENTITY_REDIS_URL", problems)
    if problems:
        raise ConfigurationError(problems)
    return database_url, redis_url


async def _queue_state(redis: Redis) -> dict[str, str]:
    """Whether wake-ups get through. Without them the sweep still finds what is due, so this makes nobody unready."""
    try:
        async with asyncio.timeout(_REDIS_SECONDS):
            await redis.ping()
    except (RedisError, OSError, TimeoutError):
        return {"queue": "unavailable"}
    return {"queue": "ok"}
