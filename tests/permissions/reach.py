"""A tenant in memory, small enough to be played through tens of thousands of times, in which the real rules decide.

People, accounts, providers and mappings are a few numbers; permissions are bits. What an action may do is asked of
`permissions.ways_in`, `permissions.provider_authority` and `permissions.delegation`, as the use cases ask them; what follows from
it is written down here once more, in the shortest form. `reach` says what a person could come to hold by every way in that
they control, now or once the owners of accounts have signed in.
"""

from collections.abc import Iterator
from uuid import UUID

from identity_api.errors import Refused
from identity_api.permissions import ways_in
from identity_api.permissions.delegation import Actor
from identity_api.permissions.provider_authority import Word
from identity_api.permissions.service import ADMINISTERING, USERS_WRITE
from identity_api.permissions.ways_in import Account as Seen
from tests.permissions.rows import (
    BIT,
    GROUPS,
    HONEST,
    SERVICE,
    TENANT,
    Account,
    GroupMapping,
    Identity,
    Provider,
    names,
    rights,
)


class World:
    """The tenant, and what each person is at an honest provider: subject, anchor and name are the person's number."""

    def __init__(self, people: int) -> None:
        self.people = people
        self.accounts: dict[int, Account] = {}
        self.providers: dict[int, Provider] = {}
        self.mappings: dict[int, GroupMapping] = {}
        self.groups: dict[tuple[int, int], frozenset[int]] = {}
        """Of a person at a provider, as the provider knows them today."""
        self.next_id = 100

    def copy(self) -> "World":
        other = World(self.people)
        other.accounts = {key: one.copy() for key, one in self.accounts.items()}
        other.providers = {key: one.copy() for key, one in self.providers.items()}
        other.mappings = {key: GroupMapping(o.provider, o.group, o.given, o.live) for key, o in self.mappings.items()}
        other.groups, other.next_id = dict(self.groups), self.next_id
        return other

    def fresh(self) -> int:
        self.next_id += 1
        return self.next_id

    # What is given, held and in force

    def potential(self, provider: int) -> int:
        found = 0
        for one in self.mappings.values():
            if one.live and one.provider in (None, provider):
                found |= one.given
        return found

    def given(self, provider: int, groups: frozenset[int]) -> dict[tuple[int, int], int]:
        if self.providers[provider].mode == "NONE":
            return {}
        return {
            (key, one.group): one.given
            for key, one in self.mappings.items()
            if one.live and one.provider in (None, provider) and one.group in groups
        }

    def is_live(self, identity: Identity) -> bool:
        return identity.state == "FRESH" and self.providers[identity.provider].enabled

    def is_way_in(self, identity: Identity) -> bool:
        """Whether what is given by hand counts by it: without a sync, an identity that waits is enough."""
        provider = self.providers[identity.provider]
        return self.is_live(identity) or (provider.enabled and provider.sync == "OFF" and identity.state == "WAITING")

    def has_way_in(self, account: Account) -> bool:
        return account.password is not None or any(self.is_way_in(one) for one in account.identities)

    def in_force(self, account: Account) -> int:
        if not account.enabled:
            return 0
        found = account.manual if self.has_way_in(account) else 0
        for identity in account.identities:
            if self.is_live(identity):
                for given in identity.grants.values():
                    found |= given
        return found

    def coming(self, account: Account) -> int:
        found = 0
        for identity in account.identities:
            found |= self.potential(identity.provider)
        return found

    def administered(self) -> set[str]:
        found = 0
        for account in self.accounts.values():
            found |= self.in_force(account)
        return {name for name in ADMINISTERING if found & BIT[name]}

    def seen(self, account: Account) -> Seen:
        """The account as the real rule is shown it."""
        ways = len(account.identities) + sum(one is not None for one in (account.password, account.link, account.token))
        return Seen(
            user_id=UUID(int=account.id),
            held=rights(account.held),
            coming=rights(self.coming(account)),
            has_way_in=bool(ways or account.sessions),
            is_shared=ways > 1,
            is_awaited=not account.was_bound,
        )

    def of_word(self, word: Word, wanted: Provider) -> int:
        """What a provider's word on this can give."""
        found = 0
        if word is Word.GROUPS:
            return self.potential(wanted.id)
        for account in self.accounts.values():
            if word is Word.NAMES:
                found |= account.held & ~SERVICE if not account.was_linked else 0
            elif any(
                one.provider == wanted.id and (one.subject is None or one.issuer == wanted.issuer)
                for one in account.identities
            ):
                found |= account.held | self.coming(account)
        return found

    # What follows from changes

    def follow_mappings(self, ids: set[int] | None = None, provider: int | None = None) -> None:
        """Let grants follow: what a mapping no longer gives goes; what it gives to groups people are in comes."""
        for account in self.accounts.values():
            for identity in account.identities:
                if provider not in (None, identity.provider):
                    continue
                wanted = self.given(identity.provider, identity.groups)
                is_off = self.providers[identity.provider].mode == "NONE"
                for key in list(identity.grants):
                    one = self.mappings[key[0]]
                    gives = one.live and one.provider in (None, identity.provider) and one.group == key[1]
                    if is_off or not gives:
                        del identity.grants[key]
                    else:  # a group that they have left gives nothing new
                        identity.grants[key] &= one.given
                identity.grants.update(wanted)

    def end_older_ways(self, account: Account) -> None:
        account.password = account.factor = account.link = account.token = None
        account.sessions = frozenset()
        account.invitation = None

    def end_login(self, account: Account, identity: Identity, state: str | None = None) -> None:
        """End what came by an identity; with a state, the identity's login too."""
        if state is not None:
            if identity.state in ("REVOKED", "QUARANTINED"):
                return
            identity.state = state
        account.sessions = frozenset([one for one in account.sessions if one[1] != identity.id])
        self.end_stranded(account)

    def end_stranded(self, account: Account) -> None:
        """API tokens end with the last way in."""
        if not self.has_way_in(account):
            account.token = None

    # Signing in

    def words(self, person: int, provider: Provider) -> Iterator[tuple[int, int, int, frozenset[int]]]:
        """What the person can have said of themself there: subject, anchor, name, groups."""
        others, any_groups = range(self.people), frozenset(GROUPS)
        if provider.place == person:
            for one in others:
                yield one, one, one, any_groups
            return
        if provider.place != HONEST:
            return
        groups = any_groups if "groups" in provider.free else self.groups.get((provider.id, person), frozenset())
        for anchor in others if "anchor" in provider.free else (person,):
            for name in others if "name" in provider.free else (person,):
                yield person, anchor, name, groups

    def sign_in(
        self,
        person: int,
        provider: Provider,
        word: tuple[int, int, int, frozenset[int]],
        *,
        invited: Account | None = None,
    ) -> str:
        subject, anchor, name, groups = word
        if not provider.enabled:
            return "PROVIDER_DISABLED"
        found = self._find(provider, subject, anchor)
        if found is None:
            account = self._provision(provider, name) if invited is None else self._welcome(invited)
            if isinstance(account, str):
                return account
            identity = Identity(self.fresh(), provider.id, anchor, subject, provider.issuer)
            account.identities.append(identity)
            account.was_linked = True
        else:
            account, identity = found
            if identity.subject is None:
                identity.subject, identity.issuer = subject, provider.issuer
                self.end_older_ways(account)
            elif (identity.subject, identity.issuer) != (subject, provider.issuer):
                return "SUBJECT_CHANGED"
            if identity.state == "QUARANTINED":
                return "ACCOUNT_QUARANTINED"
            if not account.enabled:
                return "ACCOUNT_DISABLED"
        account.was_bound = True
        identity.groups, identity.state = groups, "FRESH"
        identity.grants.update(self.given(provider.id, groups))
        account.sessions |= {(person, identity.id)}
        return "OK"

    def _find(self, provider: Provider, subject: int, anchor: int) -> tuple[Account, Identity] | None:
        here = [(a, i) for a in self.accounts.values() for i in a.identities if i.provider == provider.id]
        for account, identity in here:
            if identity.anchor == anchor:
                return account, identity
        for account, identity in here:
            if (identity.subject, identity.issuer) == (subject, provider.issuer):
                if identity.state != "QUARANTINED":
                    identity.anchor = anchor
                return account, identity
        return None

    def named(self, name: int) -> Account | None:
        return next((one for one in self.accounts.values() if one.name == name), None)

    def _provision(self, provider: Provider, name: int) -> Account | str:
        known = self.named(name)
        if provider.provisioning == "LINKED_ONLY":
            return "ACCOUNT_NOT_FOUND"
        if provider.matches_names and known is not None and not known.was_linked:
            if known.held & SERVICE:
                return "ACCOUNT_NOT_FOUND"
            if not known.enabled:
                return "ACCOUNT_DISABLED"
            self.end_older_ways(known)
            return known
        if provider.provisioning == "KNOWN_USERS":
            return "ACCOUNT_NOT_FOUND"
        account = Account(self.fresh(), name if known is None else None)
        self.accounts[account.id] = account
        return account

    def lets_in(self, account: Account) -> bool:
        """Whether an invitation opens the account today, by the rights of its maker."""
        if account.invitation is None or not account.awaits_guest:
            return False
        maker = self.accounts[account.invitation.maker]
        held = names(self.in_force(maker))
        try:
            actor = Actor(TENANT, UUID(int=maker.id), f"user:{maker.id}", held)
            ways_in.check_may_open(actor, ways_in.Opening.INVITE, self.seen(account))
        except Refused:
            return False
        return USERS_WRITE in held

    def _welcome(self, account: Account) -> Account | str:
        if not self.lets_in(account):
            return "INVITATION_ENDED"
        self.end_older_ways(account)
        return account

    def choose_password(self, person: int, account: Account) -> None:
        account.password, account.link = person, None
        account.sessions = frozenset([one for one in account.sessions if one[1] is not None])
        account.invitation = None

    def sign_in_by_password(self, person: int, account: Account) -> str:
        if not account.enabled or account.password != person or account.factor not in (None, person):
            return "CREDENTIALS_REFUSED"
        account.sessions |= {(person, None)}
        return "OK"

    # What somebody could come to hold

    def reach(self, person: int) -> int:
        """By every way in that they control; what other people's groups could bring to a shared account is counted whole."""
        found = 0
        for provider in self.providers.values():
            for word in self.words(person, provider):
                found |= self._reach_by_word(provider, word) if provider.enabled else 0
                found |= 0 if provider.is_new else self._reach_once_it_counts(person, provider, word)
        for account in self.accounts.values():
            if account.enabled and self._enters(person, account):
                found |= account.held | self.coming(account)
            # Whatever its maker may do today: they may come to it.
            if account.invitation is not None and account.invitation.holder == person and account.awaits_guest:
                found |= account.held
        return found

    def _enters(self, person: int, account: Account) -> bool:
        has_factor = account.factor in (None, person)
        by_password = account.password == person and has_factor
        return by_password or (account.link == person and has_factor) or account.token == person

    def _reach_by_word(self, provider: Provider, word: tuple[int, int, int, frozenset[int]]) -> int:
        subject, anchor, name, groups = word
        is_theirs = provider.place == HONEST and "groups" not in provider.free
        found = 0
        if is_theirs:
            for given in self.given(provider.id, groups).values():
                found |= given
        elif provider.mode != "NONE":
            found |= self.potential(provider.id)
        for account in self.accounts.values():
            if not account.enabled:
                continue
            for identity in account.identities:
                if identity.provider == provider.id and self._is_spoken_for(provider, identity, subject, anchor):
                    found |= self._by_identity(account, identity)
            if provider.matches_names and account.name == name and not account.was_linked:
                found |= account.held & ~SERVICE
        return found

    def _reach_once_it_counts(self, person: int, provider: Provider, word: tuple[int, int, int, frozenset[int]]) -> int:
        """What somebody has let them say of themself, though nobody listens: the next admin switches that on."""
        is_theirs = provider.place == HONEST and "groups" not in provider.free
        found = 0 if is_theirs else self.potential(provider.id)
        for account in self.accounts.values():
            if account.enabled and account.name == word[2] != person and not account.was_linked:
                found |= account.held & ~SERVICE
        return found

    def _is_spoken_for(self, provider: Provider, identity: Identity, subject: int, anchor: int) -> bool:
        if identity.state == "QUARANTINED":
            return False
        if identity.subject is None:
            return identity.anchor == anchor
        return (identity.subject, identity.issuer) == (subject, provider.issuer)

    def _by_identity(self, account: Account, identity: Identity) -> int:
        found = account.held
        for other in account.identities:
            if other is not identity:
                found |= self.potential(other.provider)
        return found
