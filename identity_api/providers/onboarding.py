"""The onboarding checklist: how far a tenant's single sign-on has been set up, and the exact values to enter elsewhere.

    PREPARE    the settings at the provider and here
    CONNECT    the first login, by a person who has an account at the provider
    TEST       the account page, and the permissions that groups give

Every status is read from rows; nobody ticks a step off. `steps_of` is pure; `checklist` reads the rows.
"""

from collections.abc import Iterator, Sequence
from typing import Final
from uuid import UUID

import msgspec

from identity_api.db import onboarding, providers, tenants
from identity_api.db.database import Connection
from identity_api.db.onboarding import ProviderProgress
from identity_api.db.providers import Provider
from identity_api.db.tenants import Tenant
from identity_api.oidc.client_auth import NONE, PRIVATE_KEY_JWT, SECRET_METHODS, TLS_METHODS
from identity_api.permissions.service import MAPPINGS_WRITE
from identity_api.providers.client_keys import key_set_url
from identity_api.providers.onboarding_steps import Status, Step, Value, account_steps, sign_in_steps
from identity_api.providers.presets import PRESETS
from identity_api.providers.urls import doors, front_door, is_ours, provider_urls

SECRET_WARNING_DAYS: Final = 30.0


class Place(msgspec.Struct, frozen=True):
    """The address of the tenant's login page."""

    tenant: Tenant
    hosts: Sequence[str]
    public_url: str


async def checklist(connection: Connection, tenant_id: UUID, *, public_url: str) -> list[Step]:
    """The tenant's steps in their order: each provider's, in the order of the login page, then those of the tenant."""
    tenant = await tenants.get(connection, tenant_id)
    assert tenant is not None, "the session's own tenant"
    place = Place(tenant, await tenants.hosts(connection, tenant_id), public_url)
    found = await providers.of_tenant(connection, tenant_id)
    progress = await onboarding.progress(connection, tenant_id)
    has_admin = await onboarding.has_holder(connection, tenant_id, MAPPINGS_WRITE)
    # A provider that was made between two of these statements is shown with the next request.
    return steps_of(place, [(one, progress[one.id]) for one in found if one.id in progress], has_admin=has_admin)


def steps_of(place: Place, found: Sequence[tuple[Provider, ProviderProgress]], *, has_admin: bool) -> list[Step]:
    """The steps for these rows."""
    steps = [step for provider, progress in found for step in _of_provider(place, provider, progress)]
    return [*steps, *([] if found else [_no_provider(place)]), _admin(has_admin)]


def _of_provider(place: Place, provider: Provider, progress: ProviderProgress) -> Iterator[Step]:
    door = front_door(provider, place.tenant, hosts=place.hosts, public_url=place.public_url)
    yield _step(provider, "provider", "DONE", "Provider entered", _entered(provider))
    yield _client(provider, progress)
    yield _addresses(place, provider, progress)
    yield _credential(place, provider, progress)
    if provider.client_authentication in SECRET_METHODS and progress.live_secrets:
        yield _secret_end(provider, progress)
    yield from sign_in_steps(provider, progress, door)
    yield from account_steps(provider, progress, door)


def _no_provider(place: Place) -> Step:
    door = doors(place.tenant, hosts=place.hosts, public_url=place.public_url)[0]
    return Step(
        key="provider",
        phase="PREPARE",
        provider=None,
        title="Provider entered",
        status="OPEN",
        detail="Nobody can sign in with single sign-on yet. Create a client at the provider, with the redirect URI below "
        "in which NAME is what you will call the provider here, and then enter the provider.",
        values=(Value("Redirect URI", f"{door}/auth/oidc/NAME/callback"),),
    )


def _entered(provider: Provider) -> str:
    by = "a file of the operator" if provider.managed_by == "FILE" else "this tenant's admins"
    return (
        f"{provider.label} is {provider.issuer}, where this service is the client {provider.client_id}. Edited by {by}."
    )


def _client(provider: Provider, progress: ProviderProgress) -> Step:
    """S0-28: what has to be made at the provider; the preset has the vendor's names."""
    preset = PRESETS.get(provider.preset or "")
    kind = "a public client" if provider.client_authentication == NONE else "a confidential client (a web application)"
    what = preset.steps if preset else (f"Create {kind} there with the properties below. PKCE is always used.",)
    grants = ["authorization_code", *(["refresh_token"] if provider.sync == "REFRESH_TOKEN" else [])]
    values = [
        Value("Client ID", provider.client_id),
        Value("Scopes", " ".join(provider.scopes)),
        Value("Grant types", " ".join(grants)),
        Value("Client authentication", provider.client_authentication),
        *([Value("The vendor's documentation", preset.documentation)] if preset else []),
    ]
    status: Status = "DONE" if progress.people else "OPEN"
    detail = "People sign in with it." if progress.people else " ".join(what)
    return _step(provider, "client", status, "Client created at the provider", detail, tuple(values))


