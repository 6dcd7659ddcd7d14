"""Logins at a provider with which more is agreed on than usual (promises 2, 12, 50, 51): each with what must be refused."""

import datetime
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
import pytest_asyncio

from identity_api.db.database import Database
from identity_api.sessions.errors import LoginFailed
from identity_api.sessions.login.deps import LoginDeps
from tests.openid_provider.agreed import REQUEST_URI, AgreedProvider
from tests.openid_provider.bent import BentProvider, oauth_error, secret_of
from tests.openid_provider.wrapper import Canned
from tests.sessions.agreements import make_agreed, publish, set_secrets, take_secret
from tests.sessions.browsers import REDIRECT_URIS, Browser, World, make_world
from tests.sessions.conftest import deps_for

CLAIMED_BY_USERINFO = {"groups": ("userinfo / groups",)}
LONG_SECRET = "a client secret that is long enough to sign with"


@pytest.fixture(scope="module")
def running() -> Iterator[AgreedProvider]:
    with AgreedProvider(redirect_uris=REDIRECT_URIS) as provider:
        yield provider


@pytest.fixture
def idp(running: AgreedProvider) -> AgreedProvider:
    running.reset()
    running.agree()
    return running


@pytest_asyncio.fixture
async def deps(database: Database, idp: AgreedProvider) -> AsyncIterator[LoginDeps]:
    async with deps_for(database, idp) as made:
        yield made


async def refused(world: World, person: str = "alice") -> tuple[str, str]:
    """Sign in, which must fail; code and reason. Nobody got a session."""
    with pytest.raises(LoginFailed) as caught:
        await world.sign_in(person)
    assert await world.count("session") == 0
    return caught.value.code, caught.value.reason or ""


def asked(idp: AgreedProvider, path: str) -> list[tuple[int, str]]:
    return [(status, why) for at, status, why in idp.asked if at == path]


# private_key_jwt and client_secret_jwt


async def with_own_key(deps: LoginDeps, idp: AgreedProvider, **settings: Any) -> World:
    idp.agree(method="private_key_jwt")
    world = await make_agreed(deps, idp, settings=settings, client_authentication="private_key_jwt")
    await set_secrets(world)
    return world


@pytest.mark.asyncio
@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256"])
async def test_a_login_is_proven_with_our_own_key(deps: LoginDeps, idp: AgreedProvider, algorithm: str) -> None:
    world = await with_own_key(deps, idp, signing_algorithm=algorithm)
    assert (await world.sign_in()).kind == "SESSION"
    assert asked(idp, "/token") == [(200, "")]
    assert "client_secret" not in idp.forms[0]


@pytest.mark.asyncio
async def test_a_key_that_the_provider_does_not_know_is_refused(deps: LoginDeps, idp: AgreedProvider) -> None:
    world = await with_own_key(deps, idp)
    idp.agreement.client_jwks["keys"][0]["kid"] = "another"
    assert await refused(world) == ("PROVIDER_MISCONFIGURED", "TOKEN_REQUEST_REFUSED:invalid_client")
    assert len(asked(idp, "/token")) == 1


@pytest.mark.asyncio
async def test_an_expired_assertion_is_refused(deps: LoginDeps, idp: AgreedProvider) -> None:
    world = await with_own_key(deps, idp)
    idp.agreement.clock_offset_seconds = 120
    assert (await refused(world))[0] == "PROVIDER_MISCONFIGURED"
    assert asked(idp, "/token") == [(401, "expired")]


@pytest.mark.asyncio
async def test_an_assertion_is_for_the_issuer_unless_the_token_endpoint_was_agreed_on(
    deps: LoginDeps, idp: AgreedProvider
) -> None:
    world = await with_own_key(deps, idp, assertion_audience="TOKEN_ENDPOINT")
    assert (await refused(world))[0] == "PROVIDER_MISCONFIGURED"
    assert asked(idp, "/token") == [(401, "for somebody else")]
    idp.agreement.audience = f"{idp.issuer}/token"
    assert (await world.sign_in()).kind == "SESSION"


@pytest.mark.asyncio
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


@pytest.mark.asyncio
async def test_without_a_key_of_ours_nobody_is_asked_anything(deps: LoginDeps, idp: AgreedProvider) -> None:
    world = await with_own_key(deps, idp)
    await world.execute("delete from client_key where tenant_id = $1", world.tenant.id)
    assert await refused(world) == ("PROVIDER_MISCONFIGURED", "BAD_INPUT:keys")
    assert asked(idp, "/token") == []


