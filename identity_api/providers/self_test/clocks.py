"""Compare the provider's clock with the service's: a login refuses a token that was issued in the future."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from identity_api.diagnostics.findings import Finding, ok, skipped, warn
from identity_api.oidc.messages import Answer

STEP: Final = "clock"


def examine_clock(answer: Answer | None, now: datetime, leeway_seconds: int) -> Finding:
    """Compare the `Date` of an answer that has just come (RFC 9110 section 6.6.1: whole seconds, UTC)."""
    date = _date(answer)
    if date is None:
        return skipped(STEP, "CLOCK_NOT_TOLD", "The provider does not say what time it is.")
    seconds = round((date - now).total_seconds())
    if abs(seconds) <= max(1, leeway_seconds):
        return ok(STEP, "The provider's clock and ours agree.")
    direction = "ahead of" if seconds > 0 else "behind"
    message = f"The provider's clock is {abs(seconds)} s {direction} ours; logins allow {leeway_seconds} s."
    return warn(STEP, "CLOCK_DIFFERS", message, expected=f"at most {leeway_seconds} s", found=f"{seconds:+d} s")


def _date(answer: Answer | None) -> datetime | None:
    try:
        date = parsedate_to_datetime(answer.headers["date"][:64]) if answer is not None else None
    except (KeyError, ValueError, TypeError):
        return None
    return date if date is None or date.tzinfo is not None else date.replace(tzinfo=UTC)
