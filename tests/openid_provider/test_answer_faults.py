"""Faults of whole answers, gates, the log, and logins made without a browser."""

import asyncio

import httpx
import pytest

from tests.demo.relying_party import RelyingParty, assert_oauth_error
from tests.openid_provider import Fault, Rotation
from tests.openid_provider.wrapper import BIG_BYTES, CANNED


@pytest.mark.asyncio
@pytest.mark.parametrize("fault", CANNED)
async def test_a_spoiled_answer_comes_instead_of_the_real_one(party: RelyingParty, fault: Fault) -> None:
    token = (await party.tokens("alice"))["refresh_token"]
    with party.provider.fault(fault, person="alice"):
        answer = await party.refresh(token)
    assert answer.status_code == CANNED[fault].status
    if fault is not Fault.GZIP_BOMB:
        assert answer.content == CANNED[fault].body


@pytest.mark.asyncio
@pytest.mark.parametrize("fault", CANNED)
async def test_a_spoiled_answer_leaves_the_token_as_it_was(party: RelyingParty, fault: Fault) -> None:
    token = (await party.tokens("alice"))["refresh_token"]
    with party.provider.fault(fault):
        await party.refresh(token)
    assert (await party.refresh(token)).status_code == 200


@pytest.mark.asyncio
async def test_too_many_requests_says_when_to_come_back(party: RelyingParty) -> None:
    with party.provider.fault(Fault.TOO_MANY_REQUESTS):
        assert (await party.refresh("any")).headers["retry-after"] == "7"


@pytest.mark.asyncio
async def test_a_gzip_bomb_is_small_on_the_wire_and_large_when_read(party: RelyingParty) -> None:
    with party.provider.fault(Fault.GZIP_BOMB):
        answer = await party.refresh("any")
    assert int(answer.headers["content-length"]) < BIG_BYTES / 100
    assert len(answer.content) == BIG_BYTES


@pytest.mark.asyncio
async def test_a_fault_of_one_person_leaves_others_alone(party: RelyingParty) -> None:
    alice, bob = (await party.tokens("alice"))["refresh_token"], (await party.tokens("bob"))["refresh_token"]
    with party.provider.fault(Fault.ERROR_500, person="alice"):
        assert (await party.refresh(alice)).status_code == 500
        assert (await party.refresh(bob)).status_code == 200


@pytest.mark.asyncio
async def test_a_fault_can_last_for_a_number_of_requests(party: RelyingParty) -> None:
    token = (await party.tokens("alice"))["refresh_token"]
    with party.provider.fault(Fault.ERROR_503, times=2):
        assert [(await party.refresh(token)).status_code for _ in range(3)] == [503, 503, 200]


@pytest.mark.asyncio
@pytest.mark.parametrize("path", ["/jwks", "/.well-known/openid-configuration"])
async def test_a_fault_can_be_at_another_endpoint(party: RelyingParty, path: str) -> None:
    with party.provider.fault(Fault.ERROR_500, path=path):
        assert (await party.http.get(party.provider.issuer + path)).status_code == 500
        assert "access_token" in await party.tokens("alice")


@pytest.mark.asyncio
async def test_a_connection_dropped_before_changes_nothing(party: RelyingParty) -> None:
    token = (await party.tokens("alice"))["refresh_token"]
    with party.provider.fault(Fault.DROP_BEFORE), pytest.raises(httpx.RemoteProtocolError):
        await party.refresh(token)
    assert (await party.refresh(token)).status_code == 200


@pytest.mark.asyncio
async def test_a_connection_dropped_after_has_rotated_the_token(party: RelyingParty) -> None:
    token = (await party.tokens("alice"))["refresh_token"]
    with party.provider.fault(Fault.DROP_AFTER), pytest.raises(httpx.RemoteProtocolError):
        await party.refresh(token)
    assert_oauth_error(await party.refresh(token), "invalid_grant")


