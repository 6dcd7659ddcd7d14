"""What tokens and UserInfo say: Core sections 2, 5.3, 5.4; RFC 9068; RFC 6750."""

import hashlib
from base64 import urlsafe_b64encode

import httpx
import pytest
from joserfc import jws

from tests.demo.relying_party import RelyingParty
from tests.openid_provider import RunningProvider


@pytest.mark.asyncio
async def test_the_id_token_says_who_for_whom_and_when(party: RelyingParty) -> None:
    tokens = await party.tokens("alice")
    claims = await party.verified(tokens["id_token"])
    assert claims["iss"] == party.provider.issuer
    assert claims["sub"] == party.provider.people["alice"].subject
    assert claims["aud"] == party.provider.client_id
    assert claims["nonce"] == party.nonce
    assert claims["iat"] < claims["exp"] <= claims["iat"] + 600
    assert claims["auth_time"] <= claims["iat"]
    assert claims["sid"]


@pytest.mark.asyncio
async def test_the_id_token_says_what_the_scopes_ask_for(party: RelyingParty) -> None:
    claims = await party.verified((await party.tokens("dora"))["id_token"])
    assert claims["preferred_username"] == "dora"
    assert claims["name"] == "Dora Dyer"
    assert (claims["email"], claims["email_verified"]) == ("dora@demo.example", True)
    assert claims["groups"] == ["identity-admins", "engineering"]


@pytest.mark.asyncio
async def test_claims_of_scopes_not_asked_for_are_left_out(party: RelyingParty) -> None:
    claims = await party.verified((await party.tokens("dora", scope="openid"))["id_token"])
    assert not {"name", "preferred_username", "email", "email_verified"} & claims.keys()
    assert claims["groups"] == ["identity-admins", "engineering"]


@pytest.mark.asyncio
async def test_at_hash_binds_the_access_token(party: RelyingParty) -> None:
    tokens = await party.tokens("alice")
    digest = hashlib.sha256(tokens["access_token"].encode()).digest()
    expected = urlsafe_b64encode(digest[:16]).rstrip(b"=").decode()
    assert (await party.verified(tokens["id_token"]))["at_hash"] == expected


@pytest.mark.asyncio
async def test_the_id_token_names_a_published_key(party: RelyingParty) -> None:
    header = jws.extract_compact((await party.tokens("alice"))["id_token"].encode()).headers()
    published = (await party.http.get(f"{party.provider.issuer}/jwks")).json()["keys"]
    assert header["alg"] == "RS256"
    assert header["kid"] in {key["kid"] for key in published}


@pytest.mark.asyncio
async def test_no_groups_is_said_as_an_empty_list(party: RelyingParty) -> None:
    tokens = await party.tokens("erin")
    assert (await party.verified(tokens["id_token"]))["groups"] == []
    assert (await party.userinfo(tokens["access_token"])).json()["groups"] == []


@pytest.mark.asyncio
async def test_no_groups_can_be_left_out_as_some_providers_do(http: httpx.AsyncClient) -> None:
    with RunningProvider(omit_empty_groups=True) as provider:
        party = RelyingParty(provider, http)
        assert "groups" not in await party.verified((await party.tokens("erin"))["id_token"])
        assert "groups" in await party.verified((await party.tokens("alice"))["id_token"])


@pytest.mark.asyncio
async def test_each_login_has_its_own_sid(party: RelyingParty) -> None:
    sids = {(await party.verified((await party.tokens("alice"))["id_token"]))["sid"] for _ in range(2)}
    assert len(sids) == 2


@pytest.mark.asyncio
async def test_the_access_token_is_a_signed_one_about_the_same_person(party: RelyingParty) -> None:
    token = (await party.tokens("alice"))["access_token"]
    claims = await party.verified(token)
    assert jws.extract_compact(token.encode()).headers()["typ"] == "at+jwt"
    assert (claims["iss"], claims["sub"]) == (party.provider.issuer, party.provider.people["alice"].subject)
    assert claims["groups"] == ["engineering", "platform"]


@pytest.mark.asyncio
async def test_tokens_verify_after_the_key_has_rotated(party: RelyingParty) -> None:
    old = (await party.tokens("alice"))["id_token"]
    party.provider.rotate_key()
    new = (await party.tokens("alice"))["id_token"]
    assert (await party.verified(old))["sub"] == (await party.verified(new))["sub"]


@pytest.mark.asyncio
async def test_userinfo_says_the_same_with_groups_as_they_are_now(party: RelyingParty) -> None:
    tokens = await party.tokens("alice")
    party.provider.set_groups("alice", ["support"])
    said = (await party.userinfo(tokens["access_token"])).json()
    assert said["sub"] == (await party.verified(tokens["id_token"]))["sub"]
    assert (said["name"], said["groups"]) == ("Alice Archer", ["support"])


@pytest.mark.asyncio
@pytest.mark.parametrize("header", [None, "Bearer", "Bearer unknown", "Basic x"])
async def test_userinfo_without_a_live_access_token_is_refused(party: RelyingParty, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    answer = await party.http.get(f"{party.provider.issuer}/userinfo", headers=headers)
    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


@pytest.mark.asyncio
async def test_an_id_token_is_no_access_token(party: RelyingParty) -> None:
    assert (await party.userinfo((await party.tokens("alice"))["id_token"])).status_code == 401


@pytest.mark.asyncio
async def test_a_removed_persons_access_token_is_refused(party: RelyingParty) -> None:
    token = (await party.tokens("alice"))["access_token"]
    assert (await party.userinfo(token)).status_code == 200
    party.provider.remove("alice")
    assert (await party.userinfo(token)).status_code == 401
