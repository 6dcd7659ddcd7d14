"""What a test of a provider says, finding by finding: for the self-test from here and the test login in a browser.

A finding says for the administrator what is wrong in one sentence that names the fault; `self_test` says what to do
about its code. It never holds a value that says anything of a person: only settings, addresses, names of claims, counts.
"""

from collections.abc import Sequence
from typing import Literal
from urllib.parse import urlsplit

import msgspec

Status = Literal["ok", "warn", "fail", "skipped"]
OK = "OK"
_MAX_SHOWN = 300
_MAX_LISTED = 12


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at. `code` is `OK`, or what `docs/troubleshooting.md` has under that name."""

    step: str
    status: Status
    code: str
    message: str
    expected: str | None = None
    """What the settings say, where that was compared."""
    found: str | None = None
    """What the provider says."""

    def __str__(self) -> str:
        compared = [f"{name}: {value}" for name, value in (("expected", self.expected), ("found", self.found)) if value]
        code = "" if self.code == OK else f" [{self.code}]"
        return f"{self.status:<8}{self.step}: {self.message}{code}" + (f" ({'; '.join(compared)})" if compared else "")


def ok(step: str, message: str) -> Finding:
    """Nothing to do."""
    return Finding(step=step, status="ok", code=OK, message=message)


def fail(step: str, code: str, message: str, *, expected: str | None = None, found: str | None = None) -> Finding:
    """No login succeeds, or none does what the settings promise."""
    return Finding(step=step, status="fail", code=code, message=message, expected=expected, found=found)


def warn(step: str, code: str, message: str, *, expected: str | None = None, found: str | None = None) -> Finding:
    """Logins may succeed, and somebody should look at it."""
    return Finding(step=step, status="warn", code=code, message=message, expected=expected, found=found)


def skipped(step: str, code: str, message: str, *, expected: str | None = None) -> Finding:
    """It could not be found out in this way; the message says what to compare by eye."""
    return Finding(step=step, status="skipped", code=code, message=message, expected=expected)


def verdict(findings: Sequence[Finding]) -> Finding:
    """The finding to read first: the first failure, else the first warning, else that all is well."""
    for status in ("fail", "warn"):
        for finding in findings:
            if finding.status == status:
                return finding
    return ok("verdict", "Everything that can be tested from here is in order.")


def shown(text: str) -> str:
    """A text of the provider's as it may be shown: printable, and not too long."""
    clean = "".join(character if character.isprintable() else "?" for character in text[:_MAX_SHOWN])
    return clean + ("..." if len(text) > _MAX_SHOWN else "")


def shown_url(url: str) -> str:
    """An address without its query and fragment, which may hold anything."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "an address that cannot be read"
    return shown(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}")


def listed(names: Sequence[str]) -> str:
    """Names in a row, with a count of those that are left out."""
    rest = len(names) - _MAX_LISTED
    return ", ".join([shown(name) for name in names[:_MAX_LISTED]]) + (f" and {rest} more" if rest > 0 else "")
