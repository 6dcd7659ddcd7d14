"""Logins that are handed over, against whoever ends them: all lock the user first, so that none waits for the other in a
circle, and whatever the order nothing outlives the end.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
import pytest

from identity_api.accounts.administration import disable_user
from identity_api.db import attempts, locks, login_ends
from identity_api.db.attempts import Attempt, CodeKind
from identity_api.db.logout_tokens import ProviderSession
from identity_api.ids import token_hash, token_key
from identity_api.lifecycle.end_login import end_logins
from identity_api.oidc.authorization import code_challenge, new_code_verifier
from identity_api.permissions.delegation import Actor
from identity_api.providers.consequences import end_moved
from identity_api.sessions.errors import LoginFailed
from identity_api.sessions.login.begin import SignIn
from identity_api.sessions.login.complete import complete
from identity_api.sessions.login.delivery import make_code, sign_in_of
from identity_api.sessions.login.deps import BrowserRequest, Redemption
from identity_api.sessions.logout.provider_logout import end_provider_session
from identity_api.sessions.token import redeem
from tests.blocking import blocked_or_done
from tests.sessions.browsers import FRONTEND_URL, ORIGIN, OTHER_CALLBACK, Browser, World, parameters_of

pytestmark = pytest.mark.asyncio

ROUNDS = 40
VERIFIER = new_code_verifier()
CODE = {"return_to": FRONTEND_URL, "delivery": "code", "client_challenge": code_challenge(VERIFIER)}


@dataclass
class Waiting:
    """A login that has succeeded and waits to be handed over; more of the same can be made."""

    world: World
    attempt: Attempt
    sign_in: SignIn
    cookies: dict[str, str]

    @property
    def user_id(self) -> UUID:
        return self.sign_in.user_id

    @property
    def identity_ids(self) -> list[UUID]:
        assert self.sign_in.identity_id is not None
        return [self.sign_in.identity_id]

    async def code(self) -> str:
        """A code by which it can be handed over once more."""
        kind: CodeKind = "TOKEN" if self.attempt.delivery == "code" else "COMPLETE"
        async with self.world.database.transaction() as connection:
            return await make_code(connection, self.world.deps, self.attempt, self.sign_in, kind)

    async def take(self, code: str) -> str:
        """Hand it over; the session's token."""
        if self.attempt.delivery == "code":
            return (await redeem(self.world.deps, Redemption(code=code, code_verifier=VERIFIER))).access_token
        request = BrowserRequest(host=ORIGIN.partition("//")[2], cookies=self.cookies)
        return (await complete(self.world.deps, code, request)).set_cookies[0].value

    async def revive(self) -> None:
        """As if the person's account had been enabled, and they had signed in again."""
        await self.world.execute("update app_user set disabled_at = null where id = $1", self.sign_in.user_id)
        await self.world.execute(
            "update identity set state = 'FRESH', state_reason = null where id = $1", self.sign_in.identity_id
        )

    async def live_sessions(self) -> int:
        statement = "select count(*) from session where user_id = $1 and ended_at is null"
        return int(await self.world.fetchval(statement, self.sign_in.user_id))


async def waiting(world: World, delivery: str) -> Waiting:
    """`complete` over two hosts, or a frontend's `redeem`."""
    browser = Browser(world.deps)
    # Without `offline_access`, so that a logout makes the identity due as well.
    callback = OTHER_CALLBACK if delivery == "complete" else world.provider.redirect_url
    await world.change_provider(redirect_url=callback, scopes=("openid", "profile"))
    prepared = await world.begin(**(CODE if delivery == "redeem" else {}))
    ended = await browser.arrive(await world.idp.sign_in(await browser.go_to_provider(prepared), "alice"))
    code = parameters_of(ended.location)["code"]
    async with world.database.reading() as connection:
        found = await attempts.by_code(connection, *token_key(code), "TOKEN" if delivery == "redeem" else "COMPLETE")
    assert found is not None
    sign_in = msgspec.structs.replace(sign_in_of(world.deps, found), provider_session="at-the-provider")
    return Waiting(world, found.attempt, sign_in, browser.cookies("id.acme.example"))


