"""Provider documents: one fetch shared, replaced only on success, cooled down (promise 4, principle 14)."""

import asyncio
import contextvars
import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest
import pytest_asyncio

from identity_api.upstream.documents import Cached, Source, Times
from identity_api.upstream.errors import TargetRefused, Unreachable, Unusable
from identity_api.upstream.exchange import Upstream
from identity_api.upstream.keys import KEYS_FRESH_SECONDS, ProviderDocuments
from tests.upstream.hostile import Hostile

Keys = frozenset[str]
HOUR = 3600.0
COOLDOWN = 30.0


class Rejected(Exception):
    """What this suite's parsers say to nonsense."""


def parse_keys(body: bytes) -> Keys:
    try:
        return frozenset(json.loads(body)["keys"])
    except (ValueError, KeyError, TypeError) as error:
        raise Rejected("keys") from error


def parse_metadata(body: bytes, issuer: str) -> dict[str, Any]:
    metadata: dict[str, Any] = json.loads(body)
    if metadata["issuer"] != issuer:
        raise Rejected("issuer")
    return metadata


class Provider:
    """Two documents on the hostile server, a clock that moves by hand, and the cache under test."""

    def __init__(self, hostile: Hostile, upstream: Upstream, port: int) -> None:
        self.hostile, self.upstream, self.now = hostile, upstream, 1000.0
        self.issuer = f"http://127.0.0.1:{port}"
        self.jwks_uri = f"{self.issuer}/jwks"
        self.publish("old")
        self.hostile.documents["/meta"] = json.dumps({"issuer": self.issuer}).encode()
        self.cache = ProviderDocuments(
            upstream,
            monotonic=lambda: self.now,
            configuration_url=lambda issuer: f"{issuer}/meta",
            parse_metadata=parse_metadata,
            parse_keys=parse_keys,
            times=Times(deadline_seconds=5),
        )

    def publish(self, *kids: str) -> None:
        self.hostile.documents["/jwks"] = json.dumps({"keys": kids}).encode()

    def fail(self, path: str = "/jwks") -> None:
        del self.hostile.documents[path]

    @property
    def fetches(self) -> int:
        return self.hostile.seen["/jwks"]

    async def keys(self, kid: str | None = None, **options: Any) -> Keys:
        serves: Callable[[Keys], bool] | None = None if kid is None else (lambda keys: kid in keys)
        return await self.cache.keys(self.jwks_uri, serves=serves, **options)


@pytest_asyncio.fixture
async def provider(hostile: Hostile, open_upstream: Callable[..., Upstream]):
    port = await hostile.listen()
    made = Provider(hostile, open_upstream(f"127.0.0.1:{port}"), port)
    yield made
    await made.cache.aclose()


@pytest.mark.asyncio
async def test_two_hundred_waiters_make_one_fetch(provider):
    got = await asyncio.gather(*(provider.keys() for _ in range(200)))
    assert set(got) == {frozenset({"old"})}
    assert provider.fetches == 1


@pytest.mark.asyncio
async def test_a_held_document_is_not_fetched_again(provider):
    first = await provider.keys()
    provider.now += KEYS_FRESH_SECONDS - 1
    assert await provider.keys() is first
    assert provider.fetches == 1


@pytest.mark.asyncio
async def test_keys_are_fetched_anew_after_five_minutes(provider):
    await provider.keys()
    provider.publish("new")
    provider.now += KEYS_FRESH_SECONDS
    assert await provider.keys() == {"new"}
    assert provider.fetches == 2


@pytest.mark.asyncio
async def test_a_waiter_who_is_cancelled_does_not_end_the_fetch(provider, hostile):
    hostile.gate = asyncio.Event()
    first = asyncio.create_task(provider.keys())
    second = asyncio.create_task(provider.keys())
    await hostile.asked.wait()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    hostile.gate.set()
    assert await second == {"old"}
    assert provider.fetches == 1


