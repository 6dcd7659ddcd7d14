"""Find the tenant of an anonymous request: by a host that belongs to exactly one tenant, or by the prefix `/t/{tenant}` (I2).

The entry decides which tenant's login page is shown. It gives no access: that comes only from a session or token.
Hosts are compared exactly, in lower case and without port; there are no patterns.
"""

import re
from typing import Final

from identity_api.db import tenants
from identity_api.db.database import Database
from identity_api.db.tenants import Tenant
from identity_api.errors import BadInput, NotFound
from identity_api.web.http.ttl_cache import Recent

_PREFIX: Final = re.compile(r"/t/([^/]+)(/.*)?")
CHECK: Final = re.compile(r"/t/[^/]+/v1/check")
"""Asked by a proxy, which names the host of what it guards. So any host will do, and the address names the tenant: a host that is
unknown here must not let another tenant's people in."""
_SLUG: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62})")


class Entry:
    """A tenant (None on the public host itself), the prefix that named it, and the path behind that."""

    __slots__ = ("path", "prefix", "tenant")

    def __init__(self, tenant: Tenant | None, prefix: str, path: str) -> None:
        self.tenant, self.prefix, self.path = tenant, prefix, path


class Tenancy:
    """Finds the tenant of a host or prefix. One per process; what it remembers is at most a second old."""

    def __init__(self, database: Database, public_host: str) -> None:
        self._database, self._public_host = database, public_host
        self._by_host: Recent[str, Tenant | None] = Recent()
        self._by_slug: Recent[str, Tenant | None] = Recent()

    async def enter(self, host: str, path: str) -> Entry:
        """The entry of a request for `path` on `host`.

        Raises:
            BadInput: `INVALID_HOST`, for a host that is neither a tenant's nor the public one.
            NotFound: no such tenant, or a prefix on a tenant's own host.
        """
        if CHECK.fullmatch(path):
            host = self._public_host
        tenant = await self._by_host.get(host, lambda: self._ask_host(host))
        if tenant is None and host != self._public_host:
            raise BadInput("This service does not answer for this host.", code="INVALID_HOST")
        found = _PREFIX.fullmatch(path)
        if found is None:
            return Entry(tenant, "", path)
        if host != self._public_host:
            # A tenant's own host leads to that tenant and to no other.
            raise NotFound("There is nothing at this address.")
        named = await self.by_slug(found[1])
        if named is None:
            raise NotFound("There is nothing at this address.")
        return Entry(named, f"/t/{named.slug}", found[2] or "/")

    async def by_slug(self, slug: str) -> Tenant | None:
        """The tenant of that slug."""
        if not _SLUG.fullmatch(slug):
            return None
        return await self._by_slug.get(slug, lambda: self._ask_slug(slug))

    async def _ask_host(self, host: str) -> Tenant | None:
        async with self._database.reading() as connection:
            return await tenants.by_host(connection, host)

    async def _ask_slug(self, slug: str) -> Tenant | None:
        async with self._database.reading() as connection:
            return await tenants.by_slug(connection, slug)
