"""Rules for provider settings that an admin changes: the checks of files, and the rules against raising one's own permissions.

Some settings decide which accounts a provider's answers can sign in to, so changing them opens a way into these accounts:
`permissions.provider_authority` says which setting decides what, and `permissions.ways_in` what the actor must hold. An
actor with an identity at the provider must also hold the permissions that its mappings give, since they could get them, and
must not extend their own access.
"""

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from identity_api.db import grants, permissions, provider_changes, ways_in
from identity_api.db.database import Connection
from identity_api.db.providers import Provider
from identity_api.errors import BadInput, Problems, Refused
from identity_api.oidc.issuer import issuers_of
from identity_api.permissions.delegation import Actor, check_may_give, check_no_self_benefit
from identity_api.permissions.provider_authority import (
    SETTINGS,
    Settings,
    Word,
    changed,
    decides_names,
    outlasting,
    words_at_stake,
)
from identity_api.permissions.service import USERS_WRITE
from identity_api.permissions.ways_in import NOTHING, Rights
from identity_api.providers.checks import Bounds, check_provider
from identity_api.providers.declaration import ProviderDeclaration, Table
from identity_api.providers.presets import apply_preset
from identity_api.providers.provider_row import Owner
from identity_api.upstream.addresses import AllowList

INVALID: Final = "PROVIDER_INVALID"
MAX_TEXT: Final = 2_048
MAX_PARTS: Final = 50
"""Of one list, such as scopes, or table."""
SEALED: Final = frozenset(("client_secret",))
"""Never among the fields: secrets are passed separately, so that no message about a field can hold one."""
FILES_ONLY: Final = frozenset(
    ("client_secret_overlap_seconds", "client_secret_stored", "tls_client_certificate_stored")
)
"""For declarations, whose secrets have no history of their own."""
_PLACE: Final = re.compile(r"provider(?:\.([a-z_]+)[^:]*)?: (.*)", re.DOTALL)


def checked(
    fields: Mapping[str, Any], *, has_secret: bool, bounds: Bounds, stored: Table | None = None
) -> ProviderDeclaration:
    """The declaration of these fields, completed by their preset, after the same checks as for files.

    Args:
        fields: of a provider declaration, without any form of secret.
        has_secret: whether there will be one.
        stored: the fields that the provider has now; a value that stays is not checked again when others change.

    Raises:
        BadInput, SeveralProblems: `PROVIDER_INVALID`, each problem with its field if it has one.
    """
    # Only the operator may name files and variables of the machine.
    unfit = [name for name in fields if name in SEALED | FILES_ONLY or name.endswith(("_file", "_env"))]
    Problems([_invalid("This cannot be set here.", name) for name in unfit]).tell()
    try:
        declared: ProviderDeclaration = msgspec.convert(apply_preset(fields), ProviderDeclaration)
    except BadInput as error:
        raise BadInput(error.message, code=INVALID, field=error.field) from None
    except msgspec.ValidationError as error:
        raise BadInput(f"{error}.", code=INVALID) from None
    wrong = list[BadInput]()
    for name, value in msgspec.to_builtins(declared).items():
        texts = _texts(value) if name != "ca_certificate_pem" else []
        if len(texts) > MAX_PARTS or any(len(text) > MAX_TEXT or not text.isprintable() for text in texts):
            message = f"A setting is one line of at most {MAX_TEXT} characters, or {MAX_PARTS} of them."
            wrong.append(_invalid(message, name))
    # The other checks read what is of a bearable length.
    Problems(wrong).tell()
    if not declared.client_id:
        wrong.append(_invalid("Every client has an id at its provider.", "client_id"))
    # The checks need to know whether there is a secret, not its value.
    shown = msgspec.structs.replace(declared, client_secret="-" * 32 if has_secret else None)
    problems: list[str] = []
    check_provider(shown, "provider", bounds, stored or {}, problems)
    for problem in problems:
        found = _PLACE.fullmatch(problem)
        wrong.append(_invalid(found[2], found[1]) if found else _invalid(problem, None))
    Problems(wrong).tell()
    return declared


def _invalid(message: str, field: str | None) -> BadInput:
    return BadInput(message, code=INVALID, field=field)


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    parts = [*value.keys(), *value.values()] if isinstance(value, dict) else value if isinstance(value, tuple) else ()
    return [text for part in parts for text in _texts(part)]


def check_addresses(wanted: Provider, owner: Owner, allow: AllowList, public_url: str) -> None:
    """Check addresses that a tenant's admins enter: public names over TLS, or targets that the operator allows. Makes
    no connection.

    One answer for every address that is not allowed, so that nobody can map the network by trying; the addresses of a
    name are checked when a connection is made.

    Raises:
        BadInput, SeveralProblems: `PROVIDER_INVALID`.
    """
    wrong = dict[str, BadInput]()
    spoken_to = {"issuer": wanted.issuer, "discovery_url": wanted.discovery_url, "endpoints": None}
    for field, address in [*spoken_to.items(), *[("endpoints", one) for one in wanted.endpoints.values()]]:
        if address is not None and not allow.may_be_named(address, owner.slug):
            message = "This address is not allowed: it must be https on a public name, unless the operator allows it."
            wrong[field] = _invalid(message, field)
    # A callback anywhere else would hand authorization codes to strangers, or keep another tenant from its own address.
    redirect = urlsplit(wanted.redirect_url)
    of_tenant = re.match("/t/([^/]*)", redirect.path)
    is_foreign = of_tenant is not None and of_tenant[1] != owner.slug
    if redirect.hostname not in {*owner.hosts, urlsplit(public_url).hostname} or is_foreign:
        wrong["redirect_url"] = _invalid("The redirect URL must be on a host of the tenant.", "redirect_url")
    Problems(wrong.values()).tell()


