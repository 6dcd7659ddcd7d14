"""Key rotation: open everything that is sealed under an older key, and seal it again under the current one (I3).

It runs while the service works, in batches of one transaction each. Every write is a compare-and-set, so a value that a
sync or a login replaces meanwhile is not overwritten. After an interruption, run it again: values that are done no longer
match. Audit chains are not changed, because computing their HMACs again would make them worthless as evidence; keep the
keys they were made with in the ring as long as the chains are to be verified.
"""

from collections import Counter
from collections.abc import Callable
from uuid import UUID

import msgspec

from identity_api.db import sealed
from identity_api.db.database import Connection, Database
from identity_api.db.sealed import SEALED_COLUMNS, Resealed, SealedColumn, SealedValue
from identity_api.vault import Vault, VaultError

BATCH = 500
"""Values in one transaction: some 40 ms of work, during which a sync of the same rows waits."""

SCAN_SECONDS = 60.0


class Progress(msgspec.Struct, frozen=True):
    """The progress of a rotation: values processed, of those that were not under the current key when it began."""

    done: int
    total: int


class Unopened(msgspec.Struct, frozen=True):
    """A value that does not open. `key_id` is the missing key's id if that is the reason, otherwise None."""

    table: str
    column: str
    row_id: UUID
    key_id: str | None


class Rotation(msgspec.Struct, frozen=True):
    """The result of a rotation. `superseded` values were replaced concurrently before the rotation reached them."""

    resealed: int
    superseded: int
    unopened: tuple[Unopened, ...]


async def rotate(
    database: Database, vault: Vault, *, batch: int = BATCH, report: Callable[[Progress], None] = lambda _: None
) -> Rotation:
    """Seal every value under the current key that is sealed under another.

    Args:
        report: called after every batch.

    Raises:
        ConfigurationError: the ring is empty.
        Unavailable: the database does not answer; run it again to continue.
    """
    prefix = vault.current_prefix
    async with database.reading() as connection:
        total = sum([await sealed.count_other(connection, place, prefix) for place in SEALED_COLUMNS])
    done = resealed = superseded = 0
    unopened: list[Unopened] = []
    for place in SEALED_COLUMNS:
        after: SealedValue | None = None
        while values := await _next(database, place, prefix, after, batch):
            after = values[-1]
            fresh, broken = _reseal(vault, place, values)
            async with database.transaction() as connection:
                written = await sealed.replace(connection, place, fresh)
            resealed += written
            superseded += len(fresh) - written
            unopened.extend(broken)
            done += len(values)
            report(Progress(done, max(total, done)))
    return Rotation(resealed, superseded, tuple(unopened))


async def references(
    connection: Connection, vault: Vault, *, seconds: float = SCAN_SECONDS
) -> dict[str | None, Counter[SealedColumn]]:
    """The keys that sealed values name: key id to number of values per column; None for values that no vault has
    sealed.

    Raises:
        TimeoutError: a column took longer than `seconds` to read.
    """
    found: dict[str | None, Counter[SealedColumn]] = {}
    for place in SEALED_COLUMNS:
        for header, count in (await sealed.headers(connection, place, seconds=seconds)).items():
            try:
                key_id: str | None = vault.key_id_of(header)
            except VaultError:
                key_id = None
            found.setdefault(key_id, Counter())[place] += count
    return found


async def _next(
    database: Database, place: SealedColumn, prefix: bytes, after: SealedValue | None, limit: int
) -> list[SealedValue]:
    async with database.reading() as connection:
        return await sealed.other(connection, place, prefix, after=after, limit=limit)


def _reseal(vault: Vault, place: SealedColumn, values: list[SealedValue]) -> tuple[list[Resealed], list[Unopened]]:
    fresh, broken = [], []
    for value in values:
        try:
            plaintext = vault.open(
                value.sealed, tenant_id=value.tenant_id, table=place.table, column=place.column, row_id=value.id
            )
        except VaultError as error:
            missing = error.key_id if error.code == "KEY_MISSING" else None
            broken.append(Unopened(place.table, place.column, value.id, missing))
            continue
        after = vault.seal(
            plaintext, tenant_id=value.tenant_id, table=place.table, column=place.column, row_id=value.id
        )
        fresh.append(Resealed(value.id, value.tenant_id, value.sealed, after))
    return fresh, broken
