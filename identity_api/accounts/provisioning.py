"""Find the account of a verified login: the identity, or a new one as the provider's policy says.

    JIT            the anchor is unknown: make a user, or with `adopt_by_name` take over one that waits for it
    KNOWN_USERS    match the username claim once, exactly; refuse others
    LINKED_ONLY    an admin has entered the identity; refuse others

An identity is found by its anchor (exact), and must then have the same issuer and subject. The same anchor with another
subject may be another person: an address given to a successor, a rebuilt provider, or an attack. That login is refused and
recorded, and the owner can still sign in, because a stranger must not be able to lock anybody out. An admin or the operator
may let the identity accept the next subject (`accounts.rebinding`). The same subject with a new anchor is the same person
(OIDC Core 2: a subject is never reassigned). An e-mail alone never finds an account, and a username that is an address
does only if the provider has verified it.

`adopt_by_name` is for migrating existing accounts: until everybody is linked (`Filter.linked` lists who is not),
a first login may take over the user whose username equals the provider's username claim. It is off by default, because a
person who chooses names at the provider then chooses accounts here. The provider's `username` setting says which claim
names the account; systems that compare the display name set it to that claim.

Who comes with an invitation (`accounts.invitations`) and is nobody here yet becomes the user who was made with it, whatever
the policy says.

A match, an adoption and the first login of an identity that an admin linked each end every older way into the account:
a password, link, token or session from before may belong to somebody who waits to profit from the person's permissions.

A refusal is a return value, not an exception: the caller's transaction commits, with the audit in it.
"""

import unicodedata
from collections.abc import Sequence
from typing import Final, Literal
from uuid import UUID

import msgspec

from identity_api.accounts.invitations import accept_by_login
from identity_api.accounts.names import username_candidates
from identity_api.claims import Profile
from identity_api.db import audit, erasure, identities, users
from identity_api.db.database import Connection
from identity_api.db.identities import Found
from identity_api.db.providers import Provider
from identity_api.errors import Conflict, NotFound
from identity_api.ids import token_hash, uuid7
from identity_api.lifecycle.end_login import OlderWaysReason, end_older_ways_in
from identity_api.relying_party.claim_settings import claim_sources

Refusal = Literal[
    "ACCOUNT_NOT_FOUND",
    "ACCOUNT_DISABLED",
    "ACCOUNT_QUARANTINED",
    "SUBJECT_CHANGED",
    "EMAIL_NOT_VERIFIED",
    "INVITATION_ENDED",
]
_ENDS: Final[dict[str, OlderWaysReason]] = {
    "adopted": "adopted_by_name",
    "matched": "matched_by_name",
    "invited": "identity_bound",
}

TRUSTED = "TRUSTED"
"""The provider's e-mail addresses are taken as verified, said by whoever configured it."""
REQUIRED = "REQUIRED"
"""Nobody signs in through the provider without a verified e-mail address."""


class VerifiedPerson(msgspec.Struct, frozen=True, kw_only=True):
    """The person who signed in, from the provider's verified answer."""

    issuer: str
    subject: str
    profile: Profile


class Provisioned(msgspec.Struct, frozen=True):
    """The account of the person; `is_new` if the identity was made just now."""

    user_id: UUID
    identity_id: UUID
    is_new: bool


class Declined(msgspec.Struct, frozen=True):
    """The login is refused. `detail` is for the audit, and so is `name`: the username that matched no user."""

    code: Refusal
    detail: str | None = None
    name: str | None = None


async def provision(
    connection: Connection, provider: Provider, person: VerifiedPerson, *, actor: str, invitation_id: UUID | None = None
) -> Provisioned | Declined:
    """Find or make the account, in the caller's transaction. Profile, groups and grants are written afterwards, by
    `lifecycle.apply_verified`.

    The caller holds `locks.login` with the `names_of` the person. Takes the user's lock.
    """
    declined = _email_verdict(provider, person.profile)
    if declined is not None:
        return declined
    # Before anything is read: an identity may be quarantined, or its user disabled, while we wait.
    await identities.lock_owners(connection, provider.tenant_id, provider.id, _key(person))
    found = await _find(connection, provider, person, actor)
    if found is None:
        return await _unknown(connection, provider, person, actor, invitation_id)
    return await _known(connection, provider, found, person, actor)


def names_of(provider: Provider, person: VerifiedPerson) -> list[str]:
    """The names by which an identity of the person may be made, for `locks.people`."""
    return [f"{provider.id} s {person.issuer} {person.subject}", f"{provider.id} a {person.profile.anchor}"]


def _key(person: VerifiedPerson) -> identities.Key:
    return identities.Key(person.profile.anchor, person.issuer, person.subject)


