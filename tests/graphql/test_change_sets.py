"""Sets of changes, asked for and made through the schema."""

from typing import Any
from uuid import UUID

import msgspec
import pytest

from identity_api.accounts.enrolment import EnrolledUser
from identity_api.cli.rehearsal import rehearse
from identity_api.config import TenantLimits
from identity_api.graphql.ids import global_id
from identity_api.permissions.service import GRANTS_WRITE, GROUPS_READ, MAPPINGS_WRITE, USERS_READ
from identity_api.tenants.declaration import MappingDeclaration, PermissionDeclaration, TenantDeclaration
from tests.docs.pages import blocks
from tests.graphql.test_mutations import effective, permission
from tests.graphql.world import Client, World, people

SHOWN = """{
    digest concerned gaining losing
    changes { action name changesNothing user { username } mapping { id } changes { setting old new } }
    warnings { kind message users people { username } }
    touched { edges { node {
        user { id username } gained lost gainedPermissions { name permission { id } } lostPermissions { name permission { id } }
    } } pageInfo { hasNextPage endCursor } }
}"""
PREVIEW = f"""query ($input: ChangeSetInput!, $first: Int, $after: String) {{
    previewChangeSet(input: $input, first: $first, after: $after) {SHOWN} }}"""
APPLY = """mutation ($input: ApplyChangeSetInput!) { applyChangeSet(input: $input) {
    __typename
    ... on ChangeSetApplied { concerned gaining losing changes { action mapping { id } } }
    ... on Problem { code message }
    ... on SeveralProblemsError { problems { path code message } }
} }"""


async def preview(client: Client, *changes: dict[str, Any], **page: Any) -> dict[str, Any]:
    shown: dict[str, Any] = (await client.data(PREVIEW, input={"changes": changes}, **page))["previewChangeSet"]
    return shown


async def apply(client: Client, *changes: dict[str, Any], digest: str) -> dict[str, Any]:
    given = {"changes": changes, "asPreviewed": digest}
    answer: dict[str, Any] = (await client.data(APPLY, input=given))["applyChangeSet"]
    return answer


def create(pattern: str, *permissions: str, **rule: Any) -> dict[str, Any]:
    return {"createGroupMapping": {"pattern": pattern, "permissions": list(permissions), **rule}}


@pytest.mark.asyncio
async def test_a_set_is_previewed_for_the_whole_tenant_and_made_exactly_so(world: World) -> None:
    asked = [
        {"createPermission": {"name": "reports:read", "description": "See reports."}},
        create("platform", "reports:read", permission(world, world.write)),
        {"deleteGroupMapping": {"id": global_id("GroupMapping", world.mapping), "version": 1}},
        {"grantPermission": {"user": global_id("User", world.local), "permission": "reports:read"}},
        {"grantPermission": {"user": global_id("User", world.local), "permission": permission(world, world.write)}},
    ]
    shown = await preview(world.admin, *asked)
    assert (shown["concerned"], shown["gaining"], shown["losing"]) == (1, 2, 1)
    assert {tuple(one["node"]["gained"] + ["-"] + one["node"]["lost"]) for one in shown["touched"]["edges"]} == {
        ("docs:write", "reports:read", "-", "docs:read"),
        ("reports:read", "-"),
    }
    assert [(one["action"], one["changesNothing"], one["mapping"] is None) for one in shown["changes"]] == [
        ("permission.created", False, True),
        ("mapping.created", False, True),
        ("mapping.deleted", False, False),
        ("grant.opened", False, True),
        ("grant.opened", True, True),
    ]
    assert {"setting": "pattern", "old": "engineering", "new": None} in shown["changes"][2]["changes"]
    done = await apply(world.admin, *asked, digest=shown["digest"])
    assert (done["__typename"], done["concerned"], done["gaining"], done["losing"]) == ("ChangeSetApplied", 1, 2, 1)
    assert done["changes"][1]["mapping"] is not None
    assert world.nudged == [("apply_mapping_changes", {})]
    await world.apply()
    assert await effective(world, world.person) == ["docs:write", "reports:read"]


