"""Attempts to get into somebody else's account by linking, over real logins: no identity is added to it (promise 44).

The victim is alice, who has signed in at `sso`. Each attack changes one thing at a provider, signs in, and must end either
refused or in an account of its own; each stands next to the honest login that it imitates.
"""

from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from identity_api.accounts.administration import disable_user
from identity_api.db.database import Database
from identity_api.db.grants import open_manual_grant
from identity_api.db.providers import ClaimSettings
from identity_api.ids import uuid7
from identity_api.permissions.delegation import Actor
from identity_api.sessions.errors import LoginFailed
from identity_api.sessions.login.deps import LoginDeps
from tests import factories as make
from tests.openid_provider import Fault, RunningProvider
from tests.sessions.browsers import ORIGIN, REDIRECT_URIS, Browser, World, add_provider, make_world
from tests.sessions.conftest import deps_for

pytestmark = pytest.mark.asyncio
SECOND = f"{ORIGIN}/auth/oidc/second/callback"
VICTIM_SUBJECT = "1234567890"


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[RunningProvider, RunningProvider]]:
    """Two providers of this module alone, since their people change."""
    with (
        RunningProvider(redirect_uris=REDIRECT_URIS) as first,
        RunningProvider(redirect_uris=REDIRECT_URIS, own_key=True) as second,
    ):
        yield first, second


@pytest_asyncio.fixture
async def deps(database: Database, servers: tuple[RunningProvider, RunningProvider]) -> AsyncIterator[LoginDeps]:
    async with deps_for(database, *servers) as made:
        yield made


@pytest.fixture
def idp(servers: tuple[RunningProvider, RunningProvider]) -> RunningProvider:
    servers[0].reset()
    servers[0].add_person("alice", subject=VICTIM_SUBJECT, email="alice@acme.example")
    servers[0].add_person("mallory", subject="mallory-1", email="mallory@acme.example")
    return servers[0]


@pytest.fixture
def other_idp(servers: tuple[RunningProvider, RunningProvider]) -> RunningProvider:
    servers[1].reset()
    return servers[1]


class Victim:
    """Alice's account as it was before the attack."""

    def __init__(self, world: World, user_id: UUID, token: str | None) -> None:
        self.world, self.user_id, self.token = world, user_id, token
        self.links: list[Any] = []

    async def linked(self) -> list[Any]:
        async with self.world.database.reading() as connection:
            return [
                tuple(row)
                for row in await connection.fetch(
                    "select id, provider_id, issuer, subject, anchor from identity where user_id = $1", self.user_id
                )
            ]

    async def is_untouched(self) -> None:
        """No link more, none changed, and no session of the account that was not there before."""
        assert await self.linked() == self.links
        sessions = await self.world.fetchval("select count(*) from session where user_id = $1", self.user_id)
        assert sessions == (0 if self.token is None else 1)


async def signed_in(world: World, person: str = "alice", **wishes: Any) -> tuple[UUID, str]:
    finished = await world.sign_in(person, **wishes)
    token = finished.set_cookies[0].value
    who = await world.who(token)
    assert who is not None
    return who.user.id, token


async def victim_of(world: World) -> Victim:
    victim = Victim(world, *await signed_in(world))
    victim.links = await victim.linked()
    assert len(victim.links) == 1
    return victim


async def refused(world: World, person: str, idp: RunningProvider | None = None, **wishes: Any) -> LoginFailed:
    browser = Browser(world.deps)
    with pytest.raises(LoginFailed) as caught:
        await browser.follow_through(await world.begin(**wishes), idp or world.idp, person)
    assert browser.session is None
    return caught.value


async def known_user(world: World, username: str = "alice") -> Victim:
    """A user whom an admin made and who has never signed in."""
    async with world.database.transaction() as connection:
        return Victim(world, await make.make_user(connection, world.tenant.id, username=username), None)


# An account that is linked already


