"""A provider's keys through whole logins: rotated, removed, unknown, and asked for by many at once (promise 4).

With the times that the product has: keys are held for five minutes, and looked for anew at once, then not for 30 seconds.
The clock of the cache is the test's own.
"""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from joserfc import jwt
from joserfc.jwk import RSAKey

from identity_api.db import attempts
from identity_api.db.attempts import Attempt
from identity_api.db.database import Database
from identity_api.demo.claims import at_hash
from identity_api.demo.keys import new_signing_key
from identity_api.ids import new_token, token_key
from identity_api.oidc.id_token import nonce_hash
from identity_api.oidc.token_endpoint import TokenResponse
from identity_api.relying_party.connection import line_to, metadata_of
from identity_api.relying_party.verified_documents import Exchange
from identity_api.sessions.errors import LoginFailed
from identity_api.sessions.login.provider_answer import exchange_code, read_answer
from identity_api.upstream.keys import provider_documents
from tests.openid_provider import Fault, RunningProvider
from tests.sessions.browsers import REDIRECT_URIS, Browser, World, make_world, parameters_of
from tests.sessions.conftest import deps_for

pytestmark = pytest.mark.asyncio
NONCE = "the-nonce-of-this-login"
STRANGER = new_signing_key()
ACCESS_TOKEN = "an-access-token"


