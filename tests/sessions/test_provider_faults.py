"""A provider that answers wrongly, lately or not at all: no session, the attempt used up, and nothing of it kept.

Bad inputs 28 to 35; promises 1, 4, 10 and 11.
"""

import pytest

from identity_api.claims import Documents
from identity_api.db.database import Database
from identity_api.oidc.token_endpoint import TokenResponse
from identity_api.relying_party.client import open_client
from identity_api.relying_party.connection import line_to, metadata_of
from identity_api.relying_party.verified_documents import Exchange, Person, _with_access_token
from identity_api.sessions.errors import LoginFailed
from identity_api.sessions.login import provider_answer
from tests import factories as make
from tests.openid_provider import Fault, RunningProvider
from tests.sessions.browsers import CALLBACK, Browser, World, add_provider, make_world
from tests.sessions.conftest import deps_for

pytestmark = pytest.mark.asyncio

REFUSED_TOKENS = {
    Fault.WRONG_NONCE: "CLAIM_MISMATCH:nonce",
    Fault.NO_NONCE: "MISSING_CLAIM:nonce",
    Fault.WRONG_ISSUER: "CLAIM_MISMATCH:iss",
    Fault.WRONG_AUDIENCE: "CLAIM_MISMATCH:aud",
    Fault.NO_AUDIENCE: "MISSING_CLAIM:aud",
    Fault.EXTRA_AUDIENCE: "MISSING_CLAIM:azp",
    Fault.NO_SUBJECT: "MISSING_CLAIM:sub",
    Fault.NO_ISSUED_AT: "MISSING_CLAIM:iat",
    Fault.NO_EXPIRY: "MISSING_CLAIM:exp",
    Fault.EXPIRED: "TOKEN_EXPIRED:exp",
    Fault.ISSUED_IN_FUTURE: "TOKEN_NOT_YET_VALID:iat",
    Fault.WRONG_AT_HASH: "CLAIM_MISMATCH:at_hash",
    Fault.UNKNOWN_KID: "UNKNOWN_KEY:kid",
    Fault.BROKEN_SIGNATURE: "INVALID_SIGNATURE",
    Fault.ALG_NONE: "ALGORITHM_NOT_ALLOWED:alg",
    Fault.HS256_WITH_PUBLIC_KEY: "ALGORITHM_NOT_ALLOWED:alg",
    Fault.NO_ID_TOKEN: "MISSING:id_token",
}


async def failing(world: World, fault: Fault, **which: str) -> LoginFailed:
    """A login during this fault, which must leave nothing behind."""
    browser = Browser(world.deps)
    with world.idp.fault(fault, **which), pytest.raises(LoginFailed) as refused:
        await browser.follow_through(await world.begin(), world.idp, "alice")
    assert browser.session is None
    for table in ("session", "app_user", "identity", "refresh_token", "one_time_code"):
        assert await world.count(table) == 0
    return refused.value


@pytest.mark.parametrize("fault", REFUSED_TOKENS)
async def test_an_id_token_that_breaks_a_rule_signs_nobody_in(world: World, fault: Fault) -> None:
    """S0-36, S0-37, S0-62: the reason names the claim."""
    failure = await failing(world, fault)
    assert (failure.code, failure.status, failure.reason) == ("TOKEN_REFUSED", 400, REFUSED_TOKENS[fault])
    [event] = await world.events("login.failed")
    assert event["reason"] == REFUSED_TOKENS[fault]
    assert len(failure.clear_cookies) == 1
    assert (await world.sign_in("alice")).kind == "SESSION"


