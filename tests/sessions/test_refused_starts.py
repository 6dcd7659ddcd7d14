"""What ends before the browser is at the provider: login requests and launch handles that do not fit."""

import pytest

from identity_api.errors import BadInput, NotFound
from identity_api.ids import new_tenant_token, new_token
from identity_api.oidc.authorization import code_challenge, new_code_verifier
from identity_api.sessions.errors import LoginFailed
from identity_api.sessions.login.return_to import MAX_CLIENT_STATE_LENGTH
from tests.openid_provider import RunningProvider
from tests.sessions.browsers import (
    CALLBACK,
    FRONTEND_URL,
    Browser,
    World,
    add_provider,
    make_world,
)

pytestmark = pytest.mark.asyncio


async def test_an_unknown_or_disabled_provider_or_one_of_another_tenant_is_not_found(
    world: World, idp: RunningProvider
) -> None:
    """Bad input 19."""
    neighbour = await make_world(world.deps, idp)
    await add_provider(neighbour.deps, neighbour.tenant.id, idp, slug="theirs", redirect_url=CALLBACK)
    await add_provider(world.deps, world.tenant.id, idp, slug="off", redirect_url=CALLBACK, enabled=False)
    assert (await world.begin(provider_slug="sso")).attempt_id
    for slug in ("nobody", "off", "theirs", "SSO", "sso/../x", ""):
        with pytest.raises(NotFound) as refused:
            await world.begin(provider_slug=slug)
        assert refused.value.code == "PROVIDER_NOT_FOUND"


async def test_several_providers_ask_for_a_choice_unless_one_is_the_default(world: World, idp: RunningProvider) -> None:
    await add_provider(world.deps, world.tenant.id, idp, slug="second", redirect_url=CALLBACK)
    with pytest.raises(BadInput) as refused:
        await world.begin()
    assert refused.value.code == "PROVIDER_CHOICE_REQUIRED"
    world.tenant = type(world.tenant)(world.tenant.id, world.tenant.slug, world.tenant.name, "second", 0)
    prepared = await world.begin()
    slug = await world.fetchval(
        "select p.slug from login_attempt a join provider p on p.id = a.provider_id where a.id = $1::text::uuid",
        prepared.attempt_id,
    )
    assert slug == "second"


async def test_a_tenant_without_an_enabled_provider_has_no_way_of_signing_in(world: World) -> None:
    await world.change_provider(enabled=False)
    with pytest.raises(NotFound):
        await world.begin()


async def test_a_state_that_holds_a_long_address_is_taken(world: World) -> None:
    challenge = code_challenge(new_code_verifier())
    state = "x" * MAX_CLIENT_STATE_LENGTH
    await world.begin(return_to=FRONTEND_URL, delivery="code", client_state=state, client_challenge=challenge)


@pytest.mark.parametrize(
    ("wishes", "code"),
    [
        ({"delivery": "code"}, "CLIENT_CHALLENGE_REQUIRED"),
        ({"delivery": "code", "client_challenge": "x" * 42}, "CLIENT_CHALLENGE_REQUIRED"),
        ({"delivery": "code", "client_challenge": "x" * 42 + "="}, "CLIENT_CHALLENGE_REQUIRED"),
        ({"delivery": "fragment"}, "CLIENT_STATE_REQUIRED"),
        ({"delivery": "fragment", "client_state": "x" * (MAX_CLIENT_STATE_LENGTH + 1)}, "CLIENT_STATE_INVALID"),
        ({"delivery": "fragment", "client_state": "a\nb"}, "CLIENT_STATE_INVALID"),
        ({"delivery": "fragment", "client_state": ""}, "CLIENT_STATE_INVALID"),
        ({"delivery": "token"}, "DELIVERY_NOT_ALLOWED"),
        ({"frontend_slug": "nobody"}, "FRONTEND_UNKNOWN"),
        ({"return_to": "/account", "delivery": "fragment", "client_state": "s"}, "DELIVERY_NOT_ALLOWED"),
        ({"return_to": "/account", "delivery": "code"}, "DELIVERY_NOT_ALLOWED"),
        ({"login_hint": "a\r\nb"}, "LOGIN_HINT_INVALID"),
        ({"login_hint": "x" * 321}, "LOGIN_HINT_INVALID"),
    ],
)
async def test_a_beginning_that_lacks_what_its_delivery_needs_is_refused(
    world: World, wishes: dict[str, str], code: str
) -> None:
    with pytest.raises(BadInput) as refused:
        await world.begin(**{"return_to": FRONTEND_URL, **wishes})
    assert refused.value.code == code
    assert await world.count("login_attempt") == 0


async def test_a_delivery_that_the_frontend_did_not_register_is_refused(world: World) -> None:
    await world.execute("update frontend set deliveries = '{code}' where tenant_id = $1", world.tenant.id)
    challenge = code_challenge(new_code_verifier())
    assert await world.begin(return_to=FRONTEND_URL, client_challenge=challenge)  # `code` is the first, so the default
    for delivery in ("cookie", "fragment"):
        with pytest.raises(BadInput) as refused:
            await world.begin(return_to=FRONTEND_URL, delivery=delivery, client_state="s")
        assert refused.value.code == "DELIVERY_NOT_ALLOWED"


async def test_a_frontend_of_another_tenant_is_not_a_place_to_return_to(world: World, idp: RunningProvider) -> None:
    """I2: a return URL counts only for the tenant that registered it."""
    await world.execute(
        "update frontend set return_urls = '{https://mine.example/}' where tenant_id = $1", world.tenant.id
    )
    neighbour = await make_world(world.deps, idp)
    assert await neighbour.begin(return_to=FRONTEND_URL)
    with pytest.raises(BadInput) as refused:
        await world.begin(return_to=FRONTEND_URL)
    assert refused.value.code == "RETURN_TO_REFUSED"


# Launch


async def test_an_unknown_handle_is_refused(world: World) -> None:
    for handle in (new_token("ha"), new_tenant_token("ha", world.tenant.id), "", "x" * 5_000, "\udcff"):
        with pytest.raises(LoginFailed) as refused:
            await Browser(world.deps).launch(f"https://id.acme.example/auth/launch/{handle}")
        assert refused.value.code == "HANDLE_UNKNOWN"


async def test_a_handle_is_refused_after_a_minute_and_on_another_host(world: World) -> None:
    prepared = await world.begin()
    with pytest.raises(LoginFailed) as refused:
        await Browser(world.deps).launch(prepared.launch_url.replace("id.acme.example", "evil.example"))
    assert refused.value.code == "HANDLE_UNKNOWN"
    await world.execute("update login_handle set expires_at = now() where tenant_id = $1", world.tenant.id)
    with pytest.raises(LoginFailed) as refused:
        await Browser(world.deps).launch(prepared.launch_url)
    assert refused.value.code == "LOGIN_EXPIRED"


async def test_a_handle_of_a_provider_disabled_meanwhile_is_refused(world: World) -> None:
    prepared = await world.begin()
    await world.change_provider(enabled=False)
    with pytest.raises(LoginFailed) as refused:
        await Browser(world.deps).launch(prepared.launch_url)
    assert (refused.value.code, refused.value.status) == ("PROVIDER_DISABLED", 403)
