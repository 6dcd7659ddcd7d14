"""Setting a second factor up and doing without it again; what is asked for at sign-in is in tests/sessions."""

import asyncio
import base64

import pytest

from identity_api.accounts.credentials import Credentials, check
from identity_api.accounts.errors import CredentialsRefused
from identity_api.accounts.local_passwords import change_password
from identity_api.accounts.second_factor import confirm_totp, enrol_totp, remove_totp, reset_totp
from identity_api.db import grants
from identity_api.db.local_accounts import FREE_TRIES
from identity_api.errors import Conflict, NotFound, Refused
from identity_api.permissions.service import GRANTS_WRITE
from identity_api.vault import VaultError
from tests import factories as make
from tests.accounts.local_world import OTHER_PASSWORD, PASSWORD, LocalWorld


@pytest.mark.asyncio
async def test_a_factor_counts_only_when_a_code_has_confirmed_it(local_world: LocalWorld) -> None:
    user_id = await local_world.make_user()
    own = local_world.actor(user_id)
    made = await enrol_totp(local_world.deps, own, PASSWORD, issuer="Acme")
    given = Credentials(who=user_id, password=PASSWORD)
    assert (await check(local_world.deps, local_world.tenant.id, given, purpose="SIGN_IN")).totp_step is None
    with pytest.raises(CredentialsRefused) as caught:
        await confirm_totp(local_world.deps, own, "000000", session_id=None)
    assert caught.value.code == "SECOND_FACTOR_REFUSED"
    await confirm_totp(local_world.deps, own, local_world.code(base64.b32decode(made.secret)), session_id=None)
    with pytest.raises(CredentialsRefused) as caught:
        await check(local_world.deps, local_world.tenant.id, given, purpose="SIGN_IN")
    assert caught.value.code == "SECOND_FACTOR_REQUIRED"
    assert [len(await local_world.events(f"totp.{what}")) for what in ("prepared", "enrolled")] == [1, 1]


@pytest.mark.asyncio
async def test_codes_that_confirm_a_factor_are_tries_like_any_other(local_world: LocalWorld) -> None:
    """Counted before they are looked at, many at once as well, and recorded."""
    user_id = await local_world.make_user()
    own = local_world.actor(user_id)
    made = await enrol_totp(local_world.deps, own, PASSWORD, issuer="Acme")
    code = local_world.code(base64.b32decode(made.secret))
    wrong = "000000" if code != "000000" else "000001"
    guesses = [confirm_totp(local_world.deps, own, wrong, session_id=None) for _ in range(FREE_TRIES + 5)]
    refused = await asyncio.gather(*guesses, return_exceptions=True)
    assert {error.code for error in refused if isinstance(error, CredentialsRefused)} == {"SECOND_FACTOR_REFUSED"}
    reasons = [event["reason"] for event in await local_world.events("password.refused")]
    assert (reasons.count("wrong_code"), reasons.count("locked")) == (FREE_TRIES, 5)
    with pytest.raises(CredentialsRefused):
        await confirm_totp(local_world.deps, own, code, session_id=None)
    await local_world.execute("update local_account set locked_until = now() where id = $1", user_id)
    await confirm_totp(local_world.deps, own, code, session_id=None)
    assert await local_world.fetchval("select failures from local_account where id = $1", user_id) == 0


@pytest.mark.asyncio
async def test_the_secret_is_sealed_and_bound_to_its_user(local_world: LocalWorld) -> None:
    """I3."""
    first, second = await local_world.make_user("ada"), await local_world.make_user("bob")
    secret = await local_world.enrol(first)
    sealed = await local_world.fetchval("select totp_sealed from local_account where id = $1", first)
    assert secret not in sealed
    context = {"tenant_id": local_world.tenant.id, "table": "local_account", "column": "totp_sealed"}
    assert local_world.vault.open(sealed, **context, row_id=first) == secret
    with pytest.raises(VaultError):
        local_world.vault.open(sealed, **context, row_id=second)


