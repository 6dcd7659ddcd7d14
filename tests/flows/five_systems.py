"""One deployment for five tenants, each imported from the own form of one of the five systems before this one.

The API runs under the server it ships with. Browsers reach it as on the internet, at `https://TENANT.example`: those of
Python through a proxy that ends TLS (`Deployment.browser`), real ones at the API's own TLS with those names mapped to it.
"""

import base64
import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

import httpx

from identity_api.cli.declaration import apply_declaration
from identity_api.config import Settings, load_settings
from identity_api.db import identities, providers, tenants
from identity_api.db.database import Database
from identity_api.db.providers import Provider
from identity_api.ids import uuid7
from identity_api.tenants.declaration import TenantDeclaration
from identity_api.tenants.importing import Target, read_any
from tests import factories as make
from tests.flows.server import Proxy, running_server
from tests.openid_provider import Client, RunningProvider
from tests.openid_provider.browser import CallbackRequest

PUBLIC_HOST = "id.service.example"
APP = "https://app.inference.example/"


def reinfer(name: str, idp: RunningProvider) -> str:
    """Groups in the access token (S0-44), a further scope, strict."""
    return f"""
[[reinfer]]
tenant = "{name}"
domain = "{name}.example"
issuer = "{idp.issuer}"
client_id = "{name}"
client_secret = "{idp.client_secret}"
groups = "access_token / groups"
offline_access = true
mode = "strict"

[reinfer.permissions]
"engineering" = ["dataset:read"]
"""


def directory(name: str, idp: RunningProvider, *, secret: bool = True) -> str:
    return f"""
[[federated_directory]]
directory = "{name}"
host = "{name}.example"
configuration_url = "{idp.discovery_url}"
client_id = "{name}"
{f'client_secret = "{idp.client_secret}"' if secret else ""}
"""


def infrahub(name: str, idp: RunningProvider) -> str:
    """A client without a secret, and accounts that are taken over by their name."""
    return f"""
[security]
oidc_providers = ["provider1"]
sso_account_name_fallback = true
[security.oidc_provider_settings.provider1]
client_id = "{name}"
discovery_url = "{idp.discovery_url}"
"""


def sysreptor(name: str, idp: RunningProvider) -> str:
    """Addresses as anchors, which one provider must verify and the other releases verified only."""
    settings = {
        "client_id": name,
        "client_secret": idp.client_secret,
        "server_metadata_url": idp.discovery_url,
        "client_kwargs": {"scope": "openid email", "code_challenge_method": "S256"},
        "user_identifier_claim": "email",
    }
    checked, trusted = {**settings, "require_email_verified": True}, {**settings, "require_email_verified": False}
    return json.dumps({"keycloak": {"label": "K", **checked}, "entra": {"label": "E", **trusted}})


def inference(name: str, idp: RunningProvider) -> str:
    """One callback for all tenants, and the token in the fragment."""
    return json.dumps(
        {
            "tenant_id": name,
            "name": "Inference",
            "mongo_uri": "mongodb://nowhere",
            "frontend_url": APP,
            "oidc_issuer": idp.issuer,
            "oidc_client_id": name,
            "oidc_client_secret": idp.client_secret,
            "oidc_redirect_url": f"https://{PUBLIC_HOST}/v1/auth/oidc/callback",
            "oidc_scopes": "openid profile email",
        }
    )


FORMS = {
    "reinfer": reinfer,
    "directory": directory,
    "infrahub": infrahub,
    "sysreptor": sysreptor,
    "inference": inference,
}


@dataclass
class Deployment:
    """The five tenants by system, the API's port, and the providers."""

    port: int
    database: Database
    settings: Settings
    idps: Mapping[str, RunningProvider]
    ids: dict[str, UUID]
    slugs: dict[str, str]

    @property
    def idp(self) -> RunningProvider:
        """The provider, where one serves all tenants."""
        [only] = set(self.idps.values())
        return only

    def origin(self, system: str) -> str:
        """Where people of this system's tenant go; the last one has no host of its own."""
        if system == "inference":
            return f"https://{PUBLIC_HOST}/t/{self.slugs[system]}"
        return f"https://{self.slugs[system]}.example"

    def browser(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=Proxy(self.port))

    async def provider(self, system: str, slug: str | None = None) -> Provider:
        async with self.database.reading() as connection:
            found = await providers.of_tenant(connection, self.ids[system])
        return next(one for one in found if slug in (None, one.slug))

    async def make_user(self, system: str, username: str) -> UUID:
        async with self.database.transaction() as connection:
            return await make.make_user(connection, self.ids[system], username=username)

    async def enter_identity(
        self, system: str, anchor: str, slug: str = "keycloak", *, username: str | None = None
    ) -> UUID:
        """What an admin does: a user, and which value of the anchor is theirs."""
        user_id, provider = (
            await self.make_user(system, username or f"user of {anchor} at {slug}"),
            await self.provider(system, slug),
        )
        async with self.database.transaction() as connection:
            await identities.insert(
                connection,
                self.ids[system],
                identity_id=uuid7(),
                user_id=user_id,
                provider_id=provider.id,
                issuer=provider.issuer,
                subject=None,
                anchor=anchor,
            )
        return user_id


