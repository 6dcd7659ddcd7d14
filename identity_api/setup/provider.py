"""What the steps of a set-up do to its provider, as its link's actor. A provider that is enabled is not changed here."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from identity_api.config import Secret
from identity_api.db import audit, provider_tests, setup_links
from identity_api.db.database import Connection, Database
from identity_api.db.provider_tests import Reader
from identity_api.db.providers import Provider
from identity_api.db.setup_links import Step
from identity_api.errors import BadInput, NotFound, Refused
from identity_api.providers import activation, administration
from identity_api.providers.deps import ProviderDeps
from identity_api.providers.presets import Preset, apply_preset
from identity_api.providers.secrets import NewSecret
from identity_api.providers.self_test.run import SelfTest, SelfTestDeps, keep_result, self_test
from identity_api.providers.urls import front_door
from identity_api.sessions.login.deps import LoginDeps
from identity_api.sessions.login.dry_run import begin_test, report_for
from identity_api.sessions.login.frontend_errors import SETUP_PATH
from identity_api.sessions.login.report import SIGN_IN, LoginReport
from identity_api.setup.links import Setup, ended_link
from identity_api.setup.vendors import OTHER, VENDORS

STEPS: Final[tuple[Step, ...]] = ("vendor", "register", "connect", "test", "groups", "mappings", "enable")
SELF_TEST_SECONDS: Final = 4.0
NO_GROUPS: Final = "none"
"""Chosen in place of a claim: permissions do not follow groups at this provider."""
_CONNECTION: Final = ("issuer", "discovery_url", "client_id", "scopes")


class SetupDeps(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of the process that a set-up uses."""

    providers: ProviderDeps
    login: LoginDeps

    @property
    def database(self) -> Database:
        """The one that logins use."""
        return self.login.database


class Typed(msgspec.Struct, frozen=True, kw_only=True):
    """The connection as it was typed. `values` are those of the vendor's parameters, or `issuer` for any other."""

    values: Mapping[str, str]
    client_id: str
    client_secret: Secret | None


async def choose_vendor(deps: SetupDeps, setup: Setup, name: str) -> None:
    """Choose the vendor. If a provider was made for another one, it is deleted.

    Raises:
        NotFound: there is no such vendor.
        Conflict: `PROVIDER_IN_USE`: groups are mapped there.
        Refused: `SETUP_PROVIDER_ENABLED`.
    """
    if name != OTHER and name not in VENDORS:
        raise NotFound("There is no such vendor here.")
    preset = None if name == OTHER else name
    if setup.provider is not None and setup.provider.preset != preset:
        _editable(setup)
        await activation.delete(deps.providers, setup.actor, setup.provider.id)
        setup = msgspec.structs.replace(setup, provider=None)
    if setup.provider is None:
        async with deps.database.transaction() as connection:
            await setup_links.choose(connection, setup.tenant.id, setup.link.id, preset)


async def reach(deps: SetupDeps, setup: Setup, step: Step) -> None:
    """Go on to this step, if it is the one after the furthest that was reached."""
    if STEPS.index(step) == STEPS.index(setup.link.step) + 1:
        async with deps.database.transaction() as connection:
            await setup_links.reach(connection, setup.tenant.id, setup.link.id, step)


async def connect(deps: SetupDeps, setup: Setup, typed: Typed) -> None:
    """Make the provider, disabled, or change its connection. What tests of other settings found does not count any more.

    Raises:
        BadInput: `PROVIDER_INVALID`, `SECRET_REQUIRED`, `SECRET_INVALID`; `field` is that of a declaration.
        Conflict: `PROVIDER_EXISTS`, `LIMIT_REACHED`.
        Refused: `FORBIDDEN`: its people would be given more than the link may give; `SETUP_PROVIDER_ENABLED`.
    """
    _reached(setup, "connect")
    fields = _fields(setup, typed)
    secret = None if typed.client_secret is None else NewSecret(typed.client_secret, None)
    if setup.provider is None:
        if secret is None:
            raise BadInput("Enter the client secret.", code="SECRET_REQUIRED", field="client_secret")
        await administration.create(
            deps.providers, setup.actor, fields, secret=secret, provider_id=setup.link.provider_id
        )
    else:
        completed = apply_preset({name: value for name, value in fields.items() if name not in ("slug", "label")})
        patch = {name: completed[name] for name in _CONNECTION if completed.get(name) is not None}
        provider = _editable(setup)
        await administration.update(
            deps.providers, setup.actor, provider.id, patch, expected_version=provider.version, secret=secret
        )
    await _tested_anew(deps, setup)


async def run_test(deps: SetupDeps, setup: Setup) -> tuple[SelfTest, str]:
    """The self-test, and the address of a test login, to be opened in this browser.

    Raises:
        Refused: `TOO_MANY_TESTS`.
    """
    provider, login = _made(setup), deps.login
    reader = Reader(setup.link.id, (setup.link.expires_at - login.clock()).total_seconds())
    door = front_door(provider, setup.tenant, hosts=setup.hosts, public_url=login.public_url)
    login_url = await begin_test(login, provider, reader, actor=setup.actor.name, return_to=f"{door}{SETUP_PATH}")
    test_deps = SelfTestDeps(
        database=login.database,
        vault=login.vault,
        upstream=login.upstream,
        clock=login.clock,
        leeway_seconds=login.limits.leeway_seconds,
        public_url=login.public_url,
    )
    tested = await self_test(test_deps, provider, setup.tenant.slug, seconds=SELF_TEST_SECONDS)
    await keep_result(login.database, setup.actor.name, provider, tested)
    return tested, login_url


