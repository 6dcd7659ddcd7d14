"""A trace of a login goes from the callback to its last statement."""

import pytest

from identity_api.app import build_api
from identity_api.config import Settings
from identity_api.db.database import Database
from identity_api.vault import Vault
from tests.openid_provider import RunningProvider
from tests.telemetry.spans import below, statements, traced
from tests.web.site import make_site, running


@pytest.mark.asyncio
async def test_a_callback_is_traced_to_its_last_statement_without_a_value_of_the_person(
    settings: Settings, database: Database, vault: Vault, idp: RunningProvider
) -> None:
    idp.reset()
    with traced() as spans:
        app = build_api(settings)
        async with running(app):
            site = await make_site(app, database, vault, idp)
            session = (await site.signed_in("alice")).cookies["__Host-session"]
    [callback] = [one for one in spans if str((one.attributes or {}).get("route", "")).endswith("/callback")]
    inside = below(callback, spans)
    assert {one.context.trace_id for one in inside} == {callback.context.trace_id}
    assert [one for one in inside if one.name == "upstream.exchange"], "the token request"
    assert {"insert session", "insert app_user", "insert audit_event"} <= {
        one.split(",")[0] for one in statements(inside)
    }
    told = "".join([one.to_json() for one in spans])
    alice = idp.people["alice"]
    for value in (session, alice.subject, alice.email, alice.name):
        assert str(value) not in told
