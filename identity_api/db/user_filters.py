"""The conditions of a list of users, which cost no more in a large tenant than in a small one.

Nobody knows in advance how many users match a criterion: PostgreSQL's estimate is old, or made for any arguments. So
the statement finds out itself. If a criterion matches at most `FEW` users, they are read and sorted. If each criterion
matches more, users are read in the requested order until the page is full, which happens soon.
"""

import unicodedata
from collections.abc import Callable, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec

FEW: Final = 2_000
"""The most users that are read at once, to find the fifty of a page among them."""

MIN_PART: Final = 3
"""Characters in a row that the index `app_user_parts` knows."""

Bind = Callable[[Any], str]
"""Keeps an argument and returns its placeholder in the statement, such as `$2`."""


class Filter(msgspec.Struct, frozen=True):
    """What users to list. Text is compared folded; None leaves the criterion out."""

    username: str | None = None
    username_prefix: str | None = None
    display_label_prefix: str | None = None
    email: str | None = None
    email_prefix: str | None = None
    containing: str | None = None
    """A part of the username, display label or e-mail address, of at least `MIN_PART` characters when folded."""
    enabled: bool | None = None
    group_id: UUID | None = None
    permission_id: UUID | None = None
    """Has an open grant of it, in force or not."""
    linked: bool | None = None
    """Has an identity at some provider, in whatever state."""
    is_distributed: bool = False
    """Users are on several nodes (`Database.is_distributed`), and the search for `containing` asks the tenant's alone."""


class Criterion(msgspec.Struct, frozen=True):
    """A condition on a user `u` of the tenant `$1`, and where to find those for whom it holds."""

    holds: str
    """Costs one look into an index for each user."""
    keys: str | None = None
    """Yields a column `key` for each of them, by an index; None where that is how the list is read anyway."""
    ids: str = "select key from {few}"
    """Users' ids, of the keys found."""


def fold(text: str) -> str:
    """How names are compared in searches: without capitals, and however accents are written (Unicode 3.13, D145).

    Identifiers themselves stay exact.
    """
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", text).casefold())


def criteria(where: Filter, order_column: str, bind: Bind) -> list[Criterion]:
    """The criteria of a filter, beginning with those that usually match the fewest users.

    Args:
        order_column: what the list is ordered by: an index leads from there to the names with a prefix.
    """
    found = []
    for column, equal in (("username_folded", where.username), ("email_folded", where.email)):
        if equal is not None:
            found.append(_named(f"u.{column} = {bind(fold(equal))}"))
    for column, prefix in (
        ("username_folded", where.username_prefix),
        ("display_label_folded", where.display_label_prefix),
        ("email_folded", where.email_prefix),
    ):
        if prefix is not None:
            holds = _begins_with(f"u.{column}", fold(prefix), bind)
            found.append(Criterion(holds) if column == order_column else _named(holds))
    if where.containing is not None:
        found.append(_containing(bind(fold(where.containing)), is_distributed=where.is_distributed))
    if where.group_id is not None:
        found.append(_in_group(bind(where.group_id)))
    if where.permission_id is not None:
        found.append(_holding(bind(where.permission_id)))
    if where.enabled is not None:
        found.append(Criterion("u.disabled_at is null") if where.enabled else _named("u.disabled_at is not null"))
    if where.linked is not None:
        found.append(_named(f"u.is_linked = {'true' if where.linked else 'false'}"))
    return found


