"""Every problem of an input is told at once, with its own path; no mutation tells the first one alone."""

from typing import Any, Final
from uuid import UUID

import pytest
from graphql import get_named_type

from identity_api.graphql.ids import global_id
from tests import factories as make
from tests.graphql.documents import CORE
from tests.graphql.inputs import OWN_CREDENTIALS, document, root_fields, working_arguments
from tests.graphql.world import World

LONG: Final = "x" * 3_000
TOLD: Final = (
    "{ __typename ... on Problem { code } ... on SeveralProblemsError { problems { path code } }"
    " ... on InvalidInput { field } ... on NotFoundError { field } }"
)

WRONG: Final[dict[str, tuple[dict[str, Any], list[str]]]] = {
    "createUser": (
        {"username": " ", "displayLabel": "", "email": "nobody"},
        ["username", "displayLabel", "email"],
    ),
    "createInvitation": (
        {"username": " ", "email": "nobody", "days": 0, "provider": "x", "permissions": ["y"]},
        ["username", "email", "days", "provider", "permissions.0"],
    ),
    "updateUserProfile": (
        {"username": " ", "displayLabel": "", "email": "nobody"},
        ["username", "displayLabel", "email"],
    ),
    "createWebhook": (
        {"url": "http://here", "types": [], "description": LONG},
        ["url", "types", "description"],
    ),
    "updateWebhook": (
        {"url": "http://here", "types": [], "description": LONG},
        ["url", "types", "description"],
    ),
    "createApiToken": (
        {"user": "x", "name": "", "days": 0, "permissions": ["USERS", "y"]},
        ["user", "name", "days", "permissions.1"],
    ),
    "createServiceClient": ({"name": "a:b", "days": 0}, ["name", "days"]),
    "createSetupLink": (
        {"slug": "A B", "label": "", "days": 0, "permissions": ["x"]},
        ["slug", "label", "days", "permissions.0"],
    ),
    "createGroupMapping": (
        {"pattern": "", "permissions": ["x"], "provider": "y"},
        ["provider", "permissions.0", "pattern"],
    ),
    "updateGroupMapping": (
        {"pattern": "", "permissions": [], "provider": "y"},
        ["provider", "pattern", "permissions"],
    ),
    "createPermission": ({"name": "Reports", "description": LONG}, ["name", "description"]),
    "grantPermission": ({"user": "x", "permission": "y"}, ["user", "permission"]),
    "revokePermission": ({"user": "x", "permission": "y"}, ["user", "permission"]),
    "linkIdentity": ({"user": "x", "provider": "y", "anchor": ""}, ["user", "provider", "anchor"]),
    "createProvider": (
        {"label": LONG, "icon": LONG, "scopes": ["a\n"]},
        ["label", "scopes", "icon"],
    ),
    "updateProvider": (
        {"issuer": "http://10.0.0.1", "redirectUrl": "https://strange.example/x", "discoveryUrl": "http://10.0.0.2"},
        ["issuer", "discoveryUrl", "redirectUrl"],
    ),
    "setProviderSecret": (
        {"clientSecret": "", "expiresAt": "2020-01-01T00:00:00Z"},
        ["clientSecret", "expiresAt"],
    ),
    "createFrontend": ({"origins": ["x"], "returnUrls": ["y"]}, ["origins.0", "returnUrls.0"]),
    "updateFrontend": ({"origins": ["x"], "returnUrls": ["y"]}, ["origins.0", "returnUrls.0"]),
    "proposeChangeSet": (
        {"reason": LONG, "changes": [{"createGroupMapping": {"pattern": "a", "permissions": ["x"], "provider": "y"}}]},
        ["reason", "changes.0.createGroupMapping.provider", "changes.0.createGroupMapping.permissions.0"],
    ),
    "applyChangeSet": (
        {
            "changes": [
                {"createPermission": {"name": "Reports", "description": LONG}},
                {"createPermission": {"name": "x"}},
            ]
        },
        [
            "changes.0.createPermission.name",
            "changes.0.createPermission.description",
            "changes.1.createPermission.name",
        ],
    ),
}
"""For each mutation: what is put into its input, and where the problems are."""

ONE_AT_A_TIME: Final = {
    **dict.fromkeys(OWN_CREDENTIALS, "nothing is told of the rest before the current password is right"),
    "approveProposal": "the digest is compared with the proposal that the id names",
    "deleteGroupMapping": "the version is compared with the mapping that the id names",
    "removeProviderSecret": "a secret is looked for at the provider that the id names",
    "replayWebhook": "a position is compared with that of the webhook that the id names",
    "rotateApiToken": "the days are for the token that the id names",
    "rotateServiceClient": "the days are for the client that the id names",
    "updatePermission": "only the description of the permission that the id names can be wrong",
}
"""Mutations with several fields of which only one can be wrong at a time, and why."""


def test_every_mutation_with_several_fields_is_here() -> None:
    assert CORE.mutation_type is not None
    several = {
        name
        for name, (operation, field) in root_fields().items()
        if operation == "mutation" and len(get_named_type(field.args["input"].type).fields) > 1
    }
    assert sorted(several) == sorted((WRONG.keys() | ONE_AT_A_TIME.keys()) & several)
    assert sorted(WRONG.keys() - several) == []
    assert sorted(ONE_AT_A_TIME.keys() - several - OWN_CREDENTIALS) == []


