"""aiohttp sessions that check every connection when it is made, and keep no state between requests."""

import socket
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, NamedTuple

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.connector import Connection
from aiohttp.tracing import Trace

from identity_api.upstream.addresses import AllowList, Scope
from identity_api.upstream.resolver import Resolve

on_connection: ContextVar[Callable[[], None]] = ContextVar("on_connection")
"""Called in the task of an exchange when its connection is made, with TLS, and nothing has been written to it.

After it, bytes may be sent. If it raises, the exchange ends, and the connection stays unused.
"""


class NotPermitted(OSError):
    """The address may not be connected to. Raised before connect()."""


class Limits(NamedTuple):
    """The limits of connections in a session and to one origin, and how long an unused one is kept."""

    connections: int
    per_origin: int
    idle_seconds: float


def open_session(scope: Scope, allow: AllowList, resolve: Resolve, limits: Limits) -> aiohttp.ClientSession:
    """A session whose connections all obey `scope`. Needs the running event loop."""

    def make_socket(info: tuple[Any, ...]) -> socket.socket:
        # Called for every connect(), with the same address that is passed to it; literals are not resolved.
        family, kind, protocol, _, address = info
        if not allow.permitted(address[0], address[1], scope):
            raise NotPermitted("address not permitted")
        opened = socket.socket(family, kind, protocol)
        opened.setblocking(False)
        return opened

    connector = _Connector(
        resolver=_CheckedResolver(resolve, allow, scope),
        use_dns_cache=False,
        socket_factory=make_socket,
        limit=limits.connections,
        limit_per_host=limits.per_origin,
        keepalive_timeout=limits.idle_seconds,
    )
    return aiohttp.ClientSession(
        connector=connector,
        trust_env=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
        skip_auto_headers=("User-Agent", "Content-Type"),
    )


class _Connector(aiohttp.TCPConnector):
    """Reports when a connection is made, or taken from the pool."""

    async def connect(
        self, req: aiohttp.ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout
    ) -> Connection:
        connection = await super().connect(req, traces, timeout)
        try:
            on_connection.get()()
        except BaseException:
            connection.release()
            raise
        return connection


class _CheckedResolver(AbstractResolver):
    """Returns only addresses that may be connected to, so that a refusal is not confused with a failed connect."""

    def __init__(self, resolve: Resolve, allow: AllowList, scope: Scope) -> None:
        self._resolve, self._allow, self._scope = resolve, allow, scope

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await self._resolve(host.lower(), port)  # RFC 4343: names are case-insensitive
        permitted = [address for address in found if self._allow.permitted(address, port, self._scope)]
        if found and not permitted:
            raise NotPermitted("address not permitted")
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in permitted
        ]

    async def close(self) -> None:
        """Nothing to close."""
