"""One reader for both: every rule of a provider's documents, as a login expects it and as a refresh does.

OpenID Connect Core 3.1.3.7, 12.2, 5.3.2, 5.6.2; promises 1, 11, 27 and 29. Each refusal stands beside what is accepted.
"""

import base64
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
import pytest
import pytest_asyncio

from identity_api.claims import Completeness
from identity_api.db.database import Database
from identity_api.demo.claims import at_hash
from identity_api.oidc.errors import (
    ClaimMismatch,
    InvalidSignature,
    MissingClaim,
    OtherPerson,
    ProtocolError,
    TokenExpired,
    TokenNotYetValid,
    UnknownKey,
)
from identity_api.oidc.id_token import LoginExpectation, RefreshExpectation, nonce_hash
from identity_api.oidc.token_endpoint import TokenResponse
from identity_api.relying_party.client import open_client
from identity_api.relying_party.connection import line_to, metadata_of
from identity_api.relying_party.verified_documents import (
    Exchange,
    Expectation,
    VerifiedDocuments,
    person_of,
    read_documents,
)
from tests.openid_provider import Fault, RunningProvider
from tests.sync.world import World, make_upstream, make_vault, make_world

pytestmark = pytest.mark.asyncio

Kind = Literal["login", "refresh"]
BOTH: tuple[Kind, ...] = ("login", "refresh")
NONCE = "the nonce of this login"
LEEWAY_SECONDS = 60
SIGNED_IN_SECONDS_AGO = 100
MAX_AGE_SECONDS = 300


@pytest.fixture(scope="module")
def issuer() -> Iterator[RunningProvider]:
    with RunningProvider(own_key=True) as running:
        yield running


@dataclass
class Reading:
    """One provider's documents, read with either expectation."""

    world: World
    exchange: Exchange
    access_token: str
    now: int

    @property
    def subject(self) -> str:
        return self.world.issuer.people["alice"].subject

    def id_token(self, **changes: Any) -> str:
        claims = {
            "iss": self.world.issuer.issuer,
            "sub": self.subject,
            "aud": self.world.provider.client_id,
            "iat": self.now,
            "exp": self.now + 300,
            "auth_time": self.now - SIGNED_IN_SECONDS_AGO,
            "nonce": NONCE,
            "preferred_username": "alice",
            "name": "Alice Archer",
            "email": "alice@demo.example",
            "groups": ["support"],
            **changes,
        }
        return self.world.issuer.sign({name: value for name, value in claims.items() if value is not None})

    def expectation(self, kind: Kind) -> Expectation:
        shared = {
            "issuer": self.exchange.metadata.issuer,
            "client_id": self.world.provider.client_id,
            "nonce_hash": nonce_hash(NONCE),
            "leeway_seconds": LEEWAY_SECONDS,
        }
        if kind == "login":
            return LoginExpectation(**shared, max_age_seconds=MAX_AGE_SECONDS)
        auth_time = self.now - SIGNED_IN_SECONDS_AGO
        return RefreshExpectation(
            **shared, subject=self.subject, auth_time=auth_time, announced_issuer=self.exchange.metadata.issuer
        )

    async def read(
        self, kind: Kind, *, id_token: str | None = None, access_token: str | None = None
    ) -> VerifiedDocuments:
        tokens = TokenResponse(access_token=access_token or self.access_token, id_token=id_token)
        exchange = msgspec.structs.replace(self.exchange, tokens=tokens)
        return await read_documents(self.world.deps, exchange, self.expectation(kind), userinfo_seconds=5.0)

    async def refusal(self, kind: Kind, **tokens: Any) -> ProtocolError:
        with pytest.raises(ProtocolError) as caught:
            await self.read(kind, **tokens)
        return caught.value


async def reading_at(database: Database, issuer: RunningProvider, **settings: Any) -> AsyncIterator[Reading]:
    issuer.reset()
    upstream = make_upstream(issuer)
    world = await make_world(database, make_vault(), upstream, issuer, **settings)
    line = await line_to(world.deps, world.provider, "t")
    metadata = await metadata_of(world.deps.documents, line)
    exchange = Exchange(
        client=open_client(world.deps.vault, world.deps.memory, line, metadata),
        metadata=metadata,
        tokens=TokenResponse(),
    )
    yield Reading(world, exchange, await world.access_token("alice"), int(time.time()))
    await world.deps.documents.aclose()
    await upstream.aclose()


@pytest_asyncio.fixture
async def reading(database: Database, issuer: RunningProvider) -> AsyncIterator[Reading]:
    async for one in reading_at(database, issuer):
        yield one


