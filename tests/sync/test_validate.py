"""What a refreshed ID Token may say (OIDC Core 12.2), judged on tokens that the provider signed on request."""

import time
from typing import Any

import pytest

from identity_api.demo.claims import at_hash
from identity_api.oidc.token_endpoint import Refreshed, TokenResponse
from identity_api.sync.call import Called
from identity_api.sync.outcome import Ended, Read, Stale
from tests.sync.steps import SteppedSync
from tests.sync.world import NONCE, World


async def judged(world: World, **changes: Any) -> Read | Stale | Ended | None:
    """What comes of a refresh whose ID Token has these claims changed; None leaves one out."""
    alice = await world.sign_in("alice")
    sync = await SteppedSync(world, alice).run("claim", "call", "land")
    assert sync.called is not None
    assert sync.called.presented is not None
    now = int(time.time())
    claims = {
        "iss": world.issuer.issuer,
        "sub": world.issuer.people["alice"].subject,
        "aud": world.issuer.client_id,
        "iat": now,
        "exp": now + 300,
        "auth_time": sync.called.presented.auth_time,
        "name": "Alice Archer",
        "preferred_username": "alice",
        "email": "alice@demo.example",
        "groups": ["support"],
        **changes,
    }
    token = world.issuer.sign({name: value for name, value in claims.items() if value is not None})
    sync.called = Called(Refreshed(TokenResponse(access_token="at", id_token=token)), sync.called.presented)
    return (await sync.run("validate")).outcome


GOOD: dict[str, dict[str, Any]] = {
    "all as it was": {},
    "without auth_time": {"auth_time": None},
    "the nonce of the login": {"nonce": NONCE},
    "a list as audience": {"aud": ["identity-api"]},
    "the hash of its access token": {"at_hash": at_hash("at")},
    "other audiences, issued to us": {"aud": ["identity-api", "other"], "azp": "identity-api"},
}


@pytest.mark.asyncio
@pytest.mark.parametrize("case", GOOD)
async def test_an_id_token_that_repeats_the_login_is_read(world: World, case: str) -> None:
    outcome = await judged(world, **GOOD[case])
    assert isinstance(outcome, Read)
    assert outcome.verified.groups.groups == ("support",)


OTHER: dict[str, tuple[dict[str, Any], str]] = {
    "another issuer": ({"iss": "https://other.example"}, "issuer_changed"),
    "another subject": ({"sub": "somebody-else"}, "subject_changed"),
}


@pytest.mark.asyncio
@pytest.mark.parametrize("case", OTHER)
async def test_an_id_token_of_another_person_ends_the_login(world: World, case: str) -> None:
    claims, reason = OTHER[case]
    outcome = await judged(world, **claims)
    assert isinstance(outcome, Ended)
    assert (outcome.reason, outcome.detail["claim"]) == (reason, *claims)


DEVIATING: dict[str, dict[str, Any]] = {
    "another nonce": {"nonce": "of-another-login"},
    "issued to another client": {"aud": ["identity-api", "other"], "azp": "other"},
    "another auth_time": {"auth_time": 1},
}


@pytest.mark.asyncio
@pytest.mark.parametrize("case", DEVIATING)
async def test_an_id_token_of_another_sign_in_of_the_person_is_read_and_the_difference_kept(
    world: World, case: str
) -> None:
    outcome = await judged(world, **DEVIATING[case])
    assert isinstance(outcome, Read)
    assert [one.claim for one in outcome.verified.deviations or ()] == [[*DEVIATING[case]][-1]]


@pytest.mark.asyncio
async def test_an_id_token_for_another_client_says_nothing_that_can_be_used(world: World) -> None:
    assert await judged(world, aud="other") == Stale(reason="claim_mismatch")


@pytest.mark.asyncio
async def test_an_access_token_that_is_not_the_id_tokens_is_not_used(world: World) -> None:
    """Promise 29, OIDC Core 3.1.3.8. Nobody is somebody else for it: "not now", and no quarantine."""
    assert await judged(world, at_hash=at_hash("another")) == Stale(reason="access_token_mismatch")
