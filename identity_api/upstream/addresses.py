"""Which addresses may be connected to, and what the operator has listed besides.

`ipaddress.is_global` is no rule: it differs between Python patch releases and says yes to 224.0.0.1, 64:ff9b::7f00:1
and 2002:7f00:1::. So the lists are our own, from the IANA special-purpose address registries (RFC 6890, RFC 8190),
plus addresses that answer only inside a cloud. The check is made on the address about to be connected to, never on a
name: a name may resolve differently a moment later.

An allowance is `host[:port]` or `CIDR:port`, optionally followed by `@tenant`; IPv6 stands in brackets. Without a port
it is 443. A listed target may be plain http; nothing else may. A host listed by name may resolve to any private or
loopback address, but not to a link-local or cloud metadata address: those open only by a CIDR.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import NamedTuple
from uuid import UUID

from identity_api.errors import ConfigurationError
from identity_api.upstream.errors import TargetRefused
from identity_api.upstream.targets import parse_target

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address


def _networks(text: str) -> tuple[Network, ...]:
    return tuple(ip_network(item) for item in text.split())


DENIED_V4 = _networks(
    "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 "
    "192.31.196.0/24 192.52.193.0/24 192.88.99.0/24 192.168.0.0/16 192.175.48.0/24 198.18.0.0/15 198.51.100.0/24 "
    "203.0.113.0/24 224.0.0.0/3 "
    # Azure's wire server: a public address that only answers from inside.
    "168.63.129.16/32"
)
GLOBAL_V6 = ip_network("2000::/3")
DENIED_V6 = _networks("2001::/23 2001:db8::/32 2002::/16 2620:4f:8000::/48 3fff::/20")
NAT64 = ip_network("64:ff9b::/96")
# Never reached through a name, even a listed one: link-local, metadata services, unspecified, multicast.
NEVER_BY_NAME = _networks(
    "0.0.0.0/8 169.254.0.0/16 192.0.0.0/24 100.100.100.200/32 168.63.129.16/32 224.0.0.0/3 "
    "::/128 fe80::/10 fd00:ec2::/32 fd20:ce::/32 ff00::/8"
)
ISATAP_INTERFACE = (0x0000_5EFE, 0x0200_5EFE)  # RFC 5214 section 6.1: the last 32 bits are an IPv4 address


class Scope(NamedTuple):
    """The rule under which a connection is made. Connections are reused only within one scope:

    otherwise a tenant could use a pooled connection to an address that only another tenant may reach.
    """

    plain: bool
    named: bool
    tenant: str | None


@dataclass(frozen=True, slots=True)
class Allowance:
    """One entry of the operator's list: a host name or a network, its port, and the one tenant it is for, or None."""

    target: str | Network
    port: int
    tenant: str | None = None


class AllowList:
    """The targets that the operator allows beyond public addresses over TLS. Immutable."""

    def __init__(self, entries: Iterable[Allowance] = ()) -> None:
        self.entries = tuple(entries)
        self._names = {(e.target, e.port, e.tenant) for e in self.entries if isinstance(e.target, str)}
        self._listed = tuple(
            (e.target, e.port, e.tenant) for e in self.entries if isinstance(e.target, IPv4Network | IPv6Network)
        )
        self._tenants = frozenset(tenant for _, _, tenant in self._listed if tenant is not None)

    @classmethod
    def parse(cls, entries: str | Iterable[str]) -> "AllowList":
        """Read entries as the configuration has them: a list, or one text with commas or blanks between.

        Raises:
            ConfigurationError: lists every entry that cannot be read, and why.
        """
        texts = re.split(r"[\s,]+", entries) if isinstance(entries, str) else entries
        parsed, problems = [], []
        for text in texts:
            if not text.strip():
                continue
            try:
                parsed.append(_allowance(text.strip()))
            except ValueError as error:
                problems.append(f"outbound allowance {text.strip()!r}: {error}")
        if problems:
            raise ConfigurationError(problems)
        return cls(parsed)

    def scope(self, scheme: str, host: str, port: int, tenant: str | UUID | None = None) -> Scope | None:
        """The rule for a request to this exact lower-case host and port, or None if no address could be allowed."""
        who = tenant_name(tenant)
        if (host, port, None) in self._names or (host, port, who) in self._names:
            return Scope(plain=scheme == "http", named=True, tenant=None)
        bound = who if who in self._tenants else None
        if scheme == "http" and not any(p == port and t in (None, bound) for _, p, t in self._listed):
            return None
        return Scope(plain=scheme == "http", named=False, tenant=bound)

    def may_be_named(self, url: str, tenant: str | UUID | None = None) -> bool:
        """Whether a tenant's admin may enter this URL: https on a public name, or a listed target.

        Makes no lookup and no connection: the addresses of a name are checked when a connection is made.
        """
        try:
            target = parse_target(url)
        except TargetRefused:
            return False
        scope = self.scope(target.scheme, target.host, target.port, tenant)
        if scope is None or scope.named:
            return scope is not None
        who = tenant_name(tenant)
        nets = [net for net, port, bound in self._listed if port == target.port and bound in (None, who)]
        try:
            literal = ip_address(target.host)
        except ValueError:
            is_public = "." in target.host.strip(".") and not _NUMBER_LIKE.fullmatch(target.host)
            # With a listed network any name may lead there; otherwise a name without a dot, or of this machine, is not
            # public.
            return bool(nets) or (is_public and target.host.rpartition(".")[2] != "localhost")
        return _within((literal,), nets)

    def permitted(self, address: str, port: int, scope: Scope) -> bool:
        """Whether this address may be connected to under that rule. `address` is numeric; anything else is refused."""
        try:
            seen = ip_address(address.partition("%")[0])
        except ValueError:
            return False
        meant = embedded(seen)
        if any(
            p == port and t in (None, scope.tenant) and _within((seen, meant), (network,))
            for network, p, t in self._listed
        ):
            return True
        if scope.named:
            return not _within((seen, meant), NEVER_BY_NAME)
        return not scope.plain and is_public(meant)


