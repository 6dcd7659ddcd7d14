"""What admins do in the tenant in memory, and what happens to it: each either changes it or is refused by the real rules."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from identity_api.errors import Refused
from identity_api.permissions import delegation, provider_authority, ways_in
from identity_api.permissions.delegation import Actor
from identity_api.permissions.provider_authority import Word
from identity_api.permissions.service import GRANTS_WRITE, MAPPINGS_WRITE, PROVIDERS_WRITE, USERS_WRITE
from identity_api.permissions.ways_in import Opening
from tests.permissions.reach import World
from tests.permissions.rows import SERVICE, TENANT, Account, GroupMapping, Identity, Invitation, Provider, names, rights

NEEDS = {
    "createUser": USERS_WRITE,
    "createPasswordToken": USERS_WRITE,
    "createInvitation": USERS_WRITE,
    "revokeInvitation": USERS_WRITE,
    "linkIdentity": USERS_WRITE,
    "unlinkIdentity": USERS_WRITE,
    "releaseIdentity": USERS_WRITE,
    "resetUserTotp": USERS_WRITE,
    "updateUserProfile": USERS_WRITE,
    "disableUser": USERS_WRITE,
    "enableUser": USERS_WRITE,
    "endSession": USERS_WRITE,
    "removeUserPassword": USERS_WRITE,
    "grantPermission": GRANTS_WRITE,
    "revokePermission": GRANTS_WRITE,
    "createGroupMapping": MAPPINGS_WRITE,
    "updateGroupMapping": MAPPINGS_WRITE,
    "createProvider": PROVIDERS_WRITE,
    "updateProvider": PROVIDERS_WRITE,
    "enableProvider": PROVIDERS_WRITE,
    "disableProvider": PROVIDERS_WRITE,
}
"""The mutations that are played, and the permission that each asks for."""


class Impossible(Exception):
    """There is nothing to do it to."""


class Play:
    """One action of one person in one account, on a copy of the world."""

    def __init__(self, world: World, person: int, account: int) -> None:
        self.world, self.person = world, person
        self.account = world.accounts[account]
        self.force = world.in_force(self.account)
        self.actor = Actor(TENANT, UUID(int=account), f"user:{account}", names(self.force))

    def do(self, action: str, args: Mapping[str, Any]) -> None:
        """Raises: Refused, Impossible."""
        needed = NEEDS[action]
        if needed not in self.actor.permissions:
            raise Refused(f"This needs {needed}.")
        before = self.world.administered()
        getattr(self, f"_{action}")(**args)
        ways_in.check_admin_remains(self.actor, before, self.world.administered())

    # Users

    def _may_open(self, opening: Opening, account: Account, through: int = 0) -> None:
        ways_in.check_may_open(self.actor, opening, self.world.seen(account), through=rights(through))

    def _may_take(self, account: Account) -> None:
        if account is not self.account:
            ways_in.check_may_take(self.actor, ways_in.taken(self.world.seen(account)))

    def _createUser(self, name: int) -> None:
        if self.world.named(name) is not None:
            raise Impossible
        made = Account(self.world.fresh(), name)
        self.world.accounts[made.id] = made

    def _createPasswordToken(self, account: int) -> None:
        target = self.world.accounts[account]
        self._may_open(Opening.CREATE_PASSWORD_TOKEN, target)
        if not target.enabled:
            raise Impossible
        target.link = self.person

    def _createInvitation(self, name: int, provider: int | None, given: int) -> None:
        if given and GRANTS_WRITE not in self.actor.permissions:
            raise Refused(f"This needs {GRANTS_WRITE}.")
        self._may_give(given)
        if self.world.named(name) is not None:
            raise Impossible
        made = Account(self.world.fresh(), name, manual=given)
        made.invitation = Invitation(self.person, self.account.id, provider)
        self.world.accounts[made.id] = made

    def _revokeInvitation(self, account: int) -> None:
        target = self.world.accounts[account]
        if target.invitation is None:
            raise Impossible
        self._may_take(target)
        target.invitation = None

    def _linkIdentity(self, account: int, provider: int, anchor: int) -> None:
        world, target = self.world, self.world.accounts[account]
        self._may_open(Opening.LINK_IDENTITY, target, world.potential(provider))
        if any(i.provider == provider and i.anchor == anchor for a in world.accounts.values() for i in a.identities):
            raise Impossible
        target.identities.append(Identity(world.fresh(), provider, anchor, None, world.providers[provider].issuer))
        target.was_linked = True

    def _unlinkIdentity(self, identity: int) -> None:
        target, found = self._identity(identity)
        if target is self.account:
            raise Impossible
        self._may_take(target)
        self.world.end_login(target, found, "REVOKED")
        target.identities.remove(found)

    def _releaseIdentity(self, identity: int) -> None:
        target, found = self._identity(identity)
        self._may_open(Opening.RELEASE_IDENTITY, target)
        if found.state != "QUARANTINED":
            raise Impossible
        found.state = "REVOKED"

    def _identity(self, identity: int) -> tuple[Account, Identity]:
        return next((a, i) for a in self.world.accounts.values() for i in a.identities if i.id == identity)

    def _resetUserTotp(self, account: int) -> None:
        target = self.world.accounts[account]
        self._may_open(Opening.RESET_USER_TOTP, target)
        self._may_take(target)
        target.factor = None

    def _updateUserProfile(self, account: int, name: int) -> None:
        world, target = self.world, self.world.accounts[account]
        if any(world.providers[one.provider].enabled for one in target.identities) or target.name == name:
            raise Impossible
        if target is not self.account:
            self._may_open(Opening.RENAME_USER, target)
        if world.named(name) is not None:
            raise Impossible
        target.name = name

    def _disableUser(self, account: int) -> None:
        target = self.world.accounts[account]
        if target is self.account:
            raise Impossible
        self._may_take(target)
        if target.enabled:
            target.enabled, target.sessions, target.token = False, frozenset(), None

    def _enableUser(self, account: int) -> None:
        target = self.world.accounts[account]
        if not target.enabled:
            self._may_open(Opening.ENABLE_USER, target)
            target.enabled = True

    def _endSession(self, account: int) -> None:
        target = self.world.accounts[account]
        if not target.sessions:
            raise Impossible
        self._may_take(target)
        target.sessions = frozenset(sorted(target.sessions, key=str)[1:])

    def _removeUserPassword(self, account: int) -> None:
        target = self.world.accounts[account]
        self._may_take(target)
        target.link = None
        if target.password is not None:
            target.password = target.factor = None
            target.sessions = frozenset([one for one in target.sessions if one[1] is not None])
            self.world.end_stranded(target)

    def _grantPermission(self, account: int, permission: int) -> None:
        target = self.world.accounts[account]
        self._may_give(permission)
        if target is self.account:
            delegation.check_no_self_benefit(self.actor, frozenset(), frozenset(names(permission)))
        target.manual |= permission

    def _revokePermission(self, account: int, permission: int) -> None:
        self._may_give(permission)
        self.world.accounts[account].manual &= ~permission

    def _may_give(self, bits: int) -> None:
        for right in sorted(rights(bits)):
            delegation.check_may_give(self.actor, right.name, delegable=right.delegable)

    # Mappings

    def _createGroupMapping(self, provider: int | None, group: int, given: int) -> None:
        self._names_provider(provider, given)
        self._may_give(given)
        if any((o.live, o.provider, o.group) == (True, provider, group) for o in self.world.mappings.values()):
            raise Impossible
        self._edit(self.world.fresh(), GroupMapping(provider, group, given))

    def _updateGroupMapping(self, mapping: int, provider: int | None, group: int, given: int) -> None:
        before = self.world.mappings[mapping]
        if not before.live:
            raise Impossible
        self._names_provider(provider, given)
        self._may_give(given | before.given)
        if not given:
            return self._edit(mapping, GroupMapping(before.provider, before.group, before.given, live=False))
        others = [one for key, one in self.world.mappings.items() if key != mapping]
        if any((o.live, o.provider, o.group) == (True, provider, group) for o in others):
            raise Impossible
        return self._edit(mapping, GroupMapping(provider, group, given))

    @staticmethod
    def _names_provider(provider: int | None, given: int) -> None:
        if provider is None and given & SERVICE:
            raise Refused("It names no provider.", code="PROVIDER_NEEDED")

    def _edit(self, key: int, mapping: GroupMapping) -> None:
        self.world.mappings[key] = mapping
        opened = self._opened(None)
        self.world.follow_mappings()
        self._gains_nothing(opened)

    def _opened(self, provider: int | None) -> int:
        """What grants that follow would give to the actor's own identities, in force or not."""
        found = 0
        for identity in self.account.identities:
            if provider in (None, identity.provider):
                for key, given in self.world.given(identity.provider, identity.groups).items():
                    found |= given & ~identity.grants.get(key, 0)
        return found

    def _gains_nothing(self, opened: int) -> None:
        after = names(self.world.in_force(self.account) | opened)
        delegation.check_no_self_benefit(self.actor, self.actor.permissions, after)

    # Providers

    def _createProvider(self, **given: Any) -> None:
        made = Provider(self.world.fresh(), issuer=self.world.next_id, place=self.person, is_new=True, **given)
        self._check_word(None, made)
        self.world.providers[made.id] = made

    def _updateProvider(self, provider: int, **given: Any) -> None:
        before = self.world.providers[provider]
        wanted = before.copy()
        for name, value in given.items():
            setattr(wanted, name, value)
        if wanted.adopts and wanted.provisioning != "JIT":
            raise Impossible
        if wanted != before:
            self._check_word(before, wanted)
            self._change(before, wanted)

    def _enableProvider(self, provider: int) -> None:
        self._updateProvider(provider, enabled=True)

    def _disableProvider(self, provider: int) -> None:
        self._updateProvider(provider, enabled=False)

    def _check_word(self, before: Provider | None, wanted: Provider) -> None:
        old, new = before.settings() if before else None, wanted.settings()
        is_there = any(one.provider == wanted.id for one in self.account.identities)
        if old is not None and is_there and provider_authority.outlasting(old, new):
            raise Refused("It would outlast.", code="SELF_BENEFIT")
        words = provider_authority.words_at_stake(old, new)
        for word in words:
            self._may_give(self.world.of_word(word, wanted))
        if provider_authority.decides_names(old, new) and USERS_WRITE not in self.actor.permissions:
            raise Refused("Names open accounts made later.")
        is_switched_on = old is not None and provider_authority.changed(old, new) == ("enabled",)
        if Word.GROUPS in words and is_there and not is_switched_on:
            mapped = names(self.world.potential(wanted.id))
            delegation.check_no_self_benefit(self.actor, self.actor.permissions, self.actor.permissions | mapped)

    def _change(self, before: Provider, wanted: Provider) -> None:
        world = self.world
        world.providers[wanted.id] = wanted
        has_moved = (before.issuer, before.place) != (wanted.issuer, wanted.place)
        for account in world.accounts.values():
            for identity in account.identities:
                if identity.provider == wanted.id and has_moved:
                    world.end_login(account, identity, "REVOKED")
                if identity.provider == wanted.id and before.enabled and not wanted.enabled:
                    world.end_login(account, identity)
        opened = 0
        if before.mode != wanted.mode or (wanted.enabled and not before.enabled):
            opened = self._opened(wanted.id)
            world.follow_mappings(provider=wanted.id)
        self._gains_nothing(opened)


