"""Users that the operator enters by name: from a declaration, a table, or the command line (S1-11, S3-20, S3-22).

A user who exists already keeps their names; missing identities and permissions are added, and nothing is removed. Every
problem is found before anything is written. An interrupted enrolment is finished by running it again.
"""

import unicodedata
from collections.abc import Collection, Mapping, Sequence
from typing import Final, Literal
from uuid import UUID

import msgspec

from identity_api.accounts.administration import grant_permission
from identity_api.accounts.linking import check_anchor, link_identity
from identity_api.accounts.local import NewLocalUser, create_local_user, new_values
from identity_api.db import enrolment, permissions, providers
from identity_api.db.database import Connection, Database
from identity_api.db.enrolment import KnownPerson
from identity_api.errors import BadInput, ConfigurationError
from identity_api.permissions.delegation import Actor
from identity_api.permissions.service import SERVICE_PERMISSIONS, SERVICE_PREFIX


class EnrolledIdentity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A person at a provider: the value of the anchor claim, exactly as the provider writes it."""

    provider: str
    anchor: str


class EnrolledUser(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A user as the operator declares one."""

    username: str
    display_label: str | None = None
    email: str | None = None
    identities: tuple[EnrolledIdentity, ...] = ()
    permissions: tuple[str, ...] = ()


class Enrolled(msgspec.Struct, frozen=True):
    """One thing that was, or would be, made."""

    kind: Literal["user", "identity", "grant"]
    name: str


class Vocabulary(msgspec.Struct, frozen=True):
    """Providers as they are about to be, and permissions that are about to be made too, and so may be named."""

    modes: Mapping[str, str] = {}
    enabled: Mapping[str, bool] = {}
    permissions: Collection[str] = ()


class Places(msgspec.Struct, frozen=True):
    """Where things are written, such as `Line 2`, for what is said of them."""

    users: Mapping[str, str] = {}
    """By username."""
    identities: Mapping[EnrolledIdentity, str] = {}
    permissions: Mapping[tuple[str, str], str] = {}
    """By username and permission."""

    def user(self, username: str, place: str | None = None) -> str:
        """How a problem of the user begins; at a place of its own, if it has one."""
        found = place or self.users.get(username)
        return f"{found}, user {username}" if found else f"User {username}"


_NOWHERE: Final = Places()


async def enrol(
    database: Database,
    actor: Actor,
    users: Sequence[EnrolledUser],
    *,
    dry_run: bool = False,
    beside: Vocabulary = Vocabulary(),
    places: Places = _NOWHERE,
) -> list[Enrolled]:
    """Make the users, identities and grants that do not exist yet; returns them.

    Args:
        database: where.
        actor: the operator, in the tenant.
        users: one of each name.
        dry_run: return what would be made and make nothing.
        beside: for a dry run: what is not written yet. A provider that admins manage stays as it is.
        places: where users and what they have are written; problems begin with it.

    Raises:
        ConfigurationError: with every problem, by user; nothing is written then.
        Conflict, Refused: a concurrent change came first; what is written already stays.
    """
    users = [msgspec.structs.replace(one, username=unicodedata.normalize("NFC", one.username)) for one in users]
    async with database.reading() as connection:
        found = await _find(connection, actor.tenant_id, users, beside)
    problems = [problem for user in users for problem in _problems(user, found, places)] + _twice(users)
    if problems:
        raise ConfigurationError(problems)
    missing = [_missing(user, found) for user in users]
    if not dry_run:
        for user, lacks in zip(users, missing, strict=True):
            await _make(database, actor, user, lacks, found)
    return [one for lacks in missing for one in lacks.told]


class _Found(msgspec.Struct, frozen=True):
    """What there is."""

    people: Mapping[str, KnownPerson]
    owners: Mapping[tuple[str, str], str]
    """Whose an identity is: provider and anchor to username."""
    modes: Mapping[str, str]
    strict: Collection[str]
    """Slugs of enabled `STRICT` providers: who lives there is given nothing by hand."""
    provider_ids: Mapping[str, UUID]
    permission_ids: Mapping[str, UUID]
    names: Collection[str]


