"""Audit chains verified."""

import msgspec

from identity_api.config import KeyRing
from identity_api.db import tenants
from identity_api.db.database import Database
from identity_api.errors import NotFound
from identity_api.maintenance.audit_chain import ChainIntact, verify
from identity_api.vault import Vault, VaultError

_PROBLEMS = {
    "CHANGED": "the event there was changed",
    "MISSING": "the event there is missing",
    "CUT_OFF": "the chain is cut off there",
    "HEAD_CHANGED": "the chain's head does not belong to its events",
    "HEAD_MISSING": "the chain has no head",
    "KEY_MISSING": "the key ring lacks the key it was sealed with",
}


class Verdict(msgspec.Struct, frozen=True):
    """One tenant's chain. `first_bad` is the sequence number of the first place that does not hold."""

    tenant: str
    intact: bool
    events: int | None = None
    first_bad: int | None = None
    problem: str | None = None

    def __str__(self) -> str:
        if self.intact:
            return f"ok    {self.tenant}: {self.events} event(s)"
        place = f"event {self.first_bad}" if self.first_bad is not None else "the chain"
        return f"fail  {self.tenant}: {place}: {_PROBLEMS.get(self.problem or '', self.problem)}"


async def verify_chains(database: Database, ring: KeyRing, slug: str | None) -> list[Verdict]:
    """Verify every tenant's chain, or one tenant's.

    Raises:
        NotFound: there is no such tenant.
    """
    vault = Vault(ring)
    async with database.reading() as connection:
        chosen = [one for one in await tenants.list_all(connection) if slug in (None, one.slug)]
        if slug is not None and not chosen:
            raise NotFound(f"There is no tenant {slug}.")
        verdicts = []
        for tenant in chosen:
            try:
                found = await verify(connection, vault, tenant.id)
            except VaultError as error:
                verdicts.append(Verdict(tenant.slug, False, problem=error.code))
                continue
            if isinstance(found, ChainIntact):
                verdicts.append(Verdict(tenant.slug, True, events=found.events))
            else:
                verdicts.append(Verdict(tenant.slug, False, first_bad=found.sequence, problem=found.problem))
    return verdicts