@pytest.mark.asyncio
@pytest.mark.parametrize(("fault", "part"), [(Fault.DRIP, 1), (Fault.ENDLESS, 4_096)])
async def test_an_answer_in_parts_comes_one_after_the_other(party: RelyingParty, fault: Fault, part: int) -> None:
    token = (await party.tokens("alice"))["refresh_token"]
    form = {"grant_type": "refresh_token", "refresh_token": token, "client_id": party.provider.client_id}
    form["client_secret"] = party.provider.client_secret
    with party.provider.fault(fault):
        async with party.http.stream("POST", f"{party.provider.issuer}/token", data=form) as answer:
            assert answer.status_code == 200
            parts = answer.aiter_raw()
            assert [len(await anext(parts)) for _ in range(2)] == [part, part]


@pytest.mark.asyncio
async def test_with_grace_a_lost_answer_can_be_asked_for_again(party: RelyingParty) -> None:
    party.provider.set_rotation(Rotation.GRACE)
    token = (await party.tokens("alice"))["refresh_token"]
    with party.provider.fault(Fault.DROP_AFTER), pytest.raises(httpx.RemoteProtocolError):
        await party.refresh(token)
    assert (await party.refresh(token)).status_code == 200


@pytest.mark.asyncio
async def test_a_dropped_connection_is_in_the_log(party: RelyingParty) -> None:
    token = party.provider.issue_login("alice").refresh_token
    with party.provider.fault(Fault.DROP_BEFORE), pytest.raises(httpx.RemoteProtocolError):
        await party.refresh(token)
    assert [exchange.status for exchange in party.provider.log.find("/token")] == [0]


@pytest.mark.asyncio
async def test_a_gate_holds_one_person_until_released(party: RelyingParty) -> None:
    alice, bob = party.provider.issue_login("alice"), party.provider.issue_login("bob")
    with party.provider.hold(person="alice") as gate:
        held = asyncio.create_task(party.refresh(alice.refresh_token))
        await gate.arrival()
        assert (await party.refresh(bob.refresh_token)).status_code == 200
        assert not held.done()
        gate.release()
        assert (await held).status_code == 200


@pytest.mark.asyncio
async def test_a_gate_before_holds_back_the_rotation_and_one_after_does_not(party: RelyingParty) -> None:
    """What is written at the provider when the client gives up waiting: the difference that `uncertain` is about."""
    for when, status in (("before", 200), ("after", 400)):
        token = party.provider.issue_login("alice").refresh_token
        with party.provider.hold(when=when, person="alice") as gate:
            first = asyncio.create_task(party.refresh(token))
            await gate.arrival()
            party.provider.faults.gates.remove(gate)
            assert (await party.refresh(token)).status_code == status
            gate.release()
            await first


@pytest.mark.asyncio
async def test_a_gate_in_the_body_lets_the_head_through(party: RelyingParty) -> None:
    token = party.provider.issue_login("alice").refresh_token
    form = {"grant_type": "refresh_token", "refresh_token": token, "client_id": party.provider.client_id}
    form["client_secret"] = party.provider.client_secret
    with party.provider.hold(when="body") as gate:
        async with party.http.stream("POST", f"{party.provider.issuer}/token", data=form) as answer:
            await gate.arrival()
            assert answer.status_code == 200
            gate.release()
            assert b"access_token" in await answer.aread()


@pytest.mark.asyncio
async def test_the_log_says_who_asked_what_and_no_secret(party: RelyingParty) -> None:
    tokens = await party.tokens("alice")
    await party.refresh(tokens["refresh_token"])
    (exchange,) = party.provider.log.find("/token", grant_type="refresh_token")
    assert (exchange.method, exchange.client_id, exchange.person) == ("POST", party.provider.client_id, "alice")
    assert exchange.status == 200
    everything = repr(party.provider.log.find())
    secrets = (tokens["refresh_token"], tokens["access_token"], party.provider.client_secret, party.verifier)
    assert [secret for secret in secrets if secret in everything] == []


