"""What is shown of a person: identities, groups, permissions with their reasons, and what keeps others out of force."""

from typing import Any

import pytest

from identity_api.db import grants, user_read_model
from identity_api.db.user_facts import REFRESH
from identity_api.graphql.ids import global_id
from identity_api.graphql.users.identities import IdentityState
from identity_api.ids import uuid7
from tests import factories as make
from tests.graphql.world import EVERYTHING, World, moment, people

PERSON = """query ($id: ID!) { user(id: $id) {
    username email emailVerified enabled disabledAt
    identities { id state issuer subject provider { slug label } user { id } permissionsValidUntil signedInUntil
        verifiedAt nextSyncAt groupsCompleteness signedInAt }
    groups { id name provider { id slug } }
    permissions { name reasons { source grantedAt grantedBy provider { slug } mapping { id } group { id name }
        identity { id } } }
    dormantPermissions { name cause reason { source } }
} }"""

WHO = "{ users(filter: %s, orderBy: {field: USERNAME}) { edges { node { username } } } }"


async def person(world: World, user_id: Any = None) -> Any:
    return (await world.admin.data(PERSON, id=global_id("User", user_id or world.person)))["user"]


async def names(world: World, where: str) -> list[str]:
    data = await world.admin.data(WHO % where)
    return [edge["node"]["username"] for edge in data["users"]["edges"]]


@pytest.mark.asyncio
async def test_a_permission_by_a_group_says_identity_group_and_mapping(world: World) -> None:
    shown = await person(world)
    [permission] = shown["permissions"]
    [reason] = permission["reasons"]
    group = await world.group("engineering")
    assert permission["name"] == "docs:read"
    assert moment(reason.pop("grantedAt"))
    assert reason == {
        "source": "GROUP",
        "grantedBy": "system",
        "provider": {"slug": world.provider.slug},
        "mapping": {"id": global_id("GroupMapping", world.mapping)},
        "group": {"id": global_id("Group", group), "name": "engineering"},
        "identity": {"id": global_id("Identity", world.person_identity)},
    }
    assert shown["dormantPermissions"] == []


@pytest.mark.asyncio
async def test_permissions_in_force_and_dormant_lead_to_their_ids(world: World) -> None:
    text = "{ users(first: 10) { edges { node { permissions { name permission { id name } }"
    text += " dormantPermissions { name permission { id name } } } } } }"
    nodes = [edge["node"] for edge in (await world.admin.data(text))["users"]["edges"]]
    found = [one for node in nodes for one in (*node["permissions"], *node["dormantPermissions"])]
    assert {one["name"] for one in found} >= {"docs:read", "docs:write"}
    expected = {name: global_id("Permission", row_id) for name, row_id in world.permissions.items()}
    expected |= {"docs:read": global_id("Permission", world.read), "docs:write": global_id("Permission", world.write)}
    assert all(one["permission"] == {"id": expected[one["name"]], "name": one["name"]} for one in found)
    assert len(world.statements) == 2, "users, and all of their permissions"


@pytest.mark.asyncio
async def test_a_permission_by_hand_without_a_way_in_is_dormant_and_says_why(world: World) -> None:
    shown = await person(world, world.local)
    assert shown["permissions"] == []
    assert shown["dormantPermissions"] == [{"name": "docs:write", "cause": "NO_WAY_IN", "reason": {"source": "MANUAL"}}]


@pytest.mark.asyncio
async def test_a_permission_held_twice_is_one_with_two_reasons(world: World) -> None:
    async with world.database.transaction() as connection:
        await grants.open_manual_grant(connection, world.tenant, world.person, world.read, "operator:root")
        await user_read_model.refresh(connection, world.tenant, [world.person])
    [permission] = (await person(world))["permissions"]
    manual, group = sorted(permission["reasons"], key=lambda reason: str(reason["source"]), reverse=True)
    assert (manual["source"], manual["identity"], manual["mapping"], manual["group"]) == ("MANUAL", None, None, None)
    assert group["source"] == "GROUP"


