"""Whose account a login is: every policy, every refusal next to the acceptance it departs from."""

import asyncio
import json
import unicodedata
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity_api.accounts.names import MAX_USERNAME_LENGTH, username_candidates
from identity_api.accounts.provisioning import Declined, Provisioned, VerifiedPerson, provision
from identity_api.claims import Profile
from identity_api.db import identities, user_read_model
from identity_api.db.database import Connection, Database
from identity_api.db.grants import open_manual_grant
from identity_api.db.providers import Provider
from identity_api.ids import token_hash, uuid7
from identity_api.lifecycle.end_login import end_logins
from tests import factories as make


def person(provider: Provider, subject: str = "s-1", **changes: Any) -> VerifiedPerson:
    values = {
        "anchor": subject,
        "username": "alice",
        "display_label": "Alice Archer",
        "email": "alice@example.com",
        "email_verified": True,
        **changes,
    }
    issuer = values.pop("issuer", provider.issuer)
    return VerifiedPerson(issuer=issuer, subject=subject, profile=Profile(**values))


async def enter(connection: Connection, provider: Provider, who: VerifiedPerson) -> Provisioned | Declined:
    return await provision(connection, provider, who, actor="provider:test")


async def accepted(connection: Connection, provider: Provider, who: VerifiedPerson) -> Provisioned:
    result = await enter(connection, provider, who)
    assert isinstance(result, Provisioned)
    return result


async def refused(connection: Connection, provider: Provider, who: VerifiedPerson) -> Declined:
    before = await counts(connection, provider.tenant_id)
    result = await enter(connection, provider, who)
    assert isinstance(result, Declined)
    assert await counts(connection, provider.tenant_id) == before
    return result


async def counts(connection: Connection, tenant_id: UUID) -> tuple[int, int]:
    users = await connection.fetchval("select count(*) from app_user where tenant_id = $1", tenant_id)
    found = await connection.fetchval("select count(*) from identity where tenant_id = $1", tenant_id)
    return users, found


async def username_of(connection: Connection, user_id: UUID) -> str:
    return str(await connection.fetchval("select username from app_user where id = $1", user_id))


async def make_provider(connection: Connection, **settings: Any) -> Provider:
    tenant = await make.make_tenant(connection)
    return await make.make_provider(connection, tenant.id, **settings)


# JIT


@pytest.mark.asyncio
async def test_just_in_time_the_first_login_makes_user_and_identity_and_the_second_finds_them(
    database: Database,
) -> None:
    """S0-08."""
    async with database.transaction() as connection:
        provider = await make_provider(connection)
        first = await accepted(connection, provider, person(provider))
        assert first.is_new
        second = await accepted(connection, provider, person(provider, display_label="Renamed"))
        assert (second.user_id, second.identity_id, second.is_new) == (first.user_id, first.identity_id, False)
        row = await connection.fetchrow("select * from app_user where id = $1", first.user_id)
        assert (row["username"], row["display_label"], row["email"]) == ("alice", "Alice Archer", "alice@example.com")
        actions = await connection.fetch("select action from audit_event where tenant_id = $1", provider.tenant_id)
        assert sorted(one["action"] for one in actions) == ["identity.linked", "user.created"]


