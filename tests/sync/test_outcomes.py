"""What each answer of a provider does to an identity, always next to success (RFC 6749 section 5.2; promises 23-30)."""

import time
from typing import Any

import pytest

from identity_api.diagnostics import explain
from identity_api.ids import token_hash
from tests.openid_provider import Fault, Rotation
from tests.openid_provider.misbehaving import OTHER_ISSUER, OTHER_SUBJECT
from tests.sync.conftest import MakeWorld
from tests.sync.world import NONCE, World


@pytest.mark.asyncio
async def test_success_renews_the_lease_and_rotates_the_token(world: World) -> None:
    """S0-20: the next read is due within six minutes."""
    alice = await world.sign_in("alice")
    before = await world.token(alice)
    assert (await world.sync(alice)).outcomes == {"ok": 1}
    assert await world.state(alice) == ("FRESH", None)
    assert await world.permissions(alice) == {"docs:write"}
    row = await world.sync_row(alice)
    assert 235 <= row["due_in"] <= 361
    assert row["lease_until"] is None
    assert row["attempt_hash"] is None
    after = await world.token(alice)
    assert after["id"] == before["id"]
    assert after["hash"] != before["hash"]


@pytest.mark.asyncio
async def test_a_second_sync_presents_the_rotated_token(world: World) -> None:
    """S0-41."""
    alice = await world.sign_in("alice")
    await world.sync(alice)
    await world.make_due(alice)
    assert (await world.sync(alice)).outcomes == {"ok": 1}
    first, second = world.issuer.log.find("/token", grant_type="refresh_token")
    assert first.presented != second.presented


@pytest.mark.asyncio
async def test_a_sync_that_changes_nothing_writes_no_audit_event(world: World) -> None:
    """I6: the audit holds changes, not heartbeats."""
    alice = await world.sign_in("alice")
    await world.sync(alice)
    before = await world.events()
    await world.make_due(alice)
    await world.sync(alice)
    assert await world.events() == before


TRANSIENT = {
    Fault.ERROR_500: "server_error",
    Fault.ERROR_502: "server_error",
    Fault.ERROR_503: "server_error",
    Fault.TOO_MANY_REQUESTS: "rate_limited",
    Fault.HTML_200: "not_json",
    Fault.EMPTY_200: "not_json",
    Fault.BROKEN_JSON_200: "not_json",
    Fault.JSON_LIST_200: "not_a_json_object",
    Fault.REDIRECT: "unexpected_status",
    Fault.HUGE_BODY: "answer_too_large",
    Fault.GZIP_BOMB: "answer_too_large",
    Fault.DROP_BEFORE: "connection_lost",
}


@pytest.mark.asyncio
@pytest.mark.parametrize("fault", TRANSIENT)
async def test_a_provider_in_trouble_revokes_nobody(world: World, fault: Fault) -> None:
    """Promise 24: not verified is not dead; the first good answer makes it fresh again."""
    alice = await world.sign_in("alice")
    until = (await world.sync_row(alice))["groups_valid_until"]
    with world.issuer.fault(fault):
        assert (await world.sync(alice)).outcomes == {TRANSIENT[fault]: 1}
    assert await world.state(alice) == ("STALE", TRANSIENT[fault])
    assert await world.permissions(alice) == {"docs:write"}
    assert await world.session_is_over(alice) is None
    row = await world.sync_row(alice)
    assert row["groups_valid_until"] == until
    assert row["failures"] == 1
    assert 0 < row["due_in"] <= 20
    await world.end_pause()
    await world.make_due(alice)
    assert (await world.sync(alice)).outcomes == {"ok": 1}
    assert await world.state(alice) == ("FRESH", None)
    assert (await world.actions(alice))[-2:] == ["identity.state_changed"] * 2


@pytest.mark.asyncio
async def test_an_outage_that_goes_on_is_told_once(world: World) -> None:
    alice = await world.sign_in("alice")
    with world.issuer.fault(Fault.ERROR_503):
        await world.sync(alice)
        before = await world.events()
        for _ in range(3):
            await world.make_due(alice)
            await world.sync(alice)
    assert await world.events() == before
    assert (await world.sync_row(alice))["failures"] == 4