@pytest.mark.parametrize(
    "fault",
    [
        Fault.AUDIENCE_LIST,
        Fault.AUTH_TIME_ZERO,
        Fault.AUTH_TIME_FRACTION,
        Fault.NO_KID,
        Fault.KEY_ROTATED_BEFORE_SIGNING,
        Fault.NO_EXPIRES_IN,
        Fault.ODD_TOKEN_TYPE,
        Fault.NO_REFRESH_TOKEN,
    ],
)
async def test_what_real_providers_do_and_may_do_is_accepted(database: Database, fault: Fault) -> None:
    # A provider of this test alone: a rotated key must not be the other tests' business.
    with RunningProvider(redirect_uris=[CALLBACK], own_key=True) as idp:
        async with deps_for(database, idp) as deps:
            world = await make_world(deps, idp)
            await world.sign_in("bob")  # the keys are cached before the fault
            with idp.fault(fault):
                finished = await world.sign_in("alice")
            who = await world.who(finished.set_cookies[0].value)
            assert who is not None
            assert who.authenticated_at.year > 2000


async def test_an_unknown_key_makes_one_more_fetch_of_the_keys(world: World) -> None:
    """Bad input 32; promise 4."""
    await world.sign_in("bob")
    before = world.idp.log.count("/jwks")
    with world.idp.fault(Fault.UNKNOWN_KID), pytest.raises(LoginFailed) as refused:
        await world.sign_in("alice")
    assert refused.value.code == "TOKEN_REFUSED"
    assert world.idp.log.count("/jwks") == before + 1


@pytest.mark.parametrize(
    ("fault", "code", "status"),
    [
        (Fault.INVALID_GRANT, "EXCHANGE_REFUSED", 400),
        (Fault.INVALID_CLIENT, "PROVIDER_MISCONFIGURED", 502),
        (Fault.ERROR_500, "PROVIDER_UNAVAILABLE", 502),
        (Fault.ERROR_503, "PROVIDER_UNAVAILABLE", 502),
        (Fault.TOO_MANY_REQUESTS, "PROVIDER_UNAVAILABLE", 502),
        (Fault.REDIRECT, "PROVIDER_MISCONFIGURED", 502),
        (Fault.DROP_BEFORE, "PROVIDER_UNAVAILABLE", 502),
        (Fault.DROP_AFTER, "PROVIDER_UNAVAILABLE", 502),
        (Fault.HUGE_BODY, "PROVIDER_UNAVAILABLE", 502),
        (Fault.GZIP_BOMB, "PROVIDER_UNAVAILABLE", 502),
        (Fault.HTML_200, "PROVIDER_MISCONFIGURED", 502),
        (Fault.EMPTY_200, "PROVIDER_MISCONFIGURED", 502),
        (Fault.BROKEN_JSON_200, "PROVIDER_MISCONFIGURED", 502),
        (Fault.JSON_LIST_200, "PROVIDER_MISCONFIGURED", 502),
    ],
)
async def test_a_token_endpoint_in_trouble_ends_the_login(world: World, fault: Fault, code: str, status: int) -> None:
    """Bad inputs 28 and 29: told apart, and never retried with the same code."""
    failure = await failing(world, fault, path="/token")
    assert (failure.code, failure.status) == (code, status)
    assert world.idp.log.count("/token") == 1
    outcome = await world.fetchval("select outcome from login_attempt where tenant_id = $1", world.tenant.id)
    assert outcome == code


async def test_a_token_endpoint_that_is_silent_ends_the_login_in_time(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provider_answer, "EXCHANGE_SECONDS", 0.2)
    browser = Browser(world.deps)
    arrival = await world.idp.sign_in(await browser.go_to_provider(await world.begin()), "alice")
    with world.idp.hold("/token"), pytest.raises(LoginFailed) as refused:
        await browser.arrive(arrival)
    assert (refused.value.code, refused.value.status) == ("PROVIDER_TIMED_OUT", 504)