@pytest_asyncio.fixture
async def by_userinfo(database: Database, issuer: RunningProvider) -> AsyncIterator[Reading]:
    async for one in reading_at(database, issuer, claims={"groups": ["userinfo / groups"]}):
        yield one


@pytest_asyncio.fixture
async def by_access_token(database: Database, issuer: RunningProvider) -> AsyncIterator[Reading]:
    async for one in reading_at(database, issuer, claims={"groups": ["access_token / groups"]}):
        yield one


# The ID Token. `OK` is accepted as it is, a text is the claim that deviates and is told, a class is the refusal.

OK = "ok"
IN_FUTURE = 10_000
RULES: dict[str, tuple[dict[str, Any], Any, Any, str | None]] = {
    "all as it was": ({}, OK, OK, None),
    "another issuer": ({"iss": "https://other.example"}, ClaimMismatch, OtherPerson, "iss"),
    "no issuer": ({"iss": None}, MissingClaim, MissingClaim, "iss"),
    "another subject": ({"sub": "somebody"}, OK, OtherPerson, "sub"),
    "no subject": ({"sub": None}, MissingClaim, MissingClaim, "sub"),
    "another audience": ({"aud": "other"}, ClaimMismatch, ClaimMismatch, "aud"),
    "no audience": ({"aud": None}, MissingClaim, MissingClaim, "aud"),
    "audiences without azp": ({"aud": ["identity-api", "other"]}, MissingClaim, MissingClaim, "azp"),
    "audiences with our azp": ({"aud": ["identity-api", "other"], "azp": "identity-api"}, OK, OK, None),
    "another azp": ({"azp": "other"}, ClaimMismatch, "azp", "azp"),
    "no nonce": ({"nonce": None}, MissingClaim, OK, "nonce"),
    "another nonce": ({"nonce": "of-another-login"}, ClaimMismatch, "nonce", "nonce"),
    "no auth_time": ({"auth_time": None}, MissingClaim, OK, "auth_time"),
    "an older auth_time": ({"auth_time": -1_000}, ClaimMismatch, "auth_time", "auth_time"),
    "a newer auth_time": ({"auth_time": -1}, OK, "auth_time", "auth_time"),
    "an auth_time of the future": ({"auth_time": IN_FUTURE}, TokenNotYetValid, "auth_time", "auth_time"),
    "expired": ({"exp": -LEEWAY_SECONDS - 1}, TokenExpired, TokenExpired, "exp"),
    "expired within the leeway": ({"exp": -LEEWAY_SECONDS + 10}, OK, OK, None),
    "no expiry": ({"exp": None}, MissingClaim, MissingClaim, "exp"),
    "issued in the future": ({"iat": IN_FUTURE}, TokenNotYetValid, TokenNotYetValid, "iat"),
    "not told when issued": ({"iat": None}, MissingClaim, MissingClaim, "iat"),
    "not valid before the future": ({"nbf": IN_FUTURE}, TokenNotYetValid, TokenNotYetValid, "nbf"),
    "the hash of its access token": ({"at_hash": ...}, OK, OK, None),
    "the hash of another access token": ({"at_hash": at_hash("another")}, ClaimMismatch, ClaimMismatch, "at_hash"),
}
TIMES = ("auth_time", "exp", "iat", "nbf")


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("rule", RULES)
async def test_each_rule_of_the_id_token_holds_for_login_and_refresh(reading: Reading, rule: str, kind: Kind) -> None:
    changes, of_login, of_refresh, claim = RULES[rule]
    outcome = of_login if kind == "login" else of_refresh
    claims = {
        name: reading.now + value if name in TIMES and value is not None else value for name, value in changes.items()
    }
    if claims.get("at_hash") is ...:
        claims["at_hash"] = at_hash(reading.access_token)
    token = reading.id_token(**claims)
    if isinstance(outcome, str):
        told = await reading.read(kind, id_token=token)
        assert told.id_token is not None
        assert [one.claim for one in told.id_token.deviations] == ([] if outcome == OK else [outcome])
    else:
        error = await reading.refusal(kind, id_token=token)
        assert (type(error), error.claim) == (outcome, claim)


@pytest.mark.parametrize("kind", BOTH)
async def test_an_id_token_that_another_provider_signed_is_refused(reading: Reading, kind: Kind) -> None:
    with RunningProvider(own_key=True) as other:
        claims = msgspec.json.decode(_payload(reading.id_token()))
        error = await reading.refusal(kind, id_token=other.sign(claims))
    assert isinstance(error, UnknownKey | InvalidSignature)
    assert (await reading.read(kind, id_token=reading.id_token())).id_token is not None


