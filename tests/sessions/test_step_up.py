"""A fresh proof for sensitive actions (S3-33, S3-38, S3-39)."""

from datetime import timedelta
from uuid import UUID

import pytest
import pytest_asyncio

from identity_api.accounts.errors import CredentialsRefused
from identity_api.db import clients
from identity_api.db.database import Database
from identity_api.db.local_accounts import FREE_TRIES
from identity_api.errors import Refused
from identity_api.ids import new_tenant_token, token_hash, uuid7
from identity_api.lifecycle.end_login import end_session
from identity_api.sessions.authenticate import Authenticated
from identity_api.sessions.step_up import (
    STEP_UP_AGE,
    STEP_UP_PATH,
    StepUpRequired,
    elevated_until,
    ensure_elevated,
    reauthenticate,
    requires_step_up,
)
from tests import factories as make
from tests.accounts.local_world import PASSWORD, make_local_world
from tests.sessions.local_door import Door


@pytest_asyncio.fixture
async def door(database: Database) -> Door:
    """A tenant that allows passwords."""
    return Door(await make_local_world(database))


@pytest_asyncio.fixture
async def ada(door: Door) -> UUID:
    return await door.world.make_user("ada")


async def session(door: Door, token: str) -> Authenticated:
    seen = await door.who(token)
    assert seen is not None
    return seen


async def renewed(door: Door, token: str, code: str | None = None) -> str:
    """Prove oneself again; the session's new token."""
    proven = await reauthenticate(door.deps(), await session(door, token), PASSWORD, code)
    assert proven.token is not None
    return proven.token


@pytest.mark.asyncio
async def test_a_proof_holds_for_ten_minutes(door: Door, ada: UUID) -> None:
    """S3-33."""
    seen = await session(door, await door.token())
    now = door.world.now
    requires_step_up(seen, now + STEP_UP_AGE - timedelta(seconds=1))
    assert elevated_until(seen, now) == now + STEP_UP_AGE
    with pytest.raises(Refused) as caught:
        requires_step_up(seen, now + STEP_UP_AGE)
    assert caught.value.code == "STEP_UP_REQUIRED"
    assert elevated_until(seen, now + STEP_UP_AGE) is None


@pytest.mark.asyncio
async def test_the_password_renews_the_proof_of_this_session_alone(door: Door, ada: UUID) -> None:
    this, other = await door.token(), await door.token()
    door.world.wait(hours=1)
    before = await session(door, this)
    proven = await reauthenticate(door.deps(), before, PASSWORD)
    assert proven.until == door.world.now + STEP_UP_AGE
    assert proven.token is not None
    assert proven.token not in repr(proven)
    after = await session(door, proven.token)
    assert after.session_id == before.session_id
    requires_step_up(after, door.world.now)
    # ASVS 7.2.4: whoever had the token before the proof has nothing after it.
    assert await door.who(this) is None
    with pytest.raises(Refused):
        requires_step_up(await session(door, other), door.world.now)
    assert await door.world.events("session.reauthenticated") == [{"way": "password", "second_factor": False}]


@pytest.mark.asyncio
async def test_wrong_passwords_renew_nothing_and_lock_whoever_is_signed_in(door: Door, ada: UUID) -> None:
    """S3-33."""
    token = await door.token()
    door.world.wait(hours=1)
    for _ in range(FREE_TRIES):
        with pytest.raises(CredentialsRefused):
            await reauthenticate(door.deps(), await session(door, token), "not this one")
    with pytest.raises(CredentialsRefused):
        await reauthenticate(door.deps(), await session(door, token), PASSWORD)
    assert await door.code_of() is None, "somebody elsewhere is not locked out by it"
    with pytest.raises(Refused):
        requires_step_up(await session(door, token), door.world.now)
    await door.pass_time(31)
    requires_step_up(await session(door, await renewed(door, token)), door.world.now)


@pytest.mark.asyncio
async def test_a_second_factor_is_part_of_the_proof(door: Door, ada: UUID) -> None:
    """S3-33."""
    token = await door.token()
    secret = await door.world.enrol(ada, session_id=(await session(door, token)).session_id)
    door.world.wait(hours=1)
    for code, refused in ((None, "SECOND_FACTOR_REQUIRED"), ("000000", "SECOND_FACTOR_REFUSED")):
        with pytest.raises(CredentialsRefused) as caught:
            await reauthenticate(door.deps(), await session(door, token), PASSWORD, code)
        assert caught.value.code == refused
    code = door.world.code(secret)
    token = await renewed(door, token, code)
    with pytest.raises(CredentialsRefused):
        await reauthenticate(door.deps(), await session(door, token), PASSWORD, code)
    assert (await door.world.events("session.reauthenticated"))[-1]["second_factor"] is True


