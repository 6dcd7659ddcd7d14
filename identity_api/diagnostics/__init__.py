"""What every code means, and what to do about it: for the operators of the service and of a provider, in two sentences.

    logins       why a login did not succeed
    reasons      what exactly was wrong, within a login, a sync or a self-test
    self_test    what the self-test and the test login find
    sync         why an identity is not fresh
    api          what GraphQL and the HTTP routes answer

The same texts make `docs/troubleshooting.md`, the remedy of a finding and the reason of a failed login, so that the
three cannot say different things. A test compares the tables with the codes in the source.
"""

import re
from typing import Final

from identity_api.diagnostics.api_errors import API
from identity_api.diagnostics.explanation import Explanation, Table
from identity_api.diagnostics.failure_reasons import REASONS
from identity_api.diagnostics.login_failures import LOGINS
from identity_api.diagnostics.self_test import SELF_TEST
from identity_api.diagnostics.sync import SYNC

TABLES: Final[dict[str, Table]] = {
    "logins": LOGINS,
    "self_test": SELF_TEST,
    "sync": SYNC,
    "reasons": REASONS,
    "api": API,
}
"""In the order of the document. A code is in one of them only."""

ALL: Final[Table] = {code: told for table in TABLES.values() for code, told in table.items()}
_COMPARE: Final = (
    "Compare the settings with the application at the provider, value by value; its own log says what it refused."
)
_UNKNOWN: Final = Explanation("Something that has no explanation of its own.", "Look at the log of that moment.")


def explain(code: str) -> Explanation:
    """What a code means. The reasons of a sync are codes in lower case."""
    return ALL.get(code) or ALL.get(code.upper()) or _UNKNOWN


def remedy_beside_self_test(code: str) -> str:
    """What to do about a code that the self-test itself found: running it is no remedy there."""
    sentences = re.split(r"(?<=\.) ", explain(code).remedy)
    return " ".join([one for one in sentences if "self-test" not in one]) or _COMPARE


def explain_failure(code: str, reason: str | None) -> Explanation:
    """What a failed login means, as exactly as its reason tells.

    Args:
        code: of `LoginFailed`.
        reason: codes and names of ours, joined by colons: `CLAIM_MISMATCH:aud`, `TOKEN_REQUEST_REFUSED:invalid_client`.
    """
    parts = (reason or "").split(":")
    for length in range(len(parts), 0, -1):
        joined = ":".join(parts[:length])
        told = REASONS.get(joined) or LOGINS.get(f"{code}:{joined}") or LOGINS.get(joined)
        if told is not None:
            return _named(told, parts[length:])
    return LOGINS.get(code) or explain(code)


def _named(told: Explanation, rest: list[str]) -> Explanation:
    """What a text leaves to the reason, said in it: the rest of the reason holds names and codes of ours."""
    sentence, leaves_it, _ = told.meaning.partition("; the reason ")
    if rest and rest[0].isdecimal() and not leaves_it:
        return told._replace(meaning=f"{told.meaning.removesuffix('.')} (status {rest[0]}).")
    return told._replace(meaning=f"{sentence}: `{':'.join(rest)}`.") if leaves_it and rest else told
