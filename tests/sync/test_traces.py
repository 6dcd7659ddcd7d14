"""A trace of a sync goes from the due row to its last statement."""

import asyncio

import pytest

from identity_api.db.database import Database
from tests.openid_provider import RunningProvider
from tests.sync.world import make_upstream, make_vault, make_world
from tests.telemetry.spans import below, statements, traced


@pytest.mark.asyncio
async def test_a_due_row_is_traced_to_its_last_statement(database_url: str, issuer: RunningProvider) -> None:
    with traced() as spans:
        database, upstream = Database(database_url, pool_size=4), make_upstream(issuer)
        await database.open()
        world = await make_world(database, make_vault(), upstream, issuer)
        person = await world.sign_in("alice")
        assert (await world.sync(person)).outcomes == {"ok": 1}
        await asyncio.sleep(0)
        await upstream.aclose()
        await database.close()
    [synced] = [one for one in spans if one.name == "sync.identity"]
    attributes = dict(synced.attributes or {})
    assert (attributes["identity"], attributes["outcome"]) == (str(person.identity_id), "ok")
    inside = below(synced, spans)
    assert [one.attributes["method"] for one in inside if one.name == "upstream.exchange" and one.attributes]
    assert "update refresh_token" in {one.split(",")[0] for one in statements(inside)}, statements(inside)