@pytest.mark.asyncio
async def test_the_log_tells_whether_the_same_token_was_presented_twice(party: RelyingParty) -> None:
    first = party.provider.issue_login("alice").refresh_token
    second = (await party.refresh(first)).json()["refresh_token"]
    await party.refresh(second)
    await party.refresh(second)
    presented = [exchange.presented for exchange in party.provider.log.find("/token")]
    assert presented[0] != presented[1] == presented[2]


@pytest.mark.asyncio
async def test_the_log_counts_how_many_ran_at_once(party: RelyingParty) -> None:
    logins = [party.provider.issue_login("alice") for _ in range(5)]
    with party.provider.hold() as gate:
        running = [asyncio.create_task(party.refresh(login.refresh_token)) for login in logins]
        await gate.arrival(5)
        gate.release()
        await asyncio.gather(*running)
    assert party.provider.log.peak_in_flight() == 5
    assert party.provider.log.count("/token", person="alice") == 5


@pytest.mark.asyncio
async def test_a_test_can_wait_for_the_log(party: RelyingParty) -> None:
    login = party.provider.issue_login("alice")
    asking = asyncio.create_task(party.refresh(login.refresh_token))
    await party.provider.log.reached(lambda log: log.count("/token") == 1)
    await asking
    with pytest.raises(TimeoutError):
        party.provider.log.wait_until(lambda log: log.count("/token") == 2, timeout_seconds=0.01)


@pytest.mark.asyncio
async def test_a_login_without_a_browser_refreshes_like_any_other(party: RelyingParty) -> None:
    login = party.provider.issue_login("carol")
    claims = await party.verified((await party.refresh(login.refresh_token)).json()["id_token"])
    assert (claims["sub"], claims["sid"], claims["auth_time"]) == (login.subject, login.sid, login.auth_time)
    assert party.provider.live_logins("carol") == 1


@pytest.mark.asyncio
async def test_ending_somebodys_tokens_is_not_removing_them(party: RelyingParty) -> None:
    login = party.provider.issue_login("carol")
    party.provider.revoke_tokens("carol")
    assert_oauth_error(await party.refresh(login.refresh_token), "invalid_grant")
    assert "code" in await party.sign_in("carol")


@pytest.mark.asyncio
async def test_people_can_be_added(party: RelyingParty) -> None:
    person = party.provider.add_person("zoe", ["support"], email_verified=False)
    claims = await party.verified((await party.tokens("zoe"))["id_token"])
    assert (claims["sub"], claims["groups"], claims["email_verified"]) == (person.subject, ["support"], False)


@pytest.mark.asyncio
async def test_reset_puts_everything_right(party: RelyingParty) -> None:
    party.provider.faults.on(Fault.ERROR_500)
    await party.refresh("any")
    party.provider.reset()
    assert party.provider.log.count() == 0
    assert "access_token" in await party.tokens("alice")


@pytest.mark.asyncio
async def test_a_proxy_may_answer_502_for_what_was_carried_out(party: RelyingParty) -> None:
    token = (await party.tokens("alice"))["refresh_token"]
    with party.provider.fault(Fault.ERROR_AFTER, times=1):
        assert (await party.refresh(token)).status_code == 502
    assert_oauth_error(await party.refresh(token), "invalid_grant")


@pytest.mark.asyncio
async def test_a_provider_may_refuse_a_replaced_token_and_keep_its_family(party: RelyingParty) -> None:
    first = (await party.tokens("alice"))["refresh_token"]
    second = (await party.refresh(first)).json()["refresh_token"]
    with party.provider.fault(Fault.REUSE_IS_ONLY_REFUSED):
        assert_oauth_error(await party.refresh(first), "invalid_grant")
    third = (await party.refresh(second)).json()["refresh_token"]
    assert_oauth_error(await party.refresh(first), "invalid_grant")
    assert_oauth_error(await party.refresh(third), "invalid_grant")
