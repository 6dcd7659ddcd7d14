"""Which passwords may be set, and how they are hashed."""

import asyncio
import threading

import pytest
from argon2 import PasswordHasher
from hypothesis import given
from hypothesis import strategies as st

from identity_api.accounts.password_rules import MAX_BYTES, check_new_password, normalized
from identity_api.accounts.passwords import Passwords
from identity_api.errors import BadInput, Unavailable
from tests.accounts.local_world import PASSWORD, QUICK


def code_of(password: str, *personal: str) -> str | None:
    try:
        check_new_password(password, personal)
    except BadInput as error:
        return error.code if error.field == "password" else f"{error.code} of {error.field}"
    return None


def test_twelve_characters_are_enough_and_eleven_are_not() -> None:
    assert code_of("vqTz8#mLp2Wx") is None
    assert code_of("vqTz8#mLp2W") == "PASSWORD_TOO_SHORT"


def test_characters_count_and_not_bytes() -> None:
    assert code_of("пять лошадей") is None
    assert code_of("пять лошаде") == "PASSWORD_TOO_SHORT"


def test_more_bytes_than_the_bound_are_refused_before_they_are_hashed() -> None:
    assert code_of("x7-é" * 204 + "12345678901234"[: MAX_BYTES - 204 * 5]) is None
    assert code_of("x7-é" * 205) == "PASSWORD_TOO_LONG"


def test_what_is_no_unicode_cannot_be_set() -> None:
    assert code_of("vqTz8#mLp2Wx\ud800") == "PASSWORD_TOO_LONG"


@pytest.mark.parametrize(
    "password",
    [
        "password1234",
        "Passw0rd2024!!",
        "P@$$w0rd12345",
        "correcthorsebatterystaple",
        "qwertyuiop1234567890",
        "qwertyuiopas",
        "012345678901",
        "210987654321",
        "zyxwvutsrqponm",
        "aaaaaaaaaaaaaaa",
        "abc123abc123",
        "1111222233334444",
        "iloveyou!!!!!!",
        "Administrator1",
    ],
)
def test_the_first_that_anybody_would_try_are_refused(password: str) -> None:
    assert code_of(password) == "PASSWORD_TOO_COMMON"


@pytest.mark.parametrize(
    "password",
    [
        PASSWORD,
        "8274619abc3719",
        "secret garden of the weasel",
        "пароль нашей кошки",
        "9f8e-77c1-a0b3-55d2",
        "🐎🔋📎🧷🎈🪁🧭🪜🧲🪤🪣🧵",
    ],
)
def test_long_ones_that_nobody_would_guess_are_accepted(password: str) -> None:
    assert code_of(password) is None


def test_the_own_name_is_no_password() -> None:
    assert code_of("ada.lovelace1", "ada.lovelace") == "PASSWORD_TOO_COMMON"
    assert code_of("Ada.Lovelace99", "x", "ada.lovelace@example.com") == "PASSWORD_TOO_COMMON"
    assert code_of("ada.lovelace1", "someone.else") is None
    assert code_of("ada.lovelace wrote programs", "ada.lovelace") is None


@given(st.text(max_size=200))
def test_any_text_is_accepted_or_refused_by_name(password: str) -> None:
    assert code_of(password) in (None, "PASSWORD_TOO_SHORT", "PASSWORD_TOO_LONG", "PASSWORD_TOO_COMMON")


def test_the_same_accent_typed_in_two_ways_is_the_same_password() -> None:
    """RFC 8265 section 4.2.2."""
    assert normalized("caf\u00e9 with much cream") == normalized("cafe\u0301 with much cream")


@pytest.mark.asyncio
async def test_a_hash_is_argon2id_as_the_library_sets_it_up() -> None:
    passwords = Passwords()
    stored = await passwords.hash(b"four horses, one battery")
    assert stored.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert await passwords.verify(stored, b"four horses, one battery")
    assert not passwords.needs_rehash(stored)
    passwords.close()


@pytest.mark.asyncio
async def test_only_the_password_itself_verifies() -> None:
    passwords = Passwords(QUICK)
    stored = await passwords.hash(b"right")
    assert await passwords.verify(stored, b"right")
    for hashed, password in ((stored, b"wrong"), (stored, None), (None, b"right"), (None, None), ("x", b"right")):
        assert not await passwords.verify(hashed, password)


@pytest.mark.asyncio
async def test_no_password_stands_for_an_empty_one() -> None:
    """A value that is too long to be a password must not fit an account whose password is empty."""
    passwords = Passwords(QUICK)
    stored = await passwords.hash(b"")
    assert await passwords.verify(stored, b"")
    assert not await passwords.verify(stored, None)


class CountingHasher(PasswordHasher):
    """argon2-cffi's, which tells the parameters of what it was asked to verify."""

    def verify(self, hash: str | bytes, password: str | bytes) -> bool:
        self.asked = [*getattr(self, "asked", []), str(hash).rsplit("$", 2)[0]]
        return super().verify(hash, password)


@pytest.mark.asyncio
async def test_nobody_costs_as_much_as_somebody() -> None:
    """No answer is quick because there is no such user: the same parameters are computed for each."""
    hasher = CountingHasher(time_cost=2, memory_cost=64, parallelism=1)
    passwords = Passwords(hasher)
    stored = await passwords.hash(b"right")
    for hashed, password in ((stored, b"wrong"), (None, b"right"), (stored, None)):
        await passwords.verify(hashed, password)
    assert len(hasher.asked) == 3
    assert set(hasher.asked) == {"$argon2id$v=19$m=64,t=2,p=1"}


@pytest.mark.asyncio
async def test_a_hash_with_other_parameters_is_to_be_made_anew() -> None:
    old, new = Passwords(QUICK), Passwords(PasswordHasher(time_cost=2, memory_cost=64, parallelism=1))
    stored = await old.hash(b"right")
    assert await new.verify(stored, b"right")
    assert new.needs_rehash(stored)
    assert not old.needs_rehash(stored)


class BlockedHasher(PasswordHasher):
    """Hashes when it is let."""

    go = threading.Event()

    def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
        assert self.go.wait(10)
        return "hash"


@pytest.mark.asyncio
async def test_a_flood_is_answered_and_not_queued_without_end() -> None:
    """The event loop stays free, and what is too much is told at once."""
    hasher = BlockedHasher()
    passwords = Passwords(hasher, at_once=1, waiting=2)
    running = [asyncio.create_task(passwords.hash(b"x")) for _ in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable) as caught:
        await passwords.hash(b"x")
    assert caught.value.code == "SIGN_IN_BUSY"
    hasher.go.set()
    assert await asyncio.gather(*running) == ["hash"] * 3
    assert await passwords.hash(b"x") == "hash"
    passwords.close()