@pytest.mark.asyncio
async def test_a_fetch_that_everybody_left_still_brings_the_document(provider, hostile):
    hostile.gate = asyncio.Event()
    only = asyncio.create_task(provider.keys())
    await hostile.asked.wait()
    only.cancel()
    with pytest.raises(asyncio.CancelledError):
        await only
    hostile.gate.set()
    assert await provider.keys() == {"old"}
    assert provider.fetches == 1


@pytest.mark.asyncio
async def test_a_key_rotated_just_before_signing_is_found_at_once(provider):
    """A routine fetch does not begin the cool-down: the conformance suite rotates right after the first login."""
    await provider.keys("old")
    provider.publish("old", "new")
    assert "new" in await provider.keys("new")
    assert provider.fetches == 2


@pytest.mark.asyncio
@pytest.mark.parametrize("warm", [True, False])
async def test_a_thousand_unknown_kids_make_one_fetch_per_cool_down(provider, warm):
    if warm:
        await provider.keys()
    before = provider.fetches
    await asyncio.gather(*(provider.keys(f"junk-{n}") for n in range(1000)))
    assert provider.fetches - before == 1
    provider.now += COOLDOWN - 1
    await asyncio.gather(*(provider.keys(f"more-{n}") for n in range(1000)))
    assert provider.fetches - before == 1
    provider.now += 1
    await provider.keys("yet another")
    assert provider.fetches - before == 2


@pytest.mark.asyncio
async def test_a_refetch_that_succeeded_cools_down(provider):
    await provider.keys("old")
    provider.publish("second")
    assert await provider.keys("second") == {"second"}
    provider.publish("third")
    assert await provider.keys("third") == {"second"}
    provider.now += COOLDOWN
    assert await provider.keys("third") == {"third"}


@pytest.mark.asyncio
async def test_who_judged_an_older_set_gets_the_newer_one_without_a_fetch(provider):
    old = await provider.keys()
    provider.publish("new")
    newer = await provider.cache.refetch_keys(provider.jwks_uri, judged=old)
    assert newer == {"new"}
    assert await provider.cache.refetch_keys(provider.jwks_uri, judged=old) is newer
    assert provider.fetches == 2


@pytest.mark.asyncio
async def test_two_hundred_who_judged_the_same_set_make_one_fetch(provider):
    old = await provider.keys()
    provider.publish("new")
    got = await asyncio.gather(*(provider.cache.refetch_keys(provider.jwks_uri, judged=old) for _ in range(200)))
    assert set(got) == {frozenset({"new"})}
    assert provider.fetches == 2


@pytest.mark.asyncio
async def test_a_failure_reaches_every_waiter_and_cools_down(provider):
    provider.fail()
    got = await asyncio.gather(*(provider.keys() for _ in range(200)), return_exceptions=True)
    assert {(type(error), getattr(error, "code", None)) for error in got} == {(Unusable, "DOCUMENT_STATUS")}
    provider.publish("back")
    provider.now += COOLDOWN - 1
    with pytest.raises(Unusable):
        await provider.keys()
    assert provider.fetches == 1
    provider.now += 1
    assert await provider.keys() == {"back"}


@pytest.mark.asyncio
async def test_a_provider_that_cannot_be_reached_is_not_tried_again_while_cooling_down(open_upstream, names):
    upstream = open_upstream("")
    cache = ProviderDocuments(
        upstream,
        monotonic=lambda: 0.0,
        configuration_url=str,
        parse_metadata=parse_metadata,
        parse_keys=parse_keys,
    )
    for _ in range(3):
        with pytest.raises(Unreachable):
            await cache.keys("https://nobody.test/jwks")
    assert names.asked == ["nobody.test"]


@pytest.mark.asyncio
@pytest.mark.parametrize("nonsense", [None, b"<html>", b"{}", b""])
async def test_a_document_is_replaced_only_by_a_good_one(provider, nonsense):
    held = await provider.keys()
    provider.hostile.documents["/jwks"] = nonsense
    if nonsense is None:
        provider.fail()
    provider.now += HOUR
    assert await provider.keys() is held
    assert await provider.keys("new") is held
    assert provider.fetches == 2


