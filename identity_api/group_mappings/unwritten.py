"""What mappings gave and took in force before they are edited, of which no grant tells yet.

A worker writes the grants that follow an edit after its commit. Who loses something by the next edit is not seen in the grants
alone: somebody may have a permission of which there is no grant yet, and a grant of something that was taken from them.
"""

from collections import defaultdict
from collections.abc import Collection
from typing import Final
from uuid import UUID

from identity_api.db import grants, mapping_changes, mappings
from identity_api.db.database import Connection, plan_each_time
from identity_api.db.grants import Closing, Decision, NewGrant

CHUNK: Final = 5_000
"""Identities looked at with one statement."""


class Unwritten:
    """Noted for each mapping before its first edit of the transaction."""

    def __init__(self) -> None:
        self._seen: set[UUID] = set()
        self._openings: defaultdict[UUID, list[NewGrant]] = defaultdict(list)
        self._closings: defaultdict[UUID, list[Closing]] = defaultdict(list)

    async def note(self, connection: Connection, tenant_id: UUID, mapping_ids: Collection[UUID], *, most: int) -> None:
        """Note these mappings, as they are before they are edited.

        Args:
            most: identities that are looked at for a mapping, about; one that concerns more has no preview.
        """
        new = set(mapping_ids) - self._seen
        self._seen |= new
        unfinished = await mapping_changes.unfinished(connection, tenant_id) & new if new else set()
        if unfinished:
            await plan_each_time(connection)  # an edit may concern everybody
        for mapping_id in sorted(unfinished):
            after: UUID | None = None
            count = 0
            while count <= most and (
                chunk := await mappings.concerned(connection, tenant_id, mapping_id, after=after, limit=CHUNK)
            ):
                count, after = count + len(chunk), chunk[-1]
                decision = await grants.decide(connection, tenant_id, chunk, [mapping_id])
                for opening in decision.openings:
                    self._openings[opening.user_id].append(opening)
                for closing in decision.closings:
                    self._closings[closing.user_id].append(closing)

    async def no_more(self, connection: Connection, tenant_id: UUID, mapping_id: UUID) -> int:
        """How many identities the edited mapping concerns no more, although it gave them something; no grant tells."""
        given = {identity_id for _, identity_id in self.given([mapping_id])}
        after: UUID | None = None
        while given and (
            chunk := await mappings.concerned(connection, tenant_id, mapping_id, after=after, limit=CHUNK)
        ):
            given, after = given - set(chunk), chunk[-1]
        return len(given)

    def given(self, mapping_ids: Collection[UUID]) -> set[tuple[UUID, UUID]]:
        """User and identity of everybody to whom these mappings gave something of which no grant tells.

        Edited, a mapping may concern them no more.
        """
        wanted = set(mapping_ids)
        return {
            (user_id, one.identity_id)
            for user_id, found in self._openings.items()
            for one in found
            if one.mapping_id in wanted
        }

    def of(self, user_ids: Collection[UUID]) -> Decision:
        """What was to be opened and closed for these users."""
        openings = [one for user_id in user_ids for one in self._openings.get(user_id, ())]
        closings = [one for user_id in user_ids for one in self._closings.get(user_id, ())]
        return Decision(tuple(openings), tuple(closings))
