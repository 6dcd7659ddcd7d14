"""ID Tokens that are signed and say odd things, through the real login: an answer that was decided, and never a 500.

Bad inputs 31 and 36; promise 1. What decides who this is must be right; everything else may be odd and lets nobody down.
"""

from typing import Any

import httpx
import pytest

from tests.web.site import Site, come_back

pytestmark = pytest.mark.asyncio
PAGE = {"accept": "text/html"}
FAR = 4_102_444_800  # the year 2100
CANARY = "<script>canary</script>"

REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "sub is empty": ({"sub": ""}, "INVALID_CLAIM:sub"),
    "sub is null": ({"sub": None}, "MISSING_CLAIM:sub"),
    "sub is a number": ({"sub": 1}, "INVALID_CLAIM:sub"),
    "sub is too long": ({"sub": "x" * 300}, "INVALID_CLAIM:sub"),
    "sub has a NUL": ({"sub": "a\0b"}, "INVALID_CLAIM:sub"),
    "iss is a list": ({"iss": ["https://idp.example"]}, "INVALID_CLAIM:iss"),
    "aud is nobody": ({"aud": []}, "CLAIM_MISMATCH:aud"),
    "aud is nested": ({"aud": [["client"]]}, "INVALID_CLAIM:aud"),
    "azp is another": ({"azp": "client-2"}, "CLAIM_MISMATCH:azp"),
    "azp is a number": ({"azp": 5}, "INVALID_CLAIM:azp"),
    "azp is empty": ({"azp": ""}, "CLAIM_MISMATCH:azp"),
    "nonce is a list": ({"nonce": ["n"]}, "INVALID_CLAIM:nonce"),
    "exp is beyond all time": ({"exp": 10**20}, "INVALID_CLAIM:exp"),
    "iat is true": ({"iat": True}, "INVALID_CLAIM:iat"),
    "iat is in the future": ({"iat": FAR, "exp": FAR + 60}, "TOKEN_NOT_YET_VALID:iat"),
    "nbf is in the future": ({"nbf": FAR}, "TOKEN_NOT_YET_VALID:nbf"),
    "nbf is a text": ({"nbf": CANARY}, "INVALID_CLAIM:nbf"),
    "auth_time is before all time": ({"auth_time": -1}, "INVALID_CLAIM:auth_time"),
    "auth_time is a text": ({"auth_time": CANARY}, "INVALID_CLAIM:auth_time"),
    "at_hash is a number": ({"at_hash": 1}, "INVALID_CLAIM:at_hash"),
    "at_hash is empty": ({"at_hash": ""}, "CLAIM_MISMATCH:at_hash"),
}
ACCEPTED: dict[str, dict[str, Any]] = {
    "sid with a NUL": {"sid": "a\0b"},
    "sid as a number": {"sid": 5},
    "sid too long": {"sid": "x" * 300},
    "sid beyond ASCII": {"sid": "\u00e9\U0001f600"},
    "acr with a NUL": {"acr": "\0"},
    "auth_time of the last moment": {"auth_time": 253_402_300_799},
    "iat of 1970": {"iat": 0},
    "exp of the last moment": {"exp": 253_402_300_799},
    "email with a NUL": {"email": "a\0b@acme.example"},
    "email as a list": {"email": ["a@acme.example"]},
    "email of two hosts": {"email": "a@x@corp.example"},
    "email with another at sign": {"email": "a\uff20corp.example"},
    "email with a comma": {"email": "a@corp.example,b@corp.example"},
    "email_verified as a text": {"email_verified": CANARY},
    "name with a NUL": {"name": "a\0b"},
    "name with markup": {"name": CANARY},
    "name with separators": {"name": "a\u2028b\nc\u202ed"},
    "username as an object": {"preferred_username": {}},
    "username of spaces": {"preferred_username": "   "},
    "groups with a NUL": {"groups": ["a\0b"]},
    "groups of characters that patterns use": {"groups": ["*", "?", "\\", "  "]},
    "claims elsewhere in another shape": {"_claim_names": ["groups"], "_claim_sources": CANARY},
    "a claim with a long name": {"k" * 5_000: 1},
}


async def sign_in(site: Site, client: httpx.AsyncClient) -> httpx.Response:
    begun = await client.get("/login", headers=PAGE)
    return await come_back(client, await site.at_provider(begun.headers["location"]))


async def reason_of(site: Site) -> Any:
    query = "select payload->>'reason' from audit_event where tenant_id = $1 and action = 'login.failed'"
    return await site.fetchval(query, site.tenant.id)


@pytest.mark.parametrize("name", REFUSED)
async def test_bad_input_31_what_decides_who_this_is_must_be_right(site: Site, name: str) -> None:
    """Bad input 31: nobody is signed in, the reason names the claim, and nothing of the token is told."""
    claims, reason = REFUSED[name]
    client = site.client(headers=PAGE)
    site.idp.say(**claims)
    refused = await sign_in(site, client)
    assert (refused.status_code, await reason_of(site)) == (400, reason)
    assert "TOKEN_REFUSED" in refused.text
    assert "canary" not in refused.text
    assert await site.fetchval("select count(*) from session where tenant_id = $1", site.tenant.id) == 0
    site.idp.say()
    assert (await sign_in(site, client)).status_code == 303


@pytest.mark.parametrize("name", ACCEPTED)
async def test_bad_input_36_what_decides_nothing_may_be_odd(site: Site, name: str) -> None:
    """Bad input 36: shown as a text, never as markup; left out where no database holds it."""
    client = site.client(headers=PAGE)
    site.idp.say(**ACCEPTED[name])
    ended = await sign_in(site, client)
    assert ended.status_code == 303, ended.text
    me = await client.get("/v1/me")
    assert (me.status_code, me.json()["is_sso"]) == (200, True)
    account = await client.get("/account")
    assert account.status_code == 200
    assert CANARY not in account.text


async def test_bad_input_36_no_email_opens_anything(site: Site) -> None:
    """Bad input 36: somebody who says that they have alice's address is not alice, verified or not."""
    alice = await site.signed_in("alice")
    address = (await alice.get("/v1/me")).json()["email"]
    site.idp.say(email=address, email_verified=True)
    bob = await site.signed_in("bob")
    assert (await bob.get("/v1/me")).json()["user_id"] != (await alice.get("/v1/me")).json()["user_id"]
