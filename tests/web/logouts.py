"""Logout requests as a provider, or somebody who is not it, sends them."""

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx

from identity_api.db.providers import Provider
from identity_api.ids import token_hash
from identity_api.telemetry import METRICS
from tests.openid_provider.running import BACKCHANNEL_LOGOUT_EVENT
from tests.web.site import Site

EVENTS = {BACKCHANNEL_LOGOUT_EVENT: {}}


async def sid_of(site: Site, client: httpx.AsyncClient) -> str:
    """The provider's name for the session that this browser's session came from."""
    find = "select provider_session from session where token_hash = $1"
    return str(await site.fetchval(find, token_hash(client.cookies["__Host-session"])))


def token_for(site: Site, person: str = "alice", **changes: Any) -> str:
    """A logout token of the site's provider; `changes` replace claims, None leaves one out."""
    return site.idp.logout_token(person, **{"aud": site.provider.client_id, **changes})


def backchannel_path(provider: Provider) -> str:
    return f"/auth/providers/{provider.id}/backchannel-logout"


async def send(site: Site, token: str, provider: Provider | None = None, **options: Any) -> httpx.Response:
    """Post a logout token, as the provider's server would: without cookies and from wherever it runs."""
    client = site.client(**options)
    return await client.post(backchannel_path(provider or site.provider), data={"logout_token": token})


async def is_signed_in(client: httpx.AsyncClient) -> bool:
    return (await client.get("/v1/me")).status_code == 200


async def until_refused(ask: Callable[[], Awaitable[httpx.Response]], at_most: int = 300) -> httpx.Response | None:
    """Ask until a rate limit refuses. Places come back while a slow machine asks, so it may take more than the limit."""
    for _ in range(at_most):
        answer = await ask()
        if answer.status_code == 429:
            return answer
    return None


def query_of(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))


def with_query(path: str, **parameters: str) -> str:
    return f"{path}?{urlencode(parameters)}"


def counted(outcome: str) -> float:
    labels = {"channel": "back", "outcome": outcome}
    return METRICS.registry.get_sample_value("identity_provider_logouts_total", labels) or 0.0
