"""Who may open a way into which account: the one rule about it. Pure; `accounts.ways_in` reads its data.

A way into an account is whatever lets somebody act as its user: a password, a link that sets one, an API token, a
session, an identity at a provider (also one that waits for its first login), and a provider's claims about who signs
in. A new way in is a grant of everything that the account holds, in force or not, and of everything that its groups
bring once its owner signs in. So the actor who opens one must be allowed to give all of that and must not do it for
their own account, or must be the operator.

What groups bring is taken as an upper bound: every permission that a live mapping gives at any provider at which the
account has an identity, whatever groups its owner is in today. Otherwise a change of groups tomorrow would give these
permissions to an actor who opened a way in today.

The same holds for removal: nobody may shut out an administrator who holds more of this service's permissions than they
do.
"""

from collections.abc import Collection
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec

from identity_api.errors import Refused
from identity_api.permissions.delegation import Actor, check_may_give
from identity_api.permissions.service import SERVICE_PREFIX


class Right(msgspec.Struct, frozen=True, order=True):
    """A permission as the rule sees it."""

    name: str
    delegable: bool = True


Rights = frozenset[Right]
NOTHING: Final[Rights] = frozenset()


class Opening(StrEnum):
    """Every action of a tenant's admins that opens a way into an account: the mutations' own names. Changes of a provider
    open ways into many at once, and are asked about in `providers.rules`.

    Everything else that opens one is the operator's (the command line), or the person's own and asks for the way in that
    they have (signing in, a new password by the current one).
    """

    CREATE_PASSWORD_TOKEN = "createPasswordToken"  # noqa: S105  # the name of a mutation
    CREATE_FOR_PROGRAM = "createApiToken"
    ROTATE_FOR_PROGRAM = "rotateApiToken"
    LINK_IDENTITY = "linkIdentity"
    RELEASE_IDENTITY = "releaseIdentity"
    RESET_USER_TOTP = "resetUserTotp"
    UNLOCK_USER = "unlockUser"
    RENAME_USER = "updateUserProfile"
    ENABLE_USER = "enableUser"
    INVITE = "createInvitation"
    """Into a new account; asked when it is accepted, about what the account holds by then."""


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """An account before somebody opens a way into it."""

    user_id: UUID
    held: Rights = NOTHING
    """Its open grants, in force or not, by hand or by group."""
    coming: Rights = NOTHING
    """What live mappings can give through the providers at which it has an identity."""
    has_way_in: bool = False
    """There is a password, a link for one, an API token, a session, or an identity, also one that waits."""
    is_shared: bool = False
    """There is more than one lasting way in, so another way also gets what one identity's groups bring."""
    is_awaited: bool = False
    """Nobody has signed in with one of its identities so far."""


def asked(opening: Opening, account: Account, through: Rights = NOTHING) -> Rights:
    """The permissions that the actor must be allowed to give in order to open this way in.

    Args:
        through: what live mappings can give at the provider of an identity that is entered. It concerns those who have
            another way in: they get what the new identity's groups bring. Without one, only its own person gets it.
    """
    if opening is Opening.ENABLE_USER:
        # Nobody gets in who could not before. The account gets back what it holds; what its groups bring comes back
        # to its own person alone, unless there is another way in.
        return account.held | account.coming if account.is_shared else account.held
    wanted = account.held | account.coming
    if opening is Opening.LINK_IDENTITY and account.has_way_in:
        wanted |= through
    return wanted


def check_may_open(actor: Actor, opening: Opening, account: Account, *, through: Rights = NOTHING) -> None:
    """Whether the actor may open this way into the account.

    Args:
        through: see `asked`.

    Raises:
        Refused: `SELF_BENEFIT` for the actor's own account: a way in that outlives their login; `FORBIDDEN`, naming what
            the actor may not give.
    """
    if actor.is_operator:
        return
    if actor.user_id == account.user_id:
        raise Refused("Another admin has to do this for you.", code="SELF_BENEFIT")
    for right in sorted(asked(opening, account, through)):
        try:
            check_may_give(actor, right.name, delegable=right.delegable)
        except Refused:
            raise Refused(_sentence(right, account)) from None


def check_may_receive(actor: Actor, everybody: Rights) -> None:
    """Whether the actor may decide where sessions are delivered, which is a way into every account of the tenant.

    Args:
        everybody: what anybody holds, in force or not, and what live mappings can give.

    Raises:
        Refused: `FORBIDDEN`, naming what the actor may not give.
    """
    for right in sorted(everybody):
        try:
            check_may_give(actor, right.name, delegable=right.delegable)
        except Refused:
            raise Refused(
                f"People of this tenant hold or can get {right.name}, which you may not give. Ask an admin who holds it."
            ) from None


def taken(account: Account) -> Rights:
    """The permissions for `check_may_take`: the groups of a person who has not signed in yet are not known."""
    return account.held | account.coming if account.is_awaited else account.held


def check_may_take(actor: Actor, held: Rights) -> None:
    """Check that the actor may shut out, or sign out, the user who holds these: no administrator with more permissions.

    Args:
        held: see `taken`.

    Raises:
        Refused: `FORBIDDEN`, naming the permission of this service that the user holds and the actor does not.
    """
    if actor.is_operator:
        return
    above = sorted(
        [one.name for one in held if one.name.startswith(SERVICE_PREFIX) and one.name not in actor.permissions]
    )
    if above:
        raise Refused(
            f"This user holds or can come to hold {above[0]}, which you do not hold. Ask an admin who holds it."
        )


def check_admin_remains(actor: Actor, before: Collection[str], after: Collection[str]) -> None:
    """Check that each permission that administers the tenant still has a holder in force.

    Args:
        before: those of `service.ADMINISTERING` that somebody held before the change.
        after: those that somebody holds with it.

    Raises:
        Refused: `LAST_ADMIN`, naming the permission that nobody would hold any more.
    """
    lost = sorted(set(before) - set(after))
    if not actor.is_operator and lost:
        raise Refused(
            f"Nobody would hold {', '.join(lost)} in force any more. Give it to another admin who has a way in first, "
            "or ask the operator.",
            code="LAST_ADMIN",
        )


def _sentence(right: Right, account: Account) -> str:
    if right in account.held:
        return f"This user holds {right.name}, which you may not give. Ask an admin who holds it."
    return f"This user's groups can bring {right.name}, which you may not give. Ask an admin who holds it."
