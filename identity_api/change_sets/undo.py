"""The changes that would undo an event of the record: one, or for the event of a change set those that undo the set."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec

from identity_api.change_sets.changes import (
    Change,
    CreateMapping,
    CreatePermission,
    DeleteMapping,
    DeletePermission,
    GrantPermission,
    RevokePermission,
    Undo,
    UpdateMapping,
    UpdatePermission,
)
from identity_api.claims import MatchKind
from identity_api.db import audit_reading, change_sets, permissions, providers
from identity_api.db.audit_reading import Recorded
from identity_api.db.database import Connection
from identity_api.errors import BadInput, Conflict, NotFound, Refused
from identity_api.permissions.delegation import Actor
from identity_api.permissions.service import AUDIT_READ

Values = Mapping[str, Any]

_UNDONE: Final = "Changes of mappings and permissions, and permissions given or taken by hand, can be undone."
_SET: Final = "change_set.applied"


async def inverses(connection: Connection, actor: Actor, asked: Undo) -> list[Change]:
    """Ordinary changes, so that every rule for such a change applies. Those of a set are in the opposite order.

    Raises:
        Refused: `FORBIDDEN` if the actor may not read the record.
        NotFound: no such event in the actor's tenant, or a provider that it names is gone.
        BadInput: `CANNOT_BE_UNDONE`: it changed nothing of this kind.
        Conflict: the permission has been changed, or taken, since. For a mapping, the edit itself checks that.
    """
    if not actor.is_operator and AUDIT_READ not in actor.permissions:
        raise Refused(f"This needs the permission {AUDIT_READ}.")
    event = await audit_reading.get(connection, actor.tenant_id, asked.event_id)
    if event is None:
        raise NotFound(
            "There is no such event in the record. Those that were archived into files are not in it any more."
        )
    if event.action != _SET:
        return [await _inverse(connection, actor, event)]
    parts = (await audit_reading.of_sets(connection, actor.tenant_id, [event]))[event.id]
    if not _is_whole(event, parts):
        raise BadInput("The record no longer has every change of this set.", code="CANNOT_BE_UNDONE", field="event")
    together = _together(parts)
    if not together:
        raise BadInput("This set has changed nothing.", code="CANNOT_BE_UNDONE", field="event")
    found = [await _inverse(connection, actor, one) for one in reversed(together)]
    return list(dict.fromkeys(found))  # several grants of one permission are given back once


def _is_whole(event: Recorded, parts: Sequence[Recorded]) -> bool:
    """Whether these are all the events of the set, of which an archive may have some."""
    return len(parts) == _values(event.payload).get("events")


def _together(parts: Sequence[Recorded]) -> list[Recorded]:
    """One event for each thing that a set changed, from how it was before the set to how the set left it."""
    first: dict[UUID | None, Recorded] = {}
    last: dict[UUID | None, Recorded] = {}
    for one in parts:
        first.setdefault(one.subject_id, one)
        last[one.subject_id] = one
    return [
        msgspec.structs.replace(last[subject], action=_action(first[subject], last[subject]), old=first[subject].old)
        for subject in first
        if not _made_and_removed(first[subject], last[subject])
    ]


def _made_and_removed(first: Recorded, last: Recorded) -> bool:
    return first.action.endswith((".created", ".opened")) and last.action.endswith((".deleted", ".closed"))


def _action(first: Recorded, last: Recorded) -> str:
    """Of both together: what is made and then changed is made, and what is changed and then removed is removed."""
    return first.action if first.action.endswith(".created") else last.action


async def _inverse(connection: Connection, actor: Actor, event: Recorded) -> Change:
    old, new = _values(event.old), _values(event.new)
    match event.action:
        case "mapping.created" | "mapping.updated" | "mapping.deleted":
            return await _mapping(connection, actor, event, old, new)
        case "permission.created" | "permission.updated" | "permission.deleted":
            return await _permission(connection, actor, event, old, new)
        case "grant.opened" | "grant.closed":
            return await _grant(connection, actor, event)
    raise BadInput(_UNDONE, code="CANNOT_BE_UNDONE", field="event")


async def undoable(connection: Connection, tenant_id: UUID, events: Sequence[Recorded]) -> set[UUID]:
    """Those of these events whose undoing would be tried: what they changed is still as they left it.

    Making the change may still be refused, for example because the actor lacks a permission.
    """
    sets = await _sets(connection, tenant_id, events)
    parts = [one for found in sets.values() for one in found]
    subjects = {kind: _subjects([*events, *parts], kind) for kind in ("mapping", "permission", "grant")}
    versions = await change_sets.mapping_versions(connection, tenant_id, subjects["mapping"])
    catalogue = {one.id: one for one in await permissions.by_ids(connection, tenant_id, subjects["permission"])}
    by_hand = await change_sets.grants_by_hand(connection, tenant_id, subjects["grant"])

    def is_undoable(event: Recorded) -> bool:
        row_id, new = event.subject_id, _values(event.new)
        match event.action:
            case "mapping.deleted" | "permission.deleted":
                return True
            case "mapping.created" | "mapping.updated":
                return row_id in versions and versions[row_id] == new.get("version")
            case "permission.created":
                return row_id in catalogue
            case "permission.updated":
                now = catalogue.get(row_id) if row_id else None
                return now is not None and (now.description, now.delegable) == (new["description"], new["delegable"])
            case "grant.opened":
                return row_id in by_hand and by_hand[row_id]
            case "grant.closed":
                return row_id in by_hand
            case "change_set.applied":
                its_own = sets.get(event.id, [])
                return bool(its_own) and all(is_undoable(one) for one in its_own)
        return False

    return {event.id for event in events if is_undoable(event)}


async def _sets(connection: Connection, tenant_id: UUID, events: Sequence[Recorded]) -> dict[UUID, list[Recorded]]:
    """What each of these sets changed, by its event; without those of which an archive has something."""
    sets = {one.id: one for one in events if one.action == _SET}
    parts = await audit_reading.of_sets(connection, tenant_id, list(sets.values())) if sets else {}
    return {event_id: _together(found) for event_id, found in parts.items() if _is_whole(sets[event_id], found)}


def _subjects(events: Sequence[Recorded], kind: str) -> set[UUID]:
    """The things of this kind that these events changed."""
    return {
        event.subject_id for event in events if event.action.startswith(f"{kind}.") and event.subject_id is not None
    }


async def _mapping(connection: Connection, actor: Actor, event: Recorded, old: Values, new: Values) -> Change:
    mapping_id = _subject(event)
    if event.action == "mapping.created":
        return DeleteMapping(mapping_id=mapping_id, version=new["version"])
    provider_id = await _provider_id(connection, actor, old["provider"])
    pattern, match, enabled = old["pattern"], MatchKind(old["match"]), old["enabled"]
    given = tuple(old["permissions"])
    if event.action == "mapping.deleted":
        return CreateMapping(provider_id=provider_id, pattern=pattern, match=match, permissions=given, enabled=enabled)
    return UpdateMapping(
        mapping_id=mapping_id,
        version=new["version"],
        provider_id=provider_id,
        pattern=pattern,
        match=match,
        permissions=given,
        enabled=enabled,
    )


async def _provider_id(connection: Connection, actor: Actor, slug: str | None) -> UUID | None:
    if slug is None:
        return None
    found = [one.id for one in await providers.of_tenant(connection, actor.tenant_id) if one.slug == slug]
    if not found:
        raise NotFound(f"There is no provider {slug} any more.")
    return found[0]


async def _permission(connection: Connection, actor: Actor, event: Recorded, old: Values, new: Values) -> Change:
    permission_id = _subject(event)
    if event.action == "permission.deleted":
        return CreatePermission(name=old["name"], description=old["description"], delegable=old["delegable"])
    if event.action == "permission.created":
        return DeletePermission(permission=permission_id)
    now = await permissions.get(connection, actor.tenant_id, permission_id)
    if now is None or (now.description, now.delegable) != (new["description"], new["delegable"]):
        raise Conflict("The permission has been changed since.")
    return UpdatePermission(permission=permission_id, description=old["description"], delegable=old["delegable"])


async def _grant(connection: Connection, actor: Actor, event: Recorded) -> Change:
    grant = await change_sets.grant_by_hand(connection, actor.tenant_id, _subject(event))
    if grant is None:
        raise BadInput(
            "A group gave or took this permission. Undo the change of the mapping, or change the group at its provider.",
            code="CANNOT_BE_UNDONE",
            field="event",
        )
    if event.action == "grant.closed":
        return GrantPermission(user_id=grant.user_id, permission=grant.permission_id)
    if not grant.is_open:  # what is held today was given since, perhaps by somebody else
        raise Conflict("The permission has been taken since.")
    return RevokePermission(user_id=grant.user_id, permission=grant.permission_id)


def _subject(event: Recorded) -> UUID:
    assert event.subject_id is not None  # an event about a mapping, permission or grant has a subject
    return event.subject_id


def _values(text: str | None) -> Values:
    return {} if text is None else msgspec.json.decode(text, type=dict[str, Any])