class Monotonic:
    """The clock of the cache."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def monotonic() -> Monotonic:
    return Monotonic()


@pytest_asyncio.fixture
async def keyed(database: Database, monotonic: Monotonic) -> AsyncIterator[World]:
    """A tenant at a provider with keys of this test alone; documents are kept as the product keeps them."""
    with RunningProvider(redirect_uris=REDIRECT_URIS, own_key=True) as idp:
        async with deps_for(database, idp) as deps:
            documents = provider_documents(deps.upstream, monotonic=monotonic)
            yield await make_world(msgspec.structs.replace(deps, documents=documents), idp)
            await documents.aclose()


def fetches(world: World) -> int:
    return world.idp.log.count("/jwks")


def claims(world: World) -> dict[str, Any]:
    now = int(world.deps.clock().timestamp())
    return {
        "iss": world.idp.issuer,
        "sub": "somebody",
        "aud": world.provider.client_id,
        "iat": now,
        "exp": now + 300,
        "nonce": NONCE,
        "at_hash": at_hash(ACCESS_TOKEN),
        # Everything that is read, so that UserInfo need not be asked.
        "preferred_username": "somebody",
        "name": "Somebody",
        "email": "s@acme.example",
        "email_verified": True,
        "groups": [],
    }


class Reader:
    """What a login does with its token answer, for as many ID Tokens as a test wants."""

    def __init__(self, world: World, attempt: Attempt, exchange: Exchange) -> None:
        self.world, self.attempt, self.exchange = world, attempt, exchange

    async def outcome(self, id_token: str) -> str | None:
        """None for a believed token, else the reason."""
        world, tokens = self.world, TokenResponse(access_token=ACCESS_TOKEN, id_token=id_token)
        exchange = msgspec.structs.replace(self.exchange, tokens=tokens)
        try:
            await read_answer(world.deps, self.attempt, exchange)
        except LoginFailed as failure:
            return failure.reason or failure.code
        return None


async def reader_of(world: World) -> Reader:
    """A login that has exchanged its code, and looked at nothing yet."""
    url = await Browser(world.deps).go_to_provider(await world.begin())
    async with world.database.reading() as connection:
        found = await attempts.by_state(connection, *token_key(parameters_of(url)["state"]))
    assert found is not None
    attempt, _ = found
    line = await line_to(world.deps, world.provider, world.tenant.slug)
    metadata = await metadata_of(world.deps.documents, line)
    code = (await world.idp.sign_in(url, "alice")).parameters["code"]
    exchange = await exchange_code(world.deps, attempt, line, metadata, code)
    return Reader(world, msgspec.structs.replace(attempt, nonce_hash=nonce_hash(NONCE)), exchange)


def header(kid: str) -> str:
    return base64.urlsafe_b64encode(json.dumps({"alg": "RS256", "kid": kid}).encode()).rstrip(b"=").decode()


def unknown(world: World, kid: str) -> str:
    """A token of a key that the provider never published."""
    return jwt.encode({"alg": "RS256", "kid": kid}, claims(world), STRANGER, algorithms=["RS256"])


async def test_a_thousand_tokens_with_random_key_ids_make_one_fetch_in_thirty_seconds(
    keyed: World, monotonic: Monotonic
) -> None:
    """Promise 4, bad input 32. Beside the one fetch that every process makes; a good token is believed all along."""
    reader = await reader_of(keyed)
    assert await reader.outcome(keyed.idp.sign(claims(keyed))) is None
    assert fetches(keyed) == 1
    # Signed once: making a thousand signatures costs more than refusing them, which is before any is looked at.
    body = unknown(keyed, "x").partition(".")[2]
    tokens = [f"{header(new_token('k'))}.{body}" for _ in range(1_000)]
    for start in range(0, 1_000, 100):
        reasons = await asyncio.gather(*[reader.outcome(token) for token in tokens[start : start + 100]])
        assert set(reasons) == {"UNKNOWN_KEY:kid"}
        monotonic.seconds += 2.9
    assert fetches(keyed) == 2
    assert await reader.outcome(keyed.idp.sign(claims(keyed))) is None
    monotonic.seconds += 30
    assert await reader.outcome(tokens[0]) == "UNKNOWN_KEY:kid"
    assert fetches(keyed) == 3


async def test_two_hundred_logins_that_wait_for_the_keys_make_one_fetch(keyed: World) -> None:
    """Promise 4: at once and from cold."""
    reader = await reader_of(keyed)
    token = keyed.idp.sign(claims(keyed))
    assert fetches(keyed) == 0
    outcomes = await asyncio.gather(*[reader.outcome(token) for _ in range(200)])
    assert set(outcomes) == {None}
    assert fetches(keyed) == 1


async def test_a_key_rotated_just_before_signing_is_found_at_once(keyed: World, monotonic: Monotonic) -> None:
    """Promise 4: one more fetch, by the login that needs it; a second rotation waits for the cool-down at most."""
    assert (await keyed.sign_in()).kind == "SESSION"
    with keyed.idp.fault(Fault.KEY_ROTATED_BEFORE_SIGNING, times=1):
        assert (await keyed.sign_in()).kind == "SESSION"
    assert fetches(keyed) == 2
    keyed.idp.rotate_key()
    with pytest.raises(LoginFailed) as refused:
        await keyed.sign_in()
    assert (refused.value.code, refused.value.reason) == ("TOKEN_REFUSED", "UNKNOWN_KEY:kid")
    monotonic.seconds += 31
    assert (await keyed.sign_in()).kind == "SESSION"
    assert fetches(keyed) == 3


def unnamed(world: World) -> str:
    """A token of the provider's own key, which does not say which."""
    key = world.idp._provider.keys.current
    return jwt.encode({"alg": "RS256"}, claims(world), key, algorithms=["RS256"])


async def test_a_key_rotated_without_a_name_is_found_at_once(keyed: World, monotonic: Monotonic) -> None:
    """Promise 4: some providers send no `kid`, and the key that is held looks as if it were the one."""
    reader = await reader_of(keyed)
    assert await reader.outcome(unnamed(keyed)) is None
    keyed.idp.rotate_key(keep_old=False)
    assert await reader.outcome(unnamed(keyed)) is None
    assert fetches(keyed) == 2
    keyed.idp.rotate_key(keep_old=False)
    assert await reader.outcome(unnamed(keyed)) == "INVALID_SIGNATURE"
    monotonic.seconds += 31
    assert await reader.outcome(unnamed(keyed)) is None
    assert fetches(keyed) == 3


async def test_a_key_rotated_under_the_same_name_is_found_at_once(keyed: World) -> None:
    """Promise 4: a provider that calls each of its keys the same."""
    reader = await reader_of(keyed)
    assert await reader.outcome(keyed.idp.sign(claims(keyed))) is None
    kid = keyed.idp._provider.keys.current.kid
    same = RSAKey.import_key({**new_signing_key().as_dict(private=True), "kid": kid})
    keyed.idp._provider.keys.rotate(same, published=1)
    assert await reader.outcome(keyed.idp.sign(claims(keyed))) is None
    assert fetches(keyed) == 2