@pytest.mark.parametrize("email", ["alice@acme.example", "ALICE@ACME.EXAMPLE", "alice@acme.example\u200b"])
async def test_attack_1_email_changed_to_the_victims(world: World, email: str) -> None:
    """Promise 44; bad input 36. The same person as before, whatever their e-mail says; never alice."""
    victim = await victim_of(world)
    mallory, _ = await signed_in(world, "mallory")
    world.idp.add_person("mallory", subject="mallory-1", email=email)
    assert (await signed_in(world, "mallory"))[0] == mallory != victim.user_id
    await victim.is_untouched()


async def test_attack_2_username_changed_to_the_victims(world: World) -> None:
    """Promise 44. A person renamed to `alice` signs in as who they were, and a newcomer of that name gets another."""
    victim = await victim_of(world)
    mallory, _ = await signed_in(world, "mallory")
    world.idp.add_person("alice", subject="mallory-1", email="mallory@acme.example")
    assert (await signed_in(world, "alice"))[0] == mallory
    world.idp.add_person("alice", subject="newcomer", email="alice@acme.example")
    newcomer, _ = await signed_in(world, "alice")
    assert newcomer not in (victim.user_id, mallory)
    username = await world.fetchval("select username from app_user where id = $1", newcomer)
    assert username == "alice@acme.example"
    await victim.is_untouched()


@pytest.mark.parametrize("name", ["Alice", "ALICE", "\u0430lice", "alice\u200b", "\uff41lice", "al\u0131ce", "alice "])
async def test_attack_3_a_name_that_looks_like_the_victims(world: World, name: str) -> None:
    """Promise 44. Names are matched character by character; the exact one is matched, once."""
    await world.change_provider(provisioning="KNOWN_USERS")
    victim = await known_user(world)
    world.idp.add_person(name, subject=f"look-alike-{uuid7().hex}")
    failure = await refused(world, name)
    assert failure.code in ("ACCOUNT_NOT_FOUND", "CLAIM_UNUSABLE")
    await victim.is_untouched()
    assert (await signed_in(world, "alice"))[0] == victim.user_id


NO_TEXTS = (None, "", 0, int(VICTIM_SUBJECT), False, [VICTIM_SUBJECT], {"sub": VICTIM_SUBJECT}, "x" * 300)


@pytest.mark.parametrize("subject", NO_TEXTS, ids=lambda subject: str(subject)[:20])
async def test_attack_4_a_subject_that_is_no_text(world: World, subject: Any) -> None:
    """Promise 44; bad input 31. A number equal to the victim's digits is not the victim, and nothing is nobody."""
    victim = await victim_of(world)
    world.idp.add_person("mallory", subject=subject)
    assert (await refused(world, "mallory")).code == "TOKEN_REFUSED"
    assert await world.count("identity") == 1
    await victim.is_untouched()


async def test_attack_4b_no_subject_at_all(world: World) -> None:
    """Promise 44; bad input 31."""
    victim = await victim_of(world)
    with world.idp.fault(Fault.NO_SUBJECT):
        assert (await refused(world, "mallory")).code == "TOKEN_REFUSED"
    await victim.is_untouched()


async def test_attack_5_an_account_name_given_to_a_successor(world: World) -> None:
    """Promise 44. With the username as anchor, a recycled name has another subject: refused, and its owner goes on."""
    await world.change_provider(claims=type(world.provider.claims)(anchor=("preferred_username",)))
    victim = await victim_of(world)
    world.idp.add_person("alice", subject="successor")
    assert (await refused(world, "alice")).code == "SUBJECT_CHANGED"
    await victim.is_untouched()
    world.idp.add_person("alice", subject=VICTIM_SUBJECT)
    assert (await signed_in(world))[0] == victim.user_id


async def test_attack_6_the_same_subject_from_another_issuer(world: World, other_idp: RunningProvider) -> None:
    """Promise 44. The provider's row is pointed elsewhere, where somebody chose the victim's subject."""
    victim = await victim_of(world)
    other_idp.add_person("mallory", subject=VICTIM_SUBJECT)
    await world.change_provider(
        issuer=other_idp.issuer, client_id=other_idp.public_client_id, client_authentication="none"
    )
    assert (await refused(world, "mallory", other_idp)).code == "SUBJECT_CHANGED"
    await victim.is_untouched()


