"""Webhooks made, changed, tested, replayed; secrets that take each other's place."""

import pytest

from identity_api.errors import BadInput, Conflict, LimitReached, NotFound
from identity_api.graphql.engine.http import DEADLINE_SECONDS
from identity_api.graphql.webhooks.webhook_changes import TEST_SECONDS
from identity_api.ids import uuid7
from identity_api.permissions.delegation import Actor
from identity_api.webhooks import administration
from identity_api.webhooks.administration import Settings
from tests.factories import limited
from tests.webhooks.conftest import Desk

pytestmark = pytest.mark.asyncio


async def test_a_test_says_how_it_went_and_moves_nothing(desk: Desk) -> None:
    delivery = await administration.send_test(desk.sending, desk.actor, desk.webhook.id)
    assert (delivery.type, delivery.status, delivery.error, delivery.position) == ("webhook.test", 204, None, None)
    [received] = desk.receiver.received
    assert received.is_signed_with(desk.secret)
    desk.receiver.statuses = [500]
    assert (await administration.send_test(desk.sending, desk.actor, desk.webhook.id)).error == "http_500"
    assert (await desk.state()).failures == 0


async def test_a_test_says_that_the_receiver_takes_too_long_before_the_request_does(desk: Desk) -> None:
    assert TEST_SECONDS + 0.5 < DEADLINE_SECONDS
    desk.receiver.may_answer.clear()
    try:
        delivery = await administration.send_test(desk.sending, desk.actor, desk.webhook.id, deadline=0.2)
    finally:
        desk.receiver.may_answer.set()
    assert (delivery.status, delivery.error) == (None, "answer_timed_out")
    assert [one.error for one in await desk.log()] == ["answer_timed_out"]


async def test_while_a_secret_is_rotated_both_verify(desk: Desk) -> None:
    newer = (await administration.rotate_secret(desk.sending, desk.actor, desk.webhook.id)).secret
    await administration.send_test(desk.sending, desk.actor, desk.webhook.id)
    newest = (await administration.rotate_secret(desk.sending, desk.actor, desk.webhook.id)).secret
    await administration.send_test(desk.sending, desk.actor, desk.webhook.id)
    first, second = desk.receiver.received
    assert [first.is_signed_with(one) for one in (desk.secret, newer)] == [True, True]
    assert [second.is_signed_with(one) for one in (desk.secret, newer, newest)] == [False, True, True]


async def test_a_replay_sends_again_in_order_and_with_the_same_ids(desk: Desk) -> None:
    for _ in range(3):
        await desk.change(uuid7())
    assert await desk.deliver() == 3
    await administration.replay(desk.sending, desk.actor, desk.webhook.id, after=1)
    assert await desk.deliver() == 2
    ids = [one.id for one in desk.receiver.received]
    assert ids[1:3] == ids[3:5]


async def test_what_is_forgotten_is_not_replayed(desk: Desk) -> None:
    for _ in range(2):
        await desk.change(uuid7())
    await desk.deliver()
    async with desk.database.transaction() as connection:
        await connection.execute("delete from outbox where tenant_id = $1 and position = 1", desk.actor.tenant_id)
    await administration.replay(desk.sending, desk.actor, desk.webhook.id, after=1)
    with pytest.raises(Conflict) as refused:
        await administration.replay(desk.sending, desk.actor, desk.webhook.id, after=0)
    assert refused.value.code == "CHANGES_FORGOTTEN"


async def test_a_replay_goes_back_and_skips_nothing(desk: Desk) -> None:
    for _ in range(2):
        await desk.change(uuid7())
    await desk.deliver()
    await administration.replay(desk.sending, desk.actor, desk.webhook.id, after=1)
    for after in (-1, 2):
        with pytest.raises(BadInput):
            await administration.replay(desk.sending, desk.actor, desk.webhook.id, after=after)
    assert (await desk.state()).position == 1


@pytest.mark.parametrize(
    "url",
    ["http://example.com/", "https://127.0.0.1/", "https://localhost/x", "ftp://example.com/", "https://a@b.example/"],
)
async def test_an_address_inside_is_refused_when_it_is_entered(desk: Desk, url: str) -> None:
    with pytest.raises(BadInput) as refused:
        await administration.create(desk.sending, desk.allow, desk.actor, Settings(url))
    assert refused.value.code == "URL_NOT_ALLOWED"
    made = await administration.create(desk.sending, desk.allow, desk.actor, Settings("https://hooks.example/x"))
    assert made.webhook.url == "https://hooks.example/x"


async def test_a_type_that_there_is_not_is_refused(desk: Desk) -> None:
    for types in ((), ("user.deleted",)):
        with pytest.raises(BadInput):
            await administration.create(desk.sending, desk.allow, desk.actor, Settings(desk.receiver.url, types))


async def test_a_tenant_has_so_many_webhooks_and_no_more(desk: Desk) -> None:
    desk.sending.database = limited(desk.database, max_webhooks=2)
    await administration.create(desk.sending, desk.allow, desk.actor, Settings(desk.receiver.url))
    with pytest.raises(LimitReached):
        await administration.create(desk.sending, desk.allow, desk.actor, Settings(desk.receiver.url))


async def test_a_webhook_of_another_tenant_is_not_there(desk: Desk) -> None:
    stranger = Actor(uuid7(), None, "operator:root", frozenset())
    for attempt in (administration.send_test, administration.rotate_secret, administration.delete):
        with pytest.raises(NotFound):
            await attempt(desk.sending, stranger, desk.webhook.id)
    await administration.delete(desk.sending, desk.actor, desk.webhook.id)
    with pytest.raises(NotFound):
        await desk.state()


async def test_every_change_is_in_the_audit_and_no_secret_is(desk: Desk) -> None:
    settings = Settings(desk.receiver.url, ("session.ended",), "For the cache")
    await administration.update(desk.sending, desk.allow, desk.actor, desk.webhook.id, settings, enabled=False)
    secret = (await administration.rotate_secret(desk.sending, desk.actor, desk.webhook.id)).secret
    await administration.replay(desk.sending, desk.actor, desk.webhook.id, after=0)
    await administration.delete(desk.sending, desk.actor, desk.webhook.id)
    async with desk.database.reading() as connection:
        rows = await connection.fetch(
            "select action, payload::text || coalesce(old::text, '') || coalesce(new::text, '') as text"
            " from audit_event where tenant_id = $1 order by id",
            desk.actor.tenant_id,
        )
    verbs = ("created", "updated", "secret_rotated", "replayed", "deleted")
    assert [row["action"] for row in rows] == [f"webhook.{verb}" for verb in verbs]
    assert not any(one in row["text"] for row in rows for one in (secret, desk.secret))
