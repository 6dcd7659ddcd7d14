"""How a client proves that it is one: a key of its own, a MAC under its secret, and two secrets that overlap."""

import datetime
from collections.abc import Mapping

import msgspec
import pytest

from identity_api.sessions.errors import LoginFailed
from identity_api.sessions.login.deps import LoginDeps
from tests.openid_provider.agreed import AgreedProvider
from tests.openid_provider.bent import BentProvider, oauth_error, secret_of
from tests.openid_provider.wrapper import Canned
from tests.sessions.agreements import (
    LONG_SECRET,
    asked,
    make_agreed,
    publish,
    refused,
    set_secrets,
    take_secret,
    with_own_key,
)
from tests.sessions.browsers import REDIRECT_URIS, Browser, make_world
from tests.sessions.conftest import deps_for

pytestmark = pytest.mark.asyncio


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256"])
async def test_a_login_is_proven_with_our_own_key(deps: LoginDeps, idp: AgreedProvider, algorithm: str) -> None:
    world = await with_own_key(deps, idp, signing_algorithm=algorithm)
    assert (await world.sign_in()).kind == "SESSION"
    assert asked(idp, "/token") == [(200, "")]
    assert "client_secret" not in idp.forms[0]


async def test_a_key_that_the_provider_does_not_know_is_refused(deps: LoginDeps, idp: AgreedProvider) -> None:
    world = await with_own_key(deps, idp)
    idp.agreement.client_jwks["keys"][0]["kid"] = "another"
    assert await refused(world) == ("PROVIDER_MISCONFIGURED", "TOKEN_REQUEST_REFUSED:invalid_client")
    assert len(asked(idp, "/token")) == 1


async def test_an_expired_assertion_is_refused(deps: LoginDeps, idp: AgreedProvider) -> None:
    world = await with_own_key(deps, idp)
    idp.agreement.clock_offset_seconds = 120
    assert (await refused(world))[0] == "PROVIDER_MISCONFIGURED"
    assert asked(idp, "/token") == [(401, "expired")]


async def test_an_assertion_is_for_the_issuer_unless_the_token_endpoint_was_agreed_on(
    deps: LoginDeps, idp: AgreedProvider
) -> None:
    world = await with_own_key(deps, idp, assertion_audience="TOKEN_ENDPOINT")
    assert (await refused(world))[0] == "PROVIDER_MISCONFIGURED"
    assert asked(idp, "/token") == [(401, "for somebody else")]
    idp.agreement.audience = f"{idp.issuer}/token"
    assert (await world.sign_in()).kind == "SESSION"


async def test_a_new_key_signs_only_after_it_has_been_published_for_a_day(deps: LoginDeps, idp: AgreedProvider) -> None:
    world = await with_own_key(deps, idp)
    old = [jwk["kid"] for jwk in idp.agreement.client_jwks["keys"]]
    await world.change_provider(
        client_settings=msgspec.structs.replace(world.provider.client_settings, signing_algorithm="ES256")
    )
    await publish(world)
    new = [jwk for jwk in idp.agreement.client_jwks["keys"] if jwk["kid"] not in old]
    idp.agreement.client_jwks = {"keys": [jwk for jwk in idp.agreement.client_jwks["keys"] if jwk["kid"] in old]}
    assert (await world.sign_in()).kind == "SESSION"
    await world.execute(
        "update client_key set created_at = created_at - interval '25 hours' where tenant_id = $1", world.tenant.id
    )
    idp.agreement.client_jwks = {"keys": new}
    assert (await world.sign_in()).kind == "SESSION"


async def test_without_a_key_of_ours_nobody_is_asked_anything(deps: LoginDeps, idp: AgreedProvider) -> None:
    world = await with_own_key(deps, idp)
    await world.execute("delete from client_key where tenant_id = $1", world.tenant.id)
    assert await refused(world) == ("PROVIDER_MISCONFIGURED", "BAD_INPUT:keys")
    assert asked(idp, "/token") == []