@pytest.mark.asyncio
async def test_a_taken_username_gives_way_to_the_email_and_then_to_a_tail(database: Database) -> None:
    """S2-28, S2-29, and one step more: the e-mail may be taken too."""
    async with database.transaction() as connection:
        provider = await make_provider(connection)
        names = []
        for subject in ("s-1", "s-2", "s-3", "s-4"):
            made = await accepted(connection, provider, person(provider, subject))
            names.append(await username_of(connection, made.user_id))
        assert names[:2] == ["alice", "alice@example.com"]
        assert all(name.startswith("alice~") and len(name) == len("alice~") + 6 for name in names[2:])
        assert len(set(names)) == 4


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("settings", "changes", "expected"),
    [
        ({}, {"username": None, "email_verified": True}, "alice@example.com"),
        ({}, {"username": None, "email_verified": None}, "alice~"),
        ({}, {"username": None, "email_verified": False}, "alice~"),
        ({"email_verified_rule": "TRUSTED"}, {"username": None, "email_verified": None}, "alice@example.com"),
        ({}, {"username": "alice@example.com", "email_verified": False}, "alice~"),
        ({}, {"username": "alice@example.com", "email_verified": None}, "alice@example.com"),
        ({"claims": {"username": ["email"]}}, {"username": "alice@example.com", "email_verified": None}, "alice~"),
        ({"claims": {"username": ["email"]}}, {"username": "alice@example.com", "email_verified": True}, "alice@example.com"),
        ({}, {"username": None, "email": "@", "email_verified": False, "display_label": "Al"}, "Al~"),
    ],
)  # fmt: skip
async def test_an_address_becomes_a_username_only_if_it_is_verified_or_the_provider_trusted(
    database: Database, settings: dict[str, Any], changes: dict[str, Any], expected: str
) -> None:
    """Whoever may type any address at a provider is not called by it here."""
    async with database.transaction() as connection:
        provider = await make_provider(connection, **settings)
        made = await accepted(connection, provider, person(provider, **changes))
        name = await username_of(connection, made.user_id)
    assert name.startswith(expected) if expected.endswith("~") else name == expected


@pytest.mark.asyncio
async def test_a_login_never_takes_over_an_account_by_name_or_email(database: Database) -> None:
    """Promise 44: somebody who calls themself what another is called gets an account of their own."""
    async with database.transaction() as connection:
        provider = await make_provider(connection)
        victim = await make.make_user(connection, provider.tenant_id, username="alice")
        await connection.execute("update app_user set email = 'alice@example.com' where id = $1", victim)
        made = await accepted(connection, provider, person(provider))
        assert made.user_id != victim


@pytest.mark.asyncio
async def test_the_same_subject_at_another_provider_is_another_identity_and_user(database: Database) -> None:
    """S3-20; I2 of the threat model: a provider speaks for its own people only."""
    async with database.transaction() as connection:
        provider = await make_provider(connection)
        other = await make.make_provider(connection, provider.tenant_id, issuer=provider.issuer)
        first = await accepted(connection, provider, person(provider))
        second = await accepted(connection, other, person(other))
        assert first.user_id != second.user_id


@pytest.mark.asyncio
async def test_the_same_subject_of_another_issuer_is_another_person(database: Database) -> None:
    """A provider may speak for several issuers (Entra has one per directory); only both together name a person."""
    async with database.transaction() as connection:
        provider = await make_provider(connection)
        first = await accepted(connection, provider, person(provider, anchor="first"))
        second = await accepted(connection, provider, person(provider, anchor="second", issuer="https://other.example"))
        assert (second.is_new, second.user_id != first.user_id) == (True, True)
        again = await accepted(connection, provider, person(provider, anchor="moved"))
        assert (again.user_id, again.is_new) == (first.user_id, False)
        anchors = "select id, anchor from identity where tenant_id = $1"
        rows = await connection.fetch(anchors, provider.tenant_id)
        assert {row["id"]: row["anchor"] for row in rows} == {
            first.identity_id: "moved",
            second.identity_id: "second",
        }


@pytest.mark.asyncio
async def test_parallel_first_logins_of_one_person_make_one_user(database: Database) -> None:
    async with database.transaction() as connection:
        provider = await make_provider(connection)

    async def enter_alone() -> Provisioned | Declined:
        async with database.transaction() as connection:
            return await enter(connection, provider, person(provider))

    results = await asyncio.gather(*[enter_alone() for _ in range(8)])
    assert len({one.user_id for one in results if isinstance(one, Provisioned)}) == 1
    assert sum(one.is_new for one in results if isinstance(one, Provisioned)) == 1


@pytest.mark.asyncio
async def test_parallel_first_logins_of_namesakes_make_a_user_each(database: Database) -> None:
    async with database.transaction() as connection:
        provider = await make_provider(connection)

    async def enter_alone(number: int) -> Provisioned | Declined:
        async with database.transaction() as connection:
            return await enter(connection, provider, person(provider, f"s-{number}"))

    results = await asyncio.gather(*[enter_alone(number) for number in range(8)])
    assert len({one.user_id for one in results if isinstance(one, Provisioned)}) == 8