@pytest.mark.asyncio
async def test_groups_name_their_provider(world: World) -> None:
    provider = {"id": global_id("Provider", world.provider.id), "slug": world.provider.slug}
    assert [(one["name"], one["provider"]) for one in (await person(world))["groups"]] == [
        ("engineering", provider),
        ("platform", provider),
    ]


@pytest.mark.asyncio
async def test_an_identity_says_until_when_it_counts(world: World) -> None:
    """S0-63."""
    [identity] = (await person(world))["identities"]
    verified = moment(identity["verifiedAt"])
    assert moment(identity["permissionsValidUntil"]) > verified
    assert moment(identity["signedInUntil"]) == moment(identity["permissionsValidUntil"])
    assert moment(identity["signedInAt"]) <= verified
    assert identity["groupsCompleteness"] == "COMPLETE"
    assert identity["user"] == {"id": global_id("User", world.person)}
    assert identity["provider"] == {"slug": world.provider.slug, "label": "A test provider"}


LEASE_OVER = "update identity_sync set groups_valid_until = now() - interval '1 second' where tenant_id = $1"
STATES: dict[str, list[str]] = {
    "FRESH": [],
    "STALE": ["update identity set state = 'STALE', state_reason = 'timeout' where tenant_id = $1"],
    "SUSPENDED": ["update identity set state = 'STALE' where tenant_id = $1", LEASE_OVER],
    "REVOKED": ["update identity set state = 'REVOKED' where tenant_id = $1", LEASE_OVER],
    "QUARANTINED": ["update identity set state = 'QUARANTINED' where tenant_id = $1"],
    "UNSYNCED": ["update identity set state = 'UNSYNCED' where tenant_id = $1", LEASE_OVER],
    "DISABLED": ["update provider set enabled = false where tenant_id = $1"],
}


def test_every_state_is_tried() -> None:
    assert set(STATES) == {state.value for state in IdentityState}


@pytest.mark.asyncio
@pytest.mark.parametrize("state", list(STATES))
async def test_a_state_is_the_same_of_a_user_and_in_the_list_and_in_its_filter(world: World, state: str) -> None:
    """S0-63. One is worked out here, the other by the database."""
    prepare = [*STATES[state]] or ["update identity set state = 'FRESH', state_reason = null where tenant_id = $1"]
    for statement in prepare:
        await world.execute(statement, world.tenant)
    await world.execute(REFRESH, world.tenant, [world.person])
    [identity] = (await person(world))["identities"]
    assert identity["state"] == state
    for asked in STATES:
        data = await world.admin.data(
            f"{{ identities(filter: {{state: {asked}}}) {{ edges {{ node {{ state }} }} }} }}"
        )
        listed = [edge["node"]["state"] for edge in data["identities"]["edges"]]
        assert listed == ([state] if asked == state else [])


@pytest.mark.asyncio
async def test_the_list_of_identities_says_what_the_user_says(world: World) -> None:
    fields = """id state issuer subject stateReason needsSignIn stateSince signedInAt permissionsValidUntil signedInUntil
        verifiedAt
        nextSyncAt groupsCompleteness provider { id slug label } user { id username displayLabel }"""
    data = await world.admin.data(
        f"query ($id: ID!) {{ user(id: $id) {{ identities {{ {fields} }} }} identities {{ edges {{ node {{ {fields} }} }} }} }}",
        id=global_id("User", world.person),
    )
    assert [edge["node"] for edge in data["identities"]["edges"]] == data["user"]["identities"]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("state", "reason", "needs"),
    [("FRESH", None, False), ("STALE", "timeout", False), ("STALE", "rotation_lost", True), ("REVOKED", "admin", True)],
)
async def test_an_identity_that_only_a_sign_in_can_confirm_says_so(
    world: World, state: str, reason: str | None, needs: bool
) -> None:
    """Of the user and in the list, also when its lease is over and it is shown as suspended."""
    await world.execute(
        "update identity set state = $2, state_reason = $3 where tenant_id = $1", world.tenant, state, reason
    )
    await world.execute(REFRESH, world.tenant, [world.person])
    asked = "query ($id: ID!) { user(id: $id) { identities { needsSignIn } } identities { edges { node { needsSignIn } } } }"
    for statement in ("select $1::uuid", LEASE_OVER):
        await world.execute(statement, world.tenant)
        data = await world.admin.data(asked, id=global_id("User", world.person))
        assert data["user"]["identities"] == [{"needsSignIn": needs}]
        assert [edge["node"] for edge in data["identities"]["edges"]] == [{"needsSignIn": needs}]


