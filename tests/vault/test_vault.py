"""Sealed values, codes and cursors (I3; promise 47; bad input 73)."""

import base64
import os
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity_api.config import KeyRing
from identity_api.errors import ConfigurationError
from identity_api.vault import Mac, Vault, VaultError

OLD, NEW = ("old", os.urandom(32)), ("new", os.urandom(32))
PLACE = {"tenant_id": UUID(int=1), "table": "refresh_token", "column": "sealed", "row_id": UUID(int=2)}
VAULT = Vault(KeyRing([OLD]))


def test_a_sealed_value_opens_at_its_place():
    assert VAULT.open(VAULT.seal(b"secret", **PLACE), **PLACE) == b"secret"


@given(st.binary(max_size=200))
def test_every_value_survives_sealing_and_shows_nothing_of_itself(plaintext):
    sealed = VAULT.seal(plaintext, **PLACE)
    assert VAULT.open(sealed, **PLACE) == plaintext
    assert len(plaintext) < 4 or plaintext not in sealed


@pytest.mark.parametrize(
    "elsewhere",
    [{"tenant_id": UUID(int=9)}, {"table": "provider"}, {"column": "other"}, {"row_id": UUID(int=9)},
     {"table": "refresh_tokens", "column": "ealed"}],
)  # fmt: skip
def test_a_sealed_value_does_not_open_at_another_place(elsewhere):
    sealed = VAULT.seal(b"secret", **PLACE)
    with pytest.raises(VaultError) as refused:
        VAULT.open(sealed, **(PLACE | elsewhere))
    assert refused.value.code == "SEAL_BROKEN"


def test_sealing_twice_gives_different_bytes():
    assert VAULT.seal(b"secret", **PLACE) != VAULT.seal(b"secret", **PLACE)


def test_every_changed_bit_breaks_the_seal():
    sealed = VAULT.seal(b"x", **PLACE)
    for bit in range(len(sealed) * 8):
        changed = bytearray(sealed)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(VaultError):
            VAULT.open(bytes(changed), **PLACE)


def test_every_shortened_value_breaks_the_seal():
    sealed = VAULT.seal(b"x", **PLACE)
    for length in range(len(sealed)):
        with pytest.raises(VaultError):
            VAULT.open(sealed[:length], **PLACE)


@given(st.binary(max_size=80))
def test_any_bytes_are_refused_with_our_error(data):
    with pytest.raises(VaultError):
        VAULT.open(data, **PLACE)


def test_old_keys_open_and_the_first_key_seals():
    sealed = VAULT.seal(b"secret", **PLACE)
    rotated = Vault(KeyRing([NEW, OLD]))
    assert rotated.open(sealed, **PLACE) == b"secret"
    assert rotated.key_id_of(rotated.seal(b"secret", **PLACE)) == "new"


def test_a_key_that_is_gone_is_named_by_its_id():
    sealed = VAULT.seal(b"secret", **PLACE)
    with pytest.raises(VaultError) as refused:
        Vault(KeyRing([NEW])).open(sealed, **PLACE)
    assert (refused.value.code, refused.value.key_id) == ("KEY_MISSING", "old")


def test_the_key_id_is_readable_without_the_key():
    assert Vault(KeyRing([NEW])).key_id_of(VAULT.seal(b"secret", **PLACE)) == "old"


def test_another_key_under_the_same_id_does_not_open():
    with pytest.raises(VaultError) as refused:
        Vault(KeyRing([("old", os.urandom(32))])).open(VAULT.seal(b"secret", **PLACE), **PLACE)
    assert refused.value.code == "SEAL_BROKEN"


def test_an_empty_ring_seals_nothing():
    with pytest.raises(ConfigurationError):
        Vault(KeyRing()).seal(b"secret", **PLACE)


def test_a_vault_shows_no_key():
    assert repr(VAULT) == "<Vault <KeyRing old>>"


def test_a_code_verifies_for_its_purpose_and_data():
    mac = VAULT.mac("audit", b"event")
    assert VAULT.verify_mac("audit", b"event", mac)
    assert not VAULT.verify_mac("audit", b"other", mac)
    assert not VAULT.verify_mac("webhook", b"event", mac)
    assert not VAULT.verify_mac("audit", b"event", Mac(mac.key_id, bytes(32)))


def test_a_code_still_verifies_after_rotation():
    mac = VAULT.mac("audit", b"event")
    rotated = Vault(KeyRing([NEW, OLD]))
    assert rotated.verify_mac("audit", b"event", mac)
    assert rotated.mac("audit", b"event").key_id == "new"
    assert rotated.mac("audit", b"event", key_id="old") == mac


def test_a_code_of_a_key_that_is_gone_is_not_called_forged():
    with pytest.raises(VaultError) as refused:
        Vault(KeyRing([NEW])).verify_mac("audit", b"event", VAULT.mac("audit", b"event"))
    assert refused.value.code == "KEY_MISSING"


def test_a_cursor_opens_for_its_list_only():
    cursor = VAULT.cursor_sealer("tenant/users/name")(b"ada")
    assert VAULT.open_cursor("tenant/users/name", cursor) == b"ada"
    with pytest.raises(VaultError) as refused:
        VAULT.open_cursor("other/users/name", cursor)
    assert refused.value.code == "SEAL_BROKEN"


def test_equal_positions_have_equal_cursors():
    assert VAULT.cursor_sealer("list")(b"ada") == VAULT.cursor_sealer("list")(b"ada")
    assert VAULT.cursor_sealer("list")(b"ada") != VAULT.cursor_sealer("other")(b"ada")


def test_a_cursor_is_url_safe_and_short():
    cursor = VAULT.cursor_sealer("list")(bytes(range(32)))
    assert len(cursor) <= 80
    assert cursor.replace("-", "").replace("_", "").isalnum()


def test_a_cursor_survives_rotation():
    assert Vault(KeyRing([NEW, OLD])).open_cursor("list", VAULT.cursor_sealer("list")(b"x")) == b"x"


@given(st.binary(max_size=100), st.text(max_size=20))
def test_every_position_survives_a_cursor(position, context):
    assert VAULT.open_cursor(context, VAULT.cursor_sealer(context)(position)) == position


@given(st.text(max_size=120))
def test_any_text_is_refused_as_a_cursor_with_our_error(cursor):
    with pytest.raises(VaultError):
        VAULT.open_cursor("list", cursor)


def test_a_sealed_value_is_no_cursor_and_a_cursor_no_sealed_value():
    sealed = base64.urlsafe_b64encode(VAULT.seal(b"x", **PLACE)).decode()
    with pytest.raises(VaultError):
        VAULT.open_cursor("", sealed)


def test_an_enormous_cursor_is_refused():
    with pytest.raises(VaultError):
        VAULT.open_cursor("list", "A" * 5_000)