def _addresses(place: Place, provider: Provider, progress: ProviderProgress) -> Step:
    urls = provider_urls(provider, place.tenant, hosts=place.hosts, public_url=place.public_url)
    values = [
        ("Redirect URI", urls.redirect),
        *(("Post-logout redirect URI", one) for one in urls.post_logout_redirects),
        ("Back-channel logout URI", urls.backchannel_logout),
        ("Front-channel logout URI", urls.frontchannel_logout),
        ("Initiate login URI", urls.initiate_login),
    ]
    shown = tuple([Value(label, value) for label, value in values if value is not None])
    status: Status = "OPEN"
    preset = PRESETS.get(provider.preset or "")
    where = f" ({preset.register_redirect_at})" if preset else ""
    detail = (
        f"Enter the redirect URI at the provider{where} exactly as it is here; every character counts. The others are "
        "optional."
    )
    if not is_ours(provider.redirect_url, hosts=place.hosts, public_url=place.public_url):
        status = "PROBLEM"
        detail = (
            "The redirect URI is on a host that is not this service's: browsers that return there do not arrive here. "
            "Point that host here and have the operator enter it as the tenant's, or choose another redirect URI."
        )
    elif progress.people:
        status, detail = "DONE", "The redirect URI is registered: people have come back to it."
    return _step(provider, "addresses", status, "Addresses registered at the provider", detail, shown)


def _credential(place: Place, provider: Provider, progress: ProviderProgress) -> Step:
    """S0-30, S0-47: how this service authenticates there."""
    title, method = "Client credential", provider.client_authentication
    if method == PRIVATE_KEY_JWT:
        keys = key_set_url(place.public_url, place.hosts, place.tenant.slug, provider.id)
        detail = "No secret: this service signs with a key of its own. Register the address of its key set."
        return _step(provider, "secret", "DONE", title, detail, (Value("Key set (jwks_uri)", keys),))
    if method in TLS_METHODS:
        detail = (
            "No secret: this service presents its own TLS certificate. Register it, or its subject, at the provider."
        )
        return _step(provider, "secret", "DONE", title, detail)
    if method not in SECRET_METHODS:
        return _step(provider, "secret", "DONE", title, "A public client: it uses PKCE instead of a secret.")
    if progress.live_secrets:
        return _step(provider, "secret", "DONE", title, "The client secret is stored, sealed, and shown to nobody.")
    if progress.ended_secrets:
        detail = "The client secret has ended, so nobody can sign in. Create a new one at the provider and enter it."
        return _step(provider, "secret", "PROBLEM", title, detail)
    return _step(provider, "secret", "OPEN", title, "Create a client secret at the provider and enter it.")


def _secret_end(provider: Provider, progress: ProviderProgress) -> Step:
    """S4-28."""
    title, days = "Client secret lasts", progress.secret_days_left
    if days is None:
        detail = "No expiry is recorded. If the provider set one, enter it with the secret to be warned in time."
        return _step(provider, "secret_end", "DONE", title, detail)
    detail = f"The client secret ends in {days:.0f} day(s)."
    if days >= SECRET_WARNING_DAYS:
        return _step(provider, "secret_end", "DONE", title, detail)
    advice = f"{detail} Create a new one at the provider and enter it before then."
    return _step(provider, "secret_end", "PROBLEM", title, advice)


def _admin(has_admin: bool) -> Step:
    detail = (
        "There is an admin who may change group mappings."
        if has_admin
        else f"There is no admin who may change group mappings. The operator gives the first admin {MAPPINGS_WRITE}."
    )
    status: Status = "DONE" if has_admin else "OPEN"
    return Step(
        key="admin",
        phase="TEST",
        provider=None,
        title="A mapping admin exists",
        status=status,
        detail=detail,
        values=(),
    )


def _step(
    provider: Provider, key: str, status: Status, title: str, detail: str, values: tuple[Value, ...] = ()
) -> Step:
    return Step(key=key, phase="PREPARE", provider=provider, title=title, status=status, detail=detail, values=values)