@pytest.mark.asyncio
async def test_every_problem_is_told_with_its_path_in_the_input(world: World) -> None:
    asked = [
        create("platform", permission(world, world.write)),
        create("", permission(world, world.write)),
        {"grantPermission": {"user": global_id("User", world.tenant), "permission": permission(world, world.write)}},
    ]
    paths = ["changes.1.createGroupMapping.pattern", "changes.2.grantPermission.user"]
    answer = await world.admin.ask(PREVIEW, input={"changes": asked})
    assert answer.codes == ["PATTERN_EMPTY"]
    assert [one["path"] for one in answer.errors[0]["extensions"]["problems"]] == paths
    refused = await apply(world.admin, *asked, digest="x")
    assert (refused["__typename"], refused["code"]) == ("SeveralProblemsError", "PATTERN_EMPTY")
    assert [(one["path"], one["code"]) for one in refused["problems"]] == list(
        zip(paths, ("PATTERN_EMPTY", "NOT_FOUND"), strict=True)
    )
    assert (await preview(world.admin, asked[0]))["gaining"] == 1


@pytest.mark.asyncio
async def test_a_digest_is_given_once_beside_the_changes(world: World) -> None:
    asked = create("platform", permission(world, world.write), asPreviewed="x")
    answer = await world.admin.ask(PREVIEW, input={"changes": [asked]})
    assert answer.errors[0]["extensions"]["problems"][0]["path"] == "changes.0.createGroupMapping.asPreviewed"


@pytest.mark.asyncio
@pytest.mark.parametrize("change", [{}, {"undo": {"event": "x"}, **create("a")}, {"undo": None}])
async def test_a_change_is_just_one_of_those_there_are(world: World, change: dict[str, Any]) -> None:
    answer = await world.admin.ask(PREVIEW, input={"changes": [change]})
    assert answer.codes == ["BAD_INPUT"]
    assert (await preview(world.admin, create("a", permission(world, world.write))))["digest"]


@pytest.mark.asyncio
async def test_another_digest_changes_nothing(world: World) -> None:
    asked = create("platform", permission(world, world.write))
    answer = await apply(world.admin, asked, digest="other")
    assert (answer["__typename"], answer["code"]) == ("ConflictError", "PREVIEW_OUTDATED")
    await world.apply()
    assert await effective(world, world.person) == ["docs:read"]


@pytest.mark.asyncio
async def test_whom_a_set_touches_is_read_page_by_page(world: World) -> None:
    names = [f"person-{number}" for number in range(7)]
    await people(world, names, groups=["sales"])
    asked, found, after = create("sales", permission(world, world.write)), [], None
    while True:
        shown = await preview(world.admin, asked, first=3, after=after)
        assert shown["gaining"] == 7
        found += [one["node"]["user"]["username"] for one in shown["touched"]["edges"]]
        if not shown["touched"]["pageInfo"]["hasNextPage"]:
            break
        after = shown["touched"]["pageInfo"]["endCursor"]
    assert found == names


