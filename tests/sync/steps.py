"""One sync taken apart into its steps, so that a test can put anything between two of them."""

from dataclasses import replace

from identity_api.db.sync import Claimed
from identity_api.sync import apply as applying
from identity_api.sync import claim_due as claiming
from identity_api.sync.access import Access, open_access
from identity_api.sync.call import LEASE_OVER, Called, call
from identity_api.sync.claim_due import Leases
from identity_api.sync.land import land
from identity_api.sync.outcome import Ended, Read, Stale
from identity_api.sync.settle_failure import settle_end, settle_not_landed, settle_stale, settle_withdrawn
from identity_api.sync.validate import validate
from tests.sync.world import Person, World

STEPS = ("claim", "call", "land", "validate", "apply")


class SteppedSync:
    """Does what `run` does, one step at a time. A step after a claim that got nothing does nothing.

    It is a process of its own: whoever else has this world may claim what it is at when its lease is over.
    """

    def __init__(self, world: World, person: Person) -> None:
        self.world = replace(world, deps=replace(world.deps, under_way=set()))
        self.person = person
        self.claimed: Claimed | None = None
        self.called: Called | None = None
        self.landed: bool | None = None
        self.outcome: Read | Stale | Ended | None = None
        self.result: str | None = None
        self._access: Access | None = None
        self._leases = Leases(self.world.deps)

    async def claim(self) -> None:
        took = await claiming.claim(self.world.deps, limit=1, user=(self.world.tenant_id, self.person.user_id))
        self.claimed = took.batch.claims[0] if took.batch.claims else None
        if self.claimed is not None:
            self._leases.hold(self.claimed, took.held_until)

    async def call(self) -> None:
        if self.claimed is not None:
            access = await open_access(self.world.deps, self.world.tenant_id, self.world.provider.id)
            assert isinstance(access, Access)
            self._access = access
            claimed = self.claimed
            self.called = await call(self.world.deps, claimed, access, may_send=lambda: self._leases.is_held(claimed))
            if self.called.outcome is LEASE_OVER:
                self.result = await settle_withdrawn(self.world.deps, claimed)
                self.called = None

    async def land(self) -> None:
        if self.claimed is not None and self.called is not None:
            self.landed = await land(self.world.deps, self.claimed, self.called)
            if not self.landed:
                await settle_not_landed(self.world.deps, self.claimed)

    async def validate(self) -> None:
        if self.claimed is not None and self.called is not None and self._access is not None and self.landed:
            self.outcome = await validate(self.world.deps, self.claimed, self._access, self.called)

    async def apply(self) -> None:
        if self.claimed is None or self.outcome is None:
            self.result = "nothing"
        elif isinstance(self.outcome, Read):
            written = await applying.apply(self.world.deps, self.world.provider, [self.outcome.verified])
            self.result = "ok" if written.applied else "superseded"
        elif isinstance(self.outcome, Ended):
            self.result = await settle_end(self.world.deps, self.claimed, self.outcome)
        else:
            self.result = await settle_stale(self.world.deps, self.claimed, self.world.provider, self.outcome)

    async def run(self, *steps: str) -> "SteppedSync":
        """These steps, or all."""
        for step in steps or STEPS:
            await getattr(self, step)()
        return self
