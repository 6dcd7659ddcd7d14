"""Scheme, host and client address as the browser sees them, behind proxies that the operator trusts.

Forwarded headers count only if the connection itself comes from a trusted proxy (promise 57): anybody can write one.
Of several members the last is taken, which the trusted proxy wrote; of `X-Forwarded-For` the last that is not a trusted
proxy itself. The header `Forwarded` (RFC 7239) is not read at all.
"""

import ipaddress
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

import msgspec

from identity_api.config import Network
from identity_api.errors import BadInput
from identity_api.web.http import headers

_LABEL: Final = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST: Final = re.compile(rf"({_LABEL}(?:\.{_LABEL})*|\[[0-9a-f:.]{{2,45}}\])(?::([0-9]{{1,5}}))?")
_NAMES: Final = frozenset(
    (
        *(b"forwarded", b"via", b"x-real-ip", b"x-client-ip", b"client-ip", b"true-client-ip", b"x-cluster-client-ip"),
        *(
            b"cf-connecting-ip",
            b"fastly-client-ip",
            b"x-original-host",
            b"x-original-forwarded-for",
            b"x-envoy-external-address",
        ),
    )
)
"""What proxies write of their own accord, beside whatever begins with `X-Forwarded`."""

_WITH_PORT: Final = re.compile(r"(\[[^\[\]]+\]|[^:\[\]]+):[0-9]{1,5}")
"""As Azure's Application Gateway and IIS write it, and an ALB that keeps the client's port."""

MAX_HOST: Final = 260


class Seen(msgspec.Struct, frozen=True):
    """How the browser reached us."""

    scheme: str
    authority: str
    host: str
    address: str
    peer_is_local: bool
    is_untold: bool
    """Forwarded headers came from a private peer that is not trusted: most likely a proxy nobody configured."""


def see(scope: Any, trusted: Sequence[Network], *, always_https: bool) -> Seen:
    """Work out how the browser reached us.

    Args:
        scope: the ASGI scope.
        trusted: the proxies whose forwarded headers count.
        always_https: the service is published under https, whether or not the proxy that ends TLS says so; otherwise a
            proxy that does not say so would remove the cookies' protection.

    Raises:
        BadInput: `INVALID_HOST`, if there is not exactly one well-formed host.
    """
    peer = _peer(scope)
    scheme = str(scope["scheme"])
    hosts = headers.values(scope, b"host")
    is_forwarded = any(name in _NAMES or name.startswith(b"x-forwarded") for name in headers.by_name(scope))
    client, is_trusted = peer, peer is not None and _within(peer.ip, trusted)
    if is_trusted:
        client = _client(headers.members(headers.values(scope, b"x-forwarded-for")), trusted, peer)
        scheme = _last(scope, b"x-forwarded-proto", scheme).lower()
        hosts = [_last(scope, b"x-forwarded-host", hosts[0] if len(hosts) == 1 else "")]
    scheme = "https" if always_https else scheme
    if len(hosts) != 1 or scheme not in {"http", "https"}:
        raise BadInput("The request names no host, or several.", code="INVALID_HOST")
    host, authority = split_host(hosts[0], scheme)
    is_private = peer is not None and peer.is_private
    return Seen(
        scheme=scheme,
        authority=authority,
        host=host,
        address="unknown" if client is None else client.key,
        peer_is_local=is_private and not is_forwarded,
        is_untold=is_private and is_forwarded and not is_trusted,
    )


def split_host(text: str, scheme: str) -> tuple[str, str]:
    """Host without port, and authority (with the port unless it is the scheme's own), both in lower case.

    Raises:
        BadInput: `INVALID_HOST`.
    """
    if len(text) > MAX_HOST:
        raise BadInput("The request's host is malformed.", code="INVALID_HOST")
    return _split_host(text, scheme)


@lru_cache(maxsize=1_024)
def _split_host(text: str, scheme: str) -> tuple[str, str]:
    found = _HOST.fullmatch(text.lower())
    if found is None or not 0 < int(found[2] or 1) < 65_536:
        raise BadInput("The request's host is malformed.", code="INVALID_HOST")
    host, port = found[1], found[2]
    if port is None or int(port) == (443 if scheme == "https" else 80):
        return host, host
    return host, f"{host}:{int(port)}"


def _last(scope: Any, name: bytes, otherwise: str) -> str:
    found = headers.members(headers.values(scope, name))
    return found[-1] if found else otherwise


class _Address(msgspec.Struct, frozen=True):
    """An address with what is asked of it at each request."""

    ip: ipaddress.IPv4Address | ipaddress.IPv6Address
    key: str
    """For limits."""
    is_private: bool


def _peer(scope: Any) -> _Address | None:
    client = scope.get("client")
    return _address(client[0]) if client else None


def _address(text: str) -> _Address | None:
    # A longer text is not an address, and is dropped.
    return _read_address(text) if len(text) <= 64 else None


@lru_cache(maxsize=4_096)
def _read_address(text: str) -> _Address | None:
    with_port = _WITH_PORT.fullmatch(text)
    try:
        address = ipaddress.ip_address((with_port[1] if with_port else text).strip("[]"))
    except ValueError:
        return None
    ip = getattr(address, "ipv4_mapped", None) or address
    # A client with one IPv6 address usually has its whole /64.
    key = ipaddress.ip_network((ip, 64), strict=False) if ip.version == 6 else ip
    return _Address(ip, str(key), not ip.is_global)


def _within(address: ipaddress.IPv4Address | ipaddress.IPv6Address, networks: Sequence[Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)


def _client(chain: list[str], trusted: Sequence[Network], peer: _Address | None) -> _Address | None:
    """The nearest address that is not a trusted proxy; the addresses before it may be forged."""
    client = peer
    for text in reversed(chain):
        address = _address(text)
        if address is None:
            break
        client = address
        if not _within(address.ip, trusted):
            break
    return client