@pytest.mark.asyncio
async def test_people_and_groups_are_told_to_who_may_read_them(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    exact = create("platform", permission(world, world.write))
    glob = create("plat*", permission(world, world.write), match="GLOB")
    blind = await world.client(MAPPINGS_WRITE, "docs:write")
    seeing = await world.client(MAPPINGS_WRITE, GROUPS_READ, USERS_READ, "docs:write")
    shown = await preview(blind, exact)
    assert (shown["gaining"], shown["touched"]["edges"]) == (1, [])
    assert (await blind.ask(PREVIEW, input={"changes": [exact, glob]})).codes == ["FORBIDDEN"]
    with monkeypatch.context() as few:
        few.setattr(world.deps.database, "limits", TenantLimits(max_preview_identities=0))
        assert (await seeing.ask(PREVIEW, input={"changes": [glob]})).codes == ["LIMIT_REACHED"]
        assert (await blind.ask(PREVIEW, input={"changes": [glob]})).codes == ["FORBIDDEN"]
    assert len((await preview(seeing, glob))["touched"]["edges"]) == 1


@pytest.mark.asyncio
async def test_what_somebody_holds_is_not_told_by_a_preview_to_who_may_not_read_users(world: World) -> None:
    about = {"user": global_id("User", world.local), "permission": permission(world, world.write)}
    blind = await world.client(GRANTS_WRITE, "docs:write")
    seeing = await world.client(GRANTS_WRITE, USERS_READ, "docs:write")
    for change in ({"revokePermission": about}, {"grantPermission": about}):
        assert (await blind.ask(PREVIEW, input={"changes": [change]})).codes == ["FORBIDDEN"]
        assert (await preview(seeing, change))["changes"][0]["user"] is not None


@pytest.mark.asyncio
async def test_a_change_of_the_record_is_undone_by_a_set(world: World) -> None:
    asked = create("platform", permission(world, world.write))
    await apply(world.admin, asked, digest=(await preview(world.admin, asked))["digest"])
    await world.apply()
    listed = await world.admin.data('{ auditEvents(filter: {action: "mapping.created"}) { edges { node { id } } } }')
    undo = {"undo": {"event": listed["auditEvents"]["edges"][0]["node"]["id"]}}
    shown = await preview(world.admin, undo)
    assert ([one["action"] for one in shown["changes"]], shown["losing"]) == (["mapping.deleted"], 1)
    await apply(world.admin, undo, digest=shown["digest"])
    assert await effective(world, world.person) == ["docs:read"]
    for event in ("x", str(world.tenant)):
        answer = await world.admin.ask(PREVIEW, input={"changes": [{"undo": {"event": event}}]})
        assert answer.codes == ["NOT_FOUND"]


@pytest.mark.asyncio
async def test_the_documented_set_and_its_mutation_go_together(world: World) -> None:
    look, make = blocks("docs/mappings.md", "graphql")[3:5]
    asked = [create("platform", "docs:write")]
    shown = (await world.admin.data(look, changes=asked))["previewChangeSet"]
    done = await world.admin.data(make, changes=asked, digest=shown["digest"])
    assert done["applyChangeSet"]["__typename"] == "ChangeSetApplied"


def imported(table: str, *, prune: bool = False) -> dict[str, Any]:
    return {"importGroupMappings": {"table": table, "prune": prune}}


@pytest.mark.asyncio
async def test_a_table_is_previewed_and_made_and_then_changes_nothing(world: World) -> None:
    table = f"group;permissions;provider\nengineering;docs:read docs:write;\nplatform;docs:read;{world.provider.slug}\n"
    shown = await preview(world.admin, imported(table))
    told = [(one["action"], one["name"]) for one in shown["changes"]]
    assert told == [("mapping.updated", "engineering"), ("mapping.created", "platform")]
    done = await apply(world.admin, imported(table), digest=shown["digest"])
    assert done["__typename"] == "ChangeSetApplied"
    again = await world.admin.ask(PREVIEW, input={"changes": [imported(table)]})
    assert again.errors[0]["message"] == "The table changes nothing: every mapping is as it says."
    pruned = await preview(world.admin, imported("group,permissions\nengineering,docs:read docs:write", prune=True))
    assert [(one["action"], one["name"]) for one in pruned["changes"]] == [("mapping.deleted", "platform")]


@pytest.mark.asyncio
async def test_a_problem_of_a_table_names_its_line(world: World) -> None:
    table = "group,permissions\nsales,docs:read\n\nplatform,docs:raed\nops\n"
    answer = await world.admin.ask(PREVIEW, input={"changes": [imported(table)]})
    told = [(one["path"], one["message"]) for one in answer.errors[0]["extensions"]["problems"]]
    assert told == [
        ("changes.0.importGroupMappings.table.4", "There is no permission docs:raed. Did you mean docs:read?"),
        ("changes.0.importGroupMappings.table.5", "There are 1 cells and 2 columns."),
    ]
    table = table.removesuffix("ops\n") + "admins,identity:users:write\n"
    answer = await world.admin.ask(PREVIEW, input={"changes": [imported(table)]})
    told = [(one["path"], one["message"]) for one in answer.errors[0]["extensions"]["problems"]]
    assert told[0] == (
        "changes.0.importGroupMappings.table.4", "There is no permission docs:raed. Did you mean docs:read?"
    )  # fmt: skip


@pytest.mark.asyncio
async def test_who_may_not_read_mappings_learns_nothing_from_a_table(world: World) -> None:
    writer = await world.client(MAPPINGS_WRITE, GROUPS_READ)
    answer = await writer.ask(PREVIEW, input={"changes": [imported("group,permissions\nengineering,docs:raed")]})
    assert answer.errors[0]["extensions"]["problems"][0]["code"] == "FORBIDDEN"
    assert "docs:read" not in str(answer.errors)


@pytest.mark.asyncio
async def test_a_declaration_is_rehearsed_as_the_preview_of_the_same_changes(world: World) -> None:
    """`identity-api apply --dry-run --json`: the same people, permissions, counts and warnings."""
    async with world.database.reading() as connection:
        slug = await connection.fetchval("select slug from tenant where id = $1", world.tenant)
    await world.execute("update group_mapping set managed_by = 'FILE' where id = $1", world.mapping)
    declared = TenantDeclaration(
        slug=slug,
        name="Acme",
        permissions=(PermissionDeclaration("reports:read", "See reports."),),
        group_mappings=(MappingDeclaration("platform", ("reports:read", "docs:write")),),
    )
    [rehearsed] = msgspec.to_builtins(await rehearse(world.database, [declared], [slug]))
    await world.execute("update group_mapping set managed_by = 'API' where id = $1", world.mapping)
    shown = await preview(
        world.admin,
        {"deleteGroupMapping": {"id": global_id("GroupMapping", world.mapping), "version": 1}},
        {"createPermission": {"name": "reports:read", "description": "See reports."}},
        create("platform", "reports:read", permission(world, world.write)),
    )
    told = rehearsed["set"]
    assert rehearsed["tenant"] == slug
    numbers = ("concerned", "gaining", "losing")
    assert [told[name] for name in numbers] == [shown[name] for name in numbers] == [1, 1, 1]
    assert [(one["action"], one["name"]) for one in told["changes"]] == [
        (one["action"], one["name"]) for one in shown["changes"]
    ]

    def people(kind: str, found: list[dict[str, Any]]) -> list[tuple[str | None, str]]:
        return [(one["id"] and global_id(kind, UUID(one["id"])), one.get("username") or one["name"]) for one in found]

    [told_of], [edge] = told["touched"], shown["touched"]["edges"]
    asked = edge["node"]
    assert people("User", [told_of["user"]]) == [(asked["user"]["id"], asked["user"]["username"])]
    for name in ("gained", "lost"):
        referred = [(one["permission"] and one["permission"]["id"], one["name"]) for one in asked[f"{name}Permissions"]]
        assert people("Permission", told_of[name]) == referred
        assert [one["name"] for one in told_of[name]] == asked[name]
    assert people("Permission", told_of["gained"]) == [
        (permission(world, world.write), "docs:write"),
        (None, "reports:read"),
    ]
    assert people("Permission", told_of["lost"]) == [(permission(world, world.read), "docs:read")]


@pytest.mark.asyncio
async def test_a_declaration_is_rehearsed_with_the_warnings_of_the_preview(world: World) -> None:
    async with world.database.reading() as connection:
        slug = await connection.fetchval("select slug from tenant where id = $1", world.tenant)
    await world.execute("update group_mapping set managed_by = 'FILE' where id = $1", world.mapping)
    [rehearsed] = msgspec.to_builtins(
        await rehearse(world.database, [TenantDeclaration(slug=slug, name="Acme")], [slug])
    )
    await world.execute("update group_mapping set managed_by = 'API' where id = $1", world.mapping)
    gone = {"deleteGroupMapping": {"id": global_id("GroupMapping", world.mapping), "version": 1}}
    told, shown = rehearsed["set"]["warnings"], (await preview(world.admin, gone))["warnings"]
    assert [one["kind"] for one in shown] == ["NOTHING_LEFT"]
    assert [
        (one["kind"], one["message"], one["users"], [who["username"] for who in one["people"]]) for one in told
    ] == [(one["kind"], one["message"], one["users"], [who["username"] for who in one["people"]]) for one in shown]
    kept = await rehearse(world.database, [TenantDeclaration(slug=slug, name="Acme")], [])
    assert kept == []


@pytest.mark.asyncio
async def test_what_a_declaration_gives_by_hand_is_rehearsed_for_those_who_are_there(world: World) -> None:
    async with world.database.reading() as connection:
        slug = await connection.fetchval("select slug from tenant where id = $1", world.tenant)
        local = await connection.fetchval("select username from app_user where id = $1", world.local)
    users = (
        EnrolledUser(local, permissions=("docs:write", "docs:read")),
        EnrolledUser("new", permissions=("docs:read",)),
    )
    [found] = await rehearse(world.database, [TenantDeclaration(slug=slug, name="Acme", users=users)], [])
    assert found.set is not None
    assert [(one["action"], one["name"], one["user_id"]) for one in found.set.changes] == [
        ("grant.opened", "docs:read", world.local)
    ]
    assert [(one.user.username, [given.name for given in one.gained]) for one in found.set.touched] == [
        (local, ["docs:read"])
    ]


@pytest.mark.asyncio
async def test_a_declaration_for_too_many_is_not_refused_but_says_why_it_shows_nobody(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world.database.reading() as connection:
        slug = await connection.fetchval("select slug from tenant where id = $1", world.tenant)
    mapping = MappingDeclaration("platform", ("docs:write",))
    declared = TenantDeclaration(slug=slug, name="Acme", group_mappings=(mapping,))
    monkeypatch.setattr(world.database, "limits", TenantLimits(max_preview_identities=0))
    [found] = await rehearse(world.database, [declared], [])
    assert (found.set, "IDENTITY_MAX_PREVIEW_IDENTITIES" in (found.reason or "")) == (None, True)
    assert [line.partition(":")[0] for line in found.lines] == [slug]
