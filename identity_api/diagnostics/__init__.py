"""What every code means, and what to do about it: for the operators of the service and of a provider, in two sentences.

    logins       why a login did not succeed
    reasons      what exactly was wrong, within a login, a sync or a self-test
    self_test    what the self-test and the test login find
    sync         why an identity is not fresh
    api          what GraphQL and the HTTP routes answer

The same texts in English make `docs/troubleshooting.md`, the remedy of a finding and the reason of a failed login, so that the
three cannot say different things. A test compares the tables with the codes in the source.
"""

import re
from typing import Final, NamedTuple

from identity_api.diagnostics.api_errors import API
from identity_api.diagnostics.explanation import Explanation, Table, read_table, table
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
TRANSLATED: Final[dict[str, Table]] = {"de": read_table("de.toml")}
"""Language -> the tables that pages for admins show (logins, self_test, reasons), as one."""

_OTHERS: Final[Table] = table(
    {
        "UNKNOWN": ("Something that has no explanation of its own.", "Look at the log of that moment."),
        "SETTINGS_DIFFER": (
            "A setting and the application at the provider do not agree.",
            "Compare the settings with the application at the provider, value by value; its own log says what it refused.",
        ),
    }
)
"""Explanations that belong to no code that anybody meets."""


class _Words(NamedTuple):
    """What the code looks for in the sentences of a language, and writes into them."""

    leaves_it: str
    """A meaning that ends so leaves something to the reason."""
    status: str
    self_test: str


_WORDS: Final = {
    "en": _Words("; the reason ", "(status {})", "self-test"),
    "de": _Words("; der Grund ", "(Status {})", "Selbsttest"),
}


def explain(code: str, language: str = "en") -> Explanation:
    """What a code means; in English if the language lacks it. The reasons of a sync are codes in lower case."""
    return _find(code, language) or _find(code.upper(), language) or _other("UNKNOWN", language)


def explain_finding(code: str, language: str = "en") -> Explanation:
    """What a code means that the self-test itself found: running it is no remedy there."""
    told = explain(code, language)
    sentences = re.split(r"(?<=\.) ", told.remedy)
    kept = " ".join([one for one in sentences if not any(words.self_test in one for words in _WORDS.values())])
    return told._replace(remedy=kept or _other("SETTINGS_DIFFER", language).remedy)


def explain_failure(code: str, reason: str | None, language: str = "en") -> Explanation:
    """What a failed login means, as exactly as its reason tells.

    Args:
        code: of `LoginFailed`.
        reason: codes and names of ours, joined by colons: `CLAIM_MISMATCH:aud`, `TOKEN_REQUEST_REFUSED:invalid_client`.
        language: of the explanation; English if the language lacks it.
    """
    parts = (reason or "").split(":")
    for length in range(len(parts), 0, -1):
        joined = ":".join(parts[:length])
        for key in (joined, f"{code}:{joined}"):
            if key in REASONS or key in LOGINS:
                return _named(explain(key, language), parts[length:], language)
    return explain(code, language)


def _find(code: str, language: str) -> Explanation | None:
    return TRANSLATED.get(language, {}).get(code) or ALL.get(code)


def _other(code: str, language: str) -> Explanation:
    return TRANSLATED.get(language, {}).get(code) or _OTHERS[code]


def _named(told: Explanation, rest: list[str], language: str) -> Explanation:
    """What a text leaves to the reason, said in it: the rest of the reason holds names and codes of ours."""
    words = _WORDS.get(language, _WORDS["en"])
    sentence, leaves_it, _ = told.meaning.partition(words.leaves_it)
    if rest and rest[0].isdecimal() and not leaves_it:
        return told._replace(meaning=f"{told.meaning.removesuffix('.')} {words.status.format(rest[0])}.")
    return told._replace(meaning=f"{sentence}: `{':'.join(rest)}`.") if leaves_it and rest else told
