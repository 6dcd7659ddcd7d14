"""Frontends that a tenant's admins make: who may, what is checked, and what a deletion ends."""

from typing import Any

import pytest

from identity_api.graphql.ids import global_id
from identity_api.permissions.service import CLIENTS_READ, CLIENTS_WRITE, SERVICE_PERMISSIONS
from tests.graphql.inputs import document
from tests.graphql.world import World

pytestmark = pytest.mark.asyncio

SAVED = "{ ... on FrontendSaved { frontend { id slug origins returnUrls deliveries managedBy } } ... on Problem { code message } "
SAVED += "... on SeveralProblemsError { problems { path code } } }"
CREATE, UPDATE = document("createFrontend", SAVED), document("updateFrontend", SAVED)
APP = {"slug": "app-9", "returnUrls": ["https://nine.example/in"], "origins": ["https://nine.example"]}


async def full(world: World) -> Any:
    """An admin who may give all that anybody holds."""
    await world.execute("update permission set delegable = true where tenant_id = $1", world.tenant)
    return await world.client(*SERVICE_PERMISSIONS)


async def test_an_admin_who_may_give_what_everybody_holds_makes_and_changes_a_frontend(world: World) -> None:
    admin = await full(world)
    made = (await admin.data(CREATE, input=APP))["createFrontend"]["frontend"]
    assert made == {**made, **APP, "deliveries": ["CODE"], "managedBy": "API"}
    changed = (await admin.data(UPDATE, input={"id": made["id"], "deliveries": ["COOKIE", "CODE"]}))["updateFrontend"]
    assert changed["frontend"] == {**made, "deliveries": ["COOKIE", "CODE"]}
    assert (await admin.data(CREATE, input=APP))["createFrontend"]["code"] == "NAME_TAKEN"


async def test_an_admin_who_may_not_give_what_somebody_holds_is_refused(world: World) -> None:
    """A page of theirs could receive the session of anybody."""
    keeper = await world.client(CLIENTS_READ, CLIENTS_WRITE)
    answer = (await keeper.data(CREATE, input=APP))["createFrontend"]
    assert answer["code"] == "FORBIDDEN"
    assert "which you may not give" in answer["message"]


async def test_every_wrong_value_is_told_with_its_place(world: World) -> None:
    admin = await full(world)
    wrong = {"slug": "A b", "returnUrls": ["https://ok.example/", "http://plain.example/"], "origins": ["https://x/y"]}
    answer = (await admin.data(CREATE, input=wrong))["createFrontend"]
    assert [one["path"] for one in answer["problems"]] == ["slug", "origins.0", "returnUrls.1"]
    alone = (await admin.data(CREATE, input={**APP, "slug": "A b"}))["createFrontend"]
    assert (alone["code"], "problems" in alone) == ("BAD_INPUT", False)


async def test_a_frontend_of_a_file_is_shown_and_not_changed(world: World) -> None:
    admin = await full(world)
    await world.execute("update frontend set managed_by = 'FILE' where tenant_id = $1", world.tenant)
    [shown] = (await admin.data("{ frontends { id managedBy } }"))["frontends"]
    assert shown["managedBy"] == "FILE"
    for name in ("updateFrontend", "deleteFrontend"):
        assert (await admin.data(document(name), input={"id": shown["id"]}))[name]["code"] == "MANAGED_BY_FILE"


async def test_deleting_a_frontend_ends_its_sessions_and_no_others(world: World) -> None:
    admin, person, other = await full(world), await world.client(), await world.client()
    async with world.database.reading() as connection:
        row_id = await connection.fetchval("select id from frontend where tenant_id = $1", world.tenant)
    await world.execute("update session set frontend_id = $1 where id = $2", row_id, person.session_id)
    answer = await admin.data(document("deleteFrontend"), input={"id": global_id("Frontend", row_id)})
    assert "code" not in answer["deleteFrontend"]
    with pytest.raises(AssertionError):
        await person.ask("{ viewer { user { id } } }")
    assert (await other.ask("{ viewer { user { id } } }")).errors == []
    assert (await admin.data("{ frontends { id } }"))["frontends"] == []
