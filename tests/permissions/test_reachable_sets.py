"""Nobody's reachable set grows beyond what they, or a second person, gave: tens of thousands of random histories.

Each plays mutations by people with every subset of `identity:*`, logins and changes of groups in `reach.World`, where the
real rules decide, and looks after each step whether anybody could come to hold more than its actor may give. The rules are
then weakened one by one, and each weakness must be found.
"""

import os
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from identity_api.permissions import delegation, provider_authority, ways_in
from identity_api.permissions.provider_authority import Word
from identity_api.permissions.ways_in import Opening
from tests.permissions.histories import next_step, starting_world
from tests.permissions.play import NEEDS, Step, play
from tests.permissions.reach import World
from tests.permissions.rows import ADMIN_BITS, SERVICE, Account, may_give

LENGTH = 12
SEQUENCES = 20_480
"""Twenty for each subset of the ten permissions."""
TAKES_FOR_EVERYBODY = {"disableProvider", "updateProvider", "createGroupMapping", "updateGroupMapping"}


class Found(AssertionError):
    """Somebody could come to hold what nobody gave them."""


def watch(seed: int, *, length: int = LENGTH) -> tuple[int, int]:
    """Play one history; how many steps there were, and how many of them changed something.

    Raises:
        Found: with the history.
    """
    random, world = Random(seed ^ 0x5EED), starting_world(seed)
    history: list[tuple[Step, str]] = []
    reached = [world.reach(person) for person in range(world.people)]
    done = 0
    for _ in range(length):
        step = next_step(random, world)
        outcome, after = play(world, step)
        if after is world:
            continue
        history.append((step, outcome))
        now = [after.reach(person) for person in range(after.people)]
        problem = problem_of(world, after, step, reached, now)
        if problem:
            raise Found(f"seed {seed}: {problem} after {history}")
        done += outcome == "OK"
        world, reached = after, now
    return length, done


def watch_all(seeds: range) -> tuple[int, int]:
    """Play all of these; the steps, and how many changed something."""
    played = [watch(seed) for seed in seeds]
    return sum([steps for steps, _ in played]), sum([done for _, done in played])


def problem_of(before: World, after: World, step: Step, reached: list[int], now: list[int]) -> str | None:
    """What is wrong with this step, if anything is."""
    action, who, _ = step
    grown = [new & ~old for old, new in zip(reached, now, strict=True)]
    if action not in NEEDS:
        allowed = {who} if action == "groups" else set()
        found = [person for person, bits in enumerate(grown) if bits and person not in allowed]
        return f"{action} gave {grown}" if found else _problem_of_binding(before, after)
    assert isinstance(who, tuple)
    account = before.accounts[who[1]]
    given = may_give(before.in_force(account))
    if any(bits & ~given for bits in grown):
        return f"{action} gave {grown}, and its actor may give {given}"
    return _problem_of_own(before, after, account) or _problem_of_others(before, after, account, action)


def _problem_of_own(before: World, after: World, account: Account) -> str | None:
    """Nobody raises their own account, nor opens another way into it."""
    mine = after.accounts[account.id]
    if after.in_force(mine) & ~before.in_force(account) or mine.held & ~account.held:
        return "the actor's own account holds more"
    ways = (len(mine.identities) > len(account.identities), mine.link is not None and account.link is None)
    return "the actor has opened a way into their own account" if any(ways) else None


def _problem_of_others(before: World, after: World, actor: Account, action: str) -> str | None:
    """No admin above the actor is shut out, and somebody administers."""
    force = before.in_force(actor)
    for bit in ADMIN_BITS:
        if _somebody_holds(before, bit) and not _somebody_holds(after, bit):
            return "nobody administers any more"
    if action in TAKES_FOR_EVERYBODY:
        return None
    for account in before.accounts.values():
        then = after.accounts[account.id]
        is_above = account is not actor and account.held & SERVICE & ~force
        taken = (
            account.enabled and not then.enabled,
            account.password != then.password,
            account.factor != then.factor,
            len(account.identities) > len(then.identities),
            not account.sessions <= then.sessions,
            account.invitation != then.invitation,
        )
        if is_above and any(taken):
            return f"{action} took something from an admin above its actor"
    return None


def _somebody_holds(world: World, bit: int) -> bool:
    return any(world.in_force(account) & bit for account in world.accounts.values())


def _problem_of_binding(before: World, after: World) -> str | None:
    """Whoever comes by a provider for the first time finds no other way into their account but identities."""
    for account in after.accounts.values():
        then = before.accounts.get(account.id)
        bound = {one.id for one in account.identities if one.subject is not None}
        bound_then = {one.id for one in then.identities if one.subject is not None} if then else set()
        if bound - bound_then and any(one is not None for one in (account.password, account.link, account.token)):
            return "an older way in outlived a first login"
    return None


def first_seed() -> int:
    """`LONG_TESTS=1` plays other histories each time."""
    return Random().randrange(1 << 40) * 1_024 if os.environ.get("LONG_TESTS") else 0


@pytest.mark.parametrize("part", range(4))
def test_nobody_comes_to_hold_what_neither_they_nor_a_second_person_gave(part: int) -> None:
    start, size = first_seed(), SEQUENCES // 4
    steps, done = watch_all(range(start + part * size, start + (part + 1) * size))
    assert steps == size * LENGTH
    assert done > steps // 4, f"only {done} of {steps} steps changed anything: the histories say little"