Step = tuple[str, tuple[int, int] | int | None, dict[str, Any]]
"""What happens, who does it (person and account, a person, nobody), and with what."""


def play(world: World, step: Step) -> tuple[str, World]:
    """OK and the world as it is then; or the code of the refusal and the world as it was."""
    action, who, args = step
    after = world.copy()
    if not args:
        return "IMPOSSIBLE", world
    try:
        if action in NEEDS:
            assert isinstance(who, tuple)
            Play(after, *who).do(action, args)
            return "OK", after
        outcome = _happen(after, action, who, args)
    except Impossible:
        return "IMPOSSIBLE", world
    except Refused as refused:
        return refused.code, world
    return outcome, after


def _happen(world: World, action: str, who: Any, args: Mapping[str, Any]) -> str:
    """What is no admin's action: people come in, and providers speak."""
    if action in ("sign_in", "groups"):
        provider = world.providers[args["provider"]]
        if action == "groups":
            world.groups[provider.id, who] = args["groups"]
            return "OK"
        words = list(world.words(who, provider))
        return world.sign_in(who, provider, words[int(args["which"] * len(words))]) if words else "IMPOSSIBLE"
    account = world.accounts[args["account"]]
    if action == "quarantine":
        for identity in [one for one in account.identities if one.state == "FRESH"]:
            world.end_login(account, identity, "QUARANTINED")
    elif action == "sign_in_by_password":
        return world.sign_in_by_password(who, account)
    elif action == "use_link":
        if account.link != who or not account.enabled:
            return "IMPOSSIBLE"
        world.choose_password(who, account)
    elif action == "use_invitation":
        return _accept(world, account, who, args)
    elif action == "enrol_factor":
        if account.factor is not None or account.password != who or (who, None) not in account.sessions:
            return "IMPOSSIBLE"
        account.factor = who
    return "OK"


def _accept(world: World, account: Account, who: int, args: Mapping[str, Any]) -> str:
    """Somebody comes in with an invitation: by a password, or at its provider."""
    if account.invitation is None or account.invitation.holder != who:
        return "IMPOSSIBLE"
    if account.invitation.provider is None:
        if not world.lets_in(account):
            return "IMPOSSIBLE"
        world.choose_password(who, account)
        return "OK"
    provider = world.providers[account.invitation.provider]
    words = list(world.words(who, provider))
    if not words:
        return "IMPOSSIBLE"
    return world.sign_in(who, provider, words[int(args["which"] * len(words))], invited=account)