def tenant_name(tenant: str | UUID | None) -> str | None:
    """A tenant in the form of allowances: its slug, or its id in lower case."""
    return None if tenant is None else str(tenant).lower()


def embedded(address: Address) -> Address:
    """The IPv4 address that an IPv4-mapped (RFC 4291 section 2.5.5.2) or NAT64 (RFC 6052) address leads to."""
    if isinstance(address, IPv6Address) and (address.ipv4_mapped is not None or address in NAT64):
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def is_public(address: Address) -> bool:
    """Whether an address is an ordinary public internet address. 6to4, Teredo and ISATAP hide others: refused."""
    if isinstance(address, IPv4Address):
        return not _within((address,), DENIED_V4)
    if int(address) >> 32 & 0xFFFF_FFFF in ISATAP_INTERFACE:
        return False
    return address in GLOBAL_V6 and not _within((address,), DENIED_V6)


def _within(addresses: Iterable[Address], networks: Iterable[Network]) -> bool:
    return any(address in network for address in addresses for network in networks)


_ENTRY = re.compile(
    r"(?:\[(?P<six>[0-9a-fA-F:.]+(?:/\d{1,3})?)\]|(?P<four>\d[\d.]*(?:/\d{1,2})?)|(?P<name>[^\s\[\]:/@]+))"
    r"(?::(?P<port>\d{1,5}))?(?:@(?P<tenant>[A-Za-z0-9_-]+))?"
)
_NAME = re.compile(r"(?!.*\.\.)[a-z0-9_](?:[a-z0-9._-]{0,251}[a-z0-9])?")
# inet_aton reads 127.1 and 0x7f.1 as addresses; as names they would be checked by the looser rule.
_NUMBER_LIKE = re.compile(r"(?:.*\.)?(?:\d+|0x[0-9a-f]*)")


@lru_cache(maxsize=1024)
def _allowance(text: str) -> Allowance:
    found = _ENTRY.fullmatch(text)
    if found is None:
        raise ValueError("expected host[:port] or CIDR:port, then optionally @tenant; IPv6 in brackets")
    port = int(found["port"] or 443)
    if not 0 < port < 65536:
        raise ValueError("the port must be between 1 and 65535")
    return Allowance(_target(found), port, tenant_name(found["tenant"]))


def _target(found: re.Match[str]) -> str | Network:
    if found["name"]:
        name = found["name"].lower()
        if not _NAME.fullmatch(name) or _NUMBER_LIKE.fullmatch(name):
            raise ValueError("this is not a host name")
        return name
    text = found["six"] or found["four"]
    if "/" in text and not found["port"]:
        raise ValueError("a network needs a port")
    network = ip_network(text)
    if network.prefixlen == 0:
        raise ValueError("this would allow every address")
    return network