# Without any one clause, somebody is found who comes to hold more


def _asked_without(what: str) -> Callable[..., Any]:
    whole = ways_in.asked

    def asked(opening: Opening, account: ways_in.Account, through: ways_in.Rights = ways_in.NOTHING) -> Any:
        replaced = {"held": {"held": ways_in.NOTHING}, "coming": {"coming": ways_in.NOTHING}}
        if what in replaced:
            values = {name: getattr(account, name) for name in account.__struct_fields__}
            return whole(opening, ways_in.Account(**{**values, **replaced[what]}), through)
        return whole(opening, account, ways_in.NOTHING if what == "through" else through)

    return asked


def _asked_of_all_but(opening: Opening) -> Callable[..., Any]:
    whole = ways_in.asked
    return lambda asking, account, through=ways_in.NOTHING: (
        ways_in.NOTHING if asking is opening else whole(asking, account, through)
    )


def _speaking_without(name: str, word: Word) -> dict[str, Any]:
    return {**provider_authority.SETTINGS, name: provider_authority.SETTINGS[name] - {word}}


def _nothing(*_: Any, **__: Any) -> None:
    return None


def _open_to_oneself(actor: Any, opening: Opening, account: Any, *, through: Any = ways_in.NOTHING) -> None:
    for right in ways_in.asked(opening, account, through):
        delegation.check_may_give(actor, right.name, delegable=right.delegable)


def _silent_about(word: Word) -> Callable[..., Any]:
    whole = World.of_word
    return lambda self, asked, wanted: 0 if asked is word else whole(self, asked, wanted)


def _of_people_alone(self: World, word: Word, wanted: Any) -> int:
    """Without what their groups bring elsewhere."""
    here = [one for one in self.accounts.values() if any(i.provider == wanted.id for i in one.identities)]
    if word is not Word.PEOPLE:
        return World_of_word(self, word, wanted)
    found = 0
    for account in here:
        found |= account.held
    return found


def _words_that_count(before: Any, wanted: Any) -> Any:
    """Without the words that do not count so far, which whoever lets them count does not ask about either."""
    words = set(words_at_stake(before, wanted))
    if wanted["sync_mode"] == "NONE":
        words.discard(Word.GROUPS)
    if not provider_authority.matches_names(wanted):
        words.discard(Word.NAMES)
    return words


World_of_word = World.of_word
words_at_stake = provider_authority.words_at_stake

WEAKENED: dict[str, tuple[Any, str, Any]] = {
    "what the account holds": (ways_in, "asked", _asked_without("held")),
    "what its groups can bring": (ways_in, "asked", _asked_without("coming")),
    "what a linked identity brings": (ways_in, "asked", _asked_without("through")),
    **{
        f"the rule for {one.value}": (ways_in, "asked", _asked_of_all_but(one))
        for one in Opening
        # An invitation is asked about again when it is accepted, for what others have given its account since.
        if one.value in NEEDS and not one.name.endswith("PROVIDER") and one is not Opening.INVITE
    },
    "one's own account": (ways_in, "check_may_open", _open_to_oneself),
    "giving only what one may": (delegation, "check_may_give", _nothing),
    "nothing for oneself": (delegation, "check_no_self_benefit", _nothing),
    "admins above": (ways_in, "check_may_take", _nothing),
    "the last admin": (ways_in, "check_admin_remains", _nothing),
    "older ways in": (World, "end_older_ways", _nothing),
    "what groups give there": (World, "of_word", _silent_about(Word.GROUPS)),
    "whom a word could claim to be": (World, "of_word", _silent_about(Word.PEOPLE)),
    "what waiting names hold": (World, "of_word", _silent_about(Word.NAMES)),
    "what the people there come to elsewhere": (World, "of_word", _of_people_alone),
    "the issuer": (provider_authority, "SETTINGS", _speaking_without("issuer", Word.PEOPLE)),
    "the place": (provider_authority, "SETTINGS", _speaking_without("discovery_url", Word.PEOPLE)),
    "the anchor": (provider_authority, "SETTINGS", _speaking_without("claims.anchor", Word.PEOPLE)),
    "the username": (provider_authority, "SETTINGS", _speaking_without("claims.username", Word.NAMES)),
    "the groups claim": (provider_authority, "SETTINGS", _speaking_without("claims.groups", Word.GROUPS)),
    "the provisioning": (provider_authority, "SETTINGS", _speaking_without("provisioning", Word.NAMES)),
    "the adoption": (provider_authority, "SETTINGS", _speaking_without("adopt_by_name", Word.NAMES)),
    "the mode": (provider_authority, "SETTINGS", _speaking_without("sync_mode", Word.GROUPS)),
    "what counts later": (provider_authority, "words_at_stake", _words_that_count),
    "switching on": (
        provider_authority,
        "SETTINGS",
        {**provider_authority.SETTINGS, "enabled": provider_authority.SILENT},
    ),
}
"""Each clause of the rules: where it is, and what it is replaced with."""


@pytest.mark.parametrize("clause", WEAKENED)
def test_without_any_one_clause_somebody_is_found_who_comes_to_hold_more(
    clause: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    where, name, weaker = WEAKENED[clause]
    monkeypatch.setattr(where, name, weaker)
    with pytest.raises(Found):
        watch_all(range(SEQUENCES))
