"""Worlds to begin with, and what could be tried next in one, drawn by chance."""

from collections.abc import Callable
from random import Random
from typing import Any

from tests.permissions.play import NEEDS, Step
from tests.permissions.reach import World
from tests.permissions.rows import (
    ALL,
    DOCS,
    GROUPS,
    HONEST,
    RIGHTS,
    SERVICE,
    VAULT,
    Account,
    GroupMapping,
    Identity,
    Provider,
)

PERMISSIONS = [1 << place for place in range(len(RIGHTS))]


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
        world.mappings[key] = GroupMapping(provider, len(world.mappings), given)
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
        account.identities.append(Identity(world.fresh(), key, person, subject, issuer))
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
    invited = [(one.invitation.holder, one.id) for one in world.accounts.values() if one.invitation is not None]
    if kind < 0.88 and invited:
        holder, account = random.choice(invited)
        return "use_invitation", holder, {"account": account, "which": random.random()}
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
    "createInvitation": lambda random, world: {
        "name": random.randrange(3),
        "provider": random.choice((None, *world.providers)),
        "given": random.choice((0, DOCS, VAULT, random.choice(PERMISSIONS))),
    },
    "revokeInvitation": _account,
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
