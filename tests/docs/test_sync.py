"""docs/sync.md has a row for every outcome of a sync and for every end of a login, and none that there is not."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import get_args

from identity_api.claims import Reason as GroupsReason
from identity_api.claims import errors as mapping_errors
from identity_api.claims.errors import ClaimError, PatternInvalid
from identity_api.errors import BadInput, IdentityAPIError
from identity_api.lifecycle.end_login import Reason as EndReason
from identity_api.oidc import errors as oidc_errors
from identity_api.oidc.errors import (
    InvalidCallback,
    InvalidParameters,
    OtherPerson,
    ProviderRefused,
    PushedRequestError,
    TokenEndpointError,
)
from identity_api.oidc.token_endpoint import TEMPORARY_ERRORS
from identity_api.sync.settle_failure import Settled
from identity_api.upstream import errors as upstream_errors
from tests.diagnostics.codes import codes_in, sync_reasons
from tests.diagnostics.test_explanations import MADE
from tests.docs.pages import ROOT, text_of

PAGE = "docs/sync.md"
OF_THE_RUN = {"ok", "database_unavailable", "internal_error"}
OF_TLS = {"client_certificate_required", "client_certificate_refused"}
"""Made from what the server's alert says."""
NEVER_WRITTEN = (
    *(InvalidCallback, InvalidParameters, ProviderRefused, PushedRequestError, TokenEndpointError),
    *(PatternInvalid, OtherPerson),
)
"""Errors of a browser's or a code's way, of a mapping, and the one that has a reason of its own."""
ROOTS = (IdentityAPIError, BadInput, ClaimError)
"""Raised only as what is below them."""
_ROW = re.compile(r"^\| (`[^|]+) \|", re.MULTILINE)
_CODE = re.compile(r"`([a-z_]+)`")


def told() -> Counter[str]:
    """Every code in the first column, and in how many rows."""
    return Counter(code for row in _ROW.findall(text_of(PAGE)) for code in _CODE.findall(row.partition(" (")[0]))


def errors() -> Iterator[str]:
    """Codes of errors that a sync can meet, as it writes them."""
    for module in (oidc_errors, upstream_errors, mapping_errors):
        for one in vars(module).values():
            is_error = isinstance(one, type) and issubclass(one, IdentityAPIError)
            if is_error and one not in ROOTS and not issubclass(one, NEVER_WRITTEN):
                yield one.default_code.lower()
    for place in ("sync", "upstream", "vault.py"):
        yield from (code.lower() for code in codes_in(ROOT / "identity_api" / place))


def test_every_outcome_and_every_end_has_one_row() -> None:
    written = set(get_args(Settled)) - {"stale"} | set(get_args(EndReason)) | sync_reasons() | TEMPORARY_ERRORS
    groups = {reason.value.lower() for reason in GroupsReason}
    wanted = written | groups | MADE | OF_THE_RUN | OF_TLS | set(errors())
    rows = told()
    assert wanted - set(rows) == set(), "no row"
    assert set(rows) - wanted == set(), "a row of what there is not"
    assert {code for code, number in rows.items() if number > 1} == set(), "two rows"


def test_every_place_that_ends_a_login_is_known() -> None:
    """Whoever adds one adds a row, and looks whether it may take anything from anybody."""
    found = {
        file.relative_to(ROOT).as_posix()
        for file in (ROOT / "identity_api").rglob("*.py")
        if re.search(
            r"\bend_logins\(|revoke_identities\(|'REVOKED', state_reason|'QUARANTINED', state_reason", file.read_text()
        )
    }
    assert found == {
        "identity_api/accounts/erasure.py",
        "identity_api/accounts/linking.py",
        "identity_api/accounts/rebinding.py",
        "identity_api/db/identity_links.py",
        "identity_api/db/login_ends.py",
        "identity_api/lifecycle/end_login.py",
        "identity_api/sessions/logout/backchannel.py",
        "identity_api/sync/settle_failure.py",
        "identity_api/providers/consequences.py",
    }
