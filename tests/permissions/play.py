"""What admins do in the tenant in memory, and what happens to it: each either changes it or is refused by the real rules."""

from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from identity_api.errors import Refused
from identity_api.permissions import delegation, provider_authority, ways_in
from identity_api.permissions.delegation import Actor
from identity_api.permissions.provider_authority import Word
from identity_api.permissions.service import GRANTS_WRITE, MAPPINGS_WRITE, PROVIDERS_WRITE, USERS_WRITE
from identity_api.permissions.ways_in import Opening
from tests.permissions import reach
from tests.permissions.reach import (
    ALL,
    DOCS,
    GROUPS,
    HONEST,
    SERVICE,
    TENANT,
    VAULT,
    Account,
    Provider,
    World,
    names,
    rights,
)

NEEDS = {
    "createUser": USERS_WRITE,
    "createPasswordToken": USERS_WRITE,
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
        self.actor = Actor(TENANT, reach.UUID(int=account), f"user:{account}", names(self.force))

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

    def _linkIdentity(self, account: int, provider: int, anchor: int) -> None:
        world, target = self.world, self.world.accounts[account]
        self._may_open(Opening.LINK_IDENTITY, target, world.potential(provider))
        if any(i.provider == provider and i.anchor == anchor for a in world.accounts.values() for i in a.identities):
            raise Impossible
        target.identities.append(
            reach.Identity(world.fresh(), provider, anchor, None, world.providers[provider].issuer)
        )
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

    def _identity(self, identity: int) -> tuple[Account, reach.Identity]:
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
            delegation.check_no_self_benefit(
                self.actor, self.actor.permissions, self.actor.permissions | names(permission)
            )
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
        self._edit(self.world.fresh(), reach.Mapping(provider, group, given))

    def _updateGroupMapping(self, mapping: int, provider: int | None, group: int, given: int) -> None:
        before = self.world.mappings[mapping]
        if not before.live:
            raise Impossible
        self._names_provider(provider, given)
        self._may_give(given | before.given)
        if not given:
            return self._edit(mapping, reach.Mapping(before.provider, before.group, before.given, live=False))
        others = [one for key, one in self.world.mappings.items() if key != mapping]
        if any((o.live, o.provider, o.group) == (True, provider, group) for o in others):
            raise Impossible
        return self._edit(mapping, reach.Mapping(provider, group, given))

    @staticmethod
    def _names_provider(provider: int | None, given: int) -> None:
        if provider is None and given & SERVICE:
            raise Refused("It names no provider.", code="PROVIDER_NEEDED")

    def _edit(self, key: int, mapping: reach.Mapping) -> None:
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
PERMISSIONS = [1 << place for place in range(len(reach.RIGHTS))]


def starting_world(seed: int) -> World:
    """Person 0 holds one subset of the service's permissions, each in turn; person 1 administers; person 2 is somebody."""
    random, world = Random(seed), World(3)
    for key in (1, 2)[: random.choice((1, 2, 2))]:
        world.providers[key] = Provider(
            key,
            provisioning=random.choice(("JIT", "KNOWN_USERS", "LINKED_ONLY")),
            mode=random.choice(("ADDITIVE", "ADDITIVE", "ADDITIVE", "NONE")),
        )
        world.providers[key].adopts = world.providers[key].provisioning == "JIT" and random.random() < 0.4
        for person in range(3):
            world.groups[key, person] = frozenset([one for one in GROUPS if random.random() < 0.5])
    for _ in range(random.choice((0, 1, 2))):
        given = random.choice((SERVICE, DOCS, VAULT, ALL, random.choice(PERMISSIONS)))
        key = world.fresh()
        provider = (
            random.choice((None, *world.providers)) if not given & SERVICE else random.choice(list(world.providers))
        )
        world.mappings[key] = reach.Mapping(provider, len(world.mappings), given)
    held = seed % (SERVICE + 1) | (random.choice((0, DOCS, VAULT, DOCS | VAULT)))
    world.accounts[10] = Account(10, None, manual=held, password=0)
    world.accounts[11] = Account(11, random.choice((None, 1)), manual=random.choice((ALL, SERVICE)), password=1)
    waiting = random.choice((0, DOCS, VAULT, VAULT | DOCS, VAULT | random.choice(PERMISSIONS)))
    world.accounts[12] = Account(12, random.choice((None, 0, 1, 2)), manual=waiting)
    if random.random() < 0.2:
        world.accounts[12].token = random.randrange(3)
    if world.accounts[12].name == world.accounts[11].name:
        world.accounts[12].name = None
    _furnish(random, world)
    for person in range(3):
        account = world.accounts.get(10 + person)
        if account is not None and account.password == person:
            world.sign_in_by_password(person, account)
        for provider in world.providers.values():
            if random.random() < 0.4:
                world.sign_in(person, provider, next(iter(world.words(person, provider))))
    return world


def _furnish(random: Random, world: World) -> None:
    """Now and then: an identity that waits, or one at each provider; a password whose factor is somebody else's."""
    account = world.accounts[12]
    for key in world.providers if random.random() < 0.4 else ():
        person = random.randrange(3)
        subject, issuer = (None, HONEST) if random.random() < 0.5 else (person, HONEST)
        account.identities.append(reach.Identity(world.fresh(), key, person, subject, issuer))
        account.was_linked = True
        account.was_bound = account.was_bound or subject is not None
    if random.random() < 0.3:
        account.password, account.factor = random.randrange(3), random.randrange(3)


def next_step(random: Random, world: World) -> Step:
    """Something that could be tried now."""
    kind = random.random()
    accounts, providers = list(world.accounts), list(world.providers)
    if kind < 0.62:
        actors = [(who, one.id) for one in world.accounts.values() for who, _ in sorted(one.sessions, key=str)]
        if actors:
            action, actor = random.choice(_ACTIONS), random.choice(actors)
            if action == "updateProvider":
                return action, actor, _changed_provider(random, world, actor[0])
            return action, actor, _ARGUMENTS[action](random, world)
    person = random.randrange(world.people)
    if kind < 0.8:
        return "sign_in", person, {"provider": random.choice(providers), "which": random.random()}
    linked = [(one.link, one.id) for one in world.accounts.values() if one.link is not None]
    if kind < 0.86 and linked:
        holder, account = random.choice(linked)
        return "use_link", holder, {"account": account}
    if kind < 0.9:
        return "sign_in_by_password", person, {"account": random.choice(accounts)}
    if kind < 0.93:
        return "enrol_factor", person, {"account": random.choice(accounts)}
    if kind < 0.96:
        return "quarantine", None, {"account": random.choice(accounts)}
    groups = frozenset([one for one in GROUPS if random.random() < 0.5])
    return "groups", person, {"provider": random.choice(providers), "groups": groups}


def _account(random: Random, world: World) -> dict[str, Any]:
    return {"account": random.choice(list(world.accounts))}


def _identity(random: Random, world: World) -> dict[str, Any]:
    found = [one.id for account in world.accounts.values() for one in account.identities]
    return {"identity": random.choice(found)} if found else {}


def _mapping(random: Random, world: World) -> dict[str, Any]:
    given = random.choice((SERVICE, DOCS, VAULT, random.choice(PERMISSIONS)))
    return {
        "provider": random.choice((None, *world.providers)),
        "group": random.choice(GROUPS),
        "given": given,
    }


def _changed_mapping(random: Random, world: World) -> dict[str, Any]:
    if not world.mappings:
        return {}
    wanted = {"mapping": random.choice(list(world.mappings)), **_mapping(random, world)}
    return {**wanted, "given": 0} if random.random() < 0.3 else wanted


def _changed_provider(random: Random, world: World, person: int) -> dict[str, Any]:
    """By somebody who may let it answer at a place of their own."""
    provider = random.choice(list(world.providers.values()))
    if provider.place == person and random.random() < 0.5:
        return {"provider": provider.id, "issuer": HONEST}
    change = random.choice(
        (
            {"issuer": 50 + person, "place": person},
            {"issuer": HONEST, "place": person},
            {"issuer": HONEST, "place": HONEST},
            {"free": provider.free ^ {"anchor"}},
            {"free": provider.free ^ {"name"}},
            {"free": provider.free ^ {"groups"}},
            {"free": provider.free ^ {"groups"}, "mode": "NONE"},
            {"provisioning": random.choice(("JIT", "KNOWN_USERS", "LINKED_ONLY"))},
            {"adopts": not provider.adopts},
            {"mode": "NONE" if provider.mode == "ADDITIVE" else "ADDITIVE"},
            {"sync": random.choice(("REFRESH_TOKEN", "OFF"))},
        )
    )
    return {"provider": provider.id, **change}


def _made_provider(random: Random, world: World) -> dict[str, Any]:
    wishes: list[dict[str, Any]] = [{"provisioning": "KNOWN_USERS"}, {"adopts": True}, {"adopts": False}]
    return random.choice(wishes) if len(world.providers) < 3 else {}


_ACTIONS = [*NEEDS, "createPasswordToken", "linkIdentity", *(["updateProvider"] * 6)]
"""Those with more to choose from are tried more often."""
_ARGUMENTS: dict[str, Callable[[Random, World], dict[str, Any]]] = {
    "createUser": lambda random, _: {"name": random.randrange(3)},
    "createPasswordToken": _account,
    "linkIdentity": lambda random, world: {
        **_account(random, world),
        "provider": random.choice(list(world.providers)),
        "anchor": random.randrange(3),
    },
    "unlinkIdentity": _identity,
    "releaseIdentity": _identity,
    "resetUserTotp": _account,
    "updateUserProfile": lambda random, world: {**_account(random, world), "name": random.randrange(3)},
    "disableUser": _account,
    "enableUser": _account,
    "endSession": _account,
    "removeUserPassword": _account,
    "grantPermission": lambda random, world: {**_account(random, world), "permission": random.choice(PERMISSIONS)},
    "revokePermission": lambda random, world: {**_account(random, world), "permission": random.choice(PERMISSIONS)},
    "createGroupMapping": _mapping,
    "updateGroupMapping": _changed_mapping,
    "createProvider": _made_provider,
    "enableProvider": lambda random, world: {"provider": random.choice(list(world.providers))},
    "disableProvider": lambda random, world: {"provider": random.choice(list(world.providers))},
}


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
        account.password, account.link = who, None
        account.sessions = frozenset([one for one in account.sessions if one[1] is not None])
    elif action == "enrol_factor":
        if account.factor is not None or account.password != who or (who, None) not in account.sessions:
            return "IMPOSSIBLE"
        account.factor = who
    return "OK"
