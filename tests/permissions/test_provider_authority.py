"""Which settings of a provider decide what: every one is classified, and each change of one is judged by itself."""

from typing import Any

import msgspec
import pytest

from identity_api.db.providers import ClaimSettings, ClientSettings, Provider
from identity_api.permissions.provider_authority import (
    FIXED,
    SETTINGS,
    Settings,
    Word,
    changed,
    outlasting,
    words_at_stake,
)
from identity_api.providers.rules import settings_of

GROUPS, PEOPLE, NAMES = Word.GROUPS, Word.PEOPLE, Word.NAMES
ROW: dict[str, Any] = {
    "id": "01a00000-0000-7000-8000-000000000001",
    "tenant_id": "01a00000-0000-7000-8000-000000000002",
    "slug": "sso",
    "label": "SSO",
    "issuer": "https://sso.example",
    "client_id": "client",
    "redirect_url": "https://id.example/callback",
    "created_at": "2026-01-01T00:00:00Z",
    "updated_at": "2026-01-01T00:00:00Z",
    "provisioning": "KNOWN_USERS",
}


def settings(**given: Any) -> Settings:
    return settings_of(msgspec.convert({**ROW, **given}, Provider))


BEFORE = settings()


def test_every_setting_of_a_provider_is_classified() -> None:
    """Whoever adds one decides here whose word it makes count, and for how long."""
    fields = {name for name in Provider.__struct_fields__ if name not in ("claims", "client_settings")}
    fields |= {f"claims.{name}" for name in ClaimSettings.__struct_fields__}
    fields |= {f"client_settings.{name}" for name in ClientSettings.__struct_fields__}
    assert set(SETTINGS) | FIXED == fields
    assert set(SETTINGS) & FIXED == set()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"issuer": "https://other.example"}, {GROUPS, PEOPLE, NAMES}),
        ({"discovery_url": "https://other.example/d"}, {GROUPS, PEOPLE, NAMES}),
        ({"endpoints": {"token": "https://other.example/t"}}, {GROUPS, PEOPLE, NAMES}),
        ({"client_id": "other"}, {GROUPS, PEOPLE, NAMES}),
        ({"claims": {"directories": ["d"]}}, {GROUPS, PEOPLE, NAMES}),
        ({"client_settings": {"ca_certificate_pem": "x"}}, {GROUPS, PEOPLE, NAMES}),
        ({"claims": {"anchor": ["nickname"]}}, {PEOPLE}),
        ({"claims": {"username": ["nickname"]}}, {NAMES}),
        ({"claims": {"email": ["nickname"]}}, {PEOPLE, NAMES}),
        ({"email_verified_rule": "TRUSTED"}, {PEOPLE, NAMES}),
        ({"claims": {"groups": ["nickname"]}}, {GROUPS}),
        ({"claims": {"group_source": "okta"}}, {GROUPS}),
        ({"scopes": ["openid", "groups"]}, {GROUPS}),
        ({"authorization_parameters": {"claims": "{}"}}, {GROUPS}),
        ({"claims": {"display": ["nickname"]}}, set()),
        ({"claims": {"deny_unmapped": True}}, set()),
        ({"label": "Other"}, set()),
        ({"enabled": False}, set()),
    ],
    ids=lambda value: str(value)[:60] if isinstance(value, dict) else "-".join(sorted(value)),
)
def test_a_change_puts_at_stake_what_the_setting_decides(given: dict[str, Any], words: set[Word]) -> None:
    assert words_at_stake(BEFORE, settings(**given)) == words


def test_a_provider_that_is_made_knows_nobody_yet() -> None:
    assert words_at_stake(None, settings()) == {GROUPS, NAMES}
    assert words_at_stake(None, settings(provisioning="JIT")) == {GROUPS}
    assert words_at_stake(None, settings(provisioning="JIT", adopt_by_name=True)) == {GROUPS, NAMES}
    assert words_at_stake(None, settings(provisioning="JIT", sync_mode="NONE")) == set()


def test_a_provider_that_is_switched_on_speaks_of_everything_again() -> None:
    assert words_at_stake(settings(enabled=False), BEFORE) == {GROUPS, PEOPLE, NAMES}