@pytest.mark.asyncio
async def test_a_local_password_serves_a_session_that_came_from_a_provider(door: Door, ada: UUID) -> None:
    """S3-39: where the provider cannot be asked for a fresh proof."""
    token = await door.token()
    async with door.world.database.transaction() as connection:
        provider = await make.make_provider(connection, door.world.tenant.id)
        identity = await make.make_identity(connection, provider, ada)
        await connection.execute(
            "update session set identity_id = $2 where token_hash = $1", token_hash(token), identity
        )
    door.world.wait(hours=1)
    seen = await session(door, token)
    assert seen.is_sso
    requires_step_up(await session(door, await renewed(door, token)), door.world.now)


@pytest.mark.asyncio
async def test_an_api_token_proves_nobodys_presence(door: Door, ada: UUID) -> None:
    program = new_tenant_token("iat", door.world.tenant.id)
    async with door.world.database.transaction() as connection:
        await clients.insert_api_token(
            connection, door.world.tenant.id, uuid7(), ada, "ci", token_hash(program), days=1
        )
    seen = await session(door, program)
    with pytest.raises(Refused) as caught:
        requires_step_up(seen, seen.authenticated_at)
    assert caught.value.code == "STEP_UP_REQUIRED"
    for refused in (reauthenticate(door.deps(), seen, PASSWORD), ensure_elevated(door.world.database, seen, seen.at)):
        with pytest.raises(Refused) as caught:
            await refused
        assert caught.value.code == "SESSION_NEEDED"


@pytest.mark.asyncio
async def test_a_frontend_keeps_its_token(door: Door, ada: UUID) -> None:
    token = await door.token()
    await door.world.execute("update session set kind = 'BEARER' where token_hash = $1", token_hash(token))
    door.world.wait(hours=1)
    assert (await reauthenticate(door.deps(), await session(door, token), PASSWORD)).token is None
    requires_step_up(await session(door, token), door.world.now)


@pytest.mark.asyncio
async def test_a_refusal_says_whether_there_is_a_way_to_a_new_proof(door: Door, ada: UUID) -> None:
    """S3-34, S3-39: a password, or a provider that is configured to ask people anew; else there is none."""
    seen = await session(door, await door.token())
    late = door.world.now + STEP_UP_AGE
    database, tenant = door.world.database, door.world.tenant.id
    await ensure_elevated(database, seen, door.world.now)

    async def refusal() -> tuple[str, str | None]:
        with pytest.raises(StepUpRequired) as caught:
            await ensure_elevated(database, seen, late)
        return caught.value.code, caught.value.path

    assert await refusal() == ("STEP_UP_REQUIRED", STEP_UP_PATH)
    async with database.transaction() as connection:
        provider = await make.make_provider(connection, tenant)
        identity = await make.make_identity(connection, provider, ada)
    await door.world.set_policy(local_sign_in=False)
    assert await refusal() == ("STEP_UP_IMPOSSIBLE", None)
    await door.world.execute("update provider set reauthentication = true where id = $1", provider.id)
    assert await refusal() == ("STEP_UP_REQUIRED", STEP_UP_PATH)
    for change, row in (
        ("update provider set enabled = false where id = $1", provider.id),
        ("update provider set enabled = true, protocol = 'oauth2' where id = $1", provider.id),
        ("update provider set protocol = 'oidc' where id = $1", provider.id),
        ("update identity set state = 'QUARANTINED' where id = $1", identity),
    ):
        await door.world.execute(change, row)
        is_possible = change.endswith("protocol = 'oidc' where id = $1")
        assert (await refusal())[0] == ("STEP_UP_REQUIRED" if is_possible else "STEP_UP_IMPOSSIBLE"), change


@pytest.mark.asyncio
async def test_a_session_that_ended_meanwhile_stays_over(door: Door, ada: UUID) -> None:
    token = await door.token()
    seen = await session(door, token)
    async with door.world.database.transaction() as connection:
        await end_session(connection, seen.tenant_id, seen.session_id, reason="admin", actor="system")
    with pytest.raises(Refused) as caught:
        await reauthenticate(door.deps(), seen, PASSWORD)
    assert caught.value.code == "SESSION_OVER"
    assert await door.who(token) is None


@pytest.mark.asyncio
async def test_where_passwords_are_off_they_prove_nothing(door: Door, ada: UUID) -> None:
    seen = await session(door, await door.token())
    await door.world.set_policy(local_sign_in=False)
    with pytest.raises(Refused) as caught:
        await reauthenticate(door.deps(), seen, PASSWORD)
    assert caught.value.code == "LOCAL_SIGN_IN_OFF"