# Adopting by name


@pytest.mark.asyncio
async def test_a_waiting_account_is_adopted_by_its_name_once(database: Database) -> None:
    """S2-32, S2-33, S2-34: the first login takes it over, the next one finds it by its anchor, a namesake gets another."""
    async with database.transaction() as connection:
        provider = await make_provider(connection, adopt_by_name=True)
        waiting = await make.make_user(connection, provider.tenant_id, username="alice")
        adopted = await accepted(connection, provider, person(provider))
        assert (adopted.user_id, adopted.is_new) == (waiting, True)
        again = await accepted(connection, provider, person(provider, username="renamed"))
        assert (again.user_id, again.is_new) == (waiting, False)
        namesake = await accepted(connection, provider, person(provider, "s-2"))
        assert namesake.user_id != waiting
        assert await username_of(connection, namesake.user_id) == "alice@example.com"


@pytest.mark.asyncio
async def test_adopting_says_so_in_the_audit(database: Database) -> None:
    """S2-32: somebody who looks for takeovers finds every adoption by its word."""
    async with database.transaction() as connection:
        provider = await make_provider(connection, adopt_by_name=True)
        waiting = await make.make_user(connection, provider.tenant_id, username="alice")
        await accepted(connection, provider, person(provider))
        await accepted(connection, provider, person(provider, "s-2", username="bob"))
        rows = await connection.fetch(
            "select payload from audit_event where tenant_id = $1 and action = 'identity.linked' order by id",
            provider.tenant_id,
        )
        said = [msgspec.json.decode(row["payload"]) for row in rows]
        assert [one["how"] for one in said] == ["adopted", "created"]
        assert said[0]["user"] == str(waiting)


@pytest.mark.asyncio
async def test_with_the_switch_off_a_login_makes_an_account_of_its_own(database: Database) -> None:
    """S2-35, S2-36: off is the default here."""
    async with database.transaction() as connection:
        provider = await make_provider(connection)
        waiting = await make.make_user(connection, provider.tenant_id, username="alice")
        assert (await accepted(connection, provider, person(provider))).user_id != waiting


@pytest.mark.asyncio
@pytest.mark.parametrize("username", ["Alice", "alice ", "alice@example.com", "аlice", None])
async def test_only_exactly_the_name_is_adopted(database: Database, username: str | None) -> None:
    """S2-32: equality, no folding; S3-21. The e-mail never names an account."""
    async with database.transaction() as connection:
        provider = await make_provider(connection, adopt_by_name=True)
        waiting = await make.make_user(connection, provider.tenant_id, username="alice")
        await connection.execute("update app_user set email = 'alice@example.com' where id = $1", waiting)
        assert (await accepted(connection, provider, person(provider, username=username))).user_id != waiting


@pytest.mark.asyncio
async def test_the_display_name_adopts_where_the_username_claim_is_set_to_it(database: Database) -> None:
    """S2-28, S2-32: which claim names the account is the username setting; the import sets it to `name`."""
    async with database.transaction() as connection:
        provider = await make_provider(connection, adopt_by_name=True)
        waiting = await make.make_user(connection, provider.tenant_id, username="Alice Archer")
        named = person(provider, username="Alice Archer", display_label="Alice Archer")
        assert (await accepted(connection, provider, named)).user_id == waiting


