"""Syncs at a provider with which more is agreed on than usual: from a real login on (promises 2, 12, 21, 27)."""

import datetime
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
import pytest
import pytest_asyncio

from identity_api.clock import system_clock
from identity_api.db import sealed as sealed_rows
from identity_api.db.database import Database
from identity_api.db.sealed import SealedColumn
from identity_api.relying_party import refresh_tokens
from identity_api.relying_party.refresh_tokens import LoginTokens
from identity_api.sessions.login.deps import LoginDeps
from identity_api.sync.deps import SyncDeps
from identity_api.sync.run import sweep
from tests.openid_provider import Fault
from tests.openid_provider.agreed import AgreedProvider
from tests.sessions.agreements import make_agreed, set_secrets
from tests.sessions.browsers import REDIRECT_URIS, World
from tests.sessions.conftest import deps_for

FROM_USERINFO = {"groups": ("userinfo / groups",)}


@pytest.fixture(scope="module")
def running() -> Iterator[AgreedProvider]:
    with AgreedProvider(redirect_uris=REDIRECT_URIS) as provider:
        yield provider


@pytest.fixture
def idp(running: AgreedProvider) -> AgreedProvider:
    running.reset()
    running.agree()
    return running


@pytest_asyncio.fixture
async def login_deps(database: Database, idp: AgreedProvider) -> AsyncIterator[LoginDeps]:
    async with deps_for(database, idp) as made:
        yield made


@dataclass
class Worker:
    """A process that syncs one world; it remembers nothing of the one that did the login."""

    world: World
    deps: SyncDeps

    async def sync(self) -> dict[str, int]:
        """Sync alice now; how it ended. Only requests of the sync are in the provider's lists after it."""
        idp = self.world.idp
        assert isinstance(idp, AgreedProvider)
        idp.asked.clear()
        idp.forms.clear()
        user_id: UUID = await self.world.fetchval(
            "select user_id from identity where tenant_id = $1", self.world.tenant.id
        )
        await self.world.execute(
            "update identity_sync set due_at = now(), lease_until = null where tenant_id = $1", self.world.tenant.id
        )
        return dict((await sweep(self.deps, user=(self.world.tenant.id, user_id))).outcomes)

    async def state(self) -> str:
        return str(await self.world.fetchval("select state from identity where tenant_id = $1", self.world.tenant.id))

    async def stored(self) -> LoginTokens:
        """What is sealed of the login."""
        async with self.world.database.reading() as connection:
            row = await connection.fetchrow(
                "select id, sealed from refresh_token where tenant_id = $1", self.world.tenant.id
            )
        return refresh_tokens.open_sealed(self.deps.vault, self.world.tenant.id, row["id"], row["sealed"])


async def signed_in(deps: LoginDeps, idp: AgreedProvider, settings: dict[str, Any], **more: Any) -> Worker:
    """A world in which alice has signed in, and a worker for it."""
    world = await make_agreed(deps, idp, settings=settings, **more)
    await world.sign_in("alice")
    return worker_of(world)


def worker_of(world: World) -> Worker:
    deps = world.deps
    return Worker(
        world,
        SyncDeps(
            database=deps.database,
            vault=deps.vault,
            upstream=deps.upstream,
            documents=deps.documents,
            clock=system_clock,
        ),
    )


def asked(idp: AgreedProvider, path: str = "/token") -> list[tuple[int, str]]:
    return [(status, why) for at, status, why in idp.asked if at == path]


# Proof of the client


@pytest.mark.asyncio
async def test_a_refresh_is_proven_with_our_own_key(login_deps: LoginDeps, idp: AgreedProvider) -> None:
    idp.agree(method="private_key_jwt")
    worker = await signed_in(login_deps, idp, {}, client_authentication="private_key_jwt")
    assert await worker.sync() == {"ok": 1}
    assert asked(idp) == [(200, "")]
    assert "client_secret" not in idp.forms[0]


@pytest.mark.asyncio
async def test_an_expired_assertion_costs_nobody_anything(login_deps: LoginDeps, idp: AgreedProvider) -> None:
    idp.agree(method="private_key_jwt")
    worker = await signed_in(login_deps, idp, {}, client_authentication="private_key_jwt")
    idp.agreement.clock_offset_seconds = 120
    assert await worker.sync() == {"provider_misconfigured": 1}
    assert asked(idp) == [(401, "expired")]
    assert await worker.state() == "STALE"
    idp.agreement.clock_offset_seconds = 0
    assert await worker.sync() == {"ok": 1}


