"""Move a provider's people to another anchor claim, such as from an e-mail address to `sub`.

The claim alone is a setting like others. People who have signed in are then found by their subject, and their next login stores
the new anchor. Two kinds are not: an identity that waits for its first login, and one at a provider that names no subject. They
would be strangers at their next login, and perhaps be given a second account. So they are counted first, their new anchors come
from a table, and claim and anchors change in one transaction. The same table, read backwards, undoes it.

A new anchor is a way into the account, so only the operator moves them.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Final
from uuid import UUID

import asyncpg
import msgspec

from identity_api.accounts.linking import check_anchor
from identity_api.db import audit, identity_links, locks
from identity_api.db.database import Connection
from identity_api.db.identity_links import Anchored
from identity_api.db.providers import Provider
from identity_api.errors import BadInput, ConfigurationError, Conflict, Refused
from identity_api.ids import token_hash
from identity_api.permissions.delegation import Actor
from identity_api.providers.administration import update
from identity_api.providers.deps import ProviderDeps

SUBJECT: Final = ("sub",)


class NewAnchor(msgspec.Struct, frozen=True):
    """A line of the table: whose anchor becomes which."""

    line: int
    username: str
    anchor: str
    new: str


class AnchorMove(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a move concerns. Its lists have usernames with their present anchors."""

    moved: list[tuple[str, str]]
    """They get a new anchor now: from the table, or their subject where that becomes the anchor."""
    by_login: int
    """They are found by their subject at their next login, which stores their new anchor."""
    lost: list[tuple[str, str]]
    """Nothing finds them any more: they wait for their first login, or have no subject, and the table does not name them."""


async def move_anchors(
    deps: ProviderDeps,
    actor: Actor,
    provider: Provider,
    claim: Sequence[str],
    table: Sequence[NewAnchor] = (),
    *,
    dry_run: bool = False,
    accepts_lost: bool = False,
) -> AnchorMove:
    """Make this the provider's anchor claim, and give these identities their new anchors, all or none.

    Args:
        dry_run: say whom it concerns, and change nothing.
        accepts_lost: go on although some would not be found any more.

    Raises:
        BadInput: the claim cannot be used.
        ConfigurationError: with every line of the table that names nobody, or every anchor that somebody else has.
        Refused: `ANCHORS_LOST`, except for a dry run; `MANAGED_BY_FILE`.
        Conflict: the provider changed meanwhile, or somebody got one of the new anchors.
    """
    if not actor.is_operator:
        raise Refused("Only the operator moves anchors.")
    found = list[AnchorMove]()

    async def beside(connection: Connection, before: Provider) -> None:
        found.append(await _move(connection, actor, before, claim, table, accepts_lost=accepts_lost or dry_run))

    patch, version = {"anchor_claim": list(claim)}, provider.version
    try:
        await update(deps, actor, provider.id, patch, expected_version=version, beside=beside, dry_run=dry_run)
    except asyncpg.UniqueViolationError as error:
        raise Conflict("Somebody has got one of the new anchors meanwhile. Try again.") from error
    return found[0]


async def _move(
    connection: Connection,
    actor: Actor,
    provider: Provider,
    claim: Sequence[str],
    table: Sequence[NewAnchor],
    *,
    accepts_lost: bool,
) -> AnchorMove:
    # The provider's row is locked, so that nobody lands a login there meanwhile.
    people = await identity_links.anchored_at(connection, actor.tenant_id, provider.id)
    await locks.users(connection, actor.tenant_id, sorted({one.user_id for one in people}))
    people = await identity_links.anchored_at(connection, actor.tenant_id, provider.id)
    moves, told = _plan(provider, claim, people, table)
    if told.lost and not accepts_lost:
        raise Refused(
            f"{len(told.lost)} identities would not be found any more. Name their new anchors in a table.",
            code="ANCHORS_LOST",
        )
    await identity_links.move_anchors(
        connection, actor.tenant_id, provider.id, moves, with_subject=provider.protocol == "oauth2"
    )
    events = [
        audit.Event(
            "identity.anchor_changed",
            "identity",
            identity_id,
            {"anchor_hash": token_hash(anchor).hex(), "how": "moved"},
        )
        for identity_id, anchor in moves.items()
    ]
    await audit.record(connection, actor.tenant_id, actor.name, events)
    return told


def _plan(
    provider: Provider, claim: Sequence[str], people: Sequence[Anchored], table: Sequence[NewAnchor]
) -> tuple[dict[UUID, str], AnchorMove]:
    """The new anchor of each identity that gets one, and whom it concerns."""
    named = _named(people, table)
    taken = {one.anchor: one for one in people}
    moves, moved, by_login = dict[UUID, str](), list[tuple[str, str]](), 0
    lost, problems = list[tuple[str, str]](), list[str]()
    for one in people:
        new = named.get(one.id)
        # Plain OAuth 2.0 without `sub` has the anchor in its place.
        has_subject = one.subject is not None and (provider.protocol == "oidc" or one.subject != one.anchor)
        if new is None and tuple(claim) == SUBJECT and has_subject:
            new = one.subject
        if new is not None:
            if (owner := taken.get(new, one)).id != one.id:
                problems.append(f"{one.username}: {new} is the anchor of {owner.username}.")
            if new != one.anchor:
                moves[one.id] = new
                moved.append((one.username, one.anchor))
        elif has_subject:
            by_login += 1
        elif tuple(claim) != tuple(provider.claims.anchor):
            lost.append((one.username, one.anchor))
    problems += [
        f"{new} would be the anchor of several." for new, count in Counter(moves.values()).items() if count > 1
    ]
    if problems:
        raise ConfigurationError(problems)
    return moves, AnchorMove(moved=moved, by_login=by_login, lost=lost)


def _named(people: Sequence[Anchored], table: Sequence[NewAnchor]) -> dict[UUID, str]:
    known = {(one.username, one.anchor): one for one in people}
    found, problems = dict[UUID, str](), list[str]()
    for line in table:
        one = known.get((line.username, line.anchor))
        if one is None:
            problems.append(f"Line {line.line}: {line.username} has no identity {line.anchor} there.")
            continue
        if one.id in found:
            problems.append(f"Line {line.line}: {line.username}'s identity {line.anchor} is in a line before.")
            continue
        try:
            check_anchor(line.new)
        except BadInput as error:
            problems.append(f"Line {line.line}: {error.message}")
        found[one.id] = line.new
    if problems:
        raise ConfigurationError(problems)
    return found


def reversed_table(table: Sequence[NewAnchor]) -> list[NewAnchor]:
    """What undoes the moves of a table."""
    return [NewAnchor(one.line, one.username, one.new, one.anchor) for one in table]
