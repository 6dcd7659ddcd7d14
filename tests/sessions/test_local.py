"""Sign-in with a local password: what it begins, what it refuses and how little a refusal tells."""

import asyncio
from uuid import UUID

import pytest
import pytest_asyncio
from argon2 import PasswordHasher

from identity_api.accounts import administration, local
from identity_api.accounts.local_passwords import (
    change_password,
    create_password_token,
    remove_password,
    set_password_by_token,
)
from identity_api.accounts.passwords import Passwords
from identity_api.db import clients, tenants
from identity_api.db.database import Database
from identity_api.db.local_accounts import FREE_TRIES, LONGEST_LOCK_SECONDS
from identity_api.db.tenants import Frontend
from identity_api.errors import BadInput, IdentityAPIError, Unavailable
from identity_api.ids import new_tenant_token, token_hash, uuid7
from identity_api.sessions.login.deps import LoginRequest
from identity_api.sessions.login.password_login import LocalSignIn, is_offered, sign_in
from tests.accounts.local_world import OTHER_PASSWORD, PASSWORD, make_local_world
from tests.sessions.local_door import COOKIE, ORIGIN, Address, Door


@pytest_asyncio.fixture
async def door(database: Database) -> Door:
    """A tenant that allows passwords, with the user ada."""
    return Door(await make_local_world(database))


@pytest_asyncio.fixture
async def ada(door: Door) -> UUID:
    return await door.world.make_user("ada")


@pytest.mark.asyncio
async def test_a_right_password_begins_a_session_without_identity(door: Door, ada: UUID) -> None:
    """S0-05. The proof is as of now, by the clock that everything else is measured with."""
    finished = await door.sign_in()
    assert (finished.kind, finished.location) == ("SESSION", f"{ORIGIN}/account")
    [cookie] = finished.set_cookies
    assert (cookie.name, cookie.secure, cookie.same_site_none) == (COOKIE, True, False)
    seen = await door.who(cookie.value)
    assert seen is not None
    assert (seen.user.id, seen.identity_id, seen.is_sso, seen.kind) == (ada, None, False, "COOKIE")
    assert seen.authenticated_at == door.world.now
    assert await door.world.events("login.succeeded") == [{"user": str(ada), "way": "password", "second_factor": False}]
    assert await door.world.events("session.begun") == [{"user": str(ada), "identity": None, "kind": "COOKIE"}]


@pytest.mark.asyncio
async def test_a_username_is_found_in_any_composition(door: Door) -> None:
    await door.world.make_user("ren\u00e9")
    assert await door.code_of("rene\u0301") is None
    assert await door.code_of("Ren\u00e9") == "CREDENTIALS_REFUSED"


@pytest.mark.asyncio
async def test_a_refusal_tells_nothing(door: Door, ada: UUID) -> None:
    """Unknown, without a password, of another tenant, wrong, unstorable, too long: the same code, status and sentence."""
    await door.world.make_user("nobody-yet", password=None)
    other = await make_local_world(door.world.database)
    await other.make_user("theirs")
    names = [("ada", "not this one"), ("nobody", PASSWORD), ("nobody-yet", PASSWORD), ("theirs", PASSWORD)]
    names += [("a\0da", PASSWORD), ("ad\ud800a", PASSWORD), ("a" * 10_000, PASSWORD), ("", ""), ("ada", "")]
    names += [("ada", "\ud800"), ("ada", "x" * 100_000)]
    refusals = {await door.refusal(*one) for one in names}
    assert len(refusals) == 1
    assert refusals.pop() is not None
    assert await door.code_of() is None


class CountingPasswords(Passwords):
    """The hasher, and how often it was asked."""

    asked = 0

    async def verify(self, stored: str | None, password: bytes | None) -> bool:
        self.asked += 1
        return await super().verify(stored, password)


