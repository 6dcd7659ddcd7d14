"""Somebody with an identity comes again: the same person as before, or refused."""

import json

import msgspec
import pytest

from identity_api.accounts.provisioning import Declined
from identity_api.db import identities
from identity_api.db.database import Database
from identity_api.ids import token_hash, uuid7
from identity_api.lifecycle.end_login import end_logins
from tests import factories as make
from tests.accounts.persons import accepted, enter, make_provider, person, refused


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
        assert declined == Declined("SUBJECT_CHANGED", f"identity:{first.identity_id}")
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
