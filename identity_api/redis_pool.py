"""Connections to Redis or Valkey by URL: to one server, or to the primary that Sentinels name.

    redis://user:password@host:6379/0                                        rediss:// over TLS, unix:// by socket
    redis+sentinel://user:password@host:26379,host:26379/NAME/0              rediss+sentinel:// over TLS

`NAME` is what the Sentinels call the primary. User and password are those of the servers; `?sentinel_username=` and
`&sentinel_password=` are those of the Sentinels. Each new connection asks them for the primary, so after a failover the
next connection goes to the new one.

A Redis Cluster is refused: arq changes several keys in one transaction, which a cluster spreads over its nodes, and there is
nothing here that one server could not hold.
"""

import asyncio
from collections.abc import Awaitable
from typing import Any, Final, TypeVar, cast
from urllib.parse import parse_qsl, urlencode, urlsplit

from redis.asyncio.connection import ConnectionPool, parse_url
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool
from redis.exceptions import ConnectionError as ServerGone

from identity_api.config.redis_url import SENTINEL_SCHEMES, parts_of, sentinels_of

CONNECT_SECONDS: Final = 2.0
"""For a connection with its TLS handshake, and for all that a request sends, whoever still waits."""
_OF_SENTINELS: Final = ("sentinel_username", "sentinel_password")
_UNNAMED: Final[dict[str, Any]] = {"lib_name": None, "lib_version": None}
"""redis-py else names itself to the server, for which a user needs a right that servers before Redis 7.2 do not know."""

T = TypeVar("T")


class Requests:
    """Requests that come to their end though nobody waits for them any more, so that the next finds a connection open."""

    def __init__(self) -> None:
        self._under_way: set[asyncio.Future[Any]] = set()

    async def run(self, request: Awaitable[T]) -> T:
        """Its result. A caller that is cancelled meanwhile leaves it `CONNECT_SECONDS` since its start."""
        running = asyncio.ensure_future(asyncio.wait_for(request, CONNECT_SECONDS))
        self._under_way.add(running)
        running.add_done_callback(self._ended)
        return await asyncio.shield(running)

    async def settled(self) -> None:
        """Wait for all of them."""
        await asyncio.gather(*self._under_way, return_exceptions=True)

    def _ended(self, running: "asyncio.Future[Any]") -> None:
        self._under_way.discard(running)
        if not running.cancelled():
            running.exception()  # told to whoever still waits


def connection_pool(url: str, *, timeout_seconds: float, connect_seconds: float, **options: Any) -> ConnectionPool:
    """A pool that connects on first use.

    Args:
        timeout_seconds: for an answer.
        connect_seconds: for a connection, and for a Sentinel's answer.

    Raises:
        ValueError: the URL names no server; no part of it is repeated.
    """
    waits = {"socket_timeout": timeout_seconds, "socket_connect_timeout": connect_seconds}
    if urlsplit(url).scheme in SENTINEL_SCHEMES:
        return _of_sentinels(url, {**waits, **_UNNAMED, **options}, connect_seconds)
    # TLS: redis-py checks the certificate, but the host name only if told to.
    tls = {"ssl_check_hostname": True} if url.startswith("rediss://") else {}
    return _with_closed_ones_told(ConnectionPool.from_url(url, **waits, **tls, **_UNNAMED, **options))


class _ClosedIsTold:
    """Of a redis-py connection: says of one that has closed unnoticed what redis-py says of every other that is gone.

    uvloop raises RuntimeError for what is written to it, which nobody expects of a server that is down.
    """

    async def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        try:
            await cast("Any", super()).send_packed_command(command, check_health)
        except RuntimeError as error:
            raise ServerGone("the connection has closed") from error


def _with_closed_ones_told(pool: ConnectionPool) -> ConnectionPool:
    kind = pool.connection_class
    pool.connection_class = cast("Any", type(kind.__name__, (_ClosedIsTold, kind), {}))
    return pool


class _Pool(SentinelConnectionPool):
    """redis-py's, which also closes its connections to the Sentinels."""

    async def disconnect(self, inuse_connections: bool = True) -> None:
        await super().disconnect(inuse_connections)
        for sentinel in self.sentinel_manager.sentinels:
            await sentinel.aclose()


def _of_sentinels(url: str, options: dict[str, Any], connect_seconds: float) -> ConnectionPool:
    hosts, name = sentinels_of(url)
    parts = parts_of(url)
    query = dict(parse_qsl(parts.query))
    own = {key.removeprefix("sentinel_"): query.pop(key) for key in _OF_SENTINELS if key in query}
    # redis-py reads what remains: a plain URL whose address each connection replaces by the primary's.
    plain = f"{parts.scheme.partition('+')[0]}://{f'{parts.login}@' if parts.login else ''}localhost/"
    plain += parts.path.partition("/")[2] + (f"?{urlencode(query)}" if query else "")
    read: dict[str, Any] = dict(parse_url(plain))
    tls = read.pop("connection_class", None) is not None
    for unused in ("host", "port"):
        read.pop(unused, None)
    secured = {"ssl": True, "ssl_check_hostname": True} if tls else {}
    trust = {key: value for key, value in read.items() if key.startswith("ssl_")}
    # redis-py has no types here.
    untyped: Any = Sentinel
    manager = untyped(
        hosts,
        sentinel_kwargs={
            "socket_timeout": connect_seconds,
            "socket_connect_timeout": connect_seconds,
            **_UNNAMED,
            **own,
            **trust,
            **secured,
        },
    )
    for one in manager.sentinels:
        _with_closed_ones_told(one.connection_pool)
    return _with_closed_ones_told(cast("Any", _Pool)(name, manager, **{**read, **secured, **options}))