@pytest.mark.asyncio
async def test_held_keys_serve_a_provider_that_is_down_for_a_day_and_not_longer(provider):
    """F27: a provider's key endpoint failing costs nobody with a known key anything, for 24 hours."""
    held = await provider.keys()
    provider.fail()
    provider.now += 24 * HOUR - 1
    assert await provider.keys() is held
    provider.now += 1
    with pytest.raises(Unusable):
        await provider.keys()


@pytest.mark.asyncio
async def test_what_a_parser_says_reaches_the_caller_and_cools_down(provider):
    provider.hostile.documents["/jwks"] = b"[]"
    for _ in range(2):
        with pytest.raises(Rejected):
            await provider.keys()
    assert provider.fetches == 1


@pytest.mark.asyncio
async def test_metadata_is_fetched_from_the_well_known_place_and_kept_for_an_hour(provider):
    for _ in range(2):
        assert await provider.cache.metadata(provider.issuer) == {"issuer": provider.issuer}
    assert provider.hostile.seen["/meta"] == 1
    provider.now += HOUR
    await provider.cache.metadata(provider.issuer)
    assert provider.hostile.seen["/meta"] == 2


@pytest.mark.asyncio
async def test_metadata_may_be_somewhere_else(provider):
    provider.hostile.documents["/elsewhere"] = provider.hostile.documents["/meta"]
    got = await provider.cache.metadata(provider.issuer, discovery_url=f"{provider.issuer}/elsewhere")
    assert got == {"issuer": provider.issuer}
    assert provider.hostile.seen == {"/elsewhere": 1}


@pytest.mark.asyncio
async def test_metadata_that_names_another_issuer_is_refused_though_another_caller_expected_it(provider):
    await provider.cache.metadata(provider.issuer)
    with pytest.raises(Rejected):
        await provider.cache.metadata("https://evil.test", discovery_url=f"{provider.issuer}/meta")


@pytest.mark.asyncio
async def test_tenants_do_not_share_documents(hostile, open_upstream):
    """I2: what one tenant may reach must not be read by another from the cache."""
    port = await hostile.listen()
    made = Provider(hostile, open_upstream(f"127.0.0.1:{port}@acme"), port)
    assert await made.keys(tenant="acme") == {"old"}
    with pytest.raises(TargetRefused):
        await made.keys(tenant="other")
    with pytest.raises(TargetRefused):
        await made.keys()
    assert made.fetches == 1


@pytest.mark.asyncio
async def test_a_fetch_runs_in_nobodys_context(provider):
    """A caller's database transaction travels in a context variable; a fetch that outlives it must not see it."""
    inside: contextvars.ContextVar[str] = contextvars.ContextVar("inside", default="nothing")
    inside.set("a transaction")
    source = Source(provider.jwks_uri)
    assert await Cached(provider.upstream, monotonic=lambda: 0.0).get(source, lambda _: inside.get()) == "nothing"


@pytest.mark.asyncio
async def test_the_cache_is_bounded_and_forgets_the_least_used(hostile, open_upstream):
    port = await hostile.listen()
    cache: Cached[bytes] = Cached(open_upstream(f"127.0.0.1:{port}"), monotonic=itertools.count().__next__, documents=2)
    for name in "abacab":
        hostile.documents[f"/{name}"] = name.encode()
        assert await cache.get(Source(f"http://127.0.0.1:{port}/{name}"), bytes) == name.encode()
    assert hostile.seen == {"/a": 1, "/b": 2, "/c": 1}


@pytest.mark.asyncio
async def test_closing_ends_the_fetch_in_flight(provider, hostile):
    hostile.gate = asyncio.Event()
    waiter = asyncio.create_task(provider.keys())
    await hostile.asked.wait()
    await provider.cache.aclose()
    with pytest.raises(asyncio.CancelledError):
        await waiter
