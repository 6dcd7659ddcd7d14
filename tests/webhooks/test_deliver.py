"""Messages arrive at least once, signed, in order for each user; what does not arrive holds back only its own users."""

from datetime import timedelta

import pytest

from identity_api.db import webhook_retries, webhooks
from identity_api.ids import uuid7
from identity_api.webhooks import administration
from identity_api.webhooks.administration import Settings
from identity_api.webhooks.deliver import GIVE_UP_AFTER, PATIENCE, seconds_until_retry
from tests.webhooks.conftest import Desk

pytestmark = pytest.mark.asyncio


async def test_a_change_arrives_signed_and_says_whose_it_is(desk: Desk) -> None:
    user_id = uuid7()
    await desk.change(user_id)
    assert await desk.deliver() == 1
    [received] = desk.receiver.received
    assert received.content["type"] == "user.permissions_changed"
    assert received.content["data"] == {
        "tenant_id": str(desk.actor.tenant_id),
        "position": 1,
        "user_ids": [str(user_id)],
    }
    assert received.is_signed_with(desk.secret)
    assert not received.is_signed_with("whsec_" + "A" * 43 + "=")
    assert await desk.deliver() == 0


async def test_the_timestamp_is_that_of_the_attempt(desk: Desk) -> None:
    await desk.change(uuid7())
    await desk.deliver()
    assert desk.receiver.received[0].headers["webhook-timestamp"] == str(int(desk.now.timestamp()))


async def test_a_refused_message_holds_back_those_of_its_own_user_and_no_others(desk: Desk) -> None:
    first, second, both = uuid7(), uuid7(), [uuid7(), uuid7()]
    for user_id in (first, second, first):
        await desk.change(user_id)
    await desk.change_of([first, both[0]])
    await desk.change(both[0])
    await desk.change(both[1])
    desk.receiver.statuses = [500]
    assert await desk.deliver() == 2
    assert desk.users() == [str(first), str(second), str(both[1])]
    assert ((await desk.state()).position, (await desk.state()).retrying) == (6, 4)
    assert await desk.deliver() == 0, "they wait"
    assert not await desk.is_due()
    await desk.let_retry()
    assert await desk.is_due()
    assert await desk.deliver() == 4, "with what waited behind it"
    assert desk.positions()[3:] == [1, 3, 4, 5]
    assert (await desk.state()).retrying == 0


async def test_a_refused_message_about_everybody_is_overtaken_by_none(desk: Desk) -> None:
    await desk.change_of(None)
    await desk.change(uuid7())
    desk.receiver.statuses = [500]
    assert await desk.deliver() == 0
    await desk.let_retry()
    while await desk.deliver():
        pass
    assert desk.positions() == [1, 1, 2]
    await desk.change(uuid7())
    await desk.change_of(None)
    desk.receiver.statuses = [500]
    assert await desk.deliver() == 0, "nor does it overtake one about somebody"


async def test_a_new_change_of_a_user_waits_behind_one_that_was_refused_before(desk: Desk) -> None:
    user_id = uuid7()
    await desk.change(user_id)
    desk.receiver.statuses = [500]
    await desk.deliver()
    await desk.change(user_id)
    await desk.change(uuid7())
    assert await desk.deliver() == 1
    assert desk.positions() == [1, 3]


async def test_a_receiver_that_is_not_there_is_not_asked_about_everybody(desk: Desk) -> None:
    for _ in range(3):
        await desk.change(uuid7())
    desk.receiver.statuses = [503]
    assert await desk.deliver() == 0
    assert ((await desk.state()).failures, (await desk.state()).retrying) == (1, 0)
    assert await desk.deliver() == 0, "it waits"
    await desk.let_retry()
    assert await desk.deliver() == 3
    assert desk.positions() == [1, 1, 2, 3]
    assert (await desk.state()).failures == 0


async def test_a_message_that_makes_the_receiver_disappear_is_taken_for_the_cause(desk: Desk) -> None:
    for _ in range(2):
        await desk.change(uuid7())
    desk.receiver.statuses = [503] * (PATIENCE + 1)
    for _ in range(PATIENCE + 1):
        assert await desk.deliver() == 0
        await desk.let_retry(of_messages=False)
    assert await desk.deliver() == 1
    assert desk.positions() == [1] * (PATIENCE + 1) + [2]
    await desk.let_retry()
    assert await desk.deliver() == 1


async def test_no_more_is_set_aside_than_there_is_room_for(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook_retries, "MOST", 2)
    for _ in range(3):
        await desk.change(uuid7())
    desk.receiver.statuses = [500] * 3
    assert await desk.deliver() == 0
    state = await desk.state()
    assert (state.position, state.retrying, state.failures) == (2, 2, 1)
    await desk.let_retry()
    assert await desk.deliver() == 3
    assert desk.positions()[3:] == [3, 1, 2]


async def test_a_message_that_is_refused_for_days_is_dropped_if_others_arrive(desk: Desk) -> None:
    user_id = uuid7()
    await desk.change(user_id)
    desk.receiver.statuses = [500, 204, 500]
    await desk.deliver()
    await desk.change(user_id)
    await desk.change(uuid7())
    assert await desk.deliver() == 1
    desk.now += GIVE_UP_AFTER + timedelta(minutes=1)
    await desk.let_retry()
    assert await desk.deliver() == 0
    assert await desk.deliver() == 1, "the user's next"
    assert desk.positions() == [1, 3, 1, 2]
    assert (await desk.state()).disabled_at is None
    async with desk.database.reading() as connection:
        told = await connection.fetchval(
            "select payload->>'position' from audit_event where tenant_id = $1 and action = 'webhook.message_dropped'",
            desk.actor.tenant_id,
        )
    assert told == "1"