@dataclass
class Login:
    """A login from its beginning to its end."""

    deployment: Deployment
    browser: httpx.AsyncClient
    asked: dict[str, str]
    """The parameters of the authorization request."""
    arrival: CallbackRequest
    answer: httpx.Response

    @property
    def succeeded(self) -> bool:
        return self.answer.status_code == 303

    async def me(self, system: str) -> dict[str, Any]:
        answer = await self.browser.get(f"{self.deployment.origin(system)}/v1/me")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())


async def sign_in(
    deployment: Deployment, system: str, person: str, *, slug: str | None = None, begin_at: str | None = None
) -> Login:
    browser = deployment.browser()
    path = "/login" if slug is None else f"/auth/oidc/{slug}/login"
    answer = await browser.get(begin_at or f"{deployment.origin(system)}{path}")
    while answer.status_code == 303 and "/auth/launch/" in answer.headers["location"]:
        answer = await browser.get(answer.headers["location"])
    assert answer.status_code == 303, answer.text
    location = answer.headers["location"]
    arrival = await deployment.idps[system].sign_in(location, person)
    answer = await browser.get(arrival.url)
    while answer.status_code == 303 and "/auth/complete" in answer.headers["location"]:
        answer = await browser.get(answer.headers["location"])
    return Login(deployment, browser, dict(parse_qsl(urlsplit(location).query)), arrival, answer)


@asynccontextmanager
async def deployed(
    database: Database,
    idps: Mapping[str, RunningProvider],
    services: Mapping[str, str],
    folder: Path,
    *,
    certificate: str | None = None,
) -> AsyncIterator[Deployment]:
    """Import the five tenants, each with the provider of its system in `idps`, and run the API.

    Args:
        database: that of `services`.
        idps: one for each name in `FORMS`; the same one may serve several.
        services: `IDENTITY_DATABASE_URL` and `IDENTITY_REDIS_URL`.
        folder: for what the API writes.
        certificate: a file with certificate and key, if the API shall speak TLS itself.
    """
    environ = {
        **services,
        "IDENTITY_SECRET_KEYS": "test:" + base64.b64encode(os.urandom(32)).decode(),
        "IDENTITY_PUBLIC_URL": f"https://{PUBLIC_HOST}",
        "IDENTITY_OUTBOUND_ALLOW": ",".join({f"127.0.0.1:{idp.port}" for idp in idps.values()}),
        "IDENTITY_TRUSTED_PROXIES": "127.0.0.1/32",
    }
    own = uuid7().hex[-8:]
    slugs = {system: f"{system}-{own}" for system in FORMS}
    declared = [one for system, slug in slugs.items() for one in imported(system, slug, idps[system])]
    for system, slug in slugs.items():
        _register(idps[system], [tenant for tenant in declared if tenant.slug == slug])
    settings = load_settings({"HOME": "/nonexistent", **environ})
    await apply_declaration(database, settings, declared, Path(os.devnull).parent, prune=False, dry_run=False)
    ids = {}
    async with database.reading() as connection:
        for system, slug in slugs.items():
            tenant_row = await tenants.by_slug(connection, slug)
            assert tenant_row is not None
            ids[system] = tenant_row.id
    try:
        with running_server(environ, folder / "output", certificate=certificate) as port:
            yield Deployment(port, database, settings, idps, ids, slugs)
    finally:
        # Their providers are gone now, and nobody could ask them whose a callback at the shared address is.
        async with database.transaction() as connection:
            await connection.execute(
                "update provider set enabled = false where tenant_id = any($1::uuid[])", list(ids.values())
            )


def imported(system: str, slug: str, idp: RunningProvider) -> list[TenantDeclaration]:
    names_none = system in ("infrahub", "sysreptor")
    target = Target(slug=slug, name=system.title(), hosts=(f"{slug}.example",)) if names_none else Target()
    return list(read_any(FORMS[system](slug, idp).encode(), target).tenants)


def _register(idp: RunningProvider, declared: list[TenantDeclaration]) -> None:
    """Tell the provider its clients: a client of two provider rows has the redirect URLs of both."""
    for tenant in declared:
        door = f"https://{tenant.hosts[0]}" if tenant.hosts else f"https://{PUBLIC_HOST}/t/{tenant.slug}"
        for client_id in {provider.client_id for provider in tenant.providers}:
            rows = [provider for provider in tenant.providers if provider.client_id == client_id]
            has_secret = any(row.client_secret is not None for row in rows)
            redirects = [row.redirect_url or f"{door}/auth/oidc/{row.slug}/callback" for row in rows]
            idp.register(
                Client(
                    client_id=client_id,
                    redirect_uris=tuple(redirects),
                    client_secret=idp.client_secret if has_secret else None,
                    post_logout_redirect_uris=(f"{door}/auth/logout/return",),
                )
            )
