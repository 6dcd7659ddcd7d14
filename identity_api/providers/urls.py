"""The addresses of this service that an admin registers at a provider.

redirect               Core 3.1.2.1; exactly as configured
backchannel_logout     Back-Channel Logout 2.2
frontchannel_logout    Front-Channel Logout 2; with `frontchannel_logout_session_required`
post_logout_redirects  RP-Initiated Logout 3.1; one for each host that people sign in on
initiate_login         Core 4

A redirect URI may have any of `CALLBACK_PATHS`, or no path, on a host of the tenant or below its prefix on the public one:
the forms of the previous systems, so that redirect URIs registered for them keep working.
"""

import re
from collections.abc import Sequence
from typing import Final, Protocol
from urllib.parse import urlsplit
from uuid import UUID

import msgspec

from identity_api.db.tenants import Tenant

CALLBACK_PATHS: Final = (
    "/auth/{protocol}/{provider}/callback",
    "/login/oidc/{provider}/callback",
    "/v1/auth/oidc/callback",
)
"""Where a login can end, besides the root. The names in braces stand for any text: `state` says whose login it is."""
_CALLBACK: Final = re.compile(
    "(/t/[^/]+)?(" + "|".join(re.sub(r"{[a-z]+}", "[^/]+", path) for path in CALLBACK_PATHS) + ")?/?"
)


class Placed(Protocol):
    """What the addresses of a provider contain: of its row, or of one that is to be made."""

    @property
    def id(self) -> UUID:
        """The provider's."""

    @property
    def protocol(self) -> str:
        """`oidc` or `oauth2`."""

    @property
    def redirect_url(self) -> str:
        """As it is registered."""


class ProviderURLs(msgspec.Struct, frozen=True, kw_only=True):
    """What to register. The logout and initiation addresses are None for plain OAuth 2.0, which knows none of them."""

    redirect: str
    backchannel_logout: str | None = None
    frontchannel_logout: str | None = None
    post_logout_redirects: tuple[str, ...] = ()
    initiate_login: str | None = None


def provider_urls(provider: Placed, tenant: Tenant, *, hosts: Sequence[str], public_url: str) -> ProviderURLs:
    """The addresses of this provider's tenant.

    Args:
        provider: one of the tenant's.
        tenant: whose slug is in the addresses where it has no host of its own.
        hosts: the tenant's own (`db.tenants.hosts`); the one that the redirect URL is on is preferred, else the first.
        public_url: of the installation, such as `https://id.example`; says scheme and port for all hosts.
    """
    if provider.protocol != "oidc":
        return ProviderURLs(redirect=provider.redirect_url)
    door = front_door(provider, tenant, hosts=hosts, public_url=public_url)
    return ProviderURLs(
        redirect=provider.redirect_url,
        backchannel_logout=f"{door}/auth/providers/{provider.id}/backchannel-logout",
        frontchannel_logout=f"{door}/auth/providers/{provider.id}/frontchannel-logout",
        post_logout_redirects=tuple(
            [f"{one}/auth/logout/return" for one in doors(tenant, hosts=hosts, public_url=public_url)]
        ),
        initiate_login=f"{door}/auth/initiate",
    )


def is_callback(redirect_url: str) -> bool:
    """Whether logins end at the path of this address, on any host."""
    return _CALLBACK.fullmatch(urlsplit(redirect_url).path) is not None


def is_ours(redirect_url: str, *, hosts: Sequence[str], public_url: str) -> bool:
    """Whether the address is on a host that answers here: one of the tenant's, or the public one."""
    return urlsplit(redirect_url).hostname in {*hosts, urlsplit(public_url).hostname}


def doors(tenant: Tenant, *, hosts: Sequence[str], public_url: str) -> list[str]:
    """The base addresses of the tenant: each of its hosts, and its prefix on the public host. Paths are appended to them."""
    return [_origin(public_url, host) for host in hosts] + [f"{public_url.rstrip('/')}/t/{tenant.slug}"]


def front_door(provider: Placed, tenant: Tenant, *, hosts: Sequence[str], public_url: str) -> str:
    """The base address of the provider's redirect URL, if it is on one of the tenant's hosts; otherwise the first."""
    found = doors(tenant, hosts=hosts, public_url=public_url)
    preferred = _origin(public_url, urlsplit(provider.redirect_url).hostname or "")
    return preferred if preferred in found else found[0]


def _origin(public_url: str, host: str) -> str:
    """The origin of a host of this service, with the public URL's scheme and port."""
    parts = urlsplit(public_url)
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port else "")
