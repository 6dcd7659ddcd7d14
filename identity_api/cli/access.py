"""Grant and revoke permissions by hand, as the operator."""

import difflib
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar
from uuid import UUID

from identity_api.accounts.administration import Revoked
from identity_api.cli.context import operator, read_settings, run_on_database, tenant_named
from identity_api.cli.output import print_notices
from identity_api.db import enrolment, permissions
from identity_api.db.database import Database
from identity_api.db.enrolment import Whom
from identity_api.errors import NotFound, Refused
from identity_api.permissions.delegation import Actor

T = TypeVar("T")
_MANY = 100_000
Change = Callable[[Database, Actor, UUID, UUID], Awaitable[T]]


def change_permission(
    change: Change[T], tenant: str, username: str, permission: str, *, gives: bool = False, is_sure: bool = True
) -> T:
    """Run `grant_permission` or `revoke_permission` for names as people write them.

    Args:
        username: or the id of a user, which is unambiguous.
        gives: the permission is given, not revoked: show the named user on standard error before anything is done.
        is_sure: also for a person who chose an e-mail address as their name.

    Raises:
        NotFound: no such tenant, user or permission.
        Refused: as the use case says; `USERNAME_UNPROVEN`.
    """

    async def work(database: Database) -> T:
        tenant_id = await tenant_named(database, tenant)
        async with database.reading() as connection:
            user = await enrolment.whom(connection, tenant_id, _named(username))
            catalogue = await permissions.by_names(connection, tenant_id, [permission])
        if user is None:
            raise NotFound(f"Tenant {tenant} has no user {username}. The name is compared exactly.")
        if permission not in catalogue:
            async with database.reading() as connection:
                names = [one.name for one in await permissions.page(connection, tenant_id, after=None, first=_MANY)]
            raise NotFound(f"Tenant {tenant} has no permission {permission}.{_advice(permission, names, gives=gives)}")
        if gives:
            print_notices(_lines(user))
        if user.chose_address and not is_sure and username != str(user.id):
            raise Refused(
                f"The person who signed in as {user.username} chose that name, and nobody has verified the address. "
                f"Check who it is, and repeat the command with --yes, or with {user.id} in place of the name.",
                code="USERNAME_UNPROVEN",
            )
        return await change(database, operator(tenant_id), user.id, catalogue[permission].id)

    return run_on_database(read_settings(keys_required=False), work)


def _advice(permission: str, names: Sequence[str], *, gives: bool) -> str:
    """Advice for an unknown permission; when revoking, it does not suggest to declare one."""
    near = difflib.get_close_matches(permission, names, n=1)
    meant = f" Did you mean {near[0]}?" if near else ""
    if gives:
        return f"{meant} A new one is declared with `identity-api apply`."
    return meant or " `identity-api user show` lists a user's permissions."


def _named(text: str) -> str | UUID:
    try:
        return UUID(text)
    except ValueError:
        return text


def _lines(user: Whom) -> list[str]:
    """The user's label, e-mail and identities, which the name alone does not show."""
    verified = {True: "verified", False: "not verified", None: "the provider does not say whether it is verified"}
    email = f"{user.email} ({verified[user.email_verified]})" if user.email else "none"
    made = f"{user.created_at:%Y-%m-%d %H:%M} UTC"
    known = [f"  at provider {slug}, {issuer}: {subject}" for slug, issuer, subject in user.identities]
    return [
        f"{user.username} is {user.display_label}, user {user.id}, made {made}; e-mail {email}.",
        *(known or ["  no identity at any provider"]),
    ]


def revocation_lines(username: str, permission: str, done: Revoked) -> list[str]:
    """The closed grants, and those that still give the permission.

    Raises:
        NotFound: nothing was closed.
    """
    still = [
        f"{username} still has {permission} {one.source}: change the mapping, or the group at the provider."
        for one in done.remaining
    ]
    if not done.closed:
        nothing = f"{username} has no grant of {permission} that could be revoked by hand."
        raise NotFound(" ".join([nothing, *still]))
    return [f"- grant {permission} to {username} ({one.source})" for one in done.closed] + still
