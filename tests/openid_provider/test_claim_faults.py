"""Every fault of what is said does what its name says, to whom it was meant for, and to nobody else."""

import json
import time
from base64 import urlsafe_b64decode
from collections.abc import Callable
from typing import Any

import pytest
from joserfc import jws
from joserfc.errors import BadSignatureError, JoseError

from tests.demo.relying_party import RelyingParty
from tests.openid_provider import Fault
from tests.openid_provider.misbehaving import (
    AUTHORIZATION_CHANGES,
    GROUP_CHANGES,
    HUGE_GROUPS,
    ID_TOKEN_CHANGES,
    OTHER_ISSUER,
    OTHER_SUBJECT,
    PERSON_CHANGES,
    TOKEN_RESPONSE_CHANGES,
    USERINFO_CHANGES,
)
from tests.openid_provider.wrapper import CANNED


def claims_unverified(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    return dict(json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4))))


def kid_of(token: str) -> object:
    return jws.extract_compact(token.encode()).headers().get("kid")


async def published_kids(party: RelyingParty) -> set[str]:
    return {key["kid"] for key in (await party.http.get(f"{party.provider.issuer}/jwks")).json()["keys"]}


Claims = dict[str, Any]

# What each fault promises about the claims, which are never true of an honest token.
PROMISES: dict[Fault, Callable[[Claims], bool]] = {
    Fault.WRONG_NONCE: lambda claims: claims["nonce"] == "of-another-login",
    Fault.NO_NONCE: lambda claims: "nonce" not in claims,
    Fault.WRONG_ISSUER: lambda claims: claims["iss"] == OTHER_ISSUER,
    Fault.WRONG_AUDIENCE: lambda claims: claims["aud"] == "another-client",
    Fault.NO_AUDIENCE: lambda claims: "aud" not in claims,
    Fault.AUDIENCE_LIST: lambda claims: claims["aud"] == ["identity-api"],
    Fault.EXTRA_AUDIENCE: lambda claims: claims["aud"] == ["identity-api", "another-client"] and "azp" not in claims,
    Fault.NO_SUBJECT: lambda claims: "sub" not in claims,
    Fault.OTHER_SUBJECT: lambda claims: claims["sub"] == OTHER_SUBJECT,
    Fault.NO_ISSUED_AT: lambda claims: "iat" not in claims,
    Fault.NO_EXPIRY: lambda claims: "exp" not in claims,
    Fault.EXPIRED: lambda claims: claims["exp"] < time.time() - 3600,
    Fault.ISSUED_IN_FUTURE: lambda claims: claims["iat"] > time.time() + 3600,
    Fault.OTHER_AUTH_TIME: lambda claims: claims["auth_time"] <= claims["iat"] - 60,
    Fault.AUTH_TIME_FRACTION: lambda claims: claims["auth_time"] % 1 == 0.25,
    Fault.NO_AUTH_TIME: lambda claims: "auth_time" not in claims,
    Fault.AUTH_TIME_ZERO: lambda claims: claims["auth_time"] == 0,
    Fault.WRONG_AT_HASH: lambda claims: claims["at_hash"] == "A" * 22,
    Fault.ENTRA_DIRECTORY: lambda claims: claims["iss"].endswith("/" + claims.get("tid", "?")),
}


@pytest.mark.asyncio
@pytest.mark.parametrize("fault", ID_TOKEN_CHANGES)
async def test_an_id_token_fault_keeps_its_promise_for_its_person_only(party: RelyingParty, fault: Fault) -> None:
    with party.provider.fault(fault, person="alice"):
        spoiled = await party.verified((await party.tokens("alice"))["id_token"])
        honest = await party.verified((await party.tokens("bob"))["id_token"])
    assert PROMISES[fault](spoiled)
    assert not PROMISES[fault](honest)


def test_every_fault_is_implemented_somewhere() -> None:
    tables = (ID_TOKEN_CHANGES, PERSON_CHANGES, USERINFO_CHANGES, TOKEN_RESPONSE_CHANGES, AUTHORIZATION_CHANGES, CANNED)
    tested_by_name = {
        Fault.UNKNOWN_KID,
        Fault.KEY_ROTATED_BEFORE_SIGNING,
        Fault.BROKEN_SIGNATURE,
        Fault.NO_KID,
        Fault.ALG_NONE,
        Fault.HS256_WITH_PUBLIC_KEY,
        Fault.OFFLINE_ACCESS_NEEDS_CONSENT,
        Fault.OFFLINE_ACCESS_NEEDS_ACCESS_TYPE,
        Fault.ISSUER_MISMATCH,
        Fault.PKCE_NOT_ANNOUNCED,
        Fault.DROP_BEFORE,
        Fault.DROP_AFTER,
        Fault.DRIP,
        Fault.ENDLESS,
        Fault.ERROR_AFTER,
        Fault.REUSE_IS_ONLY_REFUSED,
    }
    assert set(Fault) == tested_by_name.union(*tables)


