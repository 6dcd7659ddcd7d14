"""Whose account a login is: every policy, every refusal next to the acceptance it departs from."""

import asyncio
import unicodedata
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity_api.accounts.names import MAX_USERNAME_LENGTH, username_candidates
from identity_api.accounts.provisioning import Declined, Provisioned
from identity_api.claims import Profile
from identity_api.db import identities
from identity_api.db.database import Connection, Database
from identity_api.db.grants import open_manual_grant
from identity_api.db.providers import Provider
from identity_api.ids import uuid7
from identity_api.lifecycle.end_login import end_logins
from tests import factories as make
from tests.accounts.persons import accepted, enter, make_provider, person, refused, username_of

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
        assert stranger == Declined("SUBJECT_CHANGED", f"identity:{identity_id}")


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