@pytest.mark.asyncio
async def test_all_problems_of_an_input_are_told_with_their_paths(world: World) -> None:
    arguments = await working_arguments(world)
    found, expected = {}, {}
    for name, (wrong, paths) in WRONG.items():
        values = {**arguments[name]["input"], **wrong}
        if "USERS" in values.get("permissions", []):
            values["permissions"] = [global_id("Permission", world.read), *values["permissions"][1:]]
        answer = (await world.admin.data(document(name, TOLD), input=values))[name]
        found[name] = [one["path"] for one in answer.get("problems", [answer])] if answer else answer
        expected[name] = paths
    assert found == expected


@pytest.mark.asyncio
async def test_one_problem_alone_is_told_as_that_of_its_field(world: World) -> None:
    text = document("createUser", "{ __typename ... on InvalidInput { field } }")
    answer = (await world.admin.data(text, input={"username": "ada", "email": "nobody"}))["createUser"]
    assert answer == {"__typename": "InvalidInput", "field": "email"}
    answer = (await world.admin.data(text, input={"username": "ada", "email": "ada@x.org"}))["createUser"]
    assert answer["__typename"] == "UserChanged"


NOTHING: Final = UUID(int=7)
USER, PROVIDER, PERMISSION = (global_id(kind, NOTHING) for kind in ("User", "Provider", "Permission"))
MISSING: Final[dict[str, tuple[dict[str, Any], list[str]]]] = {
    "grantPermission": ({"user": USER, "permission": PERMISSION}, ["user", "permission"]),
    "revokePermission": ({"user": USER, "permission": PERMISSION}, ["user", "permission"]),
    "linkIdentity": ({"user": USER, "provider": PROVIDER, "anchor": ""}, ["user", "provider", "anchor"]),
    "createGroupMapping": (
        {"pattern": "a", "permissions": ["READ", PERMISSION], "provider": PROVIDER},
        ["permissions.1", "provider"],
    ),
    "updateGroupMapping": (
        {"id": global_id("GroupMapping", NOTHING), "version": 1, "provider": "x", "permissions": [PERMISSION]},
        ["id", "permissions.0", "provider"],
    ),
    "createApiToken": (
        {"user": USER, "name": "", "permissions": [PERMISSION]},
        ["user", "name", "permissions.0"],
    ),
    "createSetupLink": ({"label": "", "permissions": ["READ", PERMISSION]}, ["label", "permissions.1"]),
    "createUser": ({"username": " "}, ["username"]),
    "applyChangeSet": (
        {
            "changes": [
                {"grantPermission": {"user": USER, "permission": PERMISSION}},
                {"createPermission": {"name": "Reports"}},
                {"createGroupMapping": {"pattern": "a", "permissions": ["docs:read"], "provider": PROVIDER}},
            ]
        },
        [
            "changes.0.grantPermission.user",
            "changes.0.grantPermission.permission",
            "changes.1.createPermission.name",
            "changes.2.createGroupMapping.provider",
        ],
    ),
}
"""For each of these mutations: ids that could be somebody's and are not, and where the problems are."""


@pytest.mark.asyncio
async def test_ids_that_name_nothing_are_told_at_once_and_beside_other_problems(world: World) -> None:
    arguments = await working_arguments(world)
    found, expected = {}, {}
    for name, (wrong, paths) in MISSING.items():
        values = {**arguments[name]["input"], **wrong}
        if "READ" in values.get("permissions", []):
            values["permissions"] = [global_id("Permission", world.read), *values["permissions"][1:]]
        answer = (await world.admin.data(document(name, TOLD), input=values))[name]
        found[name] = [one["path"] for one in answer.get("problems", [])] or [answer["field"]]
        expected[name] = paths
    assert found == expected


PREVIEWS: Final = {
    "previewGroupMappingCreation": "createGroupMapping",
    "previewGroupMappingUpdate": "updateGroupMapping",
    "previewChangeSet": "applyChangeSet",
}


@pytest.mark.asyncio
async def test_a_preview_tells_what_its_mutation_would(world: World) -> None:
    arguments = await working_arguments(world)
    found, expected = {}, {}
    for preview, name in PREVIEWS.items():
        wrong, paths = MISSING[name]
        values = {**arguments[name]["input"], **wrong}
        if "READ" in values.get("permissions", []):
            values["permissions"] = [global_id("Permission", world.read), *values["permissions"][1:]]
        values = {key: value for key, value in values.items() if name != "applyChangeSet" or key == "changes"}
        answer = await world.admin.ask(document(preview, "{ digest }"), input=values)
        found[preview] = [one["path"] for one in answer.errors[0]["extensions"]["problems"]]
        expected[preview] = paths
    assert found == expected


@pytest.mark.asyncio
async def test_what_is_another_tenants_is_told_as_what_nobody_has(world: World) -> None:
    async with world.database.transaction() as connection:
        theirs = await make.make_user(connection, (await make.make_tenant(connection)).id)
    text = document("grantPermission", TOLD)
    own = global_id("Permission", world.read)
    told = [
        (await world.admin.data(text, input={"user": user, "permission": own}))["grantPermission"]
        for user in (USER, global_id("User", theirs))
    ]
    assert told == [{"__typename": "NotFoundError", "code": "NOT_FOUND", "field": "user"}] * 2


@pytest.mark.asyncio
async def test_an_id_of_another_type_is_told_as_what_it_should_be(world: World) -> None:
    """Whether it names something else or nothing."""
    text, own = (
        document("grantPermission", "{ __typename ... on Problem { message } }"),
        global_id("User", world.person),
    )
    for wrong in (own, USER, PROVIDER, "x"):
        answer = (await world.admin.data(text, input={"user": own, "permission": wrong}))["grantPermission"]
        assert answer["message"] == "There is no such permission."