async def check_word(
    connection: Connection, actor: Actor, before: Provider | None, wanted: Provider, *, was_mute: bool = False
) -> None:
    """Check that the actor may make the provider's answers count: see the module's docstring. The caller holds the lock
    of the tenant's mappings.

    Args:
        was_mute: nobody could sign in before, for lack of a client secret: the change counts like enabling it.

    Raises:
        Refused: `FORBIDDEN`, naming a permission that the actor may not give; `SELF_BENEFIT`.
    """
    if actor.user_id is None:
        return
    old, new = settings_of(before) if before is not None else None, settings_of(wanted)
    if old is not None and was_mute:
        old["enabled"] = False
    is_there = await provider_changes.identities_of(connection, actor.tenant_id, wanted.id, actor.user_id)
    if old is not None and is_there:
        _check_does_not_outlast(old, new)
    words = words_at_stake(old, new)
    mapped = await ways_in.through(connection, actor.tenant_id, wanted.id) if Word.GROUPS in words else NOTHING
    for right in sorted(mapped | await _of_accounts(connection, wanted, words)):
        check_may_give(actor, right.name, delegable=right.delegable)
    if decides_names(old, new):
        _check_may_match_names(actor)
    # For enabling, the grants that it opens are checked (`OwnSet`), since the settings for groups do not change.
    is_switched_on = old is not None and changed(old, new) == ("enabled",)
    if mapped and is_there and not is_switched_on:
        held = await grants.effective(connection, actor.tenant_id, actor.user_id)
        check_no_self_benefit(actor, held, held | {one.name for one in mapped})


async def _of_accounts(connection: Connection, wanted: Provider, words: frozenset[Word]) -> Rights:
    """The permissions of the accounts that the provider could sign people in to after the change."""
    found = NOTHING
    if Word.PEOPLE in words:
        issuers = {wanted.issuer, *issuers_of(wanted.issuer, wanted.claims.directories)}
        found |= await ways_in.of_people(connection, wanted.tenant_id, wanted.id, issuers)
    if Word.NAMES in words:
        found |= await ways_in.of_matchable(connection, wanted.tenant_id)
    return found


def _check_may_match_names(actor: Actor) -> None:
    """Matching by name opens every account that was never linked, also accounts that are made by hand later."""
    if USERS_WRITE not in actor.permissions:
        raise Refused(
            "This decides which users the provider's usernames match, also users made later, so it needs "
            f"{USERS_WRITE} too. Ask an admin who holds it."
        )


def _check_does_not_outlast(old: Settings, new: Settings) -> None:
    """Refuse a change by which the actor's own access would outlast the provider's answers."""
    names = outlasting(old, new)
    if names:
        raise Refused(
            f"This would let your own access outlast the provider's answers ({', '.join(names)}). Ask another admin.",
            code="SELF_BENEFIT",
        )


def settings_of(provider: Provider) -> dict[str, Any]:
    """The provider's settings by the names of `provider_authority.SETTINGS`."""
    deps: dict[str, Any] = {"claims": provider.claims, "client_settings": provider.client_settings}
    return {
        name: getattr(deps[name.partition(".")[0]], name.partition(".")[2]) if "." in name else getattr(provider, name)
        for name in SETTINGS
    }


class OwnSet:
    """The effects of the actor's change on the actor: at once, and by the grants that it opens (I8)."""

    def __init__(self, connection: Connection, actor: Actor, before: frozenset[str]) -> None:
        self._connection, self._actor, self._before = connection, actor, before
        self._opened: frozenset[str] = frozenset()

    @classmethod
    async def begin(cls, connection: Connection, actor: Actor) -> "OwnSet":
        """Before anything is written."""
        if actor.user_id is None:
            return cls(connection, actor, frozenset())
        return cls(connection, actor, await grants.effective(connection, actor.tenant_id, actor.user_id))

    async def note_openings(self, provider_id: Any) -> None:
        """After the row is written, before grants follow it: the grants that would open, in force yet or not."""
        actor = self._actor
        if actor.user_id is not None:
            own = await provider_changes.identities_of(self._connection, actor.tenant_id, provider_id, actor.user_id)
            decision = await grants.decide(self._connection, actor.tenant_id, own)
            opened = {opening.permission_id for opening in decision.openings}
            rows = await permissions.by_ids(self._connection, actor.tenant_id, opened)
            self._opened = frozenset([row.name for row in rows])

    async def check(self) -> None:
        """After everything is written.

        Raises:
            Refused: `SELF_BENEFIT`.
        """
        actor = self._actor
        if actor.user_id is not None:
            after = await grants.effective(self._connection, actor.tenant_id, actor.user_id)
            check_no_self_benefit(actor, self._before, after | self._opened)