async def test_attack_7_a_provider_of_another_tenant(world: World, idp: RunningProvider) -> None:
    """Promise 44, I2. The same provider, subject, name and e-mail in another tenant: another user there, nothing here."""
    victim = await victim_of(world)
    neighbour = await make_world(world.deps, idp)
    elsewhere, token = await signed_in(neighbour)
    assert elsewhere != victim.user_id
    who = await world.who(token)
    assert who is not None
    assert who.tenant_id == neighbour.tenant.id != world.tenant.id
    await victim.is_untouched()


# An account that waits for its person


async def test_attack_8_a_privileged_account_by_its_name(world: World) -> None:
    """Promise 44. Who may choose usernames at a provider must not become an administrator here by it."""
    await world.change_provider(provisioning="KNOWN_USERS")
    victim, ordinary = await known_user(world), await known_user(world, "mallory")
    async with world.database.transaction() as connection:
        rights = await make.make_permission(connection, world.tenant.id, "identity:mappings:write")
        await open_manual_grant(connection, world.tenant.id, victim.user_id, rights, "operator:root")
    world.idp.add_person("alice", subject="mallory-2")
    failure = await refused(world, "alice")
    assert (failure.code, failure.reason) == ("ACCOUNT_NOT_FOUND", "user_holds_identity_rights")
    assert (failure.said or "").startswith("username: ")
    assert "ask an administrator" in failure.message.lower()
    await victim.is_untouched()
    assert (await signed_in(world, "mallory"))[0] == ordinary.user_id


@pytest.mark.parametrize("verified", [False, None, "false", "yes", 1])
async def test_attack_9_an_unverified_email_as_anchor(world: World, verified: Any) -> None:
    """Promise 44. With the e-mail as anchor, only what the provider says it has verified identifies anybody."""
    await world.change_provider(claims=type(world.provider.claims)(anchor=("email",)))
    victim = await victim_of(world)
    world.idp.add_person("mallory", subject="mallory-1", email="alice@acme.example", email_verified=verified)
    assert (await refused(world, "mallory")).code in ("EMAIL_NOT_VERIFIED", "CLAIM_UNUSABLE")
    await victim.is_untouched()
    world.idp.add_person("mallory", subject="mallory-1", email="mallory@acme.example")
    assert (await signed_in(world, "mallory"))[0] != victim.user_id


async def test_attack_9b_the_victims_verified_email_as_anchor(world: World) -> None:
    """Promise 44. Verified, and still another person: an address given to a successor."""
    await world.change_provider(claims=type(world.provider.claims)(anchor=("email",)))
    victim = await victim_of(world)
    world.idp.add_person("mallory", subject="mallory-1", email="alice@acme.example")
    assert (await refused(world, "mallory")).code == "SUBJECT_CHANGED"
    await victim.is_untouched()


async def test_attack_10_a_quarantined_identity_revived_by_a_login(world: World) -> None:
    """Promise 44. A login brings back what was revoked, never what was quarantined: a person has to look first."""
    victim = await victim_of(world)
    await world.execute("update identity set state = 'REVOKED' where user_id = $1", victim.user_id)
    assert (await signed_in(world))[0] == victim.user_id
    await world.execute("update identity set state = 'QUARANTINED' where user_id = $1", victim.user_id)
    assert (await refused(world, "alice")).code == "ACCOUNT_QUARANTINED"
    assert await victim.linked() == victim.links