@pytest.mark.asyncio
async def test_a_missing_email_verified_is_missing_for_its_person_only(party: RelyingParty) -> None:
    with party.provider.fault(Fault.NO_EMAIL_VERIFIED, person="alice"):
        for person, is_missing in (("alice", True), ("bob", False)):
            tokens = await party.tokens(person)
            said = await party.verified(tokens["id_token"])
            assert ("email" in said, "email_verified" not in said) == (True, is_missing)


@pytest.mark.asyncio
async def test_faults_concern_refreshes_as_well_unless_told_otherwise(party: RelyingParty) -> None:
    token = (await party.tokens("alice"))["refresh_token"]
    with party.provider.fault(Fault.OTHER_SUBJECT, grant_type="refresh_token"):
        login = await party.tokens("alice")
        refreshed = (await party.refresh(token)).json()
    assert (await party.verified(login["id_token"]))["sub"] != OTHER_SUBJECT
    assert (await party.verified(refreshed["id_token"]))["sub"] == OTHER_SUBJECT


@pytest.mark.asyncio
@pytest.mark.parametrize("fault", GROUP_CHANGES)
async def test_a_groups_fault_is_in_the_id_token_and_in_userinfo(party: RelyingParty, fault: Fault) -> None:
    expected = {
        Fault.NO_GROUPS: None,
        Fault.GROUPS_AS_STRING: "engineering,platform",
        Fault.GROUPS_AS_NUMBERS: [1, 2, 3],
        Fault.GROUPS_OVERAGE: None,
    }
    with party.provider.fault(fault):
        tokens = await party.tokens("alice")
        said = await party.verified(tokens["id_token"]), (await party.userinfo(tokens["access_token"])).json()
    for claims in said:
        if fault is Fault.HUGE_GROUPS:
            assert len(claims["groups"]) == HUGE_GROUPS
        else:
            assert claims.get("groups") == expected[fault]
        assert ("_claim_names" in claims) is (fault is Fault.GROUPS_OVERAGE)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("fault", "subject"),
    [(f, OTHER_SUBJECT if "other" in f else None) for f in (Fault.USERINFO_OTHER_SUBJECT, Fault.USERINFO_NO_SUBJECT)],
)
async def test_a_userinfo_fault_leaves_the_id_token_alone(
    party: RelyingParty, fault: Fault, subject: str | None
) -> None:
    alice = party.provider.people["alice"].subject
    with party.provider.fault(fault):
        tokens = await party.tokens("alice")
        assert (await party.userinfo(tokens["access_token"])).json().get("sub") == subject
    assert (await party.verified(tokens["id_token"]))["sub"] == alice
    assert (await party.userinfo(tokens["access_token"])).json()["sub"] == alice


@pytest.mark.asyncio
async def test_userinfo_may_say_the_subject_alone(party: RelyingParty) -> None:
    tokens = await party.tokens("alice")
    with party.provider.fault(Fault.USERINFO_SUBJECT_ONLY):
        assert (await party.userinfo(tokens["access_token"])).json() == {"sub": party.provider.people["alice"].subject}


@pytest.mark.asyncio
@pytest.mark.parametrize("fault", TOKEN_RESPONSE_CHANGES)
async def test_a_token_response_fault_changes_the_response(party: RelyingParty, fault: Fault) -> None:
    honest = await party.tokens("alice")
    with party.provider.fault(fault):
        spoiled = await party.tokens("alice")
    missing = {
        Fault.NO_REFRESH_TOKEN: "refresh_token",
        Fault.NO_ID_TOKEN: "id_token",
        Fault.NO_ACCESS_TOKEN: "access_token",
        Fault.NO_EXPIRES_IN: "expires_in",
    }
    assert honest.keys() - spoiled.keys() == ({missing[fault]} if fault in missing else set())
    assert spoiled["token_type"] == ("bEARER" if fault is Fault.ODD_TOKEN_TYPE else "Bearer")


@pytest.mark.asyncio
@pytest.mark.parametrize("fault", AUTHORIZATION_CHANGES)
async def test_an_authorization_fault_changes_the_answer_for_its_person_only(party: RelyingParty, fault: Fault) -> None:
    with party.provider.fault(fault, person="alice"):
        spoiled, honest = await party.sign_in("alice"), await party.sign_in("bob")
    assert (honest["iss"], honest["state"]) == (party.provider.issuer, party.state)
    assert (spoiled.get("iss"), spoiled["state"]) != (party.provider.issuer, party.state)


