"""The ends of leases, to the microsecond. `tests/db/test_effective_permission.py` holds the SQL definition to the rest."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from identity_api.permissions.effective import shown, standing
from identity_api.permissions.grant_snapshot import (
    BriefIdentity,
    BriefSnapshot,
    GrantedGroup,
    GrantFact,
    GrantSnapshot,
    IdentityFact,
    Lease,
    ProviderCircumstances,
    TenantCircumstances,
    UserCircumstances,
)

END = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
LATER = END + timedelta(days=1)
TICK = timedelta(microseconds=1)
MOMENT = END.isoformat()

IDENTITY = IdentityFact("i", "p", "FRESH", "https://idp.example", "s-1", "s-1", None, MOMENT, MOMENT, MOMENT)
BY_GROUP = GrantFact("docs:read", "GROUP", "i", GrantedGroup("staff"), "g-1", "m", "g", MOMENT, "system")
BY_HAND = GrantFact("docs:write", "MANUAL", None, None, "g-2", None, None, MOMENT, "operator:root")
BRIEF = BriefSnapshot(
    (BriefIdentity("i", "p", "FRESH"),),
    msgspec.Raw(
        b'[{"name": "docs:read", "reasons": [{"source": "GROUP", "identity_id": "i", "group": {"name": "staff"}}]},'
        b' {"name": "docs:write", "reasons": [{"source": "MANUAL", "identity_id": null, "group": null}]}]'
    ),
)
TENANT = TenantCircumstances({"p": ProviderCircumstances("p", "sso", "SSO", True, "REFRESH_TOKEN", "ADDITIVE")})


def names(lease: Lease, at: datetime) -> set[str]:
    user = UserCircumstances(enabled=True, has_password=False, leases={"i": lease})
    whole = standing(GrantSnapshot((IDENTITY,), (BY_GROUP, BY_HAND)), user, TENANT, at).names
    assert standing(BRIEF, user, TENANT, at).names == whole
    return set(whole)


@pytest.mark.parametrize(
    ("lease", "kept"),
    [(Lease(LATER, END), {"docs:write"}), (Lease(END, LATER), {"docs:read"}), (Lease(END, END), set())],
    ids=["groups", "way in", "both"],
)
def test_what_rests_on_a_lease_is_over_at_its_very_end(lease: Lease, kept: set[str]) -> None:
    assert names(lease, END - TICK) == {"docs:read", "docs:write"}
    assert names(lease, END) == kept


def test_what_was_written_is_shown_while_all_of_it_is_in_force() -> None:
    user = UserCircumstances(enabled=True, has_password=False, leases={"i": Lease(LATER, END)})
    assert shown(BRIEF, user, TENANT, END - TICK) == BRIEF.shown
    assert shown(BRIEF, user, TENANT, END) is None
    withdrawn = msgspec.structs.replace(user, withdrawn=frozenset({"g-1"}))
    assert shown(BRIEF, withdrawn, TENANT, END - TICK) is None