DECIDING_GROUPS: list[dict[str, Any]] = [
    {"claims": {"groups": ["nickname"]}},
    {"claims": {"group_source": "okta"}},
    {"scopes": ["openid", "groups"]},
    {"authorization_parameters": {"claims": "{}"}},
    {"absent_groups": "EMPTY"},
    {"provisioning": "JIT"},
]


@pytest.mark.parametrize("given", DECIDING_GROUPS, ids=lambda given: next(iter(given)))
@pytest.mark.parametrize("mode", ["STRICT", "ADDITIVE", "NONE"])
def test_what_decides_groups_is_at_stake_in_every_mode(mode: str, given: dict[str, Any]) -> None:
    """Also where groups give nothing so far, and where the same change says that they will give nothing."""
    wanted = settings(**{"sync_mode": mode, **given})
    assert words_at_stake(settings(sync_mode=mode), wanted) == {GROUPS}
    assert words_at_stake(BEFORE, settings(**{"sync_mode": "NONE", **given})) == {GROUPS}


def test_a_provider_that_moves_while_groups_give_nothing_speaks_of_everything() -> None:
    before = settings(sync_mode="NONE", provisioning="JIT")
    wanted = settings(sync_mode="NONE", provisioning="JIT", issuer="https://other.example")
    assert words_at_stake(before, wanted) == {GROUPS, PEOPLE, NAMES}


def test_the_mode_puts_groups_at_stake_where_they_gave_nothing() -> None:
    silent = settings(sync_mode="NONE")
    assert words_at_stake(silent, BEFORE) == {GROUPS}
    assert words_at_stake(silent, settings(sync_mode="ADDITIVE")) == {GROUPS}
    assert words_at_stake(BEFORE, settings(sync_mode="ADDITIVE")) == set()
    assert words_at_stake(BEFORE, silent) == set()


def test_a_provider_is_switched_on_with_the_words_that_count() -> None:
    mute: dict[str, Any] = {"provisioning": "JIT", "sync_mode": "NONE"}
    assert words_at_stake(settings(enabled=False, **mute), settings(**mute)) == {PEOPLE}


@pytest.mark.parametrize(
    "given", [{"claims": {"username": ["nickname"]}}, {"claims": {"email": ["nickname"]}}], ids=str
)
def test_what_decides_names_is_at_stake_where_they_are_not_matched_too(given: dict[str, Any]) -> None:
    jit = settings(provisioning="JIT")
    assert NAMES in words_at_stake(jit, settings(provisioning="JIT", **given))
    assert NAMES in words_at_stake(BEFORE, settings(provisioning="JIT", **given))


def test_names_are_at_stake_with_the_settings_that_match_them() -> None:
    jit = settings(provisioning="JIT")
    adopting = settings(provisioning="JIT", adopt_by_name=True)
    assert words_at_stake(jit, adopting) == {NAMES}
    assert words_at_stake(adopting, jit) == set()
    assert words_at_stake(jit, BEFORE) == {NAMES, GROUPS}
    assert words_at_stake(BEFORE, jit) == {GROUPS}


@pytest.mark.parametrize(
    "given",
    [
        {"sync": "OFF"},
        {"sync": "ACCESS_TOKEN"},
        {"sync_interval_seconds": 301},
        {"outage_grace_seconds": 14_401},
        {"unsynced_lease_seconds": 86_401},
        {"max_rate": 10},
        {"max_concurrent": 19},
        {"sync_mode": "ADDITIVE"},
        {"absent_groups": "UNKNOWN"},
        {"scopes": ["openid"]},
    ],
    ids=lambda given: next(iter(given)),
)
def test_what_lets_the_word_of_before_count_for_longer_is_known_and_its_opposite_is_not(given: dict[str, Any]) -> None:
    before = settings(absent_groups="EMPTY")
    wanted = settings(**{"absent_groups": "EMPTY", **given})
    assert outlasting(before, wanted) == tuple(given)
    back = outlasting(wanted, before)
    assert back == (("sync",) if given == {"sync": "ACCESS_TOKEN"} else ())


def test_the_names_of_what_changed_are_those_of_the_settings() -> None:
    assert changed(BEFORE, settings(label="Other", claims={"username": ["nickname"]})) == ("claims.username", "label")