@pytest.mark.parametrize(
    ("fault", "code", "status", "reason"),
    [
        (Fault.ERROR_500, "PROVIDER_UNAVAILABLE", 503, "DOCUMENT_STATUS:500"),
        (Fault.TOO_MANY_REQUESTS, "PROVIDER_UNAVAILABLE", 503, "DOCUMENT_STATUS:429"),
        (Fault.DROP_BEFORE, "PROVIDER_UNAVAILABLE", 503, "CONNECTION_LOST"),
        (Fault.UNAUTHORIZED, "PROVIDER_MISCONFIGURED", 502, "DOCUMENT_STATUS:401"),
        (Fault.REDIRECT, "PROVIDER_MISCONFIGURED", 502, "DOCUMENT_STATUS:307"),
        (Fault.HTML_200, "PROVIDER_MISCONFIGURED", 502, "INVALID_METADATA"),
        (Fault.ISSUER_MISMATCH, "PROVIDER_MISCONFIGURED", 502, "ISSUER_MISMATCH:issuer"),
    ],
)
async def test_a_provider_that_cannot_be_discovered_refuses_the_launch_and_the_handle_works_again(
    world: World, fault: Fault, code: str, status: int, reason: str
) -> None:
    """Promise 5: nothing is lost by it. Only an outage is told as one; what does not pass by itself is a fault of the set-up."""
    prepared = await world.begin()
    where = {} if fault is Fault.ISSUER_MISMATCH else {"path": "/.well-known/openid-configuration"}
    with world.idp.fault(fault, **where), pytest.raises(LoginFailed) as refused:
        await Browser(world.deps).launch(prepared.launch_url)
    assert (refused.value.code, refused.value.status, refused.value.reason) == (code, status, reason)
    assert await world.fetchval("select used_at from login_handle where tenant_id = $1", world.tenant.id) is None
    assert (await Browser(world.deps).follow_through(prepared, world.idp, "alice")).kind == "SESSION"


async def test_a_provider_that_may_not_be_called_is_a_matter_for_the_operator(world: World) -> None:
    await world.change_provider(issuer="http://127.0.0.1:9")
    with pytest.raises(LoginFailed) as refused:
        await Browser(world.deps).launch((await world.begin()).launch_url)
    assert (refused.value.code, refused.value.reason) == ("PROVIDER_MISCONFIGURED", "TARGET_NOT_ALLOWED")


@pytest.mark.parametrize("fault", [Fault.WRONG_ISS_PARAMETER, Fault.NO_ISS_PARAMETER])
async def test_a_callback_without_the_announced_issuer_is_refused_before_any_exchange(
    world: World, fault: Fault
) -> None:
    """Bad input 24; RFC 9207."""
    failure = await failing(world, fault)
    assert failure.code == "ISSUER_MISMATCH"
    assert world.idp.log.count("/token") == 0


# UserInfo


async def test_userinfo_is_asked_only_where_a_claim_needs_it(world: World) -> None:
    """S1-13."""
    await world.sign_in("alice")
    assert world.idp.log.count("/userinfo") == 0
    await world.change_provider(claims=type(world.provider.claims)(groups=("userinfo / groups",)))
    await world.sign_in("alice")
    assert world.idp.log.count("/userinfo") == 1


@pytest.mark.parametrize("fault", [Fault.USERINFO_OTHER_SUBJECT, Fault.USERINFO_NO_SUBJECT])
async def test_userinfo_about_somebody_else_signs_nobody_in(world: World, fault: Fault) -> None:
    """Bad input 34; Core 5.3.2."""
    await world.change_provider(claims=type(world.provider.claims)(groups=("userinfo / groups",)))
    failure = await failing(world, fault)
    assert (failure.code, (failure.reason or "").split(":")[1]) == ("USERINFO_REFUSED", "sub")


async def test_userinfo_in_trouble_ends_the_login_where_it_is_needed(world: World) -> None:
    await world.change_provider(claims=type(world.provider.claims)(groups=("userinfo / groups",)))
    failure = await failing(world, Fault.ERROR_503, path="/userinfo")
    assert (failure.code, failure.status) == ("PROVIDER_UNAVAILABLE", 502)


async def test_userinfo_is_not_asked_for_groups_that_give_nothing(world: World) -> None:
    """Found in use: with `sync_mode = "NONE"` its trouble kept people out whose every claim was in the ID Token."""
    with world.idp.fault(Fault.NO_GROUPS), world.idp.fault(Fault.ERROR_500, path="/userinfo"):
        with pytest.raises(LoginFailed):
            await world.sign_in("alice")
        await world.change_provider(sync_mode="NONE")
        assert (await world.sign_in("alice")).kind == "SESSION"


