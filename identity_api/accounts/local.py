"""Local users, for tenants without single sign-on (S0-05): make one, change their names, unlock.

The caller checks whether the actor may write users at all; this module checks what they may do to this account. Passwords
are set in `local_passwords`; the users query lists local users like all others.
"""

import unicodedata
from functools import partial
from uuid import UUID

import msgspec

from identity_api.accounts.local_rules import check_profile_by_hand, check_users_by_hand, lock_user
from identity_api.accounts.names import MAX_USERNAME_LENGTH
from identity_api.accounts.ways_in import check_may_open
from identity_api.claims.profile import MAX_EMAIL_LENGTH, MAX_VALUE_LENGTH
from identity_api.db import audit, local_accounts, local_profiles, locks, user_read_model, users
from identity_api.db.database import Connection, Database
from identity_api.db.local_profiles import LocalProfile
from identity_api.errors import BadInput, Conflict, Problems, Refused
from identity_api.ids import uuid7
from identity_api.permissions.delegation import Actor
from identity_api.permissions.service import USERS_WRITE
from identity_api.permissions.ways_in import Opening

# Control, format, surrogate, private-use and unassigned characters, and line separators: invisible or impossible to type.
_UNSEEN = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))


class NewLocalUser(msgspec.Struct, frozen=True, kw_only=True):
    """A user to make. Without a display label it is the username."""

    username: str
    display_label: str | None = None
    email: str | None = None


class ProfileChange(msgspec.Struct, frozen=True, kw_only=True):
    """What to change; UNSET leaves it as it is, None removes the e-mail address."""

    username: str | msgspec.UnsetType = msgspec.UNSET
    display_label: str | msgspec.UnsetType = msgspec.UNSET
    email: str | msgspec.UnsetType | None = msgspec.UNSET


async def create_local_user(database: Database, actor: Actor, new: NewLocalUser) -> UUID:
    """Make a user without identity and password; returns their id.

    Raises:
        BadInput, SeveralProblems: username, display_label or email cannot be used.
        Refused: `SSO_MANAGED`, which does not bind the operator.
        Conflict: `USERNAME_TAKEN`.
    """
    username, label, email = new_values(new)
    user_id = uuid7()
    async with database.transaction() as connection:
        if not actor.is_operator:
            # If providers make no users, only the operator can make the first one.
            await check_users_by_hand(connection, actor.tenant_id)
        user = users.NewUser(user_id, label, email, _email_verified(email))
        if not await users.insert(connection, actor.tenant_id, user, username):
            raise _taken()
        event = audit.Event(
            "user.created",
            "user",
            user_id,
            {"how": "by_hand"},
            new={"username": username, "display_label": label, "email": email},
        )
        await audit.record(connection, actor.tenant_id, actor.name, [event])
        await user_read_model.refresh(connection, actor.tenant_id, [user_id])
    return user_id


def new_values(new: NewLocalUser) -> tuple[str, str, str | None]:
    """Username, display label and e-mail address of a new user, as they will be stored.

    Raises:
        BadInput, SeveralProblems: some of them cannot be used.
    """
    problems, label = Problems(), new.display_label
    username = problems.read("username", lambda: _name(new.username, MAX_USERNAME_LENGTH, "username"))
    if label is not None:
        label = problems.read("display_label", partial(_name, label, MAX_VALUE_LENGTH, "display_label"))
    email = problems.read("email", lambda: _email(new.email))
    problems.tell()
    return username, username if label is None else label, email