@pytest.mark.asyncio
@pytest.mark.parametrize("past", ["a live link", "a dead link", "a link that has moved to somebody else"])
async def test_an_account_that_was_ever_linked_is_not_adopted(database: Database, past: str) -> None:
    """S2-33: such an account is somebody already, so the newcomer gets one of their own (S2-29)."""
    async with database.transaction() as connection:
        provider = await make_provider(connection, adopt_by_name=True)
        other = await make.make_provider(connection, provider.tenant_id)
        linked = await make.make_user(connection, provider.tenant_id, username="alice")
        identity = await make.make_identity(connection, other, linked)
        if past == "a dead link":
            await end_logins(connection, provider.tenant_id, [identity], reason="admin", actor="system")
        elif past == "a link that has moved to somebody else":
            docs = await make.make_permission(connection, provider.tenant_id, "docs:read")
            await make.make_mapping(connection, provider.tenant_id, "engineering", [docs])
            await make.sign_in(connection, other, identity, ["engineering"])
            await make.sign_in(connection, other, identity, [])
            bob = await make.make_user(connection, provider.tenant_id, username="bob")
            for table in ("identity_sync", "identity"):
                await connection.execute(f"update {table} set user_id = $2 where id = $1", identity, bob)
        made = await accepted(connection, provider, person(provider))
        assert made.user_id != linked
        assert await username_of(connection, made.user_id) == "alice@example.com"


@pytest.mark.asyncio
async def test_a_holder_of_rights_over_this_service_is_adopted_by_nobody(database: Database) -> None:
    """S2-32 with promise 44: an open grant counts, whether in force or not; a grant that was closed does not."""
    async with database.transaction() as connection:
        provider = await make_provider(connection, adopt_by_name=True)
        rights = await make.make_permission(connection, provider.tenant_id, "identity:users:read")
        for username in ("alice", "bob"):
            user_id = await make.make_user(connection, provider.tenant_id, username=username)
            await open_manual_grant(connection, provider.tenant_id, user_id, rights, "system")
        await connection.execute(
            "update permission_grant set revoked_at = now(), revoked_by = 'system', revoked_reason = 'ADMIN'"
            " where user_id = $1",
            user_id,
        )
        declined = await refused(connection, provider, person(provider))
        assert (declined.code, declined.detail) == ("ACCOUNT_NOT_FOUND", "user_holds_identity_rights")
        assert (await accepted(connection, provider, person(provider, "s-2", username="bob"))).user_id == user_id


@pytest.mark.asyncio
async def test_a_disabled_account_is_not_adopted_and_no_twin_is_made(database: Database) -> None:
    """S2-32: disabling keeps somebody out, also before their first login."""
    async with database.transaction() as connection:
        provider = await make_provider(connection, adopt_by_name=True)
        waiting = await make.make_user(connection, provider.tenant_id, username="alice")
        await connection.execute("update app_user set disabled_at = now() where id = $1", waiting)
        assert await refused(connection, provider, person(provider)) == Declined("ACCOUNT_DISABLED", str(waiting))


@pytest.mark.asyncio
async def test_namesakes_who_come_at_once_adopt_one_account_once(database: Database) -> None:
    """S2-33: one-time claim, also when two claim it in the same moment."""
    async with database.transaction() as connection:
        provider = await make_provider(connection, adopt_by_name=True)
        waiting = await make.make_user(connection, provider.tenant_id, username="alice")

    async def enter_alone(number: int) -> Provisioned | Declined:
        async with database.transaction() as connection:
            return await enter(connection, provider, person(provider, f"s-{number}"))

    results = await asyncio.gather(*[enter_alone(number) for number in range(6)])
    users = [one.user_id for one in results if isinstance(one, Provisioned)]
    assert (len(users), len(set(users)), users.count(waiting)) == (6, 6, 1)


@pytest.mark.asyncio
async def test_an_account_of_another_tenant_is_not_adopted(database: Database) -> None:
    """I2."""
    async with database.transaction() as connection:
        provider = await make_provider(connection, adopt_by_name=True)
        neighbour = await make.make_tenant(connection)
        theirs = await make.make_user(connection, neighbour.id, username="alice")
        assert (await accepted(connection, provider, person(provider))).user_id != theirs