# A token response without an access token, as Azure AD B2C sends it


async def groups_of_alice(world: World) -> str:
    query = "select s.groups_completeness from identity_sync s where s.tenant_id = $1"
    return str(await world.fetchval(query, world.tenant.id))


async def test_an_id_token_is_enough_where_nothing_else_is_needed(world: World) -> None:
    with world.idp.fault(Fault.NO_ACCESS_TOKEN):
        assert (await world.sign_in("alice")).kind == "SESSION"
    assert await groups_of_alice(world) == "COMPLETE"
    assert world.idp.log.count("/userinfo") == 0


async def test_without_an_access_token_what_userinfo_would_say_is_missing_and_not_empty(world: World) -> None:
    claims = type(world.provider.claims)(groups=("userinfo / groups",))
    await world.change_provider(claims=claims, absent_groups="EMPTY")
    with world.idp.fault(Fault.NO_ACCESS_TOKEN):
        assert (await world.sign_in("alice")).kind == "SESSION"
    assert await groups_of_alice(world) == "UNKNOWN"


async def test_without_an_access_token_a_person_who_is_named_by_userinfo_is_not_signed_in(world: World) -> None:
    await world.change_provider(claims=type(world.provider.claims)(anchor=("userinfo / sub",)))
    failure = await failing(world, Fault.NO_ACCESS_TOKEN)
    assert failure.code == "CLAIM_UNUSABLE"


# Groups and the access token


async def permissions_during(world: World, fault: Fault | None) -> tuple[frozenset[str], str]:
    async with world.database.transaction() as connection:
        read = await make.make_permission(connection, world.tenant.id, "docs:read")
        await make.make_mapping(connection, world.tenant.id, "engineering", [read])
    if fault is None:
        finished = await world.sign_in("alice")
    else:
        with world.idp.fault(fault):
            finished = await world.sign_in("alice")
    who = await world.who(finished.set_cookies[0].value)
    assert who is not None
    return who.permissions, next(iter(who.user.syncs.values())).groups_completeness


@pytest.mark.parametrize(
    ("fault", "completeness"),
    [
        (Fault.GROUPS_OVERAGE, "TRUNCATED"),
        (Fault.GROUPS_AS_NUMBERS, "UNREADABLE"),
        (Fault.NO_GROUPS, "UNKNOWN"),
    ],
)
async def test_groups_that_cannot_be_trusted_let_the_person_in_without_permissions(
    world: World, fault: Fault, completeness: str
) -> None:
    """Bad input 35; I7."""
    assert await permissions_during(world, fault) == (frozenset(), completeness)


async def test_groups_in_the_access_token_count_where_they_are_configured(world: World) -> None:
    """S0-44."""
    await world.change_provider(claims=type(world.provider.claims)(groups=("access_token / groups",)))
    assert await permissions_during(world, None) == ({"docs:read"}, "COMPLETE")


async def test_the_access_token_of_another_provider_is_unreadable(world: World, other_idp: RunningProvider) -> None:
    """Promise 11: a forged access token has no effect; it must be signed by this provider's keys, about this person."""
    provider = await add_provider(
        world.deps,
        world.tenant.id,
        world.idp,
        slug="by-token",
        redirect_url=CALLBACK,
        claims={"groups": ["access_token / groups"]},
    )
    line = await line_to(world.deps, provider, world.tenant.slug)
    metadata = await metadata_of(world.deps.documents, line)
    client = open_client(world.deps.vault, world.deps.memory, line, metadata)
    right = {"iss": provider.issuer, "sub": "s", "groups": ["admins"]}

    async def read(token: str) -> Documents:
        exchange = Exchange(client=client, metadata=metadata, tokens=TokenResponse(access_token=token))
        about = Person(provider.issuer, "s")
        return await _with_access_token(world.deps, exchange, Documents(id_token={}), about)

    accepted = await read(world.idp.sign(right, token_type="at+jwt"))
    assert accepted.access_token == right
    for forged in (
        other_idp.sign(right, token_type="at+jwt"),
        world.idp.sign({**right, "sub": "t"}, token_type="at+jwt"),
        world.idp.sign({**right, "iss": other_idp.issuer}, token_type="at+jwt"),
        world.idp.sign(right, token_type="logout+jwt"),
        "opaque",
    ):
        documents = await read(forged)
        assert documents.access_token is None
        assert documents.access_token_unreadable