async def update_profile(database: Database, actor: Actor, user_id: UUID, change: ProfileChange) -> None:
    """Change a user's names and e-mail, if no provider manages them (S0-06).

    The caller has checked that the actor may write users, or is the user. Only the former may change a username, and only
    of an account that the actor may open a way into: a provider may match its people by username.

    Raises:
        NotFound: no such user in the actor's tenant.
        BadInput, SeveralProblems: values cannot be used.
        Refused: `SSO_MANAGED`, `FORBIDDEN`.
        Conflict: `USERNAME_TAKEN`.
    """
    async with database.transaction() as connection:
        await locks.share_mappings(connection, actor.tenant_id)
        await lock_user(connection, actor.tenant_id, user_id)
        await check_profile_by_hand(connection, actor.tenant_id, user_id)
        before = await local_profiles.get(connection, actor.tenant_id, user_id)
        assert before is not None, "locked above"
        after = _changed(before, change)
        fields = [name for name in LocalProfile.__struct_fields__ if getattr(before, name) != getattr(after, name)]
        if not fields:
            return
        if "username" in fields:
            await _check_may_rename(connection, actor, user_id)
        if not await local_profiles.write(connection, actor.tenant_id, user_id, after):
            raise _taken()
        old, new = [{name: getattr(profile, name) for name in fields} for profile in (before, after)]
        event = audit.Event("user.profile_changed", "user", user_id, {"fields": fields}, old=old, new=new)
        await audit.record(connection, actor.tenant_id, actor.name, [event])
        await user_read_model.refresh(connection, actor.tenant_id, [user_id])


async def unlock_account(database: Database, actor: Actor, user_id: UUID) -> None:
    """Reset the wrong tries of an account. Doing it twice changes nothing.

    It allows more password tries, so an actor who may repeat it can help somebody guess the password.

    Raises:
        NotFound: no such user in the actor's tenant.
        Refused: `FORBIDDEN`, `SELF_BENEFIT`: see `permissions.ways_in`.
    """
    async with database.transaction() as connection:
        await locks.share_mappings(connection, actor.tenant_id)
        await lock_user(connection, actor.tenant_id, user_id)
        await check_may_open(connection, actor, Opening.UNLOCK_USER, user_id)
        if await local_accounts.forget_tries(connection, actor.tenant_id, user_id):
            event = audit.Event("account.unlocked", "user", user_id, old={"locked": True}, new={"locked": False})
            await audit.record(connection, actor.tenant_id, actor.name, [event])


async def _check_may_rename(connection: Connection, actor: Actor, user_id: UUID) -> None:
    if not actor.is_operator and USERS_WRITE not in actor.permissions:
        raise Refused("Only an admin changes usernames.")
    if user_id != actor.user_id:
        await check_may_open(connection, actor, Opening.RENAME_USER, user_id)


def _changed(before: LocalProfile, change: ProfileChange) -> LocalProfile:
    values: dict[str, str | bool | None] = {}
    problems, names = Problems(), {"username": MAX_USERNAME_LENGTH, "display_label": MAX_VALUE_LENGTH}
    for field, longest in names.items():
        if (text := getattr(change, field)) is not msgspec.UNSET:
            values[field] = problems.read(field, partial(_name, text, longest, field))
    email = change.email
    if email is not msgspec.UNSET and email != before.email:
        values["email"] = problems.read("email", lambda: _email(email))
        values["email_verified"] = _email_verified(email)
    problems.tell()
    return msgspec.structs.replace(before, **values)


def _name(text: str, longest: int, field: str) -> str:
    """The text in NFC, which is how names are stored and compared."""
    name = unicodedata.normalize("NFC", text)
    if not 0 < len(name) <= longest or name != name.strip():
        raise BadInput(f"Give 1 to {longest} characters without spaces around them.", field=field)
    if any(unicodedata.category(character) in _UNSEEN for character in name):
        raise BadInput("This has invisible characters.", field=field)
    return name


def _email(address: str | None) -> str | None:
    """Check only the form of the address: nothing depends on whether it is the user's."""
    if address is None:
        return None
    email = _name(address, MAX_EMAIL_LENGTH, "email")
    local, at, domain = email.partition("@")
    if not (local and at and domain) or "@" in domain or any(character.isspace() for character in email):
        raise BadInput("This is not an e-mail address.", field="email")
    return email


def _email_verified(email: str | None) -> bool | None:
    return None if email is None else False


def _taken() -> Conflict:
    return Conflict("There is already a user of this name.", code="USERNAME_TAKEN")