@pytest.mark.asyncio
async def test_while_two_secrets_overlap_a_refresh_tries_the_other_once(
    login_deps: LoginDeps, idp: AgreedProvider
) -> None:
    worker = await signed_in(login_deps, idp, {})
    await set_secrets(worker.world, idp.client_secret, "not yet known there")
    assert await worker.sync() == {"ok": 1}
    assert [status for status, _ in asked(idp)] == [401, 200]
    assert await worker.sync() == {"ok": 1}
    assert [status for status, _ in asked(idp)] == [200]


@pytest.mark.asyncio
async def test_two_wrong_secrets_revoke_nobody(login_deps: LoginDeps, idp: AgreedProvider) -> None:
    worker = await signed_in(login_deps, idp, {})
    await set_secrets(worker.world, "wrong", "wrong as well")
    assert await worker.sync() == {"provider_misconfigured": 1}
    assert len(asked(idp)) == 2
    assert await worker.state() == "STALE"


@pytest.mark.asyncio
@pytest.mark.parametrize("fault", [Fault.ERROR_500, Fault.DROP_AFTER, Fault.HTML_200, Fault.INVALID_GRANT])
async def test_no_other_answer_makes_us_present_a_token_twice(
    login_deps: LoginDeps, idp: AgreedProvider, fault: Fault
) -> None:
    """I5: a second presentation of a rotated token would end the login at a strict provider."""
    worker = await signed_in(login_deps, idp, {})
    await set_secrets(worker.world, "an older one", idp.client_secret)
    idp.log.clear()
    with idp.fault(fault):
        await worker.sync()
    assert idp.log.count("/token", grant_type="refresh_token") == 1


# Bound tokens


@pytest.mark.asyncio
async def test_promise_12_a_refresh_is_proven_with_the_logins_own_key(
    login_deps: LoginDeps, idp: AgreedProvider
) -> None:
    idp.agree(dpop=True)
    worker = await signed_in(login_deps, idp, {"dpop": True}, claims=FROM_USERINFO)
    first = await worker.stored()
    assert await worker.sync() == {"ok": 1}
    assert (asked(idp), asked(idp, "/userinfo")) == ([(200, "")], [(200, "")])
    second = await worker.stored()
    assert first.login_key == second.login_key is not None
    assert first.refresh_token != second.refresh_token


@pytest.mark.asyncio
async def test_two_logins_have_two_keys(login_deps: LoginDeps, idp: AgreedProvider) -> None:
    idp.agree(dpop=True)
    worker = await signed_in(login_deps, idp, {"dpop": True})
    await worker.world.sign_in("alice")
    async with worker.world.database.reading() as connection:
        rows = await connection.fetch(
            "select id, sealed from refresh_token where tenant_id = $1", worker.world.tenant.id
        )
    opened = [
        refresh_tokens.open_sealed(worker.deps.vault, worker.world.tenant.id, row["id"], row["sealed"]) for row in rows
    ]
    assert len({one.login_key for one in opened}) == 2


@pytest.mark.asyncio
async def test_promise_12_a_refresh_takes_up_a_nonce_once(login_deps: LoginDeps, idp: AgreedProvider) -> None:
    idp.agree(dpop=True)
    worker = await signed_in(login_deps, idp, {"dpop": True})
    idp.agreement.nonce = "n1"
    assert await worker.sync() == {"ok": 1}
    assert asked(idp) == [(400, "another nonce"), (200, "")]
    assert await worker.sync() == {"ok": 1}
    assert asked(idp) == [(200, "")]


@pytest.mark.asyncio
async def test_promise_12_a_second_challenge_is_not_an_end(login_deps: LoginDeps, idp: AgreedProvider) -> None:
    idp.agree(dpop=True)
    worker = await signed_in(login_deps, idp, {"dpop": True})
    idp.agreement.nonce, idp.agreement.is_fickle = "n1", True
    assert await worker.sync() == {"use_dpop_nonce": 1}
    assert asked(idp) == [(400, "another nonce")] * 2
    assert await worker.state() == "STALE"
    assert not await worker.world.fetchval(
        "select uncertain from identity_sync where tenant_id = $1", worker.world.tenant.id
    )
    idp.agreement.is_fickle = False
    assert await worker.sync() == {"ok": 1}