def page_of(criteria: Sequence[Criterion], beyond: Sequence[str], ordering: str, size: int) -> str:
    """A query of one page: every column of `app_user`, and its place from 1.

    Args:
        beyond: conditions on `u` that say where the page begins.
    """
    holds = ["u.tenant_id = $1", *[one.holds for one in criteria], *beyond]
    gates = [one for one in criteria if one.keys is not None]
    if not gates:
        return f"({_ordered(holds, ordering, size)})"
    counted = ", ".join([f"few{place} as materialized ({one.keys} limit {FEW + 1})" for place, one in enumerate(gates)])
    ways, before = [], list[str]()
    for place, one in enumerate(gates):
        ids = one.ids.format(few=f"few{place}")
        others = [text for text in holds if text != one.holds]
        among = [*before, f"(select count(*) from few{place}) <= {FEW}", *others, f"u.id = any(array({ids}))"]
        ways.append(_ordered(among, ordering, size))
        before.append(f"(select count(*) from few{place}) > {FEW}")
    ways.append(_ordered([*before, *holds], ordering, size))
    return f"(with {counted} ({') union all ('.join(ways)}))"


def _ordered(conditions: Sequence[str], ordering: str, size: int) -> str:
    # The limit is a literal: without it PostgreSQL assumes a tenth of all users, and reads them all.
    return (
        f"select u.*, row_number() over (order by {ordering}) as place from app_user u"
        f" where {' and '.join(conditions)} order by {ordering} limit {size:d}"
    )


def _named(holds: str) -> Criterion:
    return Criterion(holds, f"select u.id as key from app_user u where u.tenant_id = $1 and {holds}")


def _containing(part: str, *, is_distributed: bool) -> Criterion:
    names = ("u.username_folded", "u.display_label_folded", "u.email_folded")
    holds = f"({' or '.join([f'strpos({name}, {part}) > 0' for name in names])})"
    # By the index of parts alone, whose entries are the tenant's own: with the tenant beside it, PostgreSQL would also go
    # through everybody in the tenant whenever it takes the tenant for a small one. It is there where it says which node to ask.
    there = "u.tenant_id = $1 and" if is_distributed else ""
    found = f"""select u.id, u.tenant_id from app_user u
        where {there} name_parts(u.tenant_id, {", ".join(names)}) @> name_parts($1, {part}) and {holds} offset 0"""
    return Criterion(holds, f"select f.id as key from ({found}) f where f.tenant_id = $1")


def _in_group(group: str) -> Criterion:
    return Criterion(
        # As a value, since a condition with `exists` may be planned as a join that reads the whole group.
        f"""(select 1 from identity i cross join lateral (
                select from identity_group ig
                where ig.tenant_id = $1 and ig.identity_id = i.id and ig.group_id = {group} limit 1) ig
            where i.tenant_id = $1 and i.user_id = u.id limit 1) is not null""",
        f"select ig.identity_id as key from identity_group ig where ig.tenant_id = $1 and ig.group_id = {group}",
        "select i.user_id from {few} cross join lateral"
        f" (select user_id from identity where tenant_id = $1 and id = {{few}}.key limit 1) i"
        f" where (select count(*) from {{few}}) <= {FEW}",
    )


def _holding(permission: str) -> Criterion:
    grants = "permission_grant g where g.tenant_id = $1 and g.revoked_at is null"
    return Criterion(
        # By the user first, whose grants are few: an index by permission leads to everybody who holds it.
        f"""(select 1 from (select permission_id from {grants} and g.user_id = u.id offset 0) g
            where g.permission_id = {permission} limit 1) is not null""",
        f"select g.user_id as key from {grants} and g.permission_id = {permission}",
    )


def _begins_with(column: str, prefix: str, bind: Bind) -> str:
    """As a range, by bytes as the columns are ordered. `like` needs to know its argument to use an index."""
    if not prefix:
        return f"{column} is not null"
    first, end = bind(prefix), _after_all_with(prefix)
    return f"{column} >= {first}" + (f" and {column} < {bind(end)}" if end else "")


def _after_all_with(prefix: str) -> str | None:
    """The first text after all texts that begin with the prefix; None if there is none."""
    kept = prefix.rstrip("\U0010ffff")
    if not kept:
        return None
    following = ord(kept[-1]) + 1
    return kept[:-1] + chr(0xE000 if following == 0xD800 else following)
