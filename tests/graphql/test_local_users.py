"""Users that are kept by hand, and what admins do about their passwords (S0-05, S0-06)."""

import base64
from typing import Any

import pytest

from identity_api.accounts import local_passwords, second_factor, totp
from identity_api.graphql.ids import global_id
from identity_api.permissions.delegation import Actor
from identity_api.permissions.service import GRANTS_WRITE, USERS_READ, USERS_WRITE
from tests.accounts.local_world import OTHER_PASSWORD, PASSWORD
from tests.graphql.inputs import document
from tests.graphql.world import Client, World

SHOWN = "id username displayLabel email emailVerified hasPassword hasSecondFactor lockedUntil"
SELECTION = (
    f"{{ __typename ... on Problem {{ code message }} ... on InvalidInput {{ field }}"
    f" ... on UserChanged {{ user {{ {SHOWN} }} }} }}"
)
LINK = "{ __typename ... on Problem { code } ... on PasswordTokenCreated { url expiresAt } }"


async def change(client: Client, mutation: str, selection: str = SELECTION, **given: Any) -> Any:
    """The payload of a mutation."""
    return (await client.data(document(mutation, selection), input=given))[mutation]


async def link_token(client: Client, user_id: str) -> str:
    made = await change(client, "createPasswordToken", LINK, id=user_id)
    assert made["__typename"] == "PasswordTokenCreated", made
    path, _, token = made["url"].rpartition("/")
    assert path == "/auth/password"
    return str(token)


@pytest.mark.asyncio
async def test_an_admin_makes_a_user_who_then_chooses_a_password(world: World) -> None:
    await world.allow_passwords()
    made = await change(world.admin, "createUser", username="ada", email="ada@acme.example")
    user_id = made["user"]["id"]
    assert made["user"] == {
        "id": user_id, "username": "ada", "displayLabel": "ada", "email": "ada@acme.example", "emailVerified": False,
        "hasPassword": False, "hasSecondFactor": False, "lockedUntil": None,
    }  # fmt: skip
    token = await link_token(world.admin, user_id)
    await local_passwords.set_password_by_token(world.deps.accounts, world.tenant, token, PASSWORD)
    shown = await world.admin.data(f"query ($id: ID!) {{ user(id: $id) {{ {SHOWN} }} }}", id=user_id)
    assert shown["user"]["hasPassword"] is True
    removed = await change(world.admin, "removeUserPassword", id=user_id)
    assert removed["user"]["hasPassword"] is False


@pytest.mark.asyncio
async def test_what_cannot_be_a_user_names_its_field_and_a_taken_name_says_so(world: World) -> None:
    for given, field in (
        ({"username": ""}, "username"),
        ({"username": "a\u00adb"}, "username"),
        ({"username": "x", "displayLabel": " x"}, "displayLabel"),
        ({"username": "x", "email": "no address"}, "email"),
    ):
        answer = await change(world.admin, "createUser", **given)
        assert (answer["__typename"], answer["field"]) == ("InvalidInput", field)
    assert (await change(world.admin, "createUser", username="x"))["__typename"] == "UserChanged"
    assert (await change(world.admin, "createUser", username="x"))["code"] == "USERNAME_TAKEN"


@pytest.mark.asyncio
async def test_where_providers_manage_users_it_is_refused(world: World) -> None:
    """S0-06."""
    await world.allow_passwords()
    await world.execute("update local_policy set sso_managed = true where tenant_id = $1", world.tenant)
    local = global_id("User", world.local)
    for mutation, given in (
        ("createUser", {"username": "x"}),
        ("updateUserProfile", {"id": local, "displayLabel": "X"}),
    ):
        answer = await change(world.admin, mutation, **given)
        assert (answer["__typename"], answer["code"]) == ("NotAllowed", "SSO_MANAGED")
    await world.execute("update local_policy set sso_managed = false where tenant_id = $1", world.tenant)
    assert (await change(world.admin, "updateUserProfile", id=local, displayLabel="X"))["user"]["displayLabel"] == "X"


