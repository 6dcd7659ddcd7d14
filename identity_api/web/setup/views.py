"""What each step of the set-up shows, from rows alone."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from uuid import UUID

import msgspec

from identity_api.db import providers
from identity_api.db.setup_links import Step
from identity_api.providers.declaration import ProviderDeclaration
from identity_api.providers.onboarding_steps import Value
from identity_api.providers.presets import Preset
from identity_api.providers.provider_row import Owner, redirect_url
from identity_api.providers.urls import provider_urls
from identity_api.setup.groups import mapped
from identity_api.setup.links import Setup
from identity_api.setup.provider import SetupDeps, has_passed, has_signed_in, read_from, report
from identity_api.setup.vendors import VENDORS

View = dict[str, Any]


class Planned(msgspec.Struct, frozen=True):
    """The provider as its addresses see it, before there is one."""

    id: UUID
    protocol: str
    redirect_url: str


async def _vendor(_: SetupDeps, setup: Setup) -> View:
    is_chosen = setup.link.step != "vendor"
    return {"vendors": list(VENDORS.values()), "chosen": setup.link.preset, "is_chosen": is_chosen}


async def _register(deps: SetupDeps, setup: Setup) -> View:
    urls = provider_urls(planned(deps, setup), setup.tenant, hosts=setup.hosts, public_url=deps.login.public_url)
    preset = preset_of(setup)
    usual = ProviderDeclaration(slug="", issuer="", client_id="").scopes
    return {
        "preset": preset,
        "redirect": Value("redirect", urls.redirect),
        "scopes": Value("scopes", " ".join(preset.scopes if preset else usual)),
        "addresses": [
            *[Value("post_logout", one) for one in urls.post_logout_redirects],
            *[
                Value(name, one)
                for name, one in (
                    ("backchannel", urls.backchannel_logout),
                    ("frontchannel", urls.frontchannel_logout),
                    ("initiate", urls.initiate_login),
                )
                if one is not None
            ],
        ],
    }


async def _connect(deps: SetupDeps, setup: Setup) -> View:
    has_secret = False
    if setup.provider is not None:
        async with deps.database.reading() as connection:
            has_secret = bool(await providers.secrets(connection, setup.tenant.id, setup.provider.id))
    return {"preset": preset_of(setup), "provider": setup.provider, "has_secret": has_secret}


async def _test(deps: SetupDeps, setup: Setup) -> View:
    found = await report(deps, setup)
    return {"tested": None, "login_url": None, "report": found, "has_signed_in": has_signed_in(found)}


async def _groups(deps: SetupDeps, setup: Setup) -> View:
    found, provider = await report(deps, setup), setup.provider
    return {
        "claims": [one for one in found.claims if one.may_be_groups] if found else [],
        "read_from": read_from(found),
        "is_off": provider is not None and provider.sync_mode == "NONE",
    }


async def _mappings(deps: SetupDeps, setup: Setup) -> View:
    found = await mapped(deps, setup)
    return {"offered": found.offered, "mappings": found.mappings, "effect": None}


async def _enable(deps: SetupDeps, setup: Setup) -> View:
    found = await mapped(deps, setup)
    return {"provider": setup.provider, "mappings": found.mappings, "has_passed": has_passed(await report(deps, setup))}


_VIEWS: Final[Mapping[Step, Callable[[SetupDeps, Setup], Awaitable[View]]]] = {
    "vendor": _vendor,
    "register": _register,
    "connect": _connect,
    "test": _test,
    "groups": _groups,
    "mappings": _mappings,
    "enable": _enable,
}


async def view_of(step: Step, deps: SetupDeps, setup: Setup) -> View:
    """What the template of this step needs."""
    return await _VIEWS[step](deps, setup)


def preset_of(setup: Setup) -> Preset | None:
    """The chosen vendor; None for any other."""
    return VENDORS.get(setup.link.preset or "")


def planned(deps: SetupDeps, setup: Setup) -> Planned:
    """The provider's addresses, as the row has them or will have them."""
    if setup.provider is not None:
        return Planned(setup.provider.id, setup.provider.protocol, setup.provider.redirect_url)
    owner = Owner(setup.tenant.id, setup.tenant.slug, setup.hosts)
    return Planned(
        setup.link.provider_id, "oidc", redirect_url("oidc", setup.link.slug, owner, deps.providers.defaults)
    )
