"""What each setting of a provider lets its claims decide. Pure; `providers.rules` uses it.

A provider's claims decide three things, and each is a way into accounts for anybody who can choose the claims:

    GROUPS   which groups a person is in: grants what live mappings give there
    PEOPLE   which known or expected person signs in: gives access to those accounts, and to what their groups bring
    NAMES    which name a person has, where names are matched: gives access to the accounts that wait to be matched

So changing a setting that decides one of them is a grant of everything it can bring. Nobody may change, for themself, a
setting that lets earlier claims count for longer: their own access would outlast what the provider says.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final


class Word(StrEnum):
    """What a provider's claims decide about a person."""

    GROUPS = "GROUPS"
    PEOPLE = "PEOPLE"
    NAMES = "NAMES"


ALL: Final = frozenset(Word)
SILENT: Final[frozenset[Word]] = frozenset()

SETTINGS: Final[Mapping[str, frozenset[Word]]] = {
    # Which provider is trusted. Another client at the same server may be given other claims by whoever registered it.
    "issuer": ALL,
    "discovery_url": ALL,
    "endpoints": ALL,
    "client_id": ALL,
    "claims.directories": ALL,
    "client_settings.ca_certificate_pem": ALL,
    "enabled": ALL,
    # Which claims are used.
    "claims.anchor": frozenset((Word.PEOPLE,)),
    "claims.username": frozenset((Word.NAMES,)),
    "claims.email": frozenset((Word.PEOPLE, Word.NAMES)),
    "email_verified_rule": frozenset((Word.PEOPLE, Word.NAMES)),
    "provisioning": frozenset((Word.NAMES, Word.GROUPS)),
    "adopt_by_name": frozenset((Word.NAMES,)),
    "claims.groups": frozenset((Word.GROUPS,)),
    "claims.group_source": frozenset((Word.GROUPS,)),
    "scopes": frozenset((Word.GROUPS,)),
    "authorization_parameters": frozenset((Word.GROUPS,)),
    "absent_groups": frozenset((Word.GROUPS,)),
    "sync_mode": frozenset((Word.GROUPS,)),
    # What is shown, and how the same claims are transferred.
    "claims.display": SILENT,
    "claims.name_in_callback": SILENT,
    "claims.deny_unmapped": SILENT,
    "claims.userinfo_method": SILENT,
    "client_authentication": SILENT,
    "client_settings.signing_algorithm": SILENT,
    "client_settings.assertion_audience": SILENT,
    "client_settings.dpop": SILENT,
    "client_settings.encrypted_id_tokens": SILENT,
    "client_settings.signed_userinfo": SILENT,
    "client_settings.apple_team_id": SILENT,
    "client_settings.apple_key_id": SILENT,
    "client_settings.accept_without_iss": SILENT,  # only the operator sets it, and the next two
    "client_settings.pkce": SILENT,
    "client_settings.missing_nonce": SILENT,
    "client_settings.sign_out_at_provider": SILENT,
    "client_settings.end_session_parameters": SILENT,
    "label": SILENT,
    "icon": SILENT,
    "position": SILENT,
    "redirect_url": SILENT,
    "reauthentication": SILENT,
    "delivery": SILENT,
    "logout_page_url": SILENT,
    # How long the claims count: see `outlasting`.
    "sync": SILENT,
    "sync_interval_seconds": SILENT,
    "outage_grace_seconds": SILENT,
    "unsynced_lease_seconds": SILENT,
    "max_rate": SILENT,
    "max_concurrent": SILENT,
}
"""Every setting of a provider that an admin can change, and what it decides. A test fails on one that is not here."""

FIXED: Final = frozenset(
    ("id", "tenant_id", "slug", "protocol", "preset", "managed_by", "version", "created_at", "updated_at")
)
"""Fields of an existing provider that no admin can change."""

Settings = Mapping[str, Any]
"""A provider's settings by the names of `SETTINGS`."""


def matches_names(settings: Settings) -> bool:
    """Whether a name that the provider sends claims an account that waits."""
    return bool(settings["adopt_by_name"]) or settings["provisioning"] == "KNOWN_USERS"


def decides_names(before: Settings | None, wanted: Settings) -> bool:
    """Whether names also decide about accounts made later: names are matched, or the change moves where they are read."""
    chosen = ("claims.username", "claims.email", "email_verified_rule")
    is_chosen = before is not None and not frozenset(changed(before, wanted)).isdisjoint(chosen)
    return Word.NAMES in words_at_stake(before, wanted) and (is_chosen or matches_names(wanted))


def words_at_stake(before: Settings | None, wanted: Settings) -> frozenset[Word]:
    """What the provider's claims could decide from now on that they could not before.

    A setting that decides a claim is checked even while the claim does not count: the admin who lets it count later
    checks only that one setting, and not changes that others have made before.

    Args:
        before: None for a new provider, which has no identities yet. A later change that lets more count is checked then.
    """
    if before is None:
        return _counting(wanted) - {Word.PEOPLE}
    return frozenset([word for name in changed(before, wanted) for word in _decided_by(name, before, wanted)])


def _counting(settings: Settings) -> frozenset[Word]:
    """The claims that count with these settings, once a person can sign in."""
    silent = {Word.GROUPS: settings["sync_mode"] == "NONE", Word.NAMES: not matches_names(settings)}
    return frozenset([word for word in ALL if not silent.get(word)])


def changed(before: Settings, wanted: Settings) -> tuple[str, ...]:
    """The settings in which the two differ."""
    return tuple([name for name in SETTINGS if before[name] != wanted[name]])


def _decided_by(name: str, before: Settings, wanted: Settings) -> frozenset[Word]:
    """What a changed setting decides. Settings that switch a claim off, or leave it on, open nothing."""
    words = SETTINGS[name]
    match name:
        case "enabled":
            return words & _counting(wanted) if wanted["enabled"] else SILENT
        case "sync_mode":
            return words if before["sync_mode"] == "NONE" else SILENT
        case "provisioning" | "adopt_by_name":
            return words if matches_names(wanted) else words - {Word.NAMES}
    return words


def outlasting(before: Settings, wanted: Settings) -> tuple[str, ...]:
    """The changed settings by which earlier claims count for longer, or are read less often."""
    longer = [
        name
        for name in ("sync_interval_seconds", "outage_grace_seconds", "unsynced_lease_seconds")
        if wanted[name] > before[name]
    ]
    slower = [name for name in ("max_rate", "max_concurrent") if _is_lowered(before[name], wanted[name])]
    other = [
        ("sync", before["sync"] not in (wanted["sync"], "OFF")),
        ("sync_mode", (before["sync_mode"], wanted["sync_mode"]) == ("STRICT", "ADDITIVE")),
        ("absent_groups", (before["absent_groups"], wanted["absent_groups"]) == ("EMPTY", "UNKNOWN")),
        ("scopes", "offline_access" in before["scopes"] and "offline_access" not in wanted["scopes"]),
    ]
    return (*longer, *slower, *[name for name, applies in other if applies])


def _is_lowered(before: int | None, wanted: int | None) -> bool:
    """None means no limit."""
    return wanted is not None and (before is None or wanted < before)
