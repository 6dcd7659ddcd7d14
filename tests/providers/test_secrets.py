"""Client secrets: written, replaced with an overlap, and never told (S0-45, S1-08, S3-12, S4-10, S4-28)."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, SECP384R1, EllipticCurve, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from identity_api.config import Secret
from identity_api.errors import BadInput, Conflict, NotFound
from identity_api.ids import uuid7
from identity_api.providers import administration
from identity_api.providers.secrets import NewSecret, remove_secret, set_secret
from tests.providers.office import SECRET, Office

SECOND = NewSecret(Secret("battery-staple"))


@pytest.mark.asyncio
async def test_a_new_secret_is_used_first_and_the_old_one_stays_until_it_is_removed(office: Office) -> None:
    provider = await office.provider()
    await set_secret(office.deps, office.actor, provider.id, SECOND)
    assert await office.secrets(provider) == ["battery-staple", "correct-horse"]
    with pytest.raises(Conflict) as third:
        await set_secret(office.deps, office.actor, provider.id, NewSecret(Secret("third")))
    assert third.value.code == "TOO_MANY_SECRETS"
    new, old = await office.secret_ids(provider)
    await remove_secret(office.deps, office.actor, provider.id, old)
    assert await office.secrets(provider) == ["battery-staple"]
    with pytest.raises(Conflict) as last:
        await remove_secret(office.deps, office.actor, provider.id, new)
    assert last.value.code == "LAST_SECRET"
    assert [action for action, _ in await office.events()] == [
        "provider.created", "provider.secret_set", "provider.secret_removed",
    ]  # fmt: skip
    assert "staple" not in str(await office.events())


@pytest.mark.asyncio
async def test_an_old_secret_works_until_it_expires(office: Office) -> None:
    provider = await office.provider()
    await office.fetch(
        "update provider_secret set expires_at = now() + interval '1 hour' where provider_id = $1", provider.id
    )
    await set_secret(office.deps, office.actor, provider.id, SECOND)
    assert await office.secrets(provider) == ["battery-staple", "correct-horse"]
    await office.fetch(
        "update provider_secret set expires_at = now() where provider_id = $1 and expires_at is not null", provider.id
    )
    assert await office.secrets(provider) == ["battery-staple"]
    await set_secret(office.deps, office.actor, provider.id, NewSecret(Secret("third")))
    rows = await office.fetch("select from provider_secret where provider_id = $1", provider.id)
    assert len(rows) == 2  # what had expired is gone


@pytest.mark.asyncio
async def test_an_expiry_is_kept_and_must_lie_ahead(office: Office) -> None:
    """S4-28: 24 months are usual."""
    provider, ahead = await office.provider(), datetime.now(UTC) + timedelta(days=730)
    await set_secret(office.deps, office.actor, provider.id, NewSecret(Secret("lasting"), ahead))
    rows = await office.fetch("select max(expires_at) as at from provider_secret where provider_id = $1", provider.id)
    assert rows[0]["at"] == ahead
    for past in (datetime.now(UTC) - timedelta(seconds=5), datetime.now() + timedelta(days=1)):
        with pytest.raises(BadInput) as refused:
            await set_secret(office.deps, office.actor, provider.id, NewSecret(Secret("late"), past))
        assert (refused.value.code, refused.value.field) == ("SECRET_INVALID", "expires_at")


@pytest.mark.asyncio
@pytest.mark.parametrize("value", ["", "pasted\n", "über", "x" * 4_097, "nul\0"])
async def test_what_can_be_no_secret_is_refused_and_never_repeated(office: Office, value: str) -> None:
    provider = await office.provider()
    with pytest.raises(BadInput) as refused:
        await set_secret(office.deps, office.actor, provider.id, NewSecret(Secret(value)))
    assert (refused.value.code, refused.value.field) == ("SECRET_INVALID", "client_secret")
    assert "pasted" not in refused.value.message
    assert await office.secrets(provider) == ["correct-horse"]


@pytest.mark.asyncio
async def test_a_secret_of_another_provider_is_not_there(office: Office) -> None:
    first, second = await office.provider(), await office.provider(slug="other")
    [foreign] = await office.secret_ids(second)
    for secret_id in (foreign, uuid7()):
        with pytest.raises(NotFound):
            await remove_secret(office.deps, office.actor, first.id, secret_id)
    assert await office.secrets(second) == ["correct-horse"]


def test_a_secret_is_not_shown() -> None:
    assert "horse" not in f"{SECRET!r} {SECRET} {SECRET.value}"


def key_file(curve: EllipticCurve) -> str:
    """As Apple gives keys out."""
    return generate_private_key(curve).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.mark.asyncio
@pytest.mark.parametrize("value", ["a-secret-as-others-have", key_file(SECP384R1()), "-----BEGIN PRIVATE KEY-----"])
async def test_apples_secret_is_a_key_and_anything_else_is_refused_and_never_repeated(
    office: Office, value: str
) -> None:
    apple = {
        "client_authentication": "apple_client_secret",
        "apple_team_id": "DEF123GHIJ",
        "apple_key_id": "ABC123DEFG",
    }
    key = key_file(SECP256R1())
    provider = await office.provider(NewSecret(Secret(key)), **apple)
    assert await office.secrets(provider) == [key]
    with pytest.raises(BadInput) as refused:
        await set_secret(office.deps, office.actor, provider.id, NewSecret(Secret(value)))
    assert (refused.value.code, refused.value.field) == ("SECRET_INVALID", "client_secret")
    assert value not in refused.value.message


@pytest.mark.asyncio
@pytest.mark.parametrize("method", ["none", "private_key_jwt"])
async def test_a_method_without_a_secret_deletes_none_and_the_way_back_needs_none(office: Office, method: str) -> None:
    """Whoever changes the method by mistake, or means harm, takes nothing that only its owner could enter again."""
    made = await office.provider()
    public = await administration.update(
        office.deps, office.actor, made.id, {"client_authentication": method}, expected_version=1
    )
    assert (public.client_authentication, await office.secrets(made)) == (method, ["correct-horse"])
    back = await administration.update(
        office.deps, office.actor, made.id, {"client_authentication": "client_secret_basic"}, expected_version=2
    )
    assert (back.client_authentication, await office.secrets(made)) == ("client_secret_basic", ["correct-horse"])


@pytest.mark.asyncio
async def test_a_secret_that_no_method_uses_is_removed_and_does_not_move_along(office: Office) -> None:
    made = await office.provider()
    await set_secret(office.deps, office.actor, made.id, SECOND)
    public = {"client_authentication": "none"}
    await administration.update(office.deps, office.actor, made.id, public, expected_version=1)
    newest, _ = await office.secret_ids(made)
    await remove_secret(office.deps, office.actor, made.id, newest)
    assert await office.secrets(made) == ["correct-horse"]
    moved = {"issuer": "https://elsewhere.example"}
    await administration.update(office.deps, office.actor, made.id, moved, expected_version=2)
    assert await office.secrets(made) == []