async def provider_logout(one: Waiting) -> None:
    world = one.world
    named = ProviderSession(
        tenant_id=world.tenant.id,
        provider_id=world.provider.id,
        issuer=world.provider.issuer,
        session_id="at-the-provider",
    )
    async with world.database.transaction() as connection:
        await end_provider_session(connection, world.provider, named)


async def admin(one: Waiting) -> None:
    await disable_user(one.world.database, Actor(one.world.tenant.id, None, "operator:root", frozenset()), one.user_id)


async def login_ended(one: Waiting) -> None:
    async with one.world.database.transaction() as connection:
        await locks.users(connection, one.world.tenant.id, [one.user_id])
        await end_logins(connection, one.world.tenant.id, one.identity_ids, reason="logout_token", actor="system")


async def moved(one: Waiting) -> None:
    async with one.world.database.transaction() as connection:
        await end_moved(connection, one.world.tenant.id, one.world.provider.id, actor="operator:root")


ENDS = {"admin": admin, "login_ended": login_ended, "moved": moved, "provider_logout": provider_logout}


@pytest.mark.parametrize("delivery", ["complete", "redeem"])
@pytest.mark.parametrize("end", ENDS)
async def test_handing_over_and_ending_at_once_never_block_each_other_and_the_end_wins(
    world: World, delivery: str, end: str
) -> None:
    """Whoever begins first, and with two handed over at once."""
    one = await waiting(world, delivery)
    for number in range(ROUNDS):
        await one.revive()
        steps = [one.take(await one.code()), one.take(await one.code())]
        steps.insert(number % 3, ENDS[end](one))
        for outcome in await asyncio.gather(*steps, return_exceptions=True):
            if isinstance(outcome, BaseException) and not isinstance(outcome, LoginFailed):
                raise outcome
        assert await one.live_sessions() == 0


@pytest.mark.parametrize("delivery", ["complete", "redeem"])
async def test_without_an_end_both_are_handed_over(world: World, delivery: str) -> None:
    """The other side of the test above."""
    one = await waiting(world, delivery)
    await asyncio.gather(one.take(await one.code()), one.take(await one.code()))
    assert await one.live_sessions() == 2


Other = Callable[[Waiting, str], Awaitable[Any]]


async def _take(one: Waiting, code: str) -> None:
    with pytest.raises(LoginFailed):
        await one.take(code)


async def _log_out(one: Waiting, code: str) -> None:
    await provider_logout(one)


async def _take_again(one: Waiting, code: str) -> None:
    """A code that is used twice ends what came of it."""
    await one.world.execute("update one_time_code set used_at = now() where code_hash = $1", token_hash(code))
    with pytest.raises(LoginFailed):
        await one.take(code)


OTHERS: dict[str, tuple[str, Other]] = {
    "complete": ("complete", _take),
    "redeem": ("redeem", _take),
    "redeem again": ("redeem", _take_again),
    "provider's logout": ("redeem", _log_out),
}


@pytest.mark.parametrize("pause", range(4))
@pytest.mark.parametrize("other", OTHERS)
async def test_a_login_can_be_ended_step_by_step_beside_each_of_them(world: World, other: str, pause: int) -> None:
    """The kill chain stops after each of its locks until the other one waits: each step after that still goes through.

    Deterministic, where the test above leaves the order to chance.
    """
    delivery, act = OTHERS[other]
    one = await waiting(world, delivery)
    code, kept = await one.code(), await one.take(await one.code())
    tenant_id, ids = world.tenant.id, one.identity_ids
    # A login without a refresh token is never due by itself: as if an older one had left a token.
    await world.execute("update identity_sync set due_at = now() where id = any($1)", ids)
    async with world.database.transaction() as connection:
        steps: list[Callable[[], Awaitable[Any]]] = [
            lambda: locks.users(connection, tenant_id, [one.user_id]),
            lambda: login_ends.revoke_identities(connection, tenant_id, ids, "REVOKED", "logout_token"),
            lambda: login_ends.void_codes(connection, tenant_id, identity_ids=ids),
            lambda: login_ends.end_sessions(connection, tenant_id, identity_ids=ids, reason="logout_token"),
        ]
        for number, step in enumerate(steps):
            await step()
            if number == pause:
                task = asyncio.create_task(act(one, code))
                await blocked_or_done(world.database, task, connection)
    await task
    assert await world.who(kept) is None
    assert await one.live_sessions() == 0