async def test_a_replay_does_not_send_twice_what_waits_for_a_retry(desk: Desk) -> None:
    user_id = uuid7()
    await desk.change(user_id)
    await desk.change(uuid7())
    desk.receiver.statuses = [500]
    await desk.deliver()
    await administration.replay(desk.sending, desk.actor, desk.webhook.id, after=0)
    assert await desk.deliver() == 2
    assert desk.positions() == [1, 2, 1, 2]
    assert (await desk.state()).retrying == 0


async def test_the_log_has_every_attempt(desk: Desk) -> None:
    await desk.change(uuid7())
    desk.receiver.statuses = [503]
    await desk.deliver()
    await desk.let_retry()
    await desk.deliver()
    assert [(one.attempt, one.status, one.error) for one in await desk.log()] == [(2, 204, None), (1, 503, "http_503")]


async def test_a_redirect_is_not_followed_and_is_no_delivery(desk: Desk) -> None:
    await desk.change(uuid7())
    desk.receiver.statuses = [302]
    assert await desk.deliver() == 0
    assert [one.error for one in await desk.log()] == ["http_302"]


async def test_an_answer_is_judged_by_its_status_whatever_its_headers_say(desk: Desk) -> None:
    """Else a message that arrived would be sent again every half a minute, without a line in the log and without end."""
    await desk.change(uuid7())
    desk.receiver.answered_with = {"location": "foo:bar", "x-name": "caf\xe9"}
    desk.receiver.statuses = [303, 204]
    assert await desk.deliver() == 0
    await desk.let_retry()
    assert await desk.deliver() == 1
    assert [one.error for one in await desk.log()] == [None, "http_303"]


async def test_types_that_are_not_wanted_are_stepped_over(desk: Desk) -> None:
    settings = Settings(desk.receiver.url, ("session.ended",))
    await administration.update(desk.sending, desk.allow, desk.actor, desk.webhook.id, settings, enabled=True)
    await desk.change(uuid7())
    await desk.change(uuid7(), "session.ended")
    await desk.change(uuid7())
    assert await desk.deliver() == 1
    assert (await desk.state()).position == 3


async def test_while_one_delivers_another_does_not(desk: Desk) -> None:
    await desk.change(uuid7())
    async with desk.database.transaction() as connection:
        assert await webhooks.claim(connection, desk.actor.tenant_id, desk.webhook.id, lease_seconds=30)
    assert await desk.deliver() == 0
    async with desk.database.transaction() as connection:
        await connection.execute("update webhook set lease_until = now() where tenant_id = $1", desk.actor.tenant_id)
    assert await desk.deliver() == 1, "a worker that died holds it no longer than its lease"


async def test_a_receiver_that_is_gone_is_asked_no_more(desk: Desk) -> None:
    await desk.change(uuid7())
    desk.receiver.statuses = [410]
    await desk.deliver()
    assert (await desk.state()).disabled_reason == "GONE"
    assert await desk.deliver() == 0


async def test_a_webhook_that_fails_for_days_is_disabled_and_goes_on_when_it_is_enabled(desk: Desk) -> None:
    first, second = uuid7(), uuid7()
    await desk.change(first)
    desk.receiver.statuses = [500, 500, 500]
    for wait in (timedelta(0), GIVE_UP_AFTER - timedelta(minutes=1), GIVE_UP_AFTER + timedelta(minutes=1)):
        desk.now += wait
        await desk.let_retry()
        await desk.deliver()
    state = await desk.state()
    assert state.disabled_reason == "FAILING"
    async with desk.database.reading() as connection:
        told = await connection.fetchval(
            "select payload->>'error' from audit_event where tenant_id = $1 and action = 'webhook.disabled'",
            desk.actor.tenant_id,
        )
        assert (await webhooks.failing(connection)).given_up >= 1
    assert told == "http_500"
    await desk.change(second)
    desk.receiver.received.clear()
    settings = Settings(desk.receiver.url)
    await administration.update(desk.sending, desk.allow, desk.actor, desk.webhook.id, settings, enabled=True)
    assert await desk.deliver() == 2
    assert set(desk.users()) == {str(first), str(second)}


async def test_the_address_is_checked_at_each_attempt(desk: Desk) -> None:
    """A name may lead to another address than when it was entered."""
    async with desk.database.transaction() as connection:
        await connection.execute(
            "update webhook set url = 'http://127.0.0.1:1/hooks' where tenant_id = $1", desk.actor.tenant_id
        )
    await desk.change(uuid7())
    assert await desk.deliver() == 0
    [attempt] = await desk.log()
    assert attempt.status is None
    assert attempt.error is not None
    assert attempt.error.startswith("target_")


async def test_retries_come_at_growing_pauses_of_an_hour_at_most() -> None:
    assert 4 <= seconds_until_retry(0) <= 6
    assert 2_000 < seconds_until_retry(9) < seconds_until_retry(30) * 2 <= 2 * 3_600 * 1.2