@pytest.mark.asyncio
async def test_the_list_of_who_is_not_yet_linked_gets_shorter_with_each_adoption(database: Database) -> None:
    """S2-38: it says when the switch may go off."""
    async with database.transaction() as connection:
        provider = await make_provider(connection, adopt_by_name=True)
        for username in ("alice", "bob"):
            await make.make_user(connection, provider.tenant_id, username=username)

        async def listed(*, linked: bool | None) -> list[str]:
            found = await user_read_model.list_users(
                connection,
                provider.tenant_id,
                where=user_read_model.Filter(linked=linked),
                order="USERNAME",
                descending=False,
                after=None,
                first=10,
            )
            return [user.username for user in found.users]

        assert await listed(linked=False) == ["alice", "bob"]
        made = await accepted(connection, provider, person(provider))
        await user_read_model.refresh(connection, provider.tenant_id, [made.user_id])
        assert (await listed(linked=False), await listed(linked=True)) == (["bob"], ["alice"])
        assert await listed(linked=None) == ["alice", "bob"]


# Known users


@pytest.mark.asyncio
async def test_a_known_user_is_matched_by_exactly_the_username_once(database: Database) -> None:
    """S3-20: the account exists beforehand; the first login links it, later ones find it by anchor."""
    async with database.transaction() as connection:
        provider = await make_provider(connection, provisioning="KNOWN_USERS")
        user_id = await make.make_user(connection, provider.tenant_id, username="alice")
        made = await accepted(connection, provider, person(provider))
        assert (made.user_id, made.is_new) == (user_id, True)
        again = await accepted(connection, provider, person(provider, username="renamed"))
        assert (again.user_id, again.is_new) == (user_id, False)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("name", "detail"),
    [
        *[(name, "no_such_username") for name in ("alice ", "alice@example.com", "ali", "alicé", "аlice")],
        *[("Alice", "username_differs_in_case"), ("ALICE", "username_differs_in_case"), (None, "username_missing")],
    ],
)
async def test_anything_but_the_exact_username_is_no_account(database: Database, name: str | None, detail: str) -> None:
    """The administrator reads which name came, and why it found nobody."""
    async with database.transaction() as connection:
        provider = await make_provider(connection, provisioning="KNOWN_USERS")
        await make.make_user(connection, provider.tenant_id, username="alice")
        declined = await refused(connection, provider, person(provider, username=name))
        assert (declined.code, declined.detail, declined.name) == ("ACCOUNT_NOT_FOUND", detail, name)


@pytest.mark.asyncio
async def test_a_username_is_the_same_in_every_unicode_form(database: Database) -> None:
    composed = unicodedata.normalize("NFC", "zoe\u0308")
    async with database.transaction() as connection:
        provider = await make_provider(connection, provisioning="KNOWN_USERS")
        user_id = await make.make_user(connection, provider.tenant_id, username=composed)
        made = await accepted(connection, provider, person(provider, username=composed))
        assert made.user_id == user_id


@pytest.mark.asyncio
async def test_a_user_with_any_identity_is_not_matched_by_name(database: Database) -> None:
    """S1-14, S2-33. Otherwise a second provider could take over accounts of the first."""
    async with database.transaction() as connection:
        provider = await make_provider(connection, provisioning="KNOWN_USERS")
        other = await make.make_provider(connection, provider.tenant_id)
        user_id = await make.make_user(connection, provider.tenant_id, username="alice")
        identity = await make.make_identity(connection, other, user_id)
        await end_logins(connection, provider.tenant_id, [identity], reason="admin", actor="system")
        declined = await refused(connection, provider, person(provider))
        assert (declined.code, declined.detail) == ("ACCOUNT_NOT_FOUND", "user_has_an_identity")


@pytest.mark.asyncio
async def test_a_holder_of_rights_over_this_service_is_matched_by_an_admin_only(database: Database) -> None:
    async with database.transaction() as connection:
        provider = await make_provider(connection, provisioning="KNOWN_USERS")
        rights = await make.make_permission(connection, provider.tenant_id, "identity:mappings:write")
        docs = await make.make_permission(connection, provider.tenant_id, "docs:read")
        for username, permission in (("alice", rights), ("bob", docs)):
            user_id = await make.make_user(connection, provider.tenant_id, username=username)
            await open_manual_grant(connection, provider.tenant_id, user_id, permission, "system")
        declined = await refused(connection, provider, person(provider))
        assert (declined.code, declined.detail) == ("ACCOUNT_NOT_FOUND", "user_holds_identity_rights")
        assert await accepted(connection, provider, person(provider, "s-2", username="bob"))