@pytest.mark.parametrize("provisioning", ["JIT", "KNOWN_USERS"])
async def test_attack_11_a_disabled_account(world: World, provisioning: str) -> None:
    """Promise 44; bad input 37. Neither its own identity nor a match by name lets anybody in, and no twin is made."""
    victim = await victim_of(world) if provisioning == "JIT" else await known_user(world)
    await world.change_provider(provisioning=provisioning)
    admin = Actor(world.tenant.id, uuid7(), "user:admin", frozenset({"identity:users:write"}))
    await disable_user(world.database, admin, victim.user_id)
    assert (await refused(world, "alice")).code == "ACCOUNT_DISABLED"
    assert await victim.linked() == victim.links
    assert await world.count("app_user") == 1


async def test_attack_12_an_account_to_be_adopted_by_its_name(world: World) -> None:
    """Promise 44; S2-33. `adopt_by_name` gives a waiting account to whoever bears its name, once, and nobody else's:
    neither one that has an identity nor one with rights over this service.
    """
    await world.change_provider(adopt_by_name=True, claims=ClaimSettings(username=("name",)))
    waiting = await known_user(world, "Alice")
    assert (await signed_in(world, "alice"))[0] == waiting.user_id
    victim = Victim(world, waiting.user_id, "the session of the login above")
    victim.links = await victim.linked()
    world.idp.add_person("mallory", subject="mallory-1", name="Alice")
    assert (await signed_in(world, "mallory"))[0] != victim.user_id
    await victim.is_untouched()
    world.idp.add_person("carol")
    admin = await known_user(world, "Carol")
    async with world.database.transaction() as connection:
        rights = await make.make_permission(connection, world.tenant.id, "identity:users:write")
        await open_manual_grant(connection, world.tenant.id, admin.user_id, rights, "operator:root")
    assert (await refused(world, "carol")).reason == "user_holds_identity_rights"
    await admin.is_untouched()


@pytest.mark.parametrize("adopts", [False, True], ids=["KNOWN_USERS", "adopt_by_name"])
@pytest.mark.parametrize("verified", [False, None, "false", 1])
async def test_attack_14_an_unverified_email_as_the_name_of_a_waiting_account(
    world: World, verified: Any, adopts: bool
) -> None:
    """Promise 44; S3-30. Where the username claim is the e-mail, whoever may write any address there names any account."""
    settings = {"adopt_by_name": True} if adopts else {"provisioning": "KNOWN_USERS"}
    await world.change_provider(claims=ClaimSettings(username=("email",)), **settings)
    victim = await known_user(world, "alice@acme.example")
    world.idp.add_person("mallory", subject="mallory-1", email="alice@acme.example", email_verified=verified)
    assert (await refused(world, "mallory")).code == "EMAIL_NOT_VERIFIED"
    await victim.is_untouched()
    assert await world.count("app_user") == 1
    assert (await signed_in(world, "alice"))[0] == victim.user_id


async def test_a_provider_whose_addresses_are_trusted_names_a_waiting_account(world: World) -> None:
    """S3-29 beside attack 14: whoever configured the provider has said that its addresses are verified."""
    settings = {"provisioning": "KNOWN_USERS", "email_verified_rule": "TRUSTED"}
    await world.change_provider(claims=ClaimSettings(username=("email",)), **settings)
    known = await known_user(world, "alice@acme.example")
    world.idp.add_person("alice", subject=VICTIM_SUBJECT, email="alice@acme.example", email_verified=None)
    assert (await signed_in(world, "alice"))[0] == known.user_id


async def test_attack_13_the_same_subject_at_a_second_provider(world: World, other_idp: RunningProvider) -> None:
    """Promise 44. A subject means nothing without its provider, though name and e-mail are the victim's as well."""
    victim = await victim_of(world)
    other_idp.add_person("alice", subject=VICTIM_SUBJECT, email="alice@acme.example")
    await add_provider(world.deps, world.tenant.id, other_idp, slug="second", redirect_url=SECOND)
    browser = Browser(world.deps)
    finished = await browser.follow_through(await world.begin(provider_slug="second"), other_idp, "alice")
    who = await world.who(finished.set_cookies[0].value)
    assert who is not None
    assert who.user.id != victim.user_id
    await victim.is_untouched()