@pytest.mark.asyncio
async def test_a_login_is_proven_with_a_mac_under_the_secret(deps: LoginDeps, idp: AgreedProvider) -> None:
    idp.agree(method="client_secret_jwt")
    world = await make_agreed(deps, idp, settings={}, client_authentication="client_secret_jwt")
    assert (await world.sign_in()).kind == "SESSION"
    assert "client_secret" not in idp.forms[0]
    await set_secrets(world, LONG_SECRET)
    with pytest.raises(LoginFailed) as caught:
        await world.sign_in()
    assert caught.value.code == "PROVIDER_MISCONFIGURED"


# Pushed requests: promise 12


@pytest.mark.asyncio
async def test_promise_12_the_browser_carries_only_client_id_and_request_uri(
    deps: LoginDeps, idp: AgreedProvider
) -> None:
    idp.agree(par="required")
    world = await make_agreed(deps, idp, settings={})
    location = await Browser(deps).go_to_provider(await world.begin(login_hint="alice@example.com"))
    query = parse_qs(urlsplit(location).query)
    assert query.keys() == {"client_id", "request_uri"}
    assert query["request_uri"][0].startswith(REQUEST_URI)
    assert (await world.sign_in()).kind == "SESSION"


@pytest.mark.asyncio
async def test_promise_12_a_provider_that_requires_it_refuses_a_request_in_the_url(
    deps: LoginDeps, idp: AgreedProvider
) -> None:
    world = await make_agreed(deps, idp, settings={})
    browser, prepared = Browser(deps), await world.begin()
    location = await browser.go_to_provider(prepared)
    assert "code_challenge" in location
    idp.agree(par="required")
    with pytest.raises(LoginFailed) as caught:
        await browser.arrive(await idp.sign_in(location, "alice"))
    assert (caught.value.code, caught.value.reason) == ("PROVIDER_REFUSED", "invalid_request")


@pytest.mark.asyncio
async def test_promise_12_a_pushed_request_that_expired_is_pushed_once_more(
    deps: LoginDeps, idp: AgreedProvider
) -> None:
    idp.agree(par="required", request_lifetime_seconds=0)
    world = await make_agreed(deps, idp, settings={})
    browser = Browser(deps)
    first = await idp.sign_in(await browser.go_to_provider(await world.begin()), "alice")
    assert first.parameters["error"] == "invalid_request_uri"
    idp.agreement.request_lifetime_seconds = 60
    again = await browser.arrive(first)
    assert again.kind == "AGAIN"
    assert browser.session is None
    finished = await browser.arrive(await idp.sign_in(again.location, "alice"))
    assert finished.kind == "SESSION"
    assert asked(idp, "/par") == [(201, ""), (201, "")]
    with pytest.raises(LoginFailed) as caught:
        await browser.arrive(first)
    assert (caught.value.code, caught.value.reason) == ("PROVIDER_REFUSED", "invalid_request_uri:unknown_state")


@pytest.mark.asyncio
async def test_promise_12_a_second_expiry_ends_the_login(deps: LoginDeps, idp: AgreedProvider) -> None:
    idp.agree(par="required", request_lifetime_seconds=0)
    world = await make_agreed(deps, idp, settings={})
    browser = Browser(deps)
    first = await idp.sign_in(await browser.go_to_provider(await world.begin()), "alice")
    again = await browser.arrive(first)
    with pytest.raises(LoginFailed) as caught:
        await browser.arrive(await idp.sign_in(again.location, "alice"))
    assert (caught.value.code, caught.value.reason) == ("PROVIDER_REFUSED", "invalid_request_uri")


@pytest.mark.asyncio
async def test_an_expired_request_is_only_pushed_again_in_the_browser_it_began_in(
    deps: LoginDeps, idp: AgreedProvider
) -> None:
    idp.agree(par="required", request_lifetime_seconds=0)
    world = await make_agreed(deps, idp, settings={})
    first = await idp.sign_in(await Browser(deps).go_to_provider(await world.begin()), "alice")
    with pytest.raises(LoginFailed) as caught:
        await Browser(deps).arrive(first)
    assert caught.value.code == "BROWSER_MISMATCH"
    assert len(asked(idp, "/par")) == 1