@pytest.mark.asyncio
async def test_the_issuer_of_the_metadata_can_differ(party: RelyingParty) -> None:
    with party.provider.fault(Fault.ISSUER_MISMATCH):
        assert (await party.http.get(party.provider.discovery_url)).json()["issuer"] == OTHER_ISSUER
    assert (await party.http.get(party.provider.discovery_url)).json()["issuer"] == party.provider.issuer


@pytest.mark.asyncio
async def test_pkce_can_be_left_unannounced(party: RelyingParty) -> None:
    with party.provider.fault(Fault.PKCE_NOT_ANNOUNCED):
        assert "code_challenge_methods_supported" not in (await party.http.get(party.provider.discovery_url)).json()
    assert "S256" in (await party.http.get(party.provider.discovery_url)).json()["code_challenge_methods_supported"]


@pytest.mark.asyncio
async def test_offline_access_can_need_consent(party: RelyingParty) -> None:
    with party.provider.fault(Fault.OFFLINE_ACCESS_NEEDS_CONSENT):
        assert "refresh_token" not in await party.tokens("alice")
        assert "refresh_token" in await party.tokens("alice", prompt="consent")


@pytest.mark.asyncio
async def test_offline_access_can_need_an_access_type_instead_of_a_scope(party: RelyingParty) -> None:
    with party.provider.fault(Fault.OFFLINE_ACCESS_NEEDS_ACCESS_TYPE):
        assert "refresh_token" not in await party.tokens("alice")
        assert "refresh_token" in await party.tokens("alice", scope="openid", access_type="offline")


@pytest.mark.asyncio
async def test_a_broken_signature_breaks_nothing_but_the_signature(party: RelyingParty) -> None:
    with party.provider.fault(Fault.BROKEN_SIGNATURE):
        token = (await party.tokens("alice"))["id_token"]
    with pytest.raises(BadSignatureError):
        await party.verified(token)
    assert claims_unverified(token)["nonce"] == party.nonce


@pytest.mark.asyncio
async def test_an_unknown_kid_is_never_published(party: RelyingParty) -> None:
    with party.provider.fault(Fault.UNKNOWN_KID):
        token = (await party.tokens("alice"))["id_token"]
    assert kid_of(token) not in await published_kids(party)


@pytest.mark.asyncio
async def test_a_key_rotated_before_signing_is_published_beside_the_old_one(party: RelyingParty) -> None:
    before = await published_kids(party)
    with party.provider.fault(Fault.KEY_ROTATED_BEFORE_SIGNING, times=1):
        token = (await party.tokens("alice"))["id_token"]
    assert kid_of(token) not in before
    assert await published_kids(party) == before | {kid_of(token)}
    assert (await party.verified(token))["nonce"] == party.nonce


@pytest.mark.asyncio
async def test_a_token_without_kid_is_signed_by_the_published_key(party: RelyingParty) -> None:
    with party.provider.fault(Fault.NO_KID):
        token = (await party.tokens("alice"))["id_token"]
    assert kid_of(token) is None
    assert (await party.verified(token))["nonce"] == party.nonce


@pytest.mark.asyncio
@pytest.mark.parametrize(("fault", "algorithm"), [(Fault.ALG_NONE, "none"), (Fault.HS256_WITH_PUBLIC_KEY, "HS256")])
async def test_a_forbidden_algorithm_is_used(party: RelyingParty, fault: Fault, algorithm: str) -> None:
    with party.provider.fault(fault):
        token = (await party.tokens("alice"))["id_token"]
    assert jws.extract_compact(token.encode()).headers()["alg"] == algorithm
    with pytest.raises(JoseError):
        await party.verified(token)
    assert claims_unverified(token)["nonce"] == party.nonce


@pytest.mark.asyncio
async def test_a_logout_token_says_whose_login_ended(party: RelyingParty) -> None:
    claims = await party.verified(party.provider.logout_token("alice", sid="s-1"))
    assert (claims["sub"], claims["sid"]) == (party.provider.people["alice"].subject, "s-1")
    assert claims["aud"] == party.provider.client_id
    assert list(claims["events"]) == ["http://schemas.openid.net/event/backchannel-logout"]
    assert "nonce" not in claims


@pytest.mark.asyncio
async def test_a_logout_token_can_be_spoiled(party: RelyingParty) -> None:
    claims = await party.verified(party.provider.logout_token("alice", events=None, nonce="n"))
    assert "events" not in claims
    assert claims["nonce"] == "n"