@pytest.mark.asyncio
async def test_two_people_who_claim_one_username_at_once_link_it_once(database: Database) -> None:
    async with database.transaction() as connection:
        provider = await make_provider(connection, provisioning="KNOWN_USERS")
        await make.make_user(connection, provider.tenant_id, username="alice")

    async def enter_alone(number: int) -> Provisioned | Declined:
        async with database.transaction() as connection:
            return await enter(connection, provider, person(provider, f"s-{number}"))

    results = await asyncio.gather(*[enter_alone(number) for number in range(6)])
    assert sum(isinstance(one, Provisioned) for one in results) == 1


@pytest.mark.asyncio
async def test_a_user_of_another_tenant_is_not_matched(database: Database) -> None:
    async with database.transaction() as connection:
        provider = await make_provider(connection, provisioning="KNOWN_USERS")
        neighbour = await make.make_tenant(connection)
        await make.make_user(connection, neighbour.id, username="alice")
        assert (await refused(connection, provider, person(provider))).code == "ACCOUNT_NOT_FOUND"


# Linked only


async def enter_by_admin(connection: Connection, provider: Provider, anchor: str) -> tuple[UUID, UUID]:
    """An identity that an admin has entered: an anchor, and no subject yet."""
    user_id, identity_id = await make.make_user(connection, provider.tenant_id), uuid7()
    await identities.insert(
        connection,
        provider.tenant_id,
        identity_id=identity_id,
        user_id=user_id,
        provider_id=provider.id,
        issuer=provider.issuer,
        subject=None,
        anchor=anchor,
    )
    return user_id, identity_id


@pytest.mark.asyncio
async def test_an_identity_entered_by_an_admin_is_bound_to_its_first_subject(database: Database) -> None:
    """S3-22."""
    async with database.transaction() as connection:
        provider = await make_provider(connection, provisioning="LINKED_ONLY")
        user_id, identity_id = await enter_by_admin(connection, provider, "employee-7")
        first = await accepted(connection, provider, person(provider, "s-1", anchor="employee-7"))
        assert (first.user_id, first.identity_id) == (user_id, identity_id)
        assert await connection.fetchval("select subject from identity where id = $1", identity_id) == "s-1"
        stranger = await enter(connection, provider, person(provider, "s-2", anchor="employee-7"))
        assert stranger == Declined("SUBJECT_CHANGED", str(identity_id))


@pytest.mark.asyncio
async def test_an_entered_identity_takes_the_issuer_that_its_person_comes_from(database: Database) -> None:
    """Entra's issuer is a template; the login names the directory."""
    template, directory = "https://login.example/{tenantid}/v2.0", "https://login.example/1234/v2.0"
    async with database.transaction() as connection:
        provider = await make_provider(connection, provisioning="LINKED_ONLY", issuer=template)
        _, identity_id = await enter_by_admin(connection, provider, "employee-7")
        who = person(provider, "s-1", anchor="employee-7", issuer=directory)
        assert (await accepted(connection, provider, who)).identity_id == identity_id
        assert (await accepted(connection, provider, who)).identity_id == identity_id
        assert await connection.fetchval("select issuer from identity where id = $1", identity_id) == directory


@pytest.mark.asyncio
async def test_somebody_whom_no_admin_entered_is_no_account(database: Database) -> None:
    """S3-24."""
    async with database.transaction() as connection:
        provider = await make_provider(connection, provisioning="LINKED_ONLY")
        await enter_by_admin(connection, provider, "employee-7")
        for anchor in ("employee-8", "Employee-7", "employee-7 "):
            declined = await refused(connection, provider, person(provider, "s-1", anchor=anchor))
            assert declined == Declined("ACCOUNT_NOT_FOUND", "linked_only")


# Who it still is