@pytest.mark.asyncio
async def test_enrolling_needs_the_password_and_removing_a_code_besides(local_world: LocalWorld) -> None:
    user_id = await local_world.make_user()
    own = local_world.actor(user_id)
    with pytest.raises(CredentialsRefused):
        await enrol_totp(local_world.deps, own, "not this one", issuer="Acme")
    with pytest.raises(NotFound) as caught:
        await confirm_totp(local_world.deps, own, "123456", session_id=None)
    assert caught.value.code == "TOTP_NOT_PREPARED"
    secret = await local_world.enrol(user_id)
    for given, code in (
        (("not this one",), "CREDENTIALS_REFUSED"),
        ((PASSWORD,), "SECOND_FACTOR_REQUIRED"),
        ((PASSWORD, "000000"), "SECOND_FACTOR_REFUSED"),
        ((PASSWORD, local_world.code(secret)), "SECOND_FACTOR_REFUSED"),  # it has confirmed the factor already
    ):
        with pytest.raises(CredentialsRefused) as refused:
            await remove_totp(local_world.deps, own, *given)
        assert refused.value.code == code
    assert await local_world.fetchval("select totp_sealed from local_account where id = $1", user_id) is not None
    local_world.wait(seconds=60)
    await remove_totp(local_world.deps, own, PASSWORD, local_world.code(secret))
    await remove_totp(local_world.deps, own, PASSWORD)
    assert await local_world.fetchval("select totp_sealed from local_account where id = $1", user_id) is None
    assert len(await local_world.events("totp.removed")) == 1


@pytest.mark.asyncio
async def test_a_password_is_changed_with_a_code_where_there_is_a_factor(local_world: LocalWorld) -> None:
    user_id = await local_world.make_user()
    own, secret = local_world.actor(user_id), await local_world.enrol(user_id)
    local_world.wait(seconds=60)
    with pytest.raises(CredentialsRefused) as refused:
        await change_password(local_world.deps, own, PASSWORD, OTHER_PASSWORD, session_id=None)
    assert refused.value.code == "SECOND_FACTOR_REQUIRED"
    code = local_world.code(secret)
    await change_password(local_world.deps, own, PASSWORD, OTHER_PASSWORD, session_id=None, code=code)


@pytest.mark.asyncio
async def test_a_factor_that_was_never_confirmed_is_removed_by_the_password(local_world: LocalWorld) -> None:
    """It guards nothing yet."""
    user_id = await local_world.make_user()
    own = local_world.actor(user_id)
    await enrol_totp(local_world.deps, own, PASSWORD, issuer="Acme")
    await remove_totp(local_world.deps, own, PASSWORD)
    assert await local_world.fetchval("select totp_sealed from local_account where id = $1", user_id) is None


@pytest.mark.asyncio
async def test_a_confirmed_factor_is_not_replaced_by_enrolling_again(local_world: LocalWorld) -> None:
    user_id = await local_world.make_user()
    own = local_world.actor(user_id)
    await enrol_totp(local_world.deps, own, PASSWORD, issuer="Acme")
    secret = await local_world.enrol(user_id)  # the unconfirmed one is forgotten
    with pytest.raises(Conflict) as caught:
        await enrol_totp(local_world.deps, own, PASSWORD, issuer="Acme")
    assert caught.value.code == "TOTP_ENROLLED"
    local_world.wait(minutes=1)
    with pytest.raises(Conflict):
        await confirm_totp(local_world.deps, own, local_world.code(secret), session_id=None)


@pytest.mark.asyncio
async def test_an_admin_resets_a_factor_only_of_whom_they_could_hand_over(local_world: LocalWorld) -> None:
    """I8: it makes an account easier to enter."""
    person, admin = await local_world.make_user("ada"), await local_world.make_user("admin")
    await local_world.enrol(person)
    async with local_world.database.transaction() as connection:
        permission = await make.make_permission(connection, local_world.tenant.id, GRANTS_WRITE)
        await grants.open_manual_grant(connection, local_world.tenant.id, person, permission, "operator:root")
    with pytest.raises(Refused):
        await reset_totp(local_world.database, local_world.admin(admin), person)
    assert await local_world.fetchval("select totp_sealed from local_account where id = $1", person) is not None
    await reset_totp(local_world.database, local_world.admin(admin, GRANTS_WRITE), person)
    assert await local_world.fetchval("select totp_sealed from local_account where id = $1", person) is None


@pytest.mark.asyncio
async def test_the_operator_has_no_factor_of_their_own(local_world: LocalWorld) -> None:
    with pytest.raises(Refused):
        await enrol_totp(local_world.deps, local_world.operator, PASSWORD, issuer="Acme")