async def _unknown(
    connection: Connection, provider: Provider, person: VerifiedPerson, actor: str, invitation_id: UUID | None
) -> Provisioned | Declined:
    """Somebody who has no identity: never had one, or was erased."""
    if await erasure.is_remembered(
        connection,
        provider.tenant_id,
        provider.id,
        person.profile.anchor,
        issuer=person.issuer,
        subject=person.subject,
    ):
        return Declined("ACCOUNT_NOT_FOUND", "erased_recently")
    if invitation_id is not None:
        return await _invited(connection, provider, person, invitation_id, actor)
    match provider.provisioning:
        case "JIT":
            adopted = await _adopt(connection, provider, person, actor) if provider.adopt_by_name else None
            return adopted or await _create(connection, provider, person, actor)
        case "KNOWN_USERS":
            return await _match_by_name(connection, provider, person, actor)
        case "LINKED_ONLY":
            return Declined("ACCOUNT_NOT_FOUND", "linked_only")


def _email_verdict(provider: Provider, profile: Profile) -> Declined | None:
    """An e-mail address identifies a person only if the provider says that it has verified the address."""
    if provider.email_verified_rule == TRUSTED:
        return None
    is_anchor = any(source.may_be("email") for source in claim_sources(provider.claims).profile.anchor)
    if not is_anchor and provider.email_verified_rule != REQUIRED:
        return None
    is_verified = profile.email_verified is True and (not is_anchor or profile.email == profile.anchor)
    return None if is_verified else Declined("EMAIL_NOT_VERIFIED")


async def _find(connection: Connection, provider: Provider, person: VerifiedPerson, actor: str) -> Found | None:
    """The identity of the person's anchor value, or of their subject with another anchor value, which is stored anew.

    If they have signed in before, an identity that waits for its first login is not theirs: a subject never changes persons
    (OIDC Core 2), so whatever their anchor is now, they use the identity that they have, and the other one keeps waiting.
    """
    anchored, own = await identities.of_person(connection, provider.tenant_id, provider.id, _key(person))
    if anchored is not None:
        return anchored if anchored.subject is not None else own or anchored
    if own is None or own.state == "QUARANTINED":
        return own
    await identities.move_anchor(connection, provider.tenant_id, own.id, person.profile.anchor)
    payload = {"anchor_hash": token_hash(person.profile.anchor).hex()}
    event = audit.Event("identity.anchor_changed", "identity", own.id, payload)
    await audit.record(connection, provider.tenant_id, actor, [event])
    return own


async def _known(
    connection: Connection, provider: Provider, found: Found, person: VerifiedPerson, actor: str
) -> Provisioned | Declined:
    """An identity that exists: still the same person, and allowed to sign in?"""
    # Whichever of its issuers the provider named (Entra has one per directory): nobody has claimed the identity yet.
    if found.subject is None:
        await identities.bind_subject(connection, provider.tenant_id, found.id, person.issuer, person.subject)
        event = audit.Event("identity.subject_bound", "identity", found.id, {"provider": str(provider.id)})
        await audit.record(connection, provider.tenant_id, actor, [event])
        await end_older_ways_in(connection, provider.tenant_id, found.user_id, reason="identity_bound", actor=actor)
    elif (found.issuer, found.subject) != (person.issuer, person.subject):
        await _record_newcomer(connection, provider, found, person, actor)
        return Declined("SUBJECT_CHANGED", f"identity:{found.id}")
    # A login undoes a revocation. An admin must release a quarantine first.
    if found.state == "QUARANTINED":
        return Declined("ACCOUNT_QUARANTINED", f"identity:{found.id}")
    if found.user_disabled_at is not None:
        return Declined("ACCOUNT_DISABLED", f"user:{found.user_id}")
    return Provisioned(found.user_id, found.id, is_new=False)


async def _record_newcomer(
    connection: Connection, provider: Provider, owner: Found, person: VerifiedPerson, actor: str
) -> None:
    """Record both subjects, hashed, so that an admin can tell a successor from a rebuilt provider."""
    assert owner.subject is not None
    payload = {
        "claim": "iss" if owner.issuer != person.issuer else "sub",
        "known_issuer": owner.issuer,
        "received_issuer": person.issuer,
        "known_subject_hash": token_hash(owner.subject).hex(),
        "received_subject_hash": token_hash(person.subject).hex(),
    }
    event = audit.Event("identity.subject_refused", "identity", owner.id, payload)
    await audit.record(connection, provider.tenant_id, actor, [event])


async def _adopt(
    connection: Connection, provider: Provider, person: VerifiedPerson, actor: str
) -> Provisioned | Declined | None:
    """Take over the user of exactly this name who has never had an identity; None if there is none to take over.

    A user who was linked before belongs to another person, so a namesake gets a new account.
    """
    name = person.profile.username
    known = await users.by_username(connection, provider.tenant_id, name) if name is not None else None
    if known is None or known.was_linked:
        return None
    # A second account beside the intended one could not be undone, so an admin has to decide.
    return _forbidden(provider, person, known) or await _claim(connection, provider, person, known.id, "adopted", actor)