@pytest.mark.asyncio
async def test_a_disabled_user_is_shown_as_such(world: World) -> None:
    await world.execute("update app_user set disabled_at = now() where id = $1", world.person)
    shown = await person(world)
    assert shown["enabled"] is False
    assert moment(shown["disabledAt"])
    assert [(one["name"], one["cause"]) for one in shown["dormantPermissions"]] == [("docs:read", "USER_DISABLED")]
    assert [identity["state"] for identity in shown["identities"]] == ["DISABLED"]


@pytest.mark.asyncio
async def test_users_are_found_by_name_address_and_label_without_regard_to_case(world: World) -> None:
    await people(world, ["Ada", "ADAM", "eve_1", "eve%"])
    await world.execute("update app_user set email = 'Ada@X.org', email_folded = 'ada@x.org' where username = 'Ada'"
                        " and tenant_id = $1", world.tenant)  # fmt: skip
    assert await names(world, '{username: "ada"}') == ["Ada"]
    assert await names(world, '{usernamePrefix: "ADA"}') == ["Ada", "ADAM"]
    assert await names(world, '{displayLabelPrefix: "eve"}') == ["eve%", "eve_1"]
    assert await names(world, '{usernamePrefix: "eve_"}') == ["eve_1"]
    assert await names(world, '{usernamePrefix: "eve%"}') == ["eve%"]
    assert await names(world, '{email: "ADA@x.ORG"}') == ["Ada"]
    assert await names(world, '{emailPrefix: "ada@"}') == ["Ada"]
    assert await names(world, '{username: "ada", enabled: false}') == []
    assert await names(world, '{username: "nobody"}') == []


@pytest.mark.asyncio
async def test_an_accent_is_found_however_it_is_written(world: World) -> None:
    """A provider on macOS may send a name decomposed, and a browser's field composes what is typed."""
    whole, apart = "Zo\u00eb Br\u00fcckner", "Zoe\u0308 Bru\u0308ckner"
    await people(world, [whole, f"{apart} II"])
    for typed in ("zo\u00eb", "zoe\u0308", "ZO\u00cb"):
        assert await names(world, f'{{displayLabelPrefix: "{typed}"}}') == [whole, f"{apart} II"]
    for typed in ("br\u00fcck", "bru\u0308ck", "BRU\u0308CK"):
        assert await names(world, f'{{search: "{typed}"}}') == [whole, f"{apart} II"]
    assert await names(world, '{search: "bruck"}') == []


@pytest.mark.asyncio
async def test_users_are_found_by_any_part_of_their_names(world: World) -> None:
    await people(world, ["Hannah", "Joanna", "an_nd", "\u00c4nne", "zoe"])
    await world.execute("update app_user set email = 'Joe@Hanover.org', email_folded = 'joe@hanover.org' where username = 'zoe'"
                        " and tenant_id = $1", world.tenant)  # fmt: skip
    assert await names(world, '{search: "ANN"}') == ["Hannah", "Joanna"]
    assert await names(world, '{search: "nnah"}') == ["Hannah"]
    assert await names(world, '{search: "n_n"}') == ["an_nd"]
    assert await names(world, '{search: "\u00e4nn"}') == ["\u00c4nne"]
    assert await names(world, '{search: "e@hanover"}') == ["zoe"]
    # Each three characters of it are there, and not in a row.
    assert await names(world, '{search: "annannah"}') == []
    assert await names(world, '{search: "ann", username: "joanna"}') == ["Joanna"]
    answer = await world.admin.ask(WHO % '{search: "an"}')
    assert (answer.code, answer.errors[0]["extensions"]["field"]) == ("BAD_INPUT", "filter")


