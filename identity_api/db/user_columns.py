"""The select-lists that read users, with what decides their permissions: the text of statements, which others complete.

`user_read` holds only facts, so a sync that changes nothing writes nothing there; leases, which change with every sync, are
read together with it from `identity_sync`.
"""

from datetime import datetime
from typing import Literal

from identity_api.db.in_force import is_edited, pending_grants, withdrawn_grants
from identity_api.permissions.grant_snapshot import Lease


class SyncStatus(Lease, frozen=True, array_like=True, gc=False):
    """One identity's leases, and its sync as operators and admins see it."""

    verified_at: datetime | None
    due_at: datetime | None
    outcome: str | None
    groups_completeness: str


Part = Literal["names", "names and dates", "permissions", "permissions and dates", "everything"]
"""How much of a user is read: some columns or all, these and what decides the permissions as well, or all facts.

A page asks for what it shows: reading a date costs as much as reading a name, and most pages show none.
"""


CIRCUMSTANCES = """
    statement_timestamp() as at,
    coalesce((
        select json_agg(json_build_array(p.id, p.slug, p.label, p.enabled, p.sync, p.sync_mode))
        from provider p where p.tenant_id = $1), '[]'::json)::text as providers
"""
"""Select-list items for the tenant `$1`: the time and the providers."""

# What unfinished edits do is no part of the statement that every request begins with: PostgreSQL prepares every node of a plan
# before it runs any. Whoever finds `is_edited` asks again, with `_CHANGED`: all of it as of one moment.
_UNCHANGED = f"""
    {is_edited("$1")} as is_edited, null::text as withdrawn, null::text as given
"""
_CHANGED = f"""
    true as is_edited,
    (select json_agg(g.id) from {withdrawn_grants("$1", "u.id")} g)::text as withdrawn,
    (select json_agg(json_build_array(g.permission, 'GROUP', g.identity_id, json_build_object('name', g.group_name), g.id,
            g.mapping_id, g.group_id, g.granted_at, g.granted_by) order by g.permission, g.id)
        from {pending_grants("$1", "u.id")} g)::text as given
"""


def _syncs(of: type[Lease]) -> str:
    columns = ", ".join([f"s.{name}" for name in of.__struct_fields__])
    return f"""(
        select json_object_agg(s.id, json_build_array({columns}))
        from identity_sync s where s.tenant_id = $1 and s.user_id = u.id)::text"""


_FACTS = "(select facts, brief from user_read where tenant_id = $1 and id = u.id limit 1)"
_NAMES = """
    u.id, u.username, u.display_label, u.email, u.disabled_at, u.password_hash is not null as has_password, u.admitted_until
"""
_DATES = "u.email_verified, u.created_at, u.active_at"
_BRIEF = f"null::text as facts, r.brief, {_syncs(Lease)} as leases, {_UNCHANGED}"
# An edit withdraws grants by their ids, which only the whole facts have.
_BRIEF_DURING_EDIT = f"r.facts, null::text as brief, {_syncs(Lease)} as leases, {_CHANGED}"
_EVERYTHING = f"{_NAMES}, {_DATES}, r.facts, {_syncs(SyncStatus)} as syncs"
USER_COLUMNS = f"{_EVERYTHING}, {_UNCHANGED}"
"""Select-list items for a user `u` of the tenant `$1`, with the read model's row `r`; void where a row says `is_edited`."""
USER_COLUMNS_DURING_EDIT = f"{_EVERYTHING}, {_CHANGED}"
"""The same for when it does."""

COLUMNS: dict[Part, str] = {
    "names": f"{_NAMES}, false as is_edited",
    "names and dates": f"{_NAMES}, {_DATES}, false as is_edited",
    "permissions": f"{_NAMES}, {_BRIEF}",
    "permissions and dates": f"{_NAMES}, {_DATES}, {_BRIEF}",
    "everything": USER_COLUMNS,
}
COLUMNS_DURING_EDIT: dict[Part, str] = {
    **COLUMNS,
    "permissions": f"{_NAMES}, {_BRIEF_DURING_EDIT}",
    "permissions and dates": f"{_NAMES}, {_DATES}, {_BRIEF_DURING_EDIT}",
    "everything": USER_COLUMNS_DURING_EDIT,
}


_NO_DATES = "null, null, null"
_BESIDE_TOKEN: dict[Part, str] = {
    "names": f"{_NAMES}, {_NO_DATES}, null, null, false, null, null, null, null, null, null",
    "names and dates": f"{_NAMES}, {_DATES}, null, null, false, null, null, null, null, null, null",
    "permissions": f"{_NAMES}, {_NO_DATES}, null, null, false, null, null, null, null, r.brief, {_syncs(Lease)}",
    "permissions and dates": f"{_NAMES}, {_DATES}, null, null, false, null, null, null, null, r.brief, {_syncs(Lease)}",
    "everything": f"{_EVERYTHING}, false, null, null, null, null, null, null",
}
"""`USER_COLUMNS`, `CIRCUMSTANCES`, and what the brief parts have; the circumstances are the first row's."""


def with_wanted(token: str, columns: int, part: Part, wanted: str) -> str:
    """A statement for the row of another one, if there is any, and then that of a user of the tenant `$1`.

    Args:
        token: selects so many columns, `USER_COLUMNS` and `CIRCUMSTANCES`; the wanted user's row has null for the first.
        columns: see `token`.
        part: what is read of the wanted user.
        wanted: the parameter that is their id.
    """
    user = f"app_user u on u.tenant_id = $1 and u.id = {wanted}"
    facts = "" if part in ("names", "names and dates") else f"cross join lateral {_FACTS} r"
    return f"""
        with token as materialized ({token})
        select token.*, null::text as brief, null::text as leases from token
        union all
        select {", ".join(["null"] * columns)}, {_BESIDE_TOKEN[part]} from token join {user} {facts}
    """


def with_facts(user: str, part: Part) -> str:
    """A table expression of users `u`, with their rows of the read model `r` where any facts are asked for.

    They are looked up one by one: a join may be planned as a walk through the whole tenant's.
    """
    return user if part in ("names", "names and dates") else f"({user} cross join lateral {_FACTS} r)"