async def test_of_two_keys_the_removed_one_leaves_no_doubt_behind(keyed: World) -> None:
    """Promise 4: while two are published, a token that names none is refused; when one is gone, it is believed."""
    keyed.idp.rotate_key()
    reader = await reader_of(keyed)
    assert await reader.outcome(keyed.idp.sign(claims(keyed))) is None
    keyed.idp.rotate_key(keep_old=False)
    assert await reader.outcome(unnamed(keyed)) is None


async def test_a_thousand_tokens_with_broken_signatures_make_one_fetch_in_thirty_seconds(
    keyed: World, monotonic: Monotonic
) -> None:
    """Promise 4: as with unknown key ids, nobody can make us hammer a provider."""
    reader = await reader_of(keyed)
    good = keyed.idp.sign(claims(keyed))
    head, payload, signature = good.split(".")
    broken = f"{head}.{payload}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}"
    assert await reader.outcome(good) is None
    for _ in range(10):
        reasons = await asyncio.gather(*[reader.outcome(broken) for _ in range(100)])
        assert set(reasons) == {"INVALID_SIGNATURE"}
        monotonic.seconds += 2.9
    assert fetches(keyed) == 2
    assert await reader.outcome(good) is None


async def test_a_key_that_the_provider_has_removed_stops_being_trusted(keyed: World, monotonic: Monotonic) -> None:
    """Promise 4: within the five minutes that keys are held, and at once where the new key has been seen."""
    reader = await reader_of(keyed)
    old = keyed.idp.sign(claims(keyed))
    assert await reader.outcome(old) is None
    keyed.idp.rotate_key(keep_old=False)
    assert await reader.outcome(old) is None
    assert await reader.outcome(keyed.idp.sign(claims(keyed))) is None
    assert await reader.outcome(old) == "UNKNOWN_KEY:kid"

    removed = keyed.idp.sign(claims(keyed))
    keyed.idp.rotate_key(keep_old=False)
    monotonic.seconds += 299
    assert await reader.outcome(removed) is None
    monotonic.seconds += 2
    assert await reader.outcome(removed) == "UNKNOWN_KEY:kid"


async def test_while_the_key_set_cannot_be_had_the_held_keys_count_for_a_day(
    keyed: World, monotonic: Monotonic
) -> None:
    """F27: an outage of the key set refuses nobody; it is the one way for a removed key to be believed longer."""
    reader = await reader_of(keyed)
    token = keyed.idp.sign(claims(keyed))
    assert await reader.outcome(token) is None
    with keyed.idp.fault(Fault.ERROR_500, path="/jwks"):
        monotonic.seconds += 86_399
        assert await reader.outcome(token) is None
        monotonic.seconds += 31
        assert await reader.outcome(token) == "DOCUMENT_STATUS:500"
    monotonic.seconds += 31
    assert await reader.outcome(token) is None


async def test_keys_of_one_provider_are_no_keys_of_another(keyed: World, other_idp: RunningProvider) -> None:
    """Promise 4: another provider's good signature, under the right key id, is an unknown or a wrong one."""
    reader = await reader_of(keyed)
    assert await reader.outcome(other_idp.sign(claims(keyed))) == "UNKNOWN_KEY:kid"
    own = keyed.idp.sign(claims(keyed))
    forged = f"{own.split('.')[0]}.{other_idp.sign(claims(keyed)).split('.', 1)[1]}"
    assert await reader.outcome(forged) == "INVALID_SIGNATURE"
    assert await reader.outcome(own) is None


async def test_a_provider_whose_keys_cannot_be_had_lets_nobody_in(keyed: World) -> None:
    """Promises 4 and 24: unavailable, not believed unsigned; the held keys serve while there are any."""
    with keyed.idp.fault(Fault.ERROR_500, path="/jwks"), pytest.raises(LoginFailed) as refused:
        await keyed.sign_in()
    assert (refused.value.code, refused.value.status) == ("PROVIDER_UNAVAILABLE", 502)
    assert await keyed.count("session") == 0
