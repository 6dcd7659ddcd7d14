"""What must hold when a soak is over, whatever happened in it. Each check gives sentences about what does not."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from identity_api.db.in_force import effective_permissions
from tests.faults.waiting import until
from tests.operations.conftest import command
from tests.operations.soak.place import Place

HALVES = """
    select 'user ' || u.username from app_user u where u.username like 'soak-%' and (
        not exists (select from identity i where i.user_id = u.id)
        or not exists (select from audit_event e where e.subject_id = u.id))
    union all
    select 'identity ' || i.id from identity i where not exists (select from identity_sync s where s.id = i.id)
        or not exists (select from refresh_token r where r.identity_id = i.id and r.dead_at is null)
    union all
    select 'session ' || s.id from session s join app_user u on u.id = s.user_id where u.username like 'soak-%' and (
        s.identity_id is null or not exists (select from audit_event e where e.subject_id = s.id))
"""
LEFT = """
    select 'sync ' || s.id || ': ' || i.state || coalesce(' ' || i.state_reason, '') || ', ' || coalesce(s.outcome, 'none')
        || case when s.due_at <= now() then ', due' else '' end || case when s.lease_until > now() then ', leased' else '' end
        || ', failures ' || s.failures
    from identity_sync s join identity i on i.id = s.id
    where s.due_at <= now() or s.lease_until > now() or s.outcome <> 'ok'
    union all
    select 'unsealed: ' || action || ' of ' || at from audit_event where sequence is null
    union all
    select 'mapping change: ' || done || ' of ' || total from mapping_change
"""
WAITING = """
    select state || ': ' || left(query, 60) from pg_stat_activity
    where application_name = 'identity-api' and pid <> pg_backend_pid() and state <> 'idle'
        and state_change < now() - interval '10 seconds'
"""


async def settle(place: Place) -> None:
    """Sync everybody once more, and let everything be done that is still to be done."""
    installation = place.installation
    await installation.world.write("update identity_sync set due_at = now()")
    try:
        await until(lambda: _is_settled(place), within=300, each=0.5)
    except AssertionError as error:
        for row in await installation.rows(LEFT):
            error.add_note(str(row[0]))
        raise


async def _is_settled(place: Place) -> bool:
    return not await place.installation.rows(LEFT)


async def broken(place: Place, signed_in: Mapping[str, int]) -> list[str]:
    """Everything that does not hold."""
    installation = place.installation
    return [
        *[str(row[0]) for row in await installation.rows(HALVES)],
        *[f"a connection is still {row[0]}" for row in await installation.rows(WAITING)],
        *await _lost_logins(place, signed_in),
        *await _wrong_permissions(place, signed_in),
        *await _standing(place),
        *await _audit(place),
    ]


async def _lost_logins(place: Place, signed_in: Mapping[str, int]) -> list[str]:
    rows = await place.installation.rows(
        "select u.username, count(*) from session s join app_user u on u.id = s.user_id group by u.username"
    )
    kept = {row[0]: row[1] for row in rows}
    return [
        f"{name} signed in {number} times and has {kept.get(name, 0)} sessions"
        for name, number in signed_in.items()
        if kept.get(name, 0) < number
    ]


async def _wrong_permissions(place: Place, signed_in: Mapping[str, int]) -> list[str]:
    """Each person's permissions in force against what their groups at the provider give by the stored mappings."""
    rows = await place.installation.rows(
        """
        select m.pattern, p.name from group_mapping m join mapping_permission mp on mp.mapping_id = m.id
        join permission p on p.id = mp.permission_id where m.deleted_at is null and m.enabled
        """
    )
    given: dict[str, set[str]] = {}
    for pattern, name in rows:
        given.setdefault(pattern, set()).add(name)
    held = await place.installation.rows(
        f"""
        select u.username, array_agg(distinct e.permission) from app_user u
        left join lateral {effective_permissions("u.tenant_id", "u.id", "now()")} e on true
        where u.username = any($1::text[]) group by u.username
        """,
        list(signed_in),
    )
    found = []
    for username, names in held:
        groups = place.installation.issuer.people[username].groups
        wanted = set[str]().union(*[given.get(group, set()) for group in groups])
        has = {name for name in names if name is not None}
        if has != wanted:
            found.append(f"{username} in {sorted(groups)} holds {sorted(has)} instead of {sorted(wanted)}")
    return found


async def _standing(place: Place) -> list[str]:
    rows = await place.installation.rows("select state, state_reason, count(*) from identity group by 1, 2")
    return [f"{row[2]} identities are {row[0]} ({row[1]})" for row in rows if row[0] != "FRESH"]


async def _audit(place: Place) -> list[str]:
    ended = await command(place.installation, "audit", "verify")
    return [] if ended.returncode == 0 else [f"audit verify: {ended.stdout}{ended.stderr}"]


async def sizes(place: Place) -> dict[str, int]:
    """How many rows the tables have that grow with use."""
    found: Counter[str] = Counter()
    for table in (
        "app_user",
        "identity",
        "session",
        "refresh_token",
        "login_attempt",
        "permission_grant",
        "audit_event",
    ):
        [[number]] = await place.installation.rows(f"select count(*) from {table}")
        found[table] = number
    return dict(found)


def errors_in(logs: Mapping[str, Any]) -> Counter[str]:
    """How often each event was logged as an error."""
    found: Counter[str] = Counter()
    for said in logs.values():
        for line in said.splitlines():
            if '"level":"error"' in line or "Traceback" in line:
                event = line.partition('"event":"')[2].partition('"')[0]
                found[event or "Traceback"] += 1
    return found


def failures_in(logs: Mapping[str, Any]) -> list[str]:
    """The lines of what nobody expected, which say the exception and its places."""
    events = ('"event":"http.failed"', '"event":"job.failed"', '"event":"sync.failed"')
    return [line for said in logs.values() for line in said.splitlines() if any(event in line for event in events)]
