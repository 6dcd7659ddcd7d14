"""Tokens name their kind and their tenant, and whatever is sent in their place is looked up for somebody."""

import re
import time
from uuid import RFC_4122, UUID

import pytest

from identity_api.ids import TokenKey, new_tenant_token, token_hash, token_key, uuid7

NOBODY = UUID(int=0)


def test_a_token_is_its_kind_its_tenant_and_256_random_bits() -> None:
    tenant_id = uuid7()
    tokens = {new_tenant_token("ias", tenant_id) for _ in range(100)}
    assert len({token[-43:] for token in tokens}) == 100
    assert len({token[:-43] for token in tokens}) == 1
    assert all(re.fullmatch(r"ias_[A-Za-z0-9_-]{22}[A-Za-z0-9_-]{43}", token) for token in tokens)


@pytest.mark.parametrize("tenant_id", [uuid7(), UUID(int=1), UUID(int=2**128 - 1)])
def test_a_token_is_looked_up_for_its_tenant(tenant_id: UUID) -> None:
    token = new_tenant_token("oc", tenant_id)
    assert token_key(token) == TokenKey(tenant_id, token_hash(token))


@pytest.mark.parametrize(
    "sent",
    [
        "", "_", "ias", "ias_", "ias_short", "ias_" + "!" * 65, "ias_" + "ü" * 65, "ias_\udcff", "ias_" + "\x00" * 65,
        "ias_" + "A" * 22, "x" * 100_000,
    ],
)  # fmt: skip
def test_what_names_no_tenant_is_looked_up_for_nobody(sent: str) -> None:
    assert token_key(sent) == TokenKey(NOBODY, token_hash(sent))


def test_a_tenants_part_that_was_changed_changes_the_hash() -> None:
    one, other = uuid7(), uuid7()
    token = new_tenant_token("ias", one)
    moved = new_tenant_token("ias", other)[:-43] + token[-43:]
    assert token_key(moved).tenant_id == other
    assert token_key(moved).hash != token_key(token).hash


def test_ids_of_one_millisecond_sort_in_the_order_in_which_they_were_made(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = [1_700_000_000_000_000_000 + 250 * step for step in range(5_000)]
    coming = iter(moments)
    monkeypatch.setattr(time, "time_ns", lambda: next(coming))
    made = [uuid7() for _ in moments]
    monkeypatch.undo()
    assert made == sorted(set(made))
    assert {(one.version, one.variant) for one in made} == {(7, RFC_4122)}