async def test_a_login_is_proven_with_a_mac_under_the_secret(deps: LoginDeps, idp: AgreedProvider) -> None:
    idp.agree(method="client_secret_jwt")
    world = await make_agreed(deps, idp, settings={}, client_authentication="client_secret_jwt")
    assert (await world.sign_in()).kind == "SESSION"
    assert "client_secret" not in idp.forms[0]
    await set_secrets(world, LONG_SECRET)
    with pytest.raises(LoginFailed) as caught:
        await world.sign_in()
    assert caught.value.code == "PROVIDER_MISCONFIGURED"


async def test_while_two_secrets_overlap_the_other_is_tried_once_and_remembered(
    deps: LoginDeps, idp: AgreedProvider
) -> None:
    world = await make_agreed(deps, idp, settings={})
    await set_secrets(world, idp.client_secret, "not yet known there")
    assert (await world.sign_in()).kind == "SESSION"
    assert [status for status, _ in asked(idp, "/token")] == [401, 200]
    idp.asked.clear()
    assert (await world.sign_in("bob")).kind == "SESSION"
    assert [status for status, _ in asked(idp, "/token")] == [200]


@pytest.mark.parametrize("status", [401, 400])
async def test_the_other_secret_is_tried_in_keycloaks_words_too(deps: LoginDeps, status: int) -> None:
    """`unauthorized_client` is judged before the code is looked at; some servers say it of a wrong secret."""
    presented: list[str | None] = []

    def guard(headers: Mapping[str, str], form: Mapping[str, str]) -> Canned | None:
        presented.append(secret_of(headers, form))
        return None if presented[-1] == bent.client_secret else oauth_error("unauthorized_client", status)

    with BentProvider(redirect_uris=REDIRECT_URIS) as bent:
        bent.guards["/token"] = guard
        async with deps_for(deps.database, bent) as own:
            world = await make_world(own, bent)
            await set_secrets(world, bent.client_secret, "not yet known there")
            assert (await world.sign_in()).kind == "SESSION"
    assert presented == ["not yet known there", bent.client_secret]


async def test_when_the_provider_changes_over_so_do_we(deps: LoginDeps, idp: AgreedProvider) -> None:
    world = await make_agreed(deps, idp, settings={})
    await set_secrets(world, idp.client_secret, "the new one")
    await world.sign_in()
    take_secret(world, "the new one")
    try:
        idp.asked.clear()
        assert (await world.sign_in("bob")).kind == "SESSION"
        assert [status for status, _ in asked(idp, "/token")] == [401, 200]
    finally:
        take_secret(world, idp.client_secret)


async def test_two_secrets_are_tried_and_no_third(deps: LoginDeps, idp: AgreedProvider) -> None:
    world = await make_agreed(deps, idp, settings={})
    await set_secrets(world, idp.client_secret, "wrong", "wrong as well")
    assert await refused(world) == ("PROVIDER_MISCONFIGURED", "TOKEN_REQUEST_REFUSED:invalid_client")
    assert len(asked(idp, "/token")) == 2


async def test_an_expired_secret_is_never_tried(deps: LoginDeps, idp: AgreedProvider) -> None:
    world = await make_agreed(deps, idp, settings={})
    good, _ = await set_secrets(world, idp.client_secret, "wrong")
    past = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=1)
    await world.execute("update provider_secret set expires_at = $2 where id = $1", good, past)
    assert (await refused(world))[0] == "PROVIDER_MISCONFIGURED"
    assert len(asked(idp, "/token")) == 1


async def test_a_refused_code_is_not_presented_with_another_secret(deps: LoginDeps, idp: AgreedProvider) -> None:
    world = await make_agreed(deps, idp, settings={})
    await set_secrets(world, "older", idp.client_secret)
    browser = Browser(deps)
    arrival = await idp.sign_in(await browser.go_to_provider(await world.begin()), "alice")
    arrival.parameters["code"] = "of-nobody"
    with pytest.raises(LoginFailed) as caught:
        await browser.arrive(arrival)
    assert (caught.value.code, caught.value.reason) == ("EXCHANGE_REFUSED", "TOKEN_REQUEST_REFUSED:invalid_grant")
    assert len(asked(idp, "/token")) == 1
