"""The key ring against what is sealed, and client secrets that end."""

from identity_api.cli.doctor.finding import Finding, fail, ok, warn
from identity_api.config import KeyRing
from identity_api.db import inspection, sealed
from identity_api.db.database import Database
from identity_api.errors import Unavailable
from identity_api.lifecycle import rotation
from identity_api.vault import Vault

ENDS_SOON_DAYS = 30.0


async def examine_ring(database: Database, ring: KeyRing) -> list[Finding]:
    """Whether every sealed value can be opened, which keys are still needed, and which are not."""
    try:
        async with database.reading() as connection:
            named = await rotation.references(connection, Vault(ring))
            audited = await sealed.audit_key_ids(connection, seconds=rotation.SCAN_SECONDS)
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


async def examine_client_secrets(database: Database) -> list[Finding]:
    """Client secrets that are missing, or end within a month."""
    async with database.reading() as connection:
        ages = await inspection.client_secrets(connection)
    findings = []
    for age in ages:
        subject = f"provider {age.tenant}/{age.provider}"
        if age.client_authentication != "none" and not age.live:
            findings.append(fail(subject, "it has no client secret that is still valid. Make one there, and apply it."))
        elif age.remaining_days is not None and age.remaining_days < ENDS_SOON_DAYS:
            days = f"{age.remaining_days:.0f} day(s)"
            findings.append(warn(subject, f"its client secret ends in {days}. Make a new one there, and apply it."))
    return findings