@pytest.mark.asyncio
async def test_every_refusal_costs_one_hash(door: Door, ada: UUID) -> None:
    """Time tells nothing either: also for a locked account, an unknown one and one without a password."""
    await door.world.make_user("nobody-yet", password=None)
    door.world.passwords = passwords = CountingPasswords(PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
    for name in ("nobody", "nobody-yet", "ada", *["ada"] * FREE_TRIES, "a\0da"):
        before = passwords.asked
        await door.code_of(name, "not this one")
        assert passwords.asked == before + 1


@pytest.mark.asyncio
async def test_ten_wrong_tries_lock_the_account_even_for_the_right_password(door: Door, ada: UUID) -> None:
    await door.fail(FREE_TRIES - 1)
    assert await door.locked_seconds() is None
    await door.fail(1)
    refused = await door.refusal(password="not this one")
    assert await door.refusal() == refused
    assert [event["reason"] for event in await door.world.events("login.failed")] == [
        *["wrong_password"] * FREE_TRIES,
        "locked",
        "locked",
    ]
    await door.pass_time(31)
    assert await door.code_of() is None
    assert await door.world.fetchval("select failures from local_account where id = $1", ada) == 0


@pytest.mark.asyncio
async def test_the_lock_grows_and_never_becomes_permanent(door: Door, ada: UUID) -> None:
    seen = []
    await door.fail(FREE_TRIES)
    for _ in range(8):
        seconds = await door.locked_seconds()
        assert seconds is not None
        seen.append(round(seconds, -1))
        await door.pass_time(seconds + 1)
        await door.fail(1)
    assert seen == [30, 60, 120, 240, 480, 900, 900, 900]
    assert LONGEST_LOCK_SECONDS == 900
    await door.world.execute("update local_account set failures = 2000000000 where id = $1", ada)
    await door.pass_time(1_000)
    await door.fail(1)
    await door.pass_time(1_000)
    assert await door.code_of() is None


@pytest.mark.asyncio
async def test_tries_at_a_locked_account_do_not_keep_it_locked(door: Door, ada: UUID) -> None:
    """Otherwise anybody could keep anybody out for as long as they like."""
    await door.fail(FREE_TRIES)
    before = await door.world.fetchval("select locked_until from local_account where id = $1", ada)
    await door.fail(5)
    assert await door.world.fetchval("select locked_until from local_account where id = $1", ada) == before


@pytest.mark.asyncio
async def test_tries_sent_at_once_are_counted_one_by_one(door: Door, ada: UUID) -> None:
    """No more passwords are looked at than free tries, however many arrive before the first is answered."""
    await asyncio.gather(*[door.code_of(password="not this one") for _ in range(FREE_TRIES * 3)])
    reasons = [event["reason"] for event in await door.world.events("login.failed")]
    assert (reasons.count("wrong_password"), reasons.count("locked")) == (FREE_TRIES, FREE_TRIES * 2)


@pytest.mark.asyncio
async def test_an_admin_unlocks(door: Door, ada: UUID) -> None:
    await door.fail(FREE_TRIES)
    assert await door.code_of() is not None
    await local.unlock_account(door.world.database, door.world.operator, ada)
    await local.unlock_account(door.world.database, door.world.operator, ada)
    assert await door.code_of() is None
    assert len(await door.world.events("account.unlocked")) == 1


@pytest.mark.asyncio
async def test_a_new_password_unlocks(door: Door, ada: UUID) -> None:
    await door.fail(FREE_TRIES)
    made = await create_password_token(door.world.database, door.world.operator, ada)
    await set_password_by_token(door.world.deps, door.world.tenant.id, made.token, OTHER_PASSWORD)
    assert await door.code_of(password=OTHER_PASSWORD) is None


@pytest.mark.asyncio
async def test_a_try_that_was_not_looked_at_is_not_counted(door: Door, ada: UUID) -> None:
    door.world.passwords = Passwords(at_once=1, waiting=-1)
    for _ in range(FREE_TRIES + 1):
        with pytest.raises(Unavailable) as caught:
            await door.sign_in()
        assert caught.value.code == "SIGN_IN_BUSY"
    assert await door.world.fetchval("select failures from local_account where id = $1", ada) == 0


@pytest.mark.asyncio
async def test_the_address_is_asked_first_and_told_of_failures_only(door: Door, ada: UUID) -> None:
    address = Address()
    await door.sign_in(address=address)
    assert address.asked == ["check"]
    assert await door.code_of(password="not this one", address=address) == "CREDENTIALS_REFUSED"
    assert address.asked == ["check", "check", "failed"]
    closed = Address(refuses=True)
    with pytest.raises(Unavailable):
        await door.sign_in(address=closed)
    assert closed.asked == ["check"]
    assert len(await door.world.events("login.succeeded")) == 1


@pytest.mark.asyncio
async def test_only_who_knows_the_password_learns_that_the_account_is_disabled(door: Door, ada: UUID) -> None:
    await administration.disable_user(door.world.database, door.world.operator, ada)
    assert await door.refusal(password="not this one") == await door.refusal("nobody")
    refused = await door.refusal()
    assert refused is not None
    assert refused[:2] == ("ACCOUNT_DISABLED", 403)
    assert await door.world.fetchval("select count(*) from session where user_id = $1", ada) == 0
    await administration.enable_user(door.world.database, door.world.operator, ada)
    assert await door.code_of() is None


@pytest.mark.asyncio
async def test_a_second_factor_is_asked_for_only_after_the_right_password(door: Door, ada: UUID) -> None:
    secret = await door.world.enrol(ada)
    door.world.wait(minutes=1)
    assert await door.refusal(password="not this one") == await door.refusal("nobody")
    address = Address()
    assert await door.code_of(address=address) == "SECOND_FACTOR_REQUIRED"
    assert address.asked == ["check"]
    assert await door.code_of(password="not this one", code=door.world.code(secret)) == "CREDENTIALS_REFUSED"
    assert await door.code_of(code="000000") == "SECOND_FACTOR_REFUSED"
    assert await door.code_of(code=door.world.code(secret)) is None
    assert (await door.world.events("login.succeeded"))[-1]["second_factor"] is True


@pytest.mark.asyncio
async def test_a_code_works_once_and_so_do_those_before_it(door: Door, ada: UUID) -> None:
    """RFC 6238 section 5.2."""
    secret = await door.world.enrol(ada)
    confirming = door.world.code(secret)
    assert await door.code_of(code=confirming) == "SECOND_FACTOR_REFUSED"
    door.world.wait(seconds=30)
    earlier = door.world.code(secret)
    door.world.wait(seconds=30)
    code = door.world.code(secret)
    assert await door.code_of(code=code) is None
    assert await door.code_of(code=code) == "SECOND_FACTOR_REFUSED"
    assert await door.code_of(code=earlier) == "SECOND_FACTOR_REFUSED"
    assert [event["reason"] for event in await door.world.events("login.failed")] == ["code_used"] * 3


@pytest.mark.asyncio
async def test_of_sign_ins_at_once_with_one_code_one_succeeds(door: Door, ada: UUID) -> None:
    secret = await door.world.enrol(ada)
    door.world.wait(minutes=1)
    code = door.world.code(secret)
    outcomes = await asyncio.gather(*[door.code_of(code=code) for _ in range(5)])
    assert (outcomes.count(None), outcomes.count("SECOND_FACTOR_REFUSED")) == (1, 4)


@pytest.mark.asyncio
async def test_codes_cannot_be_guessed_by_leaving_them_out_in_between(door: Door, ada: UUID) -> None:
    """A right password without a code takes back its own try and no other."""
    await door.world.enrol(ada)
    door.world.wait(minutes=1)
    outcomes = []
    for _ in range(FREE_TRIES + 2):
        outcomes.append(await door.code_of(code="000000"))
        await door.code_of()
    assert outcomes == [*["SECOND_FACTOR_REFUSED"] * FREE_TRIES, *["CREDENTIALS_REFUSED"] * 2]


@pytest.mark.asyncio
async def test_where_passwords_are_off_nobody_signs_in_with_one(door: Door, ada: UUID) -> None:
    assert await is_offered(door.deps(), door.world.tenant)
    token = await door.token()
    await door.world.set_policy(local_sign_in=False)
    assert not await is_offered(door.deps(), door.world.tenant)
    refused = await door.refusal()
    assert refused is not None
    assert refused[:2] == ("LOCAL_SIGN_IN_OFF", 403)
    assert await door.who(token) is None
    await door.world.set_policy(local_sign_in=True)
    assert await door.who(token) is None
    assert await door.code_of() is None


@pytest.mark.asyncio
async def test_every_sign_in_has_a_new_token_and_ends_the_session_it_replaces(door: Door, ada: UUID) -> None:
    first = await door.token()
    second = await door.token(cookies={COOKIE: first})
    assert second != first
    assert await door.who(first) is None
    assert await door.who(second) is not None
    planted = "ias_planted"
    assert await door.token(cookies={COOKIE: planted}) != planted


@pytest.mark.asyncio
async def test_a_refused_sign_in_leaves_the_session_there_is(door: Door, ada: UUID) -> None:
    first = await door.token()
    assert await door.code_of(password="not this one", cookies={COOKIE: first}) == "CREDENTIALS_REFUSED"
    assert await door.who(first) is not None


@pytest.mark.asyncio
async def test_the_oldest_session_ends_where_there_are_too_many(door: Door, ada: UUID) -> None:
    tokens = [await door.token(limits={"sessions_per_user": 2}) for _ in range(3)]
    assert [await door.who(token) is not None for token in tokens] == [False, True, True]


@pytest.mark.asyncio
async def test_where_it_leads_is_checked_as_for_every_login(door: Door, ada: UUID) -> None:
    frontend = Frontend(
        uuid7(), door.world.tenant.id, "app", ("https://app.example",), ("https://app.example/in",), ("cookie",)
    )
    async with door.world.database.transaction() as connection:
        await tenants.write_frontend(connection, frontend)
    assert (await door.sign_in(return_to="/graphql")).location == f"{ORIGIN}/graphql"
    finished = await door.sign_in(return_to="https://app.example/in")
    assert finished.location == "https://app.example/in"
    assert await door.world.fetchval("select count(*) from session where frontend_id = $1", frontend.id) == 1
    for elsewhere in ("https://evil.example/in", "//evil.example", "/\\evil.example"):
        with pytest.raises(BadInput) as caught:
            await door.sign_in(return_to=elsewhere)
        assert caught.value.code == "RETURN_TO_REFUSED"


@pytest.mark.asyncio
async def test_a_hash_with_old_parameters_is_made_anew_at_the_next_sign_in(door: Door, ada: UUID) -> None:
    read = "select password_hash from app_user where id = $1"
    old = await door.world.fetchval(read, ada)
    door.world.passwords = Passwords(PasswordHasher(time_cost=2, memory_cost=64, parallelism=1))
    assert await door.code_of(password="not this one") == "CREDENTIALS_REFUSED"
    assert await door.world.fetchval(read, ada) == old
    token = await door.token()
    fresh = await door.world.fetchval(read, ada)
    assert "t=2" in fresh
    assert await door.who(token) is not None
    assert await door.code_of() is None
    assert await door.world.fetchval(read, ada) == fresh
    assert await door.world.events("password.rehashed") == [{}]


@pytest.mark.asyncio
async def test_a_changed_password_ends_every_other_session_from_it(door: Door, ada: UUID) -> None:
    this, other = await door.token(), await door.token()
    seen = await door.who(this)
    assert seen is not None
    own = door.world.actor(ada)
    await change_password(door.world.deps, own, PASSWORD, OTHER_PASSWORD, session_id=seen.session_id)
    assert await door.who(this) is not None
    assert await door.who(other) is None


@pytest.mark.asyncio
async def test_a_password_set_by_token_ends_all_sessions_from_the_old_one(door: Door, ada: UUID) -> None:
    token = await door.token()
    made = await create_password_token(door.world.database, door.world.operator, ada)
    assert await door.who(token) is not None
    await set_password_by_token(door.world.deps, door.world.tenant.id, made.token, OTHER_PASSWORD)
    assert await door.who(token) is None


@pytest.mark.asyncio
async def test_a_removed_password_ends_its_sessions_and_the_programs_of_who_has_no_other_way_in(
    door: Door, ada: UUID
) -> None:
    token, program = await door.token(), new_tenant_token("iat", door.world.tenant.id)
    async with door.world.database.transaction() as connection:
        await clients.insert_api_token(
            connection, door.world.tenant.id, uuid7(), ada, "ci", token_hash(program), days=1
        )
    assert await door.who(program) is not None
    await remove_password(door.world.database, door.world.operator, ada)
    assert await door.who(token) is None
    assert await door.who(program) is None
    assert [event["reason"] for event in await door.world.events("session.ended")] == ["password_removed"]
    assert await door.code_of() == "CREDENTIALS_REFUSED"


@pytest.mark.asyncio
async def test_nothing_that_was_typed_is_in_an_error_a_repr_or_the_audit(door: Door, ada: UUID) -> None:
    """I3. People type passwords where the username goes."""
    beginning = LoginRequest(session_origin=ORIGIN)
    given = LocalSignIn(username="hunter2", password=PASSWORD, code="123456", beginning=beginning)
    with pytest.raises(IdentityAPIError) as caught:
        await sign_in(door.deps(), door.world.tenant, given, address=Address())
    written = await door.world.fetchval(
        "select string_agg(payload::text, ' ') from audit_event where tenant_id = $1", door.world.tenant.id
    )
    for secret in ("hunter2", PASSWORD, "123456"):
        assert secret not in repr(given) + str(caught.value) + written
