"""Checks that are taken back for a provider are the operator's: a tenant's admins see them, and can neither make nor keep one."""

from typing import Any

import msgspec
import pytest

from identity_api.db.providers import ClientSettings, Provider
from identity_api.errors import BadInput
from identity_api.providers import administration
from identity_api.providers.administration import OPERATORS
from identity_api.providers.declaration import ProviderDeclaration
from identity_api.providers.presets import PRESETS
from identity_api.providers.waived_checks import exceptions_of
from identity_api.tenants.checks import problems_of
from identity_api.tenants.declaration import TenantDeclaration
from tests.providers.office import SECRET, Office

WEAKER = {"pkce": "OFF", "missing_nonce": "ACCEPTED"}


def problems(**fields: Any) -> list[str]:
    values = {"slug": "sso", "issuer": "https://sso.example", "client_id": "c", "client_secret": "s" * 32, **fields}
    declared = msgspec.convert(values, ProviderDeclaration)
    return problems_of([TenantDeclaration(slug="acme", name="Acme", providers=(declared,))])


async def excepted(office: Office) -> Provider:
    """A provider of which the operator has accepted both."""
    before = await office.provider()
    return await administration.update(office.deps, office.operator, before.id, WEAKER, expected_version=before.version)


@pytest.mark.asyncio
@pytest.mark.parametrize("name", WEAKER)
async def test_an_admin_cannot_take_a_check_back(office: Office, name: str) -> None:
    before = await office.provider()
    with pytest.raises(BadInput) as refused:
        await administration.update(
            office.deps, office.actor, before.id, {name: WEAKER[name]}, expected_version=before.version
        )
    assert (refused.value.code, refused.value.field) == ("PROVIDER_INVALID", name)
    assert exceptions_of((await office.stored(before)).client_settings) == []


@pytest.mark.asyncio
async def test_an_admin_changes_other_things_and_what_the_operator_accepted_stays(office: Office) -> None:
    before = await excepted(office)
    patch = {"label": "Other", "sign_out_at_provider": False}
    after = await administration.update(office.deps, office.actor, before.id, patch, expected_version=before.version)
    assert [one.code for one in exceptions_of(after.client_settings)] == ["PKCE_OFF", "MISSING_NONCE_ACCEPTED"]
    assert not after.client_settings.sign_out_at_provider


@pytest.mark.asyncio
async def test_an_admin_who_moves_the_provider_takes_them_back(office: Office) -> None:
    """The operator's word was for whoever answered at the old place."""
    before = await excepted(office)
    after = await administration.update(
        office.deps,
        office.actor,
        before.id,
        {"issuer": "https://sso.acme.example/realms/other"},
        expected_version=before.version,
        secret=SECRET,
    )
    assert exceptions_of(after.client_settings) == []


def test_what_may_be_declared_together() -> None:
    assert problems(**WEAKER) == []
    [public] = problems(pkce="OFF", client_secret=None, client_authentication="none")
    assert "never for a public client" in public
    endpoints = {name: f"https://sso.example/{name}" for name in ("authorization", "token", "userinfo")}
    [plain] = problems(missing_nonce="ACCEPTED", protocol="oauth2", endpoints=endpoints)
    assert "nothing else has a nonce" in plain
    [ours] = problems(end_session_parameters={"state": "x"})
    assert "state is set by the sign-out itself" in ours
    [unused] = problems(end_session_parameters={"a": "x"}, sign_out_at_provider=False)
    assert "sign_out_at_provider" in unused


def test_no_preset_takes_a_check_back() -> None:
    """A preset is chosen by admins; what weakens a login is the operator's word."""
    for preset in PRESETS.values():
        settings = set(preset.__struct_fields__).union(*[one.settings for one in preset.alternatives])
        assert settings.isdisjoint(OPERATORS), preset.name


def test_every_exception_is_told_with_what_is_lost() -> None:
    assert exceptions_of(ClientSettings()) == []
    told = [
        str(one) for one in exceptions_of(ClientSettings(pkce="OFF", missing_nonce="ACCEPTED", accept_without_iss=True))
    ]
    assert len(told) == len(OPERATORS)
    assert all(any(one.startswith(name) for one in told) for name in OPERATORS)