@pytest.mark.asyncio
async def test_a_push_that_is_refused_leaves_the_handle_usable(deps: LoginDeps, idp: AgreedProvider) -> None:
    idp.agree(par="offered")
    world = await make_agreed(deps, idp, settings={})
    await set_secrets(world, "wrong")
    browser, prepared = Browser(deps), await world.begin()
    with pytest.raises(LoginFailed) as caught:
        await browser.go_to_provider(prepared)
    assert caught.value.code == "PROVIDER_MISCONFIGURED"
    await set_secrets(world, idp.client_secret)
    assert "request_uri" in await browser.go_to_provider(prepared)


@pytest.mark.asyncio
async def test_a_push_is_proven_with_our_own_key(deps: LoginDeps, idp: AgreedProvider) -> None:
    world = await with_own_key(deps, idp)
    idp.agreement.par = "required"
    assert (await world.sign_in()).kind == "SESSION"
    assert asked(idp, "/par") == [(201, "")]


# Bound tokens: promise 12


@pytest.mark.asyncio
async def test_promise_12_tokens_are_bound_where_that_is_configured(deps: LoginDeps, idp: AgreedProvider) -> None:
    idp.agree(dpop=True)
    world = await make_agreed(deps, idp, settings={"dpop": True}, claims=CLAIMED_BY_USERINFO)
    assert (await world.sign_in()).kind == "SESSION"
    assert asked(idp, "/token") == [(200, "")]
    assert asked(idp, "/userinfo") == [(200, "")]


@pytest.mark.asyncio
async def test_promise_12_nothing_is_bound_where_that_is_not_configured(deps: LoginDeps, idp: AgreedProvider) -> None:
    idp.agree(dpop=True)
    world = await make_agreed(deps, idp, settings={})
    assert (await refused(world))[0] == "EXCHANGE_REFUSED"
    assert asked(idp, "/token") == [(400, "the proof: KeyError")]


@pytest.mark.asyncio
async def test_tokens_that_come_unbound_although_we_proved_a_key_are_refused(
    deps: LoginDeps, idp: AgreedProvider
) -> None:
    world = await make_agreed(deps, idp, settings={"dpop": True})
    assert await refused(world) == ("PROVIDER_MISCONFIGURED", "INVALID_TOKEN_RESPONSE:token_type")


@pytest.mark.asyncio
async def test_promise_12_a_nonce_is_taken_up_once_and_then_remembered(deps: LoginDeps, idp: AgreedProvider) -> None:
    idp.agree(dpop=True, nonce="n1")
    world = await make_agreed(deps, idp, settings={"dpop": True}, claims=CLAIMED_BY_USERINFO)
    assert (await world.sign_in()).kind == "SESSION"
    assert asked(idp, "/token") == [(400, "another nonce"), (200, "")]
    assert asked(idp, "/userinfo") == [(200, "")]
    idp.asked.clear()
    assert (await world.sign_in("bob")).kind == "SESSION"
    assert asked(idp, "/token") == [(200, "")]


@pytest.mark.asyncio
async def test_promise_12_a_second_challenge_ends_the_login(deps: LoginDeps, idp: AgreedProvider) -> None:
    idp.agree(dpop=True, nonce="n1", is_fickle=True)
    world = await make_agreed(deps, idp, settings={"dpop": True})
    assert await refused(world) == ("EXCHANGE_REFUSED", "TOKEN_REQUEST_REFUSED:use_dpop_nonce")
    assert asked(idp, "/token") == [(400, "another nonce")] * 2


@pytest.mark.asyncio
async def test_the_resource_is_named_in_both_requests(deps: LoginDeps, idp: AgreedProvider) -> None:
    """RFC 8707, only where it is configured (promise 12)."""
    resource = "https://api.example.com/"
    idp.agree(par="offered")
    world = await make_agreed(deps, idp, settings={}, authorization_parameters={"resource": resource})
    assert (await world.sign_in()).kind == "SESSION"
    assert [form.get("resource") for form in idp.forms] == [resource]
    assert [form["resource"] for form, _ in list(idp.pushed.values())[-1:]] == [resource]
    plain = await make_agreed(deps, idp, settings={})
    idp.forms.clear()
    assert (await plain.sign_in()).kind == "SESSION"
    assert "resource" not in idp.forms[0]


# Encrypted ID Tokens: promise 2