@pytest.mark.asyncio
async def test_a_search_finds_nobody_of_another_tenant(world: World) -> None:
    async with world.database.transaction() as connection:
        other = await make.make_tenant(connection)
        await make.make_user(connection, other.id, username="hannah")
    await people(world, ["joanna"])
    assert await names(world, '{search: "ann"}') == ["joanna"]


@pytest.mark.asyncio
@pytest.mark.parametrize("looked_at", [4, 2_000])
async def test_users_who_hold_a_permission_now_are_listed(
    world: World, looked_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Complete from both ends, also where a page has looked at as many as it may before it is full."""
    monkeypatch.setattr("identity_api.graphql.connections.BATCH", 2)
    monkeypatch.setattr("identity_api.graphql.connections.MAX_LOOKED_AT", looked_at)
    for number in range(9):
        async with world.database.transaction() as connection:
            user_id = await make.make_holder(connection, world.tenant, "docs:write", username=f"person-{number}")
            if number % 3:  # nobody who has no way in holds anything
                await connection.execute("update app_user set password_hash = null where id = $1", user_id)
    permission = global_id("Permission", world.write)
    assert len(await names(world, f'{{permission: "{permission}", usernamePrefix: "person"}}')) == 9
    text = """query ($filter: UserFilter, $first: Int, $after: String, $last: Int, $before: String) {
        users(filter: $filter, orderBy: {field: USERNAME}, first: $first, after: $after, last: $last, before: $before) {
            totalCount edges { node { username } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }"""
    where = {"permissionInForce": permission, "usernamePrefix": "person"}
    for size, cursor, more, place in (("first", "after", "hasNextPage", "endCursor"),
                                      ("last", "before", "hasPreviousPage", "startCursor")):  # fmt: skip
        pages, at = list[list[str]](), None
        while True:
            page = (await world.admin.data(text, filter=where, **{size: 2, cursor: at}))["users"]
            assert page["totalCount"] is None
            pages.append([edge["node"]["username"] for edge in page["edges"]])
            if not page["pageInfo"][more]:
                break
            at = page["pageInfo"][place]
        in_order = pages if size == "first" else pages[::-1]
        assert [name for one in in_order for name in one] == ["person-0", "person-3", "person-6"]


@pytest.mark.asyncio
async def test_what_is_not_there_is_not_found_in_a_filter(world: World) -> None:
    """Also beside the permission that is in force, with which the list is read another way."""
    there = f'permissionInForce: "{global_id("Permission", world.write)}"'
    unknown = {name: f'{name}: "{global_id("Permission", uuid7())}"' for name in ("permission", "permissionInForce")}
    group = f'group: "{global_id("Group", uuid7())}"'
    assert await names(world, f'{{{there}, group: "{global_id("Group", await world.group("platform"))}"}}') == []
    for where in (*unknown.values(), group, f"{there}, {group}", f"{there}, {unknown['permission']}"):
        assert (await world.admin.ask(WHO % f"{{{where}}}")).code == "NOT_FOUND", where


@pytest.mark.asyncio
async def test_users_who_have_never_signed_in_by_a_provider_are_found(world: World) -> None:
    """S2-38: who is not yet linked?"""
    await people(world, ["ada"])
    unlinked, linked = await names(world, "{linked: false}"), await names(world, "{linked: true}")
    async with world.database.reading() as connection:
        rows = await connection.fetch(
            "select username from app_user where tenant_id = $1 and id not in"
            " (select user_id from identity where tenant_id = $1)",
            world.tenant,
        )
    assert sorted(unlinked) == sorted([row["username"] for row in rows])
    assert "ada" in linked
    assert sorted([*unlinked, *linked]) == sorted(await names(world, "{}"))


@pytest.mark.asyncio
async def test_users_are_found_by_group_and_by_permission(world: World) -> None:
    await people(world, ["ada", "bob"], groups=["sales"])
    group = global_id("Group", await world.group("sales"))
    assert await names(world, f'{{group: "{group}"}}') == ["ada", "bob"]
    permission = global_id("Permission", world.write)
    async with world.database.reading() as connection:
        username = await connection.fetchval("select username from app_user where id = $1", world.local)
    assert await names(world, f'{{permission: "{permission}"}}') == [username]
    # There, and nobody's: an empty page and no error.
    assert await names(world, f'{{permission: "{global_id("Permission", world.locked)}"}}') == []


@pytest.mark.asyncio
@pytest.mark.parametrize("text", ["a\\u0000b", "a\\u202Eb", "a\\uD800b"])
async def test_text_that_no_input_may_have_is_refused_in_a_filter(world: World, text: str) -> None:
    """Bad input 63."""
    answer = await world.admin.ask(WHO % f'{{username: "{text}"}}')
    assert "BAD_INPUT" in answer.codes or "SYNTAX_ERROR" in answer.codes
    assert not (answer.data or {}).get("users")


@pytest.mark.asyncio
async def test_a_filter_text_has_a_length(world: World) -> None:
    assert await names(world, '{username: "%s"}' % ("x" * 512)) == []
    assert (await world.admin.ask(WHO % '{username: "%s"}' % ("x" * 513))).code == "BAD_INPUT"


@pytest.mark.asyncio
async def test_the_example_of_the_viewer_answers_for_anybody(world: World) -> None:
    text = "{ viewer { user { id username displayLabel email } permissions { name } } }"
    data = await world.nobody.data(text)
    assert data["viewer"]["user"]["id"] == global_id("User", world.nobody.user_id)
    assert data["viewer"]["permissions"] == []
    admin = await world.admin.data(text)
    assert len(admin["viewer"]["permissions"]) == len(EVERYTHING)
    assert world.statements == []


@pytest.mark.asyncio
async def test_the_session_that_asks_is_the_current_one(world: World) -> None:
    client = await world.sign_in(world.person, world.person_identity)
    await world.sign_in(world.person, world.person_identity)
    await world.execute(
        "update session set device = 'Firefox (Linux)', address = '192.0.2.7' where id = $1", client.session_id
    )
    fields = "id kind device address isCurrent createdAt seenAt authenticatedAt expiresAt idleUntil provider { id slug label }"
    data = await client.data(f"{{ viewer {{ session {{ {fields} }} user {{ sessions {{ {fields} }} }} }} }}")
    current, others = data["viewer"]["session"], data["viewer"]["user"]["sessions"]
    assert current["id"] == global_id("Session", client.session_id)
    assert current["provider"]["slug"] == world.provider.slug
    assert [one["isCurrent"] for one in others] == [True, False]
    assert [(one["device"], one["address"]) for one in others] == [("Firefox (Linux)", "192.0.2.7"), (None, None)]
    assert others[0] == current


@pytest.mark.asyncio
async def test_only_sessions_that_still_count_are_shown(world: World) -> None:
    """Ended, unused for too long, absolutely over, and of a past epoch: each alone takes one from the list."""
    text = "query ($id: ID!) { user(id: $id) { sessions { id } } }"
    clients = [await world.sign_in(world.person) for _ in range(4)]

    async def shown() -> int:
        data = await world.admin.data(text, id=global_id("User", world.person))
        return len(data["user"]["sessions"])

    assert await shown() == 4
    for left, (change, client) in enumerate(
        zip(
            (
                "ended_at = now(), ended_reason = 'admin'",
                "seen_at = now() - interval '2 hours'",
                "absolute_until = now()",
                "epoch = epoch - 1",
            ),
            clients,
            strict=True,
        )
    ):
        await world.execute(f"update session set {change} where id = $1", client.session_id)
        assert await shown() == 3 - left
        node = await world.admin.ask(
            "query ($id: ID!) { node(id: $id) { id } }", id=global_id("Session", client.session_id)
        )
        assert node.code == "NOT_FOUND"