@pytest.mark.asyncio
async def test_a_provider_that_asks_for_a_pause_gets_it(world: World) -> None:
    """Retry-After holds for everybody at the provider, and is no refusal."""
    alice, bob = await world.sign_in("alice"), await world.sign_in("bob")
    with world.issuer.fault(Fault.TOO_MANY_REQUESTS):
        await world.sync(alice)
    assert (await world.sync_row(alice))["due_in"] > 6
    assert (await world.sync(bob)).claimed == 0
    await world.end_pause()
    assert (await world.sync(bob)).outcomes == {"ok": 1}


@pytest.mark.asyncio
async def test_an_unreachable_provider_makes_stale_and_is_certain(new_world: MakeWorld) -> None:
    """Nothing was sent, so the token is known to be good."""
    world = await new_world()
    alice = await world.sign_in("alice")
    await world.sync(alice)  # metadata and keys are held now
    world.issuer.stop()
    await world.make_due(alice)
    assert (await world.sync(alice)).outcomes == {"connect_failed": 1}
    assert not (await world.sync_row(alice))["uncertain"]
    assert await world.permissions(alice) == {"docs:write"}


@pytest.mark.asyncio
async def test_a_provider_whose_metadata_is_away_makes_stale(world: World) -> None:
    alice = await world.sign_in("alice")
    with world.issuer.fault(Fault.ERROR_500, path="/.well-known/openid-configuration"):
        assert (await world.sync(alice)).outcomes == {"document_status": 1}
    assert await world.state(alice) == ("STALE", "document_status")
    assert world.token_requests(alice) == 0


@pytest.mark.asyncio
async def test_a_provider_that_answers_too_late_is_uncertain(new_world: MakeWorld) -> None:
    world = await new_world(answer_seconds=0.3)
    alice = await world.sign_in("alice")
    with world.issuer.hold("/token"):
        assert (await world.sync(alice)).outcomes == {"answer_timed_out": 1}
    row = await world.sync_row(alice)
    assert row["uncertain"]
    assert 0 < row["due_in"] <= 20


@pytest.mark.asyncio
async def test_a_person_removed_at_the_provider_is_signed_out(world: World) -> None:
    """S0-11, S0-13, S0-14, promise 23: a dead refresh token ends sessions and takes all force, and closes no grant."""
    alice, bob = await world.sign_in("alice"), await world.sign_in("bob")
    world.issuer.remove("alice")
    assert (await world.sync(alice)).outcomes == {"invalid_grant": 1}
    assert await world.state(alice) == ("REVOKED", "invalid_grant")
    assert await world.permissions(alice) == frozenset()
    assert await world.session_is_over(alice) == "invalid_grant"
    assert (await world.sync_row(alice))["due_at"] is None
    assert (await world.token(alice))["sealed"] is None
    assert (await world.actions(alice))[-1] == "identity.revoked"
    assert (await world.sync(bob)).outcomes == {"ok": 1}
    assert await world.session_is_over(bob) is None


@pytest.mark.asyncio
async def test_a_login_after_death_brings_everything_back(world: World) -> None:
    """S0-12: a token may also have died of disuse; what is recorded is the provider's answer, not that somebody left."""
    alice = await world.sign_in("alice")
    world.issuer.revoke_tokens("alice")
    await world.sync(alice)
    assert await world.state(alice) == ("REVOKED", "invalid_grant")
    assert "not used for too long" in explain("invalid_grant").meaning
    assert (await world.row("select disabled_at from app_user where id = $1", alice.user_id))["disabled_at"] is None
    assert await world.permissions(alice) == frozenset()
    again = await world.sign_in("alice", identity_of=alice)
    assert await world.permissions(again) == {"docs:write"}
    assert (await world.sync(again)).outcomes == {"ok": 1}


@pytest.mark.asyncio
async def test_a_demand_for_the_person_ends_the_login(world: World) -> None:
    alice = await world.sign_in("alice")
    with world.issuer.fault(Fault.INTERACTION_REQUIRED):
        assert (await world.sync(alice)).outcomes == {"reauth_required": 1}
    assert await world.state(alice) == ("REVOKED", "reauth_required")
    assert await world.session_is_over(alice) == "reauth_required"


OTHER_PERSON = {Fault.WRONG_ISSUER: ("iss", "issuer_changed"), Fault.OTHER_SUBJECT: ("sub", "subject_changed")}