@pytest.mark.asyncio
async def test_a_profile_changes_as_far_as_it_is_given(world: World) -> None:
    local = global_id("User", world.local)
    first = await change(world.admin, "updateUserProfile", id=local, username="ada", email="a@acme.example")
    assert (first["user"]["username"], first["user"]["email"]) == ("ada", "a@acme.example")
    second = await change(world.admin, "updateUserProfile", id=local, displayLabel="Ada")
    assert second["user"] == {**first["user"], "displayLabel": "Ada"}
    third = await change(world.admin, "updateUserProfile", id=local, email=None)
    assert third["user"] == {**second["user"], "email": None, "emailVerified": None}
    held = await change(world.admin, "updateUserProfile", id=global_id("User", world.person), displayLabel="X")
    assert held["code"] == "SSO_MANAGED"  # a provider has the say


@pytest.mark.asyncio
async def test_oneself_changes_what_one_is_called_but_not_ones_name(world: World) -> None:
    own = global_id("User", world.nobody.user_id)
    changed = await change(world.nobody, "updateUserProfile", id=own, displayLabel="Me")
    assert changed["user"]["displayLabel"] == "Me"
    assert (await change(world.nobody, "updateUserProfile", id=own, username="me"))["code"] == "FORBIDDEN"
    other = await change(world.nobody, "updateUserProfile", id=global_id("User", world.local), displayLabel="X")
    assert other["code"] == "FORBIDDEN"


@pytest.mark.asyncio
async def test_a_link_is_for_accounts_that_the_actor_may_hand_over(world: World) -> None:
    """I8: whoever makes a link could keep it."""
    await world.allow_passwords()
    clerk = await world.client(USERS_WRITE, USERS_READ)
    target = global_id("User", (await world.client()).user_id)
    above = global_id("User", (await world.client(GRANTS_WRITE)).user_id)
    assert (await change(clerk, "createPasswordToken", LINK, id=above))["code"] == "FORBIDDEN"
    own = global_id("User", clerk.user_id)
    assert (await change(clerk, "createPasswordToken", LINK, id=own))["code"] == "SELF_BENEFIT"
    token = await link_token(clerk, target)
    noted = [str(event) for event in await world.events("password_token.created")]
    assert noted
    assert token not in "".join(noted)


@pytest.mark.asyncio
async def test_without_passwords_there_are_no_links(world: World) -> None:
    target = global_id("User", world.local)
    assert (await change(world.admin, "createPasswordToken", LINK, id=target))["code"] == "LOCAL_SIGN_IN_OFF"


@pytest.mark.asyncio
async def test_a_locked_account_says_until_when_and_is_unlocked(world: World) -> None:
    await world.execute(
        "insert into local_account (id, tenant_id, failures, locked_until) values ($2, $1, 10, now() + interval '30 s')",
        world.tenant,
        world.local,
    )
    local = global_id("User", world.local)
    text = f"query ($id: ID!) {{ user(id: $id) {{ {SHOWN} }} }}"
    assert (await world.admin.data(text, id=local))["user"]["lockedUntil"] is not None
    assert (await change(world.admin, "unlockUser", id=local))["user"]["lockedUntil"] is None
    assert len(await world.events("account.unlocked")) == 1


@pytest.mark.asyncio
async def test_a_page_of_users_reads_their_guards_in_one_statement(world: World) -> None:
    text = "{ users { edges { node { hasPassword hasSecondFactor lockedUntil } } } }"
    assert len((await world.admin.data(text))["users"]["edges"]) > 2
    assert len(world.statements) == 2


# One's own


async def with_password(world: World) -> Client:
    """Somebody signed in who has the password `PASSWORD`."""
    await world.allow_passwords()
    client = await world.client()
    token = await link_token(world.admin, global_id("User", client.user_id))
    await local_passwords.set_password_by_token(world.deps.accounts, world.tenant, token, PASSWORD)
    return await world.sign_in(client.user_id)