async def _find(connection: Connection, tenant_id: UUID, users: Sequence[EnrolledUser], beside: Vocabulary) -> _Found:
    known = await providers.of_tenant(connection, tenant_id)
    names = {name for user in users for name in user.permissions}
    catalogue = await permissions.by_names(connection, tenant_id, names)
    anchors = [(one.provider, one.anchor) for user in users for one in user.identities]
    theirs = {one.slug for one in known if one.managed_by == "API"}
    modes: dict[str, str] = {one.slug: one.sync_mode for one in known}
    modes |= {slug: mode for slug, mode in beside.modes.items() if slug not in theirs}
    enabled = {one.slug: one.enabled for one in known}
    enabled |= {slug: is_enabled for slug, is_enabled in beside.enabled.items() if slug not in theirs}
    return _Found(
        people=await enrolment.people(connection, tenant_id, [user.username for user in users]),
        owners=await enrolment.owners(connection, tenant_id, anchors),
        modes=modes,
        strict={slug for slug, mode in modes.items() if mode == "STRICT" and enabled.get(slug, True)},
        provider_ids={one.slug: one.id for one in known},
        permission_ids={name: row.id for name, row in catalogue.items()},
        names={*catalogue, *beside.permissions, *SERVICE_PERMISSIONS},
    )


def _problems(user: EnrolledUser, found: _Found, places: Places) -> list[str]:
    """All problems of one user, each beginning with the place."""
    problems, place = [], places.user(user.username)
    try:
        new_values(NewLocalUser(username=user.username, display_label=user.display_label, email=user.email))
    except BadInput as error:
        problems.append(f"{place}, {error.field}: {error.message}")
    for one in user.identities:
        owner = found.owners.get((one.provider, one.anchor), user.username)
        there = places.user(user.username, places.identities.get(one))
        if one.provider not in found.modes:
            problems.append(f"{there}: there is no provider {one.provider}.")
        elif owner != user.username:
            problems.append(f"{there}: {one.anchor} at provider {one.provider} is {owner}'s. Unlink it there first.")
        try:
            check_anchor(one.anchor)
        except BadInput as error:
            problems.append(f"{there}, {error.field}: {error.message}")
    person = found.people.get(user.username)
    if person is not None and person.chose_address and (user.permissions or user.identities):
        problems.append(
            f"{place}: the person who signed in with this address chose it, and nobody has verified it. Check who it is, "
            "and name them by their id with `identity-api grant`."
        )
    given = (*user.permissions, *(person.given_by_hand if person else ()))
    by_hand = [name for name in dict.fromkeys(given) if not name.startswith(SERVICE_PREFIX)]
    strict = [one.provider for one in user.identities if found.modes.get(one.provider) == "STRICT"]
    strict += [slug for slug in person.lives_at if slug in found.strict] if person else []
    if by_hand and strict:
        problems.append(
            f"{place}: provider {strict[0]} is STRICT, so that {', '.join(by_hand)} cannot be given by hand. Map a group."
        )
    return problems + [
        f"{places.user(user.username, places.permissions.get((user.username, name)))}: there is no permission {name}."
        for name in user.permissions
        if name not in found.names
    ]


def _twice(users: Sequence[EnrolledUser]) -> list[str]:
    names = [user.username for user in users]
    anchors = [(one.provider, one.anchor) for user in users for one in user.identities]
    return [f"User {name} is there twice." for name in sorted({one for one in names if names.count(one) > 1})] + [
        f"{anchor} at provider {provider} is there twice."
        for provider, anchor in sorted({one for one in anchors if anchors.count(one) > 1})
    ]


class _Missing(msgspec.Struct, frozen=True):
    """What one user lacks."""

    user_id: UUID | None
    identities: tuple[EnrolledIdentity, ...]
    permissions: tuple[str, ...]
    told: tuple[Enrolled, ...]


def _missing(user: EnrolledUser, found: _Found) -> _Missing:
    person = found.people.get(user.username)
    identities = tuple([one for one in user.identities if (one.provider, one.anchor) not in found.owners])
    lacking = tuple([name for name in user.permissions if person is None or name not in person.given_by_hand])
    told = [] if person else [Enrolled("user", user.username)]
    told += [Enrolled("identity", f"{one.anchor} at {one.provider} for {user.username}") for one in identities]
    told += [Enrolled("grant", f"{name} to {user.username}") for name in lacking]
    return _Missing(person.id if person else None, identities, lacking, tuple(told))


async def _make(database: Database, actor: Actor, user: EnrolledUser, lacks: _Missing, found: _Found) -> None:
    new = NewLocalUser(username=user.username, display_label=user.display_label, email=user.email)
    user_id = lacks.user_id or await create_local_user(database, actor, new)
    for one in lacks.identities:
        await link_identity(database, actor, user_id, found.provider_ids[one.provider], one.anchor)
    for name in lacks.permissions:
        await grant_permission(database, actor, user_id, found.permission_ids[name])