@pytest.mark.asyncio
@pytest.mark.parametrize("fault", OTHER_PERSON)
async def test_an_id_token_of_another_person_quarantines_and_the_record_says_what_differed(
    world: World, fault: Fault
) -> None:
    """Promise 29, OIDC Core 12.2."""
    claim, reason = OTHER_PERSON[fault]
    alice = await world.sign_in("alice")
    with world.issuer.fault(fault):
        assert (await world.sync(alice)).outcomes == {reason: 1}
    assert await world.state(alice) == ("QUARANTINED", reason)
    assert await world.permissions(alice) == frozenset()
    assert await world.session_is_over(alice) == reason
    known = {"iss": world.issuer.issuer, "sub": world.issuer.people["alice"].subject}
    received = {"iss": OTHER_ISSUER, "sub": OTHER_SUBJECT}
    assert await world.recorded(alice, "identity.quarantined") == [
        {
            "reason": reason,
            "claim": claim,
            "expected_hash": token_hash(known[claim]).hex(),
            "received_hash": token_hash(received[claim]).hex(),
        }
    ]


DEVIATING: dict[str, dict[str, Any]] = {
    "an older auth_time": {"auth_time": 1},
    "a newer auth_time": {"auth_time": int(time.time()) + 30},
    "another nonce": {"nonce": "of another login"},
    "another authorized party": {"azp": "another-client"},
}


@pytest.mark.asyncio
@pytest.mark.parametrize("case", DEVIATING)
async def test_an_id_token_of_another_sign_in_of_the_same_person_is_used_and_noted_once(
    world: World, case: str
) -> None:
    """OIDC Core 12.2: what is not who somebody is takes nothing from anybody. GitLab, Cognito, CAS and others do it."""
    alice = await world.sign_in("alice")
    for second in range(3):
        said = DEVIATING[case]
        world.issuer.say(**{name: value + second if isinstance(value, int) else value for name, value in said.items()})
        await world.make_due(alice)
        assert (await world.sync(alice)).outcomes == {"ok": 1}
    assert await world.state(alice) == ("FRESH", None)
    assert await world.session_is_over(alice) is None
    (noted,) = await world.recorded(alice, "identity.token_deviates")
    (claim,) = noted["claims"]
    assert claim["claim"] in DEVIATING[case]
    assert claim["expected"] != claim["received"]
    if "auth_time" in DEVIATING[case]:
        assert claim["received"] == str(DEVIATING[case]["auth_time"])


@pytest.mark.asyncio
@pytest.mark.parametrize("said", [{"acr": "another"}, {"nonce": None}, {"auth_time": None}, {"nonce": NONCE}])
async def test_what_may_be_missing_or_differ_is_not_even_noted(world: World, said: dict[str, Any]) -> None:
    alice = await world.sign_in("alice")
    world.issuer.say(**said)
    assert (await world.sync(alice)).outcomes == {"ok": 1}
    assert await world.recorded(alice, "identity.token_deviates") == []


UNVERIFIABLE = {
    Fault.WRONG_AUDIENCE: "claim_mismatch",
    Fault.EXPIRED: "token_expired",
    Fault.ISSUED_IN_FUTURE: "token_not_yet_valid",
    Fault.NO_SUBJECT: "missing_claim",
    Fault.NO_EXPIRY: "missing_claim",
    Fault.EXTRA_AUDIENCE: "missing_claim",
    Fault.UNKNOWN_KID: "unknown_key",
    Fault.WRONG_AT_HASH: "access_token_mismatch",
    Fault.BROKEN_SIGNATURE: "invalid_signature",
    Fault.ALG_NONE: "algorithm_not_allowed",
    Fault.HS256_WITH_PUBLIC_KEY: "algorithm_not_allowed",
}


@pytest.mark.asyncio
@pytest.mark.parametrize("fault", UNVERIFIABLE)
async def test_an_id_token_that_cannot_be_verified_extends_nothing_and_loses_no_token(
    world: World, fault: Fault
) -> None:
    """the rotated token has landed before anybody looks at the ID Token. F28: a wrong clock revokes nobody."""
    alice = await world.sign_in("alice")
    before, until = await world.token(alice), (await world.sync_row(alice))["groups_valid_until"]
    with world.issuer.fault(fault):
        assert (await world.sync(alice)).outcomes == {UNVERIFIABLE[fault]: 1}
    assert await world.state(alice) == ("STALE", UNVERIFIABLE[fault])
    assert (await world.token(alice))["hash"] != before["hash"]
    assert (await world.sync_row(alice))["groups_valid_until"] == until
    await world.make_due(alice)
    assert (await world.sync(alice)).outcomes == {"ok": 1}


