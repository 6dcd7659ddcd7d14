"""The way back, as the self-test tells it before anybody's login depends on it (S4-04, S4-06, S4-11, S4-50)."""

from typing import Any

import pytest

from identity_api.db.providers import ClientSettings
from identity_api.diagnostics.findings import Finding
from identity_api.providers.self_test.callback import STEP
from tests import factories as make
from tests.providers.self_test.conftest import Bench

pytestmark = pytest.mark.asyncio


async def told(bench: Bench, **settings: Any) -> Finding:
    [found] = [one for one in (await bench.run(**settings)).findings if one.step == STEP]
    return found


async def neighbour(bench: Bench) -> str:
    """Another tenant's provider at an address that is now shared by two, and by nobody else."""
    redirect_url = f"https://{bench.tenant.slug}.example/v1/auth/oidc/callback"
    async with bench.database.transaction() as connection:
        other = await make.make_tenant(connection)
        await make.make_provider(connection, other.id, issuer="https://other.example", redirect_url=redirect_url)
    return redirect_url


async def test_alone_at_its_address_callbacks_need_nothing(bench: Bench) -> None:
    bench.idp.announce(authorization_response_iss_parameter_supported=None)
    own = f"https://id.acme.example/login/oidc/{bench.tenant.slug}/callback"
    assert (await told(bench, redirect_url=own)).status == "ok"


@pytest.mark.parametrize(
    ("announced", "settings", "status", "code"),
    [
        ({}, {}, "ok", "OK"),
        ({"authorization_response_iss_parameter_supported": None}, {}, "ok", "OK"),
        (
            {"authorization_response_iss_parameter_supported": None, "response_modes_supported": ["query"]},
            {},
            "fail",
            "CALLBACK_REFUSED",
        ),
        (
            {"authorization_response_iss_parameter_supported": None},
            {"authorization_parameters": {"response_mode": "query"}},
            "fail",
            "CALLBACK_REFUSED",
        ),
        (
            {"authorization_response_iss_parameter_supported": None, "response_modes_supported": ["query"]},
            {"client_settings": ClientSettings(accept_without_iss=True)},
            "warn",
            "CALLBACK_UNNAMED",
        ),
    ],
    ids=["iss", "form_post", "neither", "query configured", "exception"],
)
async def test_at_a_shared_address_it_is_said_how_callbacks_are_told_apart(
    bench: Bench, announced: dict[str, Any], settings: dict[str, Any], status: str, code: str
) -> None:
    bench.idp.announce(**announced)
    found = await told(bench, redirect_url=await neighbour(bench), **settings)
    assert (found.status, found.code) == (status, code)


async def test_a_redirect_url_on_a_host_that_is_not_ours_is_named(bench: Bench) -> None:
    """S4-11: the tenant's own hosts and the public one answer; on any other the login would end in INVALID_HOST."""
    async with bench.database.transaction() as connection:
        await connection.execute(
            "insert into tenant_host (id, tenant_id, host) values ($1, $2, $3)",
            make.uuid7(),
            bench.tenant.id,
            f"{bench.tenant.slug}.example",
        )
    bench.public_url = "https://id.acme.example"
    own, ours = f"https://{bench.tenant.slug}.example/", f"https://id.acme.example/t/{bench.tenant.slug}/"
    assert [(await told(bench, redirect_url=one)).code for one in (own, ours)] == ["OK", "OK"]
    found = await told(bench, redirect_url="https://api.other.example/v1/auth/oidc/callback")
    assert (found.status, found.code) == ("fail", "CALLBACK_ELSEWHERE")
