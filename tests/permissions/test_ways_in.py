"""The rule about ways into accounts, clause by clause."""

from uuid import UUID

import pytest

from identity_api.errors import Refused
from identity_api.ids import uuid7
from identity_api.permissions.delegation import Actor
from identity_api.permissions.service import MAPPINGS_WRITE, USERS_WRITE
from identity_api.permissions.ways_in import (
    NOTHING,
    Account,
    Opening,
    Right,
    check_admin_remains,
    check_may_open,
    check_may_take,
    taken,
)

TENANT = uuid7()
OPEN = Right("vault:open", delegable=False)
READ = Right("docs:read")
OF_ACCOUNTS = [one for one in Opening if not one.name.endswith(("_PROVIDER", "_PROVIDER_SECRET"))]


def actor(*permissions: str, user_id: UUID | None = None) -> Actor:
    return Actor(TENANT, user_id or uuid7(), "user:x", frozenset(permissions))


def refusal(who: Actor, opening: Opening, account: Account, through: frozenset[Right] = NOTHING) -> str | None:
    try:
        check_may_open(who, opening, account, through=through)
    except Refused as refused:
        return refused.code
    return None


@pytest.mark.parametrize("opening", OF_ACCOUNTS)
def test_what_the_account_holds_must_be_the_actors_to_give(opening: Opening) -> None:
    account = Account(user_id=uuid7(), held=frozenset((OPEN,)))
    assert refusal(actor(USERS_WRITE, MAPPINGS_WRITE), opening, account) == "FORBIDDEN"
    assert refusal(actor(USERS_WRITE, OPEN.name), opening, account) is None
    delegable = Account(user_id=uuid7(), held=frozenset((READ,)))
    assert refusal(actor(USERS_WRITE), opening, delegable) == "FORBIDDEN"
    assert refusal(actor(USERS_WRITE, MAPPINGS_WRITE), opening, delegable) is None


@pytest.mark.parametrize("opening", [one for one in OF_ACCOUNTS if one is not Opening.ENABLE_USER])
def test_what_its_groups_can_bring_must_be_too(opening: Opening) -> None:
    account = Account(user_id=uuid7(), coming=frozenset((OPEN,)))
    assert refusal(actor(USERS_WRITE), opening, account) == "FORBIDDEN"
    assert refusal(actor(USERS_WRITE, OPEN.name), opening, account) is None


def test_enabling_lets_nobody_in_who_could_not_before() -> None:
    account = Account(user_id=uuid7(), coming=frozenset((OPEN,)), has_way_in=True)
    assert refusal(actor(USERS_WRITE), Opening.ENABLE_USER, account) is None
    shared = Account(user_id=uuid7(), coming=frozenset((OPEN,)), has_way_in=True, is_shared=True)
    assert refusal(actor(USERS_WRITE), Opening.ENABLE_USER, shared) == "FORBIDDEN"


def test_what_a_linked_identity_brings_counts_where_somebody_else_can_enter() -> None:
    through = frozenset((OPEN,))
    entered, empty = Account(user_id=uuid7(), has_way_in=True), Account(user_id=uuid7())
    assert refusal(actor(USERS_WRITE), Opening.LINK_IDENTITY, entered, through) == "FORBIDDEN"
    assert refusal(actor(USERS_WRITE), Opening.LINK_IDENTITY, empty, through) is None
    assert refusal(actor(USERS_WRITE, OPEN.name), Opening.LINK_IDENTITY, entered, through) is None


@pytest.mark.parametrize("opening", OF_ACCOUNTS)
def test_nobody_opens_a_way_into_their_own_account_and_the_operator_opens_any(opening: Opening) -> None:
    me = uuid7()
    assert refusal(actor(USERS_WRITE, user_id=me), opening, Account(user_id=me)) == "SELF_BENEFIT"
    operator = Actor(TENANT, None, "operator:root", frozenset())
    assert refusal(operator, opening, Account(user_id=me, held=frozenset((OPEN,)))) is None


def test_the_refusal_names_what_may_not_be_given_and_where_it_comes_from() -> None:
    with pytest.raises(Refused, match="holds vault:open, which you may not give"):
        check_may_open(actor(), Opening.UNLOCK_USER, Account(user_id=uuid7(), held=frozenset((OPEN,))))
    with pytest.raises(Refused, match="groups can bring vault:open, which you may not give"):
        check_may_open(actor(), Opening.UNLOCK_USER, Account(user_id=uuid7(), coming=frozenset((OPEN,))))


def test_nobody_takes_from_an_admin_above_them() -> None:
    above = frozenset((Right(USERS_WRITE), Right(MAPPINGS_WRITE), OPEN))
    with pytest.raises(Refused, match=MAPPINGS_WRITE):
        check_may_take(actor(USERS_WRITE), above)
    check_may_take(actor(USERS_WRITE, MAPPINGS_WRITE), above)
    check_may_take(actor(USERS_WRITE), frozenset((OPEN,)))
    check_may_take(Actor(TENANT, None, "operator:root", frozenset()), above)


def test_of_somebody_who_has_not_come_yet_what_their_groups_can_bring_counts() -> None:
    coming = frozenset((Right(MAPPINGS_WRITE),))
    assert taken(Account(user_id=uuid7(), coming=coming, is_awaited=True)) == coming
    assert taken(Account(user_id=uuid7(), coming=coming)) == frozenset()


def test_what_administers_keeps_a_holder() -> None:
    with pytest.raises(Refused, match=USERS_WRITE) as refused:
        check_admin_remains(actor(), {USERS_WRITE, MAPPINGS_WRITE}, {MAPPINGS_WRITE})
    assert refused.value.code == "LAST_ADMIN"
    check_admin_remains(actor(), {USERS_WRITE}, {USERS_WRITE, MAPPINGS_WRITE})
    check_admin_remains(actor(), set(), set())
    check_admin_remains(Actor(TENANT, None, "operator:root", frozenset()), {USERS_WRITE}, set())