async def _create(connection: Connection, provider: Provider, person: VerifiedPerson, actor: str) -> Provisioned:
    """Just in time: a new user, whatever names are taken."""
    profile = person.profile
    user_id = uuid7()
    trusts = provider.email_verified_rule == TRUSTED
    may_be_address = any(source.may_be("email") for source in claim_sources(provider.claims).profile.username)
    for username in username_candidates(profile, trusts_addresses=trusts, name_may_be_address=may_be_address):
        label = profile.display_label or username
        user = users.NewUser(user_id, label, profile.email, profile.email_verified)
        if await users.insert(connection, provider.tenant_id, user, username):
            break
    else:
        raise Conflict("No username is free for this person.")
    event = audit.Event("user.created", "user", user_id, {"provider": str(provider.id)})
    return await _link(connection, provider, person, user_id, "created", actor, after=[event])


async def _match_by_name(
    connection: Connection, provider: Provider, person: VerifiedPerson, actor: str
) -> Provisioned | Declined:
    """Match, once, a user of exactly this name whom an admin made beforehand."""
    name = person.profile.username
    if name is None:
        return Declined("ACCOUNT_NOT_FOUND", "username_missing")
    known = await users.by_username(connection, provider.tenant_id, name)
    if known is None:
        is_near = await users.is_name_but_for_capitals(connection, provider.tenant_id, name)
        return Declined("ACCOUNT_NOT_FOUND", "username_differs_in_case" if is_near else "no_such_username", name)
    if known.was_linked:
        return Declined("ACCOUNT_NOT_FOUND", "user_has_an_identity", name)
    return _forbidden(provider, person, known) or await _claim(connection, provider, person, known.id, "matched", actor)


def _name_verdict(provider: Provider, profile: Profile) -> Declined | None:
    """An e-mail address as the matched name needs the same verification as one as the anchor (S3-30)."""
    may_be_address = any(source.may_be("email") for source in claim_sources(provider.claims).profile.username)
    if provider.email_verified_rule == TRUSTED or not may_be_address or "@" not in (profile.username or ""):
        return None
    address = unicodedata.normalize("NFC", profile.email or "")
    is_verified = profile.email_verified is True and address == profile.username
    return None if is_verified else Declined("EMAIL_NOT_VERIFIED", "username")


def _forbidden(provider: Provider, person: VerifiedPerson, known: users.KnownUser) -> Declined | None:
    """Why the provider may not sign its person in to this user."""
    declined = _name_verdict(provider, person.profile)
    if declined is not None:
        return declined
    # Otherwise a person who chooses usernames at the provider could become an administrator here.
    if known.holds_identity_rights:
        return Declined("ACCOUNT_NOT_FOUND", "user_holds_identity_rights", person.profile.username)
    return Declined("ACCOUNT_DISABLED", f"user:{known.id}") if known.disabled_at is not None else None


async def _invited(
    connection: Connection, provider: Provider, person: VerifiedPerson, invitation_id: UUID, actor: str
) -> Provisioned | Declined:
    """The user whom an admin has made for this person, who came with the link."""
    try:
        user_id = await accept_by_login(connection, provider.tenant_id, invitation_id, provider.id, actor=actor)
    except NotFound:
        # Not another account instead: it would lack what the person was invited to.
        return Declined("INVITATION_ENDED")
    return await _claim(connection, provider, person, user_id, "invited", actor)


async def _claim(
    connection: Connection,
    provider: Provider,
    person: VerifiedPerson,
    user_id: UUID,
    how: Literal["adopted", "matched", "invited"],
    actor: str,
) -> Provisioned:
    """Give the account to this person: every older way into it ends, whoever made it."""
    reason = _ENDS[how]
    await end_older_ways_in(connection, provider.tenant_id, user_id, reason=reason, actor=actor)
    return await _link(connection, provider, person, user_id, how, actor)


async def _link(
    connection: Connection,
    provider: Provider,
    person: VerifiedPerson,
    user_id: UUID,
    how: str,
    actor: str,
    *,
    after: Sequence[audit.Event] = (),
) -> Provisioned:
    identity_id = uuid7()
    await identities.insert(
        connection,
        provider.tenant_id,
        identity_id=identity_id,
        user_id=user_id,
        provider_id=provider.id,
        issuer=person.issuer,
        subject=person.subject,
        anchor=person.profile.anchor,
    )
    payload = {"user": str(user_id), "provider": str(provider.id), "how": how}
    linked = audit.Event("identity.linked", "identity", identity_id, payload)
    await audit.record(connection, provider.tenant_id, actor, [*after, linked])
    return Provisioned(user_id, identity_id, is_new=True)