@pytest.mark.asyncio
@pytest.mark.parametrize("change", [{"subject": "s-2"}, {"issuer": "https://other.example"}])
async def test_the_same_anchor_with_another_subject_or_issuer_is_refused_and_its_owner_goes_on(
    database: Database, change: dict[str, str]
) -> None:
    """S3-30; named: SUBJECT_CHANGED. A stranger who gets somebody's address at the provider locks nobody out."""
    by_email = {"claims": {"anchor": ["email"]}}
    async with database.transaction() as connection:
        provider = await make_provider(connection, **by_email)
        right = {"anchor": "alice@example.com"}
        first = await accepted(connection, provider, person(provider, "s-1", **right))
        other = {"subject": "s-1", **right, **change}
        declined = await enter(connection, provider, person(provider, **other))
        assert declined == Declined("SUBJECT_CHANGED", str(first.identity_id))
        state = await connection.fetchval("select state from identity where id = $1", first.identity_id)
        assert state not in ("REVOKED", "QUARANTINED")
        again = await accepted(connection, provider, person(provider, "s-1", **right))
        assert again.identity_id == first.identity_id
        payload = await connection.fetchval(
            "select payload from audit_event where tenant_id = $1 and action = 'identity.subject_refused'",
            provider.tenant_id,
        )
        told = json.loads(payload)
        assert told["claim"] == ("iss" if "issuer" in change else "sub")
        assert told["known_subject_hash"] == token_hash("s-1").hex()
        assert told["received_subject_hash"] == token_hash(other["subject"]).hex()
        assert "alice" not in payload


@pytest.mark.asyncio
async def test_the_same_subject_under_a_new_anchor_is_the_same_person(database: Database) -> None:
    """An e-mail address that changed. The old address is free for a successor, who is somebody else."""
    async with database.transaction() as connection:
        provider = await make_provider(connection, claims={"anchor": ["email"]})
        old, new = "alice@example.com", "alice.archer@example.com"
        first = await accepted(connection, provider, person(provider, "s-1", anchor=old))
        moved = await accepted(connection, provider, person(provider, "s-1", anchor=new, email=new))
        assert (moved.user_id, moved.identity_id) == (first.user_id, first.identity_id)
        successor = await accepted(connection, provider, person(provider, "s-2", anchor=old))
        assert successor.user_id != first.user_id
        payload = await connection.fetchval(
            "select payload::text from audit_event where tenant_id = $1 and action = 'identity.anchor_changed'",
            provider.tenant_id,
        )
        assert "alice" not in payload


@pytest.mark.asyncio
async def test_who_has_signed_in_before_comes_in_also_where_their_new_anchor_waits_for_somebody(
    database: Database,
) -> None:
    """The identity that waits goes on waiting: its anchor is entered, and its person has another subject."""
    async with database.transaction() as connection:
        provider = await make_provider(connection, claims={"anchor": ["preferred_username"]})
        ann = await accepted(connection, provider, person(provider, "s-1", anchor="ann"))
        other = await make.make_user(connection, provider.tenant_id)
        waiting = uuid7()
        await identities.insert(
            connection,
            provider.tenant_id,
            identity_id=waiting,
            user_id=other,
            provider_id=provider.id,
            issuer=provider.issuer,
            subject=None,
            anchor="ann.married",
        )
        again = await accepted(connection, provider, person(provider, "s-1", anchor="ann.married"))
        assert (again.user_id, again.identity_id) == (ann.user_id, ann.identity_id)
        newcomer = await accepted(connection, provider, person(provider, "s-2", anchor="ann.married"))
        assert (newcomer.user_id, newcomer.identity_id) == (other, waiting)


@pytest.mark.asyncio
async def test_a_revoked_identity_signs_in_again_and_a_quarantined_one_does_not(database: Database) -> None:
    async with database.transaction() as connection:
        provider = await make_provider(connection)
        first = await accepted(connection, provider, person(provider))
        await end_logins(connection, provider.tenant_id, [first.identity_id], reason="invalid_grant", actor="sync")
        assert await accepted(connection, provider, person(provider))
        await connection.execute("update identity set state = 'QUARANTINED' where id = $1", first.identity_id)
        moved = person(provider, anchor="elsewhere")
        for who in (person(provider), moved):
            assert (await refused(connection, provider, who)).code == "ACCOUNT_QUARANTINED"
        anchor = await connection.fetchval("select anchor from identity where id = $1", first.identity_id)
        assert anchor == person(provider).profile.anchor


