"""Check that the key ring can open everything that is sealed."""

from identity_api.cli.doctor.finding import Finding, fail, ok, warn
from identity_api.config import KeyRing
from identity_api.db import sealed
from identity_api.db.database import Database
from identity_api.errors import Unavailable
from identity_api.maintenance import key_rotation
from identity_api.vault import Vault


async def examine_ring(database: Database, ring: KeyRing) -> list[Finding]:
    """Check that every sealed value can be opened; lists the keys that are still needed, and those that are not."""
    try:
        async with database.reading() as connection:
            named = await key_rotation.references(connection, Vault(ring))
            audited = await sealed.audit_key_ids(connection, seconds=key_rotation.SCAN_SECONDS)
    except Unavailable:
        return [warn("keys", "reading the sealed values took too long. Try again when the database is less busy.")]
    findings = []
    for key_id, places in sorted(named.items(), key=lambda item: item[0] or ""):
        count, where = places.total(), ", ".join(sorted({place.table for place in places}))
        if key_id is None:
            findings.append(
                fail("keys", f"{count} value(s) in {where} are no sealed values; somebody wrote to the tables.")
            )
        elif ring.get(key_id) is None:
            findings.append(fail("keys", f"key {key_id} is missing; {count} value(s) in {where} need it. Put it back."))
        elif key_id != ring.current_id:
            findings.append(warn("keys", f"{count} value(s) are sealed under {key_id}. Run: identity-api keys rotate"))
    findings += [
        warn("keys", f"key {key_id} is missing; audit chains made with it cannot be verified. Put it back.")
        for key_id in sorted(audited)
        if ring.get(key_id) is None
    ]
    for key_id in ring.ids[1:]:
        if key_id not in named and key_id not in audited:
            findings.append(ok("keys", f"nothing needs {key_id} any more; it may leave the ring."))
        elif key_id not in named:
            findings.append(ok("keys", f"{key_id} is needed only to verify audit chains."))
    return findings or [ok("keys", f"everything is sealed under {ring.current_id}.")]