LAWFUL = [
    Fault.AUDIENCE_LIST,
    Fault.KEY_ROTATED_BEFORE_SIGNING,
    Fault.NO_KID,
    Fault.NO_EXPIRES_IN,
    Fault.ODD_TOKEN_TYPE,
    Fault.AUTH_TIME_FRACTION,
    Fault.NO_ID_TOKEN,
]


@pytest.mark.asyncio
@pytest.mark.parametrize("fault", LAWFUL)
async def test_what_real_providers_lawfully_do_is_success(world: World, fault: Fault) -> None:
    """Promise 30, among others: without an ID Token, UserInfo speaks."""
    alice = await world.sign_in("alice")
    await world.sync(alice)
    world.issuer.set_groups("alice", ["support"])
    await world.make_due(alice)
    with world.issuer.fault(fault):
        assert (await world.sync(alice)).outcomes == {"ok": 1}
    assert await world.permissions(alice) == {"tickets:answer"}


@pytest.mark.asyncio
async def test_a_provider_that_does_not_rotate_keeps_its_token(world: World) -> None:
    world.issuer.set_rotation(Rotation.NONE)
    alice = await world.sign_in("alice")
    before = await world.token(alice)
    for _ in range(2):
        await world.make_due(alice)
        assert (await world.sync(alice)).outcomes == {"ok": 1}
    assert (await world.token(alice))["hash"] == before["hash"]


@pytest.mark.asyncio
async def test_userinfo_about_somebody_else_quarantines(world: World) -> None:
    alice = await world.sign_in("alice")
    with world.issuer.fault(Fault.NO_ID_TOKEN), world.issuer.fault(Fault.USERINFO_OTHER_SUBJECT):
        assert (await world.sync(alice)).outcomes == {"subject_changed": 1}
    assert await world.state(alice) == ("QUARANTINED", "subject_changed")


@pytest.mark.asyncio
async def test_userinfo_that_is_away_makes_stale_and_loses_no_token(world: World) -> None:
    alice = await world.sign_in("alice")
    with world.issuer.fault(Fault.NO_ID_TOKEN), world.issuer.fault(Fault.ERROR_503, path="/userinfo"):
        assert (await world.sync(alice)).outcomes == {"userinfo_unavailable": 1}
    await world.make_due(alice)
    assert (await world.sync(alice)).outcomes == {"ok": 1}


@pytest.mark.asyncio
async def test_a_readable_refresh_token_in_an_unusable_answer_lands(world: World) -> None:
    """Here an ID Token of 5,000 groups, which no token of ours may be as large as."""
    alice = await world.sign_in("alice")
    before = await world.token(alice)
    with world.issuer.fault(Fault.HUGE_GROUPS):
        assert (await world.sync(alice)).outcomes == {"unusable_id_token": 1}
    assert (await world.token(alice))["hash"] != before["hash"]
    assert not (await world.sync_row(alice))["uncertain"]
    await world.make_due(alice)
    assert (await world.sync(alice)).outcomes == {"ok": 1}


@pytest.mark.asyncio
async def test_a_value_under_a_lost_key_stops_that_identity_alone(world: World) -> None:
    """F33."""
    alice, bob = await world.sign_in("alice"), await world.sign_in("bob")
    await world.seal_under_a_lost_key(alice)
    assert (await world.sync(alice)).outcomes == {"key_missing": 1}
    assert await world.state(alice) == ("STALE", "key_missing")
    assert await world.session_is_over(alice) is None
    assert (await world.sync(bob)).outcomes == {"ok": 1}


@pytest.mark.asyncio
async def test_a_login_without_refresh_token_is_a_diagnosis_and_not_asked_again(world: World) -> None:
    alice = await world.sign_in("alice")
    await world.write("delete from refresh_token where identity_id = $1", alice.identity_id)
    assert (await world.sync(alice)).outcomes == {"no_refresh_token": 1}
    assert await world.state(alice) == ("STALE", "no_refresh_token")
    assert (await world.sync_row(alice))["due_at"] is None
    assert await world.permissions(alice) == {"docs:write"}
