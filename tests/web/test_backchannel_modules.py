"""The modules of the RP conformance suite's Back-Channel Logout plan, through the real route. Promise 17.

Each refusal is preceded and followed by what is accepted: the session lives through the bad token and not the good one.
"""

import base64
import json
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from joserfc.jwk import RSAKey

from tests.oidc.tokens import rsa_key, sign, unsigned_token
from tests.openid_provider.running import BACKCHANNEL_LOGOUT_EVENT
from tests.web.logouts import is_signed_in, send, sid_of, token_for
from tests.web.site import Site

pytestmark = pytest.mark.asyncio


def key_of(site: Site) -> RSAKey:
    """The provider's own key, to sign what it would never sign."""
    found: RSAKey = site.idp._provider.keys.current
    return found


def claims_of(site: Site, sid: str, **changes: Any) -> dict[str, Any]:
    """The claims of a good logout token."""
    payload = token_for(site, sid=sid, **changes).split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return found


def refused(answer: httpx.Response) -> None:
    assert (answer.status_code, answer.json()["code"]) == (400, "LOGOUT_REFUSED"), answer.text
    assert answer.headers["cache-control"] == "no-store"


async def refuses_until_it_is_right(site: Site, make: Callable[[str], str]) -> None:
    """The token that `make` makes of the sid is refused and ends nothing; a good one ends the session."""
    client = await site.signed_in()
    sid = await sid_of(site, client)
    refused(await send(site, make(sid)))
    assert await is_signed_in(client)
    assert await site.events("session.ended") == 0
    assert await site.events("logout_token.refused") == 1
    assert (await send(site, token_for(site, sid=sid))).status_code == 200
    assert not await is_signed_in(client)


async def test_rp_backchannel_rpinitlogout(site: Site) -> None:
    """A valid logout token: 200, nothing to keep, and the session is gone with the next request."""
    client, elsewhere = await site.signed_in(), await site.signed_in()
    answer = await send(site, token_for(site, sid=await sid_of(site, client)))
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["cache-control"] == "no-store"
    assert not await is_signed_in(client)
    assert await is_signed_in(elsewhere)
    assert await site.events("session.ended") == 1


async def test_rp_backchannel_rpinitlogout_alg_none(site: Site) -> None:
    await refuses_until_it_is_right(site, lambda sid: unsigned_token(claims_of(site, sid)))


@pytest.mark.parametrize("algorithm", ["PS256", "RS512"])
async def test_rp_backchannel_rpinitlogout_wrong_alg(site: Site, algorithm: str) -> None:
    """The provider's own key, with an algorithm that it does not announce."""
    await refuses_until_it_is_right(
        site, lambda sid: sign(claims_of(site, sid), key_of(site), algorithm, kid=key_of(site).kid, typ="logout+jwt")
    )


async def test_rp_backchannel_rpinitlogout_no_event(site: Site) -> None:
    await refuses_until_it_is_right(site, lambda sid: token_for(site, sid=sid, events=None))


@pytest.mark.parametrize("events", [{}, {BACKCHANNEL_LOGOUT_EVENT + "/other": {}}, [BACKCHANNEL_LOGOUT_EVENT]])
async def test_rp_backchannel_rpinitlogout_wrong_event(site: Site, events: object) -> None:
    await refuses_until_it_is_right(site, lambda sid: token_for(site, sid=sid, events=events))


async def test_rp_backchannel_rpinitlogout_with_nonce(site: Site) -> None:
    await refuses_until_it_is_right(site, lambda sid: token_for(site, sid=sid, nonce="n"))


@pytest.mark.parametrize("audience", ["another-client", ["another-client"], []])
async def test_rp_backchannel_rpinitlogout_wrong_aud(site: Site, audience: object) -> None:
    await refuses_until_it_is_right(site, lambda sid: token_for(site, sid=sid, aud=audience))


async def test_rp_backchannel_rpinitlogout_wrong_iss(site: Site) -> None:
    await refuses_until_it_is_right(site, lambda sid: token_for(site, sid=sid, iss="https://other.example"))


# The rest of promise 17's fourteen


async def test_a_replayed_token_is_refused(site: Site) -> None:
    """Promise 17 and 18, bad input 39."""
    client = await site.signed_in()
    token = token_for(site, sid=await sid_of(site, client))
    assert (await send(site, token)).status_code == 200
    refused(await send(site, token))
    assert await site.events("session.ended") == 1


@pytest.mark.parametrize(
    ("what", "changes"),
    [
        ("exp in the past", {"iat": -300, "exp": -61}),
        ("iat ten minutes old", {"iat": -600, "exp": 600}),
        ("iat in the future", {"iat": 120, "exp": 240}),
    ],
)
async def test_a_token_of_another_time_is_refused(site: Site, what: str, changes: dict[str, int]) -> None:
    now = int(time.time())
    shifted = {name: now + seconds for name, seconds in changes.items()}
    await refuses_until_it_is_right(site, lambda sid: token_for(site, sid=sid, **shifted))


async def test_a_token_labelled_as_an_id_token_is_refused(site: Site) -> None:
    await refuses_until_it_is_right(
        site, lambda sid: sign(claims_of(site, sid), key_of(site), kid=key_of(site).kid, typ="JWT")
    )


async def test_a_token_about_nobody_is_refused(site: Site) -> None:
    await refuses_until_it_is_right(site, lambda _: token_for(site, sub=None, sid=None))


async def test_a_token_signed_by_a_stranger_is_refused(site: Site) -> None:
    await refuses_until_it_is_right(
        site, lambda sid: sign(claims_of(site, sid), rsa_key(), kid=key_of(site).kid, typ="logout+jwt")
    )


async def test_a_token_signed_by_a_key_nobody_knows_is_refused(site: Site) -> None:
    await refuses_until_it_is_right(
        site, lambda sid: sign(claims_of(site, sid), rsa_key(), kid="unknown", typ="logout+jwt")
    )


async def test_a_token_signed_by_a_key_that_has_just_been_rotated_in_is_accepted(site: Site) -> None:
    client = await site.signed_in()
    sid = await sid_of(site, client)
    site.idp.rotate_key()
    assert (await send(site, token_for(site, sid=sid))).status_code == 200
    assert not await is_signed_in(client)


async def test_the_sid_of_another_provider_is_unknown_here(site: Site) -> None:
    """The same person and the same issuer, registered twice: each row ends its own logins."""
    client = await site.signed_in()
    sid = await sid_of(site, client)
    other = await site.add_provider("other")
    meant_for_other = token_for(site, sid=sid, aud=other.client_id)
    refused(await send(site, meant_for_other))
    assert (await send(site, meant_for_other, other)).status_code == 200
    assert await is_signed_in(client)
