"""The backend's client, against the real service: a revocation is seen, and nobody gets in on an old answer."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from identity_api_client import Introspector, NotAllowed, Unauthenticated

from tests.web.site import PUBLIC_URL, Site
from tests.web.test_machines import service_client
from tests.web.test_oauth import bearer, revoke

pytestmark = pytest.mark.asyncio


class Now:
    """A clock that stands still, at a moment that the tokens of the test know."""

    def __init__(self) -> None:
        import time

        self.seconds = time.time()

    def __call__(self) -> float:
        return self.seconds


class Counted(httpx.AsyncBaseTransport):
    def __init__(self, inner: Any) -> None:
        self.inner, self.count = inner, 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.count += 1
        answer: httpx.Response = await self.inner.handle_async_request(request)
        return answer


@pytest.fixture
def now() -> Now:
    return Now()


@pytest_asyncio.fixture
async def wire(site: Site) -> AsyncIterator[Counted]:
    yield Counted(httpx.ASGITransport(site.app))


async def introspector(site: Site, wire: Counted, now: Now, **options: Any) -> Introspector:
    name, secret = await service_client(site, site.tenant.id)
    return Introspector(PUBLIC_URL, name, secret, http=httpx.AsyncClient(transport=wire), clock=now, **options)


async def test_an_answer_counts_for_a_moment_and_a_revocation_is_seen_after_it(
    site: Site,
    wire: Counted,
    now: Now,
) -> None:
    identity, token = await introspector(site, wire, now), await bearer(site)
    for _ in range(3):
        caller = await identity.caller(f"Bearer {token}")
    assert (caller.tenant, wire.count) == (site.tenant.slug, 1)
    await revoke(site, token=token)
    now.seconds += 2.1
    with pytest.raises(Unauthenticated) as refused:
        await identity.caller(f"Bearer {token}")
    assert (refused.value.status, refused.value.headers["WWW-Authenticate"]) == (401, 'Bearer error="invalid_token"')


async def test_what_is_forgotten_is_asked_anew_at_once(site: Site, wire: Counted, now: Now) -> None:
    identity, token = await introspector(site, wire, now), await bearer(site)
    await identity.caller(f"Bearer {token}")
    await revoke(site, token=token)
    identity.forget(token)
    with pytest.raises(Unauthenticated):
        await identity.caller(f"Bearer {token}")


async def test_nothing_is_kept_where_that_is_asked_for(site: Site, wire: Counted, now: Now) -> None:
    identity, token = await introspector(site, wire, now, keep_seconds=0), await bearer(site)
    await identity.caller(f"Bearer {token}")
    await revoke(site, token=token)
    with pytest.raises(Unauthenticated):
        await identity.caller(f"Bearer {token}")
    with pytest.raises(ValueError, match="0 to 10 seconds"):
        await introspector(site, wire, now, keep_seconds=60)


async def test_permissions_and_freshness_are_asked_of_the_caller(site: Site, wire: Counted, now: Now) -> None:
    identity, token = await introspector(site, wire, now), await bearer(site)
    caller = await identity.caller(f"bearer {token}")
    with pytest.raises(NotAllowed) as lacking:
        caller.require("docs:read")
    assert (lacking.value.status, "insufficient_scope" in lacking.value.headers["WWW-Authenticate"]) == (403, True)
    caller.require_fresh(600, now=caller.authenticated_at + 600)
    with pytest.raises(NotAllowed) as old:
        caller.require_fresh(600, now=caller.authenticated_at + 601)
    told = 'Bearer error="insufficient_user_authentication", max_age="600"'
    assert (old.value.status, old.value.headers["WWW-Authenticate"]) == (401, told)


@pytest.mark.parametrize("header", [None, "", "Basic x", "Bearer", "Bearer "])
async def test_what_is_no_bearer_token_is_not_asked_about(
    site: Site,
    wire: Counted,
    now: Now,
    header: str | None,
) -> None:
    identity = await introspector(site, wire, now)
    with pytest.raises(Unauthenticated):
        await identity.caller(header)
    assert wire.count == 0


async def test_a_service_client_that_is_refused_lets_nobody_in(site: Site, wire: Counted, now: Now) -> None:
    token = await bearer(site)
    identity = Introspector(PUBLIC_URL, "nobody", "wrong", http=httpx.AsyncClient(transport=wire), clock=now)
    with pytest.raises(httpx.HTTPStatusError):
        await identity.caller(f"Bearer {token}")