@pytest.mark.asyncio
async def test_an_id_token_is_taken_out_of_its_envelope(deps: LoginDeps, idp: AgreedProvider) -> None:
    idp.agree(encrypts=True)
    world = await make_agreed(deps, idp, settings={"encrypted_id_tokens": True})
    assert (await world.sign_in()).kind == "SESSION"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("agreement", "reason"),
    [
        ({"inner": "unsigned"}, "ALGORITHM_NOT_ALLOWED:alg"),
        ({"inner": "claims"}, "MALFORMED_TOKEN"),
        ({"encryption_kid": "of-nobody"}, "UNDECRYPTABLE_TOKEN"),
        ({"encrypts": False}, "MALFORMED_TOKEN"),
    ],
)
async def test_promise_2_an_envelope_makes_no_token_good(
    deps: LoginDeps, idp: AgreedProvider, agreement: dict[str, Any], reason: str
) -> None:
    idp.agree(**{"encrypts": True, **agreement})
    world = await make_agreed(deps, idp, settings={"encrypted_id_tokens": True})
    assert await refused(world) == ("TOKEN_REFUSED", reason)


@pytest.mark.asyncio
async def test_an_envelope_that_was_not_agreed_on_is_refused(deps: LoginDeps, idp: AgreedProvider) -> None:
    idp.agree(encrypts=True)
    world = await make_agreed(deps, idp, settings={"encrypted_id_tokens": True})
    await world.change_provider(
        client_settings=msgspec.structs.replace(world.provider.client_settings, encrypted_id_tokens=False)
    )
    assert await refused(world) == ("TOKEN_REFUSED", "MALFORMED_TOKEN")


# Signed UserInfo


@pytest.mark.asyncio
async def test_signed_userinfo_is_read(deps: LoginDeps, idp: AgreedProvider) -> None:
    idp.agree(signs_userinfo=True)
    world = await make_agreed(deps, idp, settings={"signed_userinfo": True}, claims=CLAIMED_BY_USERINFO)
    assert (await world.sign_in()).kind == "SESSION"
    assert (await world.events("login.succeeded"))[0]["groups"] == "COMPLETE"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("agreement", "reason"),
    [
        ({"signs_userinfo": False}, "INVALID_USERINFO"),
        ({"userinfo_by_stranger": True}, "INVALID_SIGNATURE"),
        ({"userinfo_changes": {"sub": "somebody-else"}}, "PERSON_MISMATCH:sub"),
        ({"userinfo_changes": {"aud": "another-client"}}, "CLAIM_MISMATCH:aud"),
        ({"userinfo_changes": {"iss": "https://other.example"}}, "CLAIM_MISMATCH:iss"),
        ({"userinfo_changes": {"iss": None}}, "MISSING_CLAIM:iss"),
    ],
)
async def test_userinfo_that_is_not_signed_for_us_is_refused(
    deps: LoginDeps, idp: AgreedProvider, agreement: dict[str, Any], reason: str
) -> None:
    idp.agree(**{"signs_userinfo": True, **agreement})
    world = await make_agreed(deps, idp, settings={"signed_userinfo": True}, claims=CLAIMED_BY_USERINFO)
    assert await refused(world) == ("USERINFO_REFUSED", reason)


# Two client secrets that overlap


@pytest.mark.asyncio
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


@pytest.mark.asyncio
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


@pytest.mark.asyncio
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


@pytest.mark.asyncio
async def test_two_secrets_are_tried_and_no_third(deps: LoginDeps, idp: AgreedProvider) -> None:
    world = await make_agreed(deps, idp, settings={})
    await set_secrets(world, idp.client_secret, "wrong", "wrong as well")
    assert await refused(world) == ("PROVIDER_MISCONFIGURED", "TOKEN_REQUEST_REFUSED:invalid_client")
    assert len(asked(idp, "/token")) == 2


@pytest.mark.asyncio
async def test_an_expired_secret_is_never_tried(deps: LoginDeps, idp: AgreedProvider) -> None:
    world = await make_agreed(deps, idp, settings={})
    good, _ = await set_secrets(world, idp.client_secret, "wrong")
    past = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=1)
    await world.execute("update provider_secret set expires_at = $2 where id = $1", good, past)
    assert (await refused(world))[0] == "PROVIDER_MISCONFIGURED"
    assert len(asked(idp, "/token")) == 1


@pytest.mark.asyncio
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
