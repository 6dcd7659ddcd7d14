"""The demo tenant: one provider (the demo provider), a small vocabulary, and a mapping for each demo group.

Made only in an empty database. Its group mappings are the tenant's own, not the file's, so that a person who signs in
as the demo's admin can change them through GraphQL.
"""

import os
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from identity_api.claims import MatchKind
from identity_api.cli.context import open_database, operator, operator_name
from identity_api.cli.declaration import defaults_of
from identity_api.cli.dev.preflight import DEMO_PORT, Asked
from identity_api.config import Settings
from identity_api.db import mappings, permissions, providers, tenants
from identity_api.db.database import Database
from identity_api.errors import ConfigurationError
from identity_api.group_mappings import edit
from identity_api.group_mappings.rules import Rule
from identity_api.permissions.service import SERVICE_PERMISSIONS
from identity_api.providers.checks import Bounds
from identity_api.tenants.apply import Applier, apply_tenant
from identity_api.tenants.declaration import TenantDeclaration
from identity_api.tenants.toml_reader import parse
from identity_api.vault import Vault

SLUG = "demo"
PROVIDER = "demo"
HOSTS = ("127.0.0.1", "localhost")
SECRET_FILE = "demo-client-secret"  # noqa: S105  # the name of a file
SYNC_SECONDS = 5

GROUPS: dict[str, tuple[str, ...]] = {
    "engineering": ("docs:read", "docs:write"),
    "platform": ("docs:read", "docs:write", "reports:read"),
    "support": ("tickets:answer",),
    "identity-admins": (*SERVICE_PERMISSIONS, "reports:read"),
}
"""The permissions of each demo group."""

_DOCUMENT = """
[[tenants]]
slug = "{slug}"
name = "Demo"
hosts = ["127.0.0.1", "localhost"]
default_provider = "{provider}"

[[tenants.frontends]]
slug = "web"
origins = ["http://127.0.0.1:{port}", "http://localhost:{port}"]
return_urls = ["http://127.0.0.1:{port}/account", "http://localhost:{port}/account"]
deliveries = ["cookie", "code"]

[[tenants.frontends]]
slug = "spa"
origins = ["http://localhost:8005"]
return_urls = ["http://localhost:8005/"]
deliveries = ["code"]

[[tenants.frontends]]
slug = "same-site"
origins = ["http://127.0.0.1:8006"]
return_urls = ["http://127.0.0.1:8006/"]
deliveries = ["cookie"]

[[tenants.permissions]]
name = "docs:read"
description = "Read the documents."

[[tenants.permissions]]
name = "docs:write"
description = "Write documents."

[[tenants.permissions]]
name = "reports:read"
description = "See the reports."

[[tenants.permissions]]
name = "tickets:answer"
description = "Answer customers' tickets."

[[tenants.providers]]
slug = "{provider}"
label = "Demo provider"
issuer = "{issuer}"
client_id = "identity-api"
client_secret_file = "{secret_file}"
provisioning = "JIT"
sync_mode = "STRICT"
groups_claim = "groups"
absent_groups = "EMPTY"
reauthentication = true
sync_interval_seconds = {seconds}
"""


@dataclass(frozen=True, slots=True)
class Demo:
    """The addresses of the demo: of the API, and of the demo provider."""

    port: int
    demo_port: int

    @property
    def issuer(self) -> str:
        """The demo provider's issuer."""
        return f"http://127.0.0.1:{self.demo_port}"

    @property
    def redirect_uris(self) -> tuple[str, ...]:
        """The redirect URIs at the demo provider."""
        return tuple([f"http://{host}:{self.port}/auth/oidc/{PROVIDER}/callback" for host in HOSTS])

    @property
    def logout_uris(self) -> tuple[str, ...]:
        """The redirect URIs after a sign-out."""
        return tuple([f"http://{host}:{self.port}/auth/logout/return" for host in HOSTS])

    def declaration(self) -> TenantDeclaration:
        """The tenant in the form for `apply`, but synced every five seconds, so that changes show quickly."""
        document = _DOCUMENT.format(
            slug=SLUG,
            provider=PROVIDER,
            port=self.port,
            issuer=self.issuer,
            secret_file=SECRET_FILE,
            seconds=SYNC_SECONDS,
        )
        [tenant] = parse(document.encode(), Bounds(sync_interval_seconds=(SYNC_SECONDS, 420)))
        return tenant


async def ensure_demo(database_url: str, settings: Settings, demo: Demo, asked: Asked) -> bool:
    """Make the demo tenant if there is no tenant at all; True if the database has the demo tenant, even if its admins
    manage it.

    Raises:
        ConfigurationError: the demo was made for another port of the demo provider, or its admins manage it for another
            port of the API.
    """
    database = Database(database_url, pool_size=2)
    await open_database(database)
    try:
        async with database.reading() as connection:
            everybody = await tenants.list_all(connection)
            ours = next((one for one in everybody if one.slug == SLUG), None)
            before = await providers.by_slug(connection, ours.id, PROVIDER) if ours else None
        if everybody and (before is None or before.client_id != "identity-api"):
            return False
        if before is not None and before.issuer != demo.issuer:
            # Everybody's identity belongs to the issuer; another one would be another person.
            raise ConfigurationError([_moved(before.issuer, settings, asked)])
        if before is not None and before.managed_by == "API" and before.redirect_url not in demo.redirect_uris:
            raise ConfigurationError([_kept_by_admins(before.redirect_url, asked)])
        if before is None or before.redirect_url != demo.redirect_uris[0]:
            await _make(database, settings, demo)
        return True
    finally:
        await database.close()


def _moved(issuer: str, settings: Settings, asked: Asked) -> str:
    same = replace(asked, demo_port=urlsplit(issuer).port)
    folder = settings.data_dir.with_name(f"{settings.data_dir.name}-{asked.demo_port or DEMO_PORT}")
    return (
        f"The demo in this database uses {issuer}, and its people belong to that address. Run: {same.command()}, or for "
        f"another demo: {replace(asked, data_dir=folder).command()}"
    )


def _kept_by_admins(redirect_url: str, asked: Asked) -> str:
    same = replace(asked, port=urlsplit(redirect_url).port)
    return (
        f"Logins of the demo in this database end at {redirect_url}, and its provider is managed through GraphQL. Run: "
        f"{same.command()}, or give it back to this command: `identity-api hand-over {SLUG} --provider {PROVIDER} --to file`"
    )


async def _make(database: Database, settings: Settings, demo: Demo) -> None:
    folder = Path(settings.data_dir)
    applier = Applier(Vault(settings.secret_keys), defaults_of(settings), os.environ, folder, operator_name())
    tenant_id, _ = await apply_tenant(database, applier, demo.declaration())
    actor = operator(tenant_id)
    async with database.reading() as connection:
        if await mappings.page(connection, tenant_id, after=None, first=1):
            return
        provider = await providers.by_slug(connection, tenant_id, PROVIDER)
        names = {name for given in GROUPS.values() for name in given}
        catalogue = await permissions.by_names(connection, tenant_id, names)
    assert provider is not None
    for group, given in GROUPS.items():
        ids = tuple([catalogue[name].id for name in given])
        await edit.make(database, actor, Rule(provider.id, group, MatchKind.EXACT, ids))