@pytest.mark.asyncio
async def test_somebody_changes_their_password_and_stays_signed_in_here_alone(world: World) -> None:
    client = await with_password(world)
    other = await world.sign_in(client.user_id)
    wrong = await change(client, "changePassword", current="not this one", new=OTHER_PASSWORD)
    assert (wrong["__typename"], wrong["code"]) == ("NotAllowed", "CREDENTIALS_REFUSED")
    weak = await change(client, "changePassword", current=PASSWORD, new="passwordpassword")
    assert (weak["__typename"], weak["code"]) == ("InvalidInput", "PASSWORD_TOO_COMMON")
    assert (await change(client, "changePassword", current=PASSWORD, new=OTHER_PASSWORD))["__typename"] == "UserChanged"
    assert (await client.data("{ viewer { user { hasPassword } } }"))["viewer"]["user"]["hasPassword"] is True
    ended = "select ended_reason from session where tenant_id = $1 and id = $2"
    async with world.database.reading() as connection:
        assert await connection.fetchval(ended, world.tenant, other.session_id) is not None
        assert await connection.fetchval(ended, world.tenant, client.session_id) is None


@pytest.mark.asyncio
async def test_a_second_factor_is_set_up_removed_and_reset(world: World) -> None:
    client = await with_password(world)
    selection = "{ __typename ... on Problem { code } ... on TotpPrepared { key uri } }"
    assert (await change(client, "enrolTotp", selection, current="x"))["code"] == "CREDENTIALS_REFUSED"
    assert (await change(client, "confirmTotp", code="000000"))["code"] == "TOTP_NOT_PREPARED"
    made = await change(client, "enrolTotp", selection, current=PASSWORD)
    assert made["uri"].startswith("otpauth://totp/")
    assert made["key"] in made["uri"]
    code = code_now(made["key"], world)
    refused = await change(client, "confirmTotp", code="000000" if code != "000000" else "000001")
    assert refused["code"] == "SECOND_FACTOR_REFUSED"
    confirmed = await change(client, "confirmTotp", code=f"{code[:3]} {code[3:]}")
    assert confirmed["user"]["hasSecondFactor"] is True
    again = await change(client, "enrolTotp", selection, current=PASSWORD)
    assert again["code"] == "TOTP_ENROLLED"
    assert (await change(client, "removeTotp", current=PASSWORD))["code"] == "SECOND_FACTOR_REQUIRED"
    assert (await change(client, "removeTotp", current=PASSWORD, code=code))["code"] == "SECOND_FACTOR_REFUSED"
    later = code_now(made["key"], world, steps=1)
    assert (await change(client, "removeTotp", current=PASSWORD, code=later))["user"]["hasSecondFactor"] is False
    await second_factor.enrol_totp(world.deps.accounts, actor_of(client, world), PASSWORD, issuer="Acme")
    await world.execute("update local_account set totp_confirmed_at = now() where id = $1", client.user_id)
    reset = await change(world.admin, "resetUserTotp", id=global_id("User", client.user_id))
    assert reset["user"]["hasSecondFactor"] is False


@pytest.mark.asyncio
async def test_many_guesses_at_the_code_of_a_new_factor_in_one_request_are_limited(world: World) -> None:
    client = await with_password(world)
    await second_factor.enrol_totp(world.deps.accounts, actor_of(client, world), PASSWORD, issuer="Acme")
    guess = 'confirmTotp(input: {code: "letters"}) { ... on Problem { code } }'
    await client.data("mutation { " + " ".join(f"g{number}: {guess}" for number in range(12)) + " }")
    reasons = (
        "select payload->>'reason' as reason from audit_event where tenant_id = $1 and action = 'password.refused'"
    )
    async with world.database.reading() as connection:
        found = [row["reason"] for row in await connection.fetch(reasons, world.tenant)]
    assert (found.count("wrong_code"), found.count("locked")) == (10, 2)


@pytest.mark.asyncio
async def test_an_admin_does_not_reset_their_own_second_factor(world: World) -> None:
    answer = await change(world.admin, "resetUserTotp", id=global_id("User", world.admin.user_id))
    assert answer["code"] == "SELF_BENEFIT"


def code_now(key: str, world: World, *, steps: int = 0) -> str:
    """What the authenticator shows, or will show so many steps later."""
    secret = base64.b32decode(key + "=" * (-len(key) % 8))
    return totp.code_at(secret, int(world.deps.accounts.clock().timestamp()) // totp.STEP_SECONDS + steps).decode()


def actor_of(client: Client, world: World) -> Actor:
    return Actor(world.tenant, client.user_id, f"user:{client.user_id}", frozenset())