async def test_a_login_must_bring_an_id_token_and_a_refresh_need_not(reading: Reading) -> None:
    error = await reading.refusal("login")
    assert (error.code, error.claim) == ("MISSING", "id_token")
    told = await reading.read("refresh")
    assert told.id_token is None
    assert told.documents.userinfo is not None


# UserInfo


@pytest.mark.parametrize("kind", BOTH)
async def test_userinfo_about_somebody_else_is_refused(by_userinfo: Reading, kind: Kind) -> None:
    token = by_userinfo.id_token()
    with by_userinfo.world.issuer.fault(Fault.USERINFO_OTHER_SUBJECT):
        error = await by_userinfo.refusal(kind, id_token=token)
    assert isinstance(error, OtherPerson)
    assert error.claim == "sub"
    assert (await by_userinfo.read(kind, id_token=token)).documents.userinfo is not None


async def test_userinfo_of_a_refresh_without_id_token_is_about_the_identity(by_userinfo: Reading) -> None:
    with by_userinfo.world.issuer.fault(Fault.USERINFO_OTHER_SUBJECT):
        assert isinstance(await by_userinfo.refusal("refresh"), OtherPerson)
    assert (await by_userinfo.read("refresh")).documents.userinfo is not None


@pytest.mark.parametrize("kind", BOTH)
async def test_userinfo_is_asked_only_where_a_claim_is_looked_for_there(
    reading: Reading, by_userinfo: Reading, kind: Kind
) -> None:
    log = reading.world.issuer.log
    for one, requests in ((reading, 0), (by_userinfo, 1)):
        log.clear()
        await one.read(kind, id_token=one.id_token())
        assert log.count("/userinfo") == requests


# Groups in the access token, and groups left out


def _access_token(reading: Reading, **changes: Any) -> str:
    claims = {"iss": reading.world.issuer.issuer, "sub": reading.subject, "groups": ["support"], **changes}
    return reading.world.issuer.sign(claims, token_type="at+jwt")


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("changes", [{"sub": "somebody"}, {"iss": "https://other.example"}])
async def test_an_access_token_gives_groups_only_about_the_same_person(
    by_access_token: Reading, kind: Kind, changes: dict[str, str]
) -> None:
    token = by_access_token.id_token()
    right, wrong = _access_token(by_access_token), _access_token(by_access_token, **changes)
    told = await by_access_token.read(kind, id_token=token, access_token=right)
    assert (await person_of(by_access_token.world.deps, told))[2].groups == ("support",)
    told = await by_access_token.read(kind, id_token=token, access_token=wrong)
    assert (told.documents.access_token, told.documents.access_token_unreadable) == (None, True)


@pytest.mark.parametrize("kind", BOTH)
async def test_an_access_token_signed_by_a_newer_key_than_the_held_ones_is_read(
    by_access_token: Reading, kind: Kind
) -> None:
    """Core 10.1.1: an ID Token of the old key and an access token of the new one come together while keys rotate."""
    id_token = by_access_token.id_token()
    await by_access_token.read(kind, id_token=id_token, access_token=_access_token(by_access_token))
    by_access_token.world.issuer.rotate_key()
    told = await by_access_token.read(kind, id_token=id_token, access_token=_access_token(by_access_token))
    assert told.documents.access_token is not None


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("is_cut", [True, False])
async def test_groups_that_are_named_as_a_distributed_claim_are_not_all_there(
    reading: Reading, kind: Kind, is_cut: bool
) -> None:
    """Core 5.6.2, as Entra uses it: the marker counts, also beside a list."""
    marker = {"_claim_names": {"groups": "src1"}, "_claim_sources": {"src1": {"endpoint": "https://other.example"}}}
    told = await reading.read(kind, id_token=reading.id_token(**(marker if is_cut else {})))
    groups = (await person_of(reading.world.deps, told))[2]
    assert groups.completeness is (Completeness.TRUNCATED if is_cut else Completeness.COMPLETE)


@pytest.mark.parametrize("kind", BOTH)
async def test_the_caller_may_call_a_fault_after_the_document_that_has_it(by_userinfo: Reading, kind: Kind) -> None:
    entered = []

    def judging(document: Any) -> Any:
        entered.append(document.value)
        return nullcontext()

    exchange = msgspec.structs.replace(
        by_userinfo.exchange,
        tokens=TokenResponse(access_token=by_userinfo.access_token, id_token=by_userinfo.id_token()),
    )
    expected = by_userinfo.expectation(kind)
    await read_documents(by_userinfo.world.deps, exchange, expected, userinfo_seconds=5.0, judging=judging)
    assert entered == ["id_token", "access_token", "userinfo"]


def _payload(token: str) -> bytes:
    segment = token.split(".")[1]
    return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
