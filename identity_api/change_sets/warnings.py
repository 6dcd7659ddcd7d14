"""Warnings before a set of changes is made: who loses a permission to administer, or the ability to sign in."""

from collections.abc import Collection, Sequence
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec

from identity_api.change_sets.effect import Effect
from identity_api.db import change_sets as rows
from identity_api.db.database import Connection
from identity_api.permissions.service import SERVICE_PREFIX

MAX_NAMED: Final = 10


class WarningKind(StrEnum):
    """What is lost."""

    LAST_ADMIN = "LAST_ADMIN"
    ADMIN_RIGHT_LOST = "ADMIN_RIGHT_LOST"
    WAY_IN_LOST = "WAY_IN_LOST"
    NOTHING_LEFT = "NOTHING_LEFT"


class Warned(msgspec.Struct, frozen=True):
    """One warning."""

    kind: WarningKind
    message: str
    users: int
    """How many people it is about; 0 if it is about the tenant."""
    user_ids: tuple[UUID, ...] = ()
    """The first of them."""


async def warnings_of(
    connection: Connection, tenant_id: UUID, effect: Effect, admin_rights_gone: Sequence[str]
) -> tuple[Warned, ...]:
    """The worst first.

    Args:
        admin_rights_gone: permissions that administer the tenant, with a holder in force before the changes, not after.
    """
    found = [
        Warned(WarningKind.LAST_ADMIN, f"Nobody would hold {name} in force any more.", 0) for name in admin_rights_gone
    ]
    names = sorted({name for _, name in effect.lost if name.startswith(SERVICE_PREFIX)})
    for name in names:
        losing = {user_id for user_id, lost in effect.lost if lost == name}
        found.append(_about(WarningKind.ADMIN_RIGHT_LOST, losing, f"would no longer hold {name}."))
    if effect.left_with_nothing:
        denied = await rows.denied_without_mapping(connection, tenant_id, effect.left_with_nothing)
        told = (
            (
                WarningKind.WAY_IN_LOST,
                denied,
                "could no longer sign in: a provider turns away whom its groups give nothing.",
            ),
            (WarningKind.NOTHING_LEFT, effect.left_with_nothing - denied, "would hold no permission any more."),
        )
        found += [_about(kind, people, sentence) for kind, people, sentence in told if people]
    return tuple(found)


def _about(kind: WarningKind, people: Collection[UUID], sentence: str) -> Warned:
    counted = "1 person" if len(people) == 1 else f"{len(people):,} people"
    return Warned(kind, f"{counted} {sentence}", len(people), tuple(sorted(people)[:MAX_NAMED]))