@pytest.mark.asyncio
async def test_a_login_from_before_stays_as_it_was_when_binding_is_switched_on(
    login_deps: LoginDeps, idp: AgreedProvider
) -> None:
    worker = await signed_in(login_deps, idp, {})
    settings = msgspec.structs.replace(worker.world.provider.client_settings, dpop=True)
    await worker.world.change_provider(client_settings=settings)
    assert await worker.sync() == {"ok": 1}
    assert (await worker.stored()).login_key is None


@pytest.mark.asyncio
async def test_a_login_key_is_nowhere_in_the_clear(login_deps: LoginDeps, idp: AgreedProvider) -> None:
    idp.agree(dpop=True)
    worker = await signed_in(login_deps, idp, {"dpop": True})
    private = msgspec.json.decode((await worker.stored()).login_key or "")["d"]
    async with worker.world.database.reading() as connection:
        values = await sealed_rows.other(
            connection, SealedColumn("refresh_token", "sealed"), b"\xff", after=None, limit=10_000
        )
    assert not any(private.encode() in value.sealed for value in values)
    assert private not in repr(await worker.stored())


# Encrypted ID Tokens and signed UserInfo


@pytest.mark.asyncio
async def test_the_id_token_of_a_refresh_is_taken_out_of_its_envelope(
    login_deps: LoginDeps, idp: AgreedProvider
) -> None:
    idp.agree(encrypts=True)
    worker = await signed_in(login_deps, idp, {"encrypted_id_tokens": True})
    assert await worker.sync() == {"ok": 1}


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"inner": "unsigned"}, "algorithm_not_allowed"),
        ({"inner": "claims"}, "malformed_token"),
        ({"encrypts": False}, "malformed_token"),
        ({"encryption_kid": "of-nobody"}, "undecryptable_token"),
    ],
)
async def test_promise_2_an_envelope_makes_no_refreshed_token_good(
    login_deps: LoginDeps, idp: AgreedProvider, changes: dict[str, Any], reason: str
) -> None:
    idp.agree(encrypts=True)
    worker = await signed_in(login_deps, idp, {"encrypted_id_tokens": True})
    for name, value in changes.items():
        setattr(idp.agreement, name, value)
    assert await worker.sync() == {reason: 1}
    assert await worker.state() == "STALE"


@pytest.mark.asyncio
async def test_signed_userinfo_is_read_at_a_sync(login_deps: LoginDeps, idp: AgreedProvider) -> None:
    idp.agree(signs_userinfo=True)
    worker = await signed_in(login_deps, idp, {"signed_userinfo": True}, claims=FROM_USERINFO)
    assert await worker.sync() == {"ok": 1}


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({"signs_userinfo": False}, "invalid_userinfo"),
        ({"userinfo_by_stranger": True}, "invalid_signature"),
        ({"userinfo_changes": {"sub": "somebody-else"}}, "subject_changed"),
        ({"userinfo_changes": {"aud": "another-client"}}, "claim_mismatch"),
    ],
)
async def test_userinfo_that_is_not_signed_for_us_is_not_read_at_a_sync(
    login_deps: LoginDeps, idp: AgreedProvider, changes: dict[str, Any], outcome: str
) -> None:
    idp.agree(signs_userinfo=True)
    worker = await signed_in(login_deps, idp, {"signed_userinfo": True}, claims=FROM_USERINFO)
    for name, value in changes.items():
        setattr(idp.agreement, name, value)
    assert await worker.sync() == {outcome: 1}


@pytest.mark.asyncio
async def test_the_resource_is_named_in_a_refresh_where_it_is_configured(
    login_deps: LoginDeps, idp: AgreedProvider
) -> None:
    resource = "https://api.example.com/"
    worker = await signed_in(login_deps, idp, {}, authorization_parameters={"resource": resource})
    assert await worker.sync() == {"ok": 1}
    assert [form.get("resource") for form in idp.forms] == [resource]


@pytest.mark.asyncio
async def test_an_expired_secret_is_never_tried_at_a_sync(login_deps: LoginDeps, idp: AgreedProvider) -> None:
    worker = await signed_in(login_deps, idp, {})
    good, _ = await set_secrets(worker.world, idp.client_secret, "wrong")
    past = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=1)
    await worker.world.execute("update provider_secret set expires_at = $2 where id = $1", good, past)
    assert await worker.sync() == {"provider_misconfigured": 1}
    assert len(asked(idp)) == 1