@pytest.mark.asyncio
@pytest.mark.parametrize("policy", ["JIT", "KNOWN_USERS", "LINKED_ONLY"])
async def test_a_disabled_user_stays_out_under_every_policy(database: Database, policy: str) -> None:
    async with database.transaction() as connection:
        provider = await make_provider(connection)
        first = await accepted(connection, provider, person(provider))
        strict = msgspec.structs.replace(provider, provisioning=policy)
        assert await accepted(connection, strict, person(provider))
        await connection.execute("update app_user set disabled_at = now() where id = $1", first.user_id)
        assert (await refused(connection, strict, person(provider))).code == "ACCOUNT_DISABLED"


@pytest.mark.asyncio
async def test_a_disabled_known_user_is_not_linked(database: Database) -> None:
    async with database.transaction() as connection:
        provider = await make_provider(connection, provisioning="KNOWN_USERS")
        user_id = await make.make_user(connection, provider.tenant_id, username="alice")
        await connection.execute("update app_user set disabled_at = now() where id = $1", user_id)
        assert (await refused(connection, provider, person(provider))).code == "ACCOUNT_DISABLED"


# Verified e-mail addresses


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("rule", "email_verified", "is_accepted"),
    [
        ("IGNORE", True, True),
        ("IGNORE", False, False),
        ("IGNORE", None, False),
        ("REQUIRED", True, True),
        ("REQUIRED", None, False),
        ("TRUSTED", None, True),
        ("TRUSTED", False, True),
    ],
)
async def test_an_email_as_anchor_must_be_verified_unless_the_provider_is_trusted(
    database: Database, rule: str, email_verified: bool | None, is_accepted: bool
) -> None:
    """S3-25 to S3-28."""
    async with database.transaction() as connection:
        provider = await make_provider(connection, claims={"anchor": ["email"]}, email_verified_rule=rule)
        who = person(provider, anchor="alice@example.com", email_verified=email_verified)
        result = await enter(connection, provider, who)
        assert isinstance(result, Provisioned) == is_accepted
        if isinstance(result, Declined):
            assert result.code == "EMAIL_NOT_VERIFIED"


@pytest.mark.asyncio
async def test_what_is_verified_must_be_the_anchor_itself(database: Database) -> None:
    """`email_verified` beside one address says nothing of another."""
    async with database.transaction() as connection:
        provider = await make_provider(
            connection, claims={"anchor": ["id_token / email"], "email": ["userinfo / email"]}
        )
        assert await accepted(connection, provider, person(provider, "s-1", anchor="alice@example.com"))
        declined = await refused(connection, provider, person(provider, "s-2", anchor="boss@example.com"))
        assert declined.code == "EMAIL_NOT_VERIFIED"


@pytest.mark.asyncio
async def test_another_anchor_asks_for_a_verified_email_only_where_it_is_required(database: Database) -> None:
    async with database.transaction() as connection:
        provider = await make_provider(connection)
        strict = await make.make_provider(connection, provider.tenant_id, email_verified_rule="REQUIRED")
        assert await accepted(connection, provider, person(provider, email_verified=None))
        assert await accepted(connection, strict, person(strict))
        for change in ({"email_verified": None}, {"email_verified": False}, {"email": None, "email_verified": None}):
            assert (await refused(connection, strict, person(strict, "s-9", **change))).code == "EMAIL_NOT_VERIFIED"


# Names


@given(
    username=st.none() | st.text(min_size=1, max_size=512).map(lambda text: unicodedata.normalize("NFC", text)),
    email=st.none() | st.text(min_size=1, max_size=400),
    label=st.none() | st.text(min_size=1, max_size=512),
)
def test_every_profile_has_usernames_of_a_storable_length(
    username: str | None, email: str | None, label: str | None
) -> None:
    names = list(username_candidates(Profile("anchor", username, label, email, None)))
    assert names
    assert all(0 < len(name) <= MAX_USERNAME_LENGTH for name in names)
    assert all("~" in name for name in names[-5:])