async def report(deps: SetupDeps, setup: Setup) -> LoginReport | None:
    """What the last test login found; None before the first."""
    if setup.provider is None:
        return None
    test, found = await report_for(deps.login, setup.provider, setup.link.id)
    return None if test is None else found


def has_signed_in(found: LoginReport | None) -> bool:
    """Whether the test login itself worked, whatever it found about the claims."""
    return found is not None and found.findings[0].step == SIGN_IN and found.findings[0].status == "ok"


def has_passed(found: LoginReport | None) -> bool:
    """Whether nothing that people need was missing."""
    return found is not None and found.status == "PASSED"


def read_from(found: LoginReport | None) -> str | None:
    """Where the test login found the groups; None if it found none."""
    places = [one.found_in for one in found.settings if one.setting == "groups"] if found else []
    return places[0] if places else None


async def choose_groups(deps: SetupDeps, setup: Setup, place: str) -> bool:
    """Choose where the groups are, among the claims that came, or `NO_GROUPS`. Returns whether that is new.

    A new place has to be tested again.

    Raises:
        BadInput: the test login brought no such claim.
        Refused: `SETUP_NOT_TESTED`; `FORBIDDEN`, `SETUP_PROVIDER_ENABLED` as for `connect`.
    """
    provider, found = _editable(setup), await report(deps, setup)
    if found is None or not has_signed_in(found):
        raise _not_tested()
    if place != NO_GROUPS and place not in [one.place for one in found.claims if one.may_be_groups]:
        raise BadInput("This claim did not come with the test login.", field="place")
    patch: dict[str, Any] = {"sync_mode": "NONE"} if place == NO_GROUPS else {"sync_mode": "STRICT"}
    if place not in (NO_GROUPS, read_from(found)):
        patch["groups_claim"] = [place]
    changed = await administration.update(
        deps.providers, setup.actor, provider.id, patch, expected_version=provider.version
    )
    is_new = changed.version != provider.version
    if is_new:
        await _tested_anew(deps, setup)
    return is_new


async def enable(deps: SetupDeps, setup: Setup) -> None:
    """Enable the provider, and end the link. Of several at once, one does it.

    Raises:
        Refused: `SETUP_NOT_TESTED`: the last test login of the present settings did not pass; `FORBIDDEN`: its groups give
            more than the link may give.
        NotFound: `SETUP_LINK_ENDED`.
        Conflict: the provider was changed after the page was asked for.
    """
    provider = _made(setup)
    if not provider.enabled:
        async with deps.database.reading() as connection:
            await _ensure_passed(connection, setup, provider)
        # A change takes the tests before it with it, and has another version: what is enabled is what was tested.
        await activation.enable(deps.providers, setup.actor, provider.id, expected_version=provider.version)
    async with deps.database.transaction() as connection:
        if await setup_links.end(connection, setup.tenant.id, setup.link.id, "USED") is None:
            raise ended_link()
        event = audit.Event("setup_link.used", "setup_link", setup.link.id, {"provider": str(provider.id)})
        await audit.record(connection, setup.tenant.id, setup.actor.name, [event])


async def _ensure_passed(connection: Connection, setup: Setup, provider: Provider) -> None:
    found = await provider_tests.newest(connection, setup.tenant.id, provider.id, setup.link.id, has_ended=True)
    written = None if found is None else found.report
    if written is None or not has_passed(msgspec.json.decode(written, type=LoginReport)):
        raise _not_tested()


async def _tested_anew(deps: SetupDeps, setup: Setup) -> None:
    async with deps.database.transaction() as connection:
        await setup_links.reach(connection, setup.tenant.id, setup.link.id, "test")


def _fields(setup: Setup, typed: Typed) -> dict[str, Any]:
    """The provider's declaration. Only these settings can be set with a link."""
    preset: Preset | None = VENDORS.get(setup.link.preset or "")
    fields: dict[str, Any] = {"slug": setup.link.slug, "label": setup.link.label, "client_id": typed.client_id}
    if preset is None:
        return {**fields, "enabled": False, "issuer": typed.values.get("issuer", "")}
    known = {one.name: typed.values.get(one.name, "") for one in preset.parameters}
    return {**fields, "enabled": False, "preset": preset.name, "preset_values": known}


def _made(setup: Setup) -> Provider:
    if setup.provider is None:
        raise Refused("Enter the connection first.", code="SETUP_STEP_MISSING")
    return setup.provider


def _editable(setup: Setup) -> Provider:
    provider = _made(setup)
    if provider.enabled:
        raise Refused("The provider is enabled. An admin can change it.", code="SETUP_PROVIDER_ENABLED")
    return provider


def _reached(setup: Setup, step: Step) -> None:
    if STEPS.index(setup.link.step) < STEPS.index(step):
        raise Refused("There is a step before this one.", code="SETUP_STEP_MISSING")


def _not_tested() -> Refused:
    return Refused("No test login has worked with these settings yet.", code="SETUP_NOT_TESTED")