async def test_a_login_without_a_refresh_token_says_so(world: World) -> None:
    """S0-40: a diagnosis, not silence."""
    with world.idp.fault(Fault.NO_REFRESH_TOKEN):
        await world.sign_in("alice")
    [event] = await world.events("login.succeeded")
    assert event["refresh_token"] is False
    assert await world.count("refresh_token") == 0


async def test_a_login_says_what_was_made_of_claims_of_an_unusual_shape(world: World) -> None:
    """Groups as a text, and a name that is a list: normalised or passed over, and never in silence."""
    await world.sign_in("bob")
    with world.idp.fault(Fault.GROUPS_AS_STRING):
        await world.sign_in("alice")
    world.idp.add_person("zoe", ["support", "support"], name=["Zoe"])
    await world.sign_in("zoe")
    usual, text, twice = await world.events("login.succeeded")
    assert "remarks" not in usual
    assert (text["groups"], text["remarks"]) == ("COMPLETE", ["NORMALISED: id_token / groups: a single text"])
    assert [one.partition(":")[0] for one in twice["remarks"]] == ["DUPLICATES_DROPPED", "UNUSABLE"]


async def test_a_plain_oauth_provider_says_who_it_is_by_userinfo(world: World) -> None:
    """Seed 2: OAuth 2.0 without discovery and without ID Token; `sub` and groups come from UserInfo."""
    base = world.idp.issuer
    await world.change_provider(
        protocol="oauth2",
        endpoints={"authorization": f"{base}/authorize", "token": f"{base}/token", "userinfo": f"{base}/userinfo"},
        sync="ACCESS_TOKEN",
    )
    browser = Browser(world.deps)
    # The demo provider announces RFC 9207 only in its metadata, which is not read here; its `iss` is compared all the same.
    finished = await browser.follow_through(await world.begin(), world.idp, "alice")
    who = await world.who(finished.set_cookies[0].value)
    assert who is not None
    assert (who.user.username, [group.name for group in who.user.facts.groups]) == (
        "alice",
        ["engineering", "platform"],
    )
    assert await world.count("refresh_token") == 1  # the access token, which the sync re-reads UserInfo with


async def test_a_login_asked_for_anew_must_show_when_it_happened(world: World) -> None:
    """S3-35 and S3-36: `prompt=login` and `max_age=0` are sent, and `auth_time` is then checked."""
    await world.change_provider(authorization_parameters={"prompt": "login", "max_age": "0"})
    browser = Browser(world.deps)
    url = await browser.go_to_provider(await world.begin())
    assert "prompt=login" in url
    assert "max_age=0" in url
    assert (await browser.arrive(await world.idp.sign_in(url, "alice"))).kind == "SESSION"
    with world.idp.fault(Fault.AUTH_TIME_ZERO), pytest.raises(LoginFailed) as refused:
        await world.sign_in("alice")
    assert refused.value.reason == "CLAIM_MISMATCH:auth_time"
    url = await browser.go_to_provider(await world.begin())
    arrival = await world.idp.sign_in(url, "alice")
    # Minutes at the provider are no reason to refuse; a proof from before the demand is.
    await world.execute(
        "update login_attempt set launched_at = now() + interval '5 minutes' where tenant_id = $1", world.tenant.id
    )
    with pytest.raises(LoginFailed) as refused:
        await browser.arrive(arrival)
    assert refused.value.reason == "CLAIM_MISMATCH:auth_time"
