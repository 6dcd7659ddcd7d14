"""The possible results of a sync, and how the token endpoint's answer maps to them. Pure.

Only `Ended` ends permissions. The classes follow RFC 6749 section 5.2 and what providers really do; `error_description`
decides nothing. `docs/sync.md` has a row for every outcome: the state it leads to, and what the person keeps.
"""

from collections.abc import Mapping
from typing import Literal

import msgspec

from identity_api.clock import jitter
from identity_api.lifecycle.apply_verified import Verified
from identity_api.oidc.token_endpoint import (
    INVALID_CLIENT,
    BadResponse,
    Dead,
    ProviderMisconfigured,
    ReauthenticationRequired,
    RefreshOutcome,
    Transient,
)

FIRST_BACKOFF_SECONDS = 10.0
UNCERTAIN_RETRY_SECONDS = 10.0
"""An attempt whose answer was lost is repeated within this time: a provider with a grace period still takes it."""

TOO_OFTEN = frozenset(("rate_limited", "slow_down"))
"""429 (RFC 6585 section 4), and the error that says the same (RFC 8628 section 3.5)."""

Refusal = Literal["login_refused", "access_token_refused"]
"""How a login ends if its provider refuses it repeatedly, and no other login."""


class Read(msgspec.Struct, frozen=True):
    """A verified answer, ready to be applied."""

    verified: Verified


class Stale(msgspec.Struct, frozen=True, kw_only=True):
    """Not verified now; the lease is not extended. `reason` is a code of this service."""

    reason: str
    uncertain: bool = False
    """The request may have been carried out and the token rotated, and its successor is not known here."""
    refusal: Refusal | None = None
    """The provider answers and refuses this login: if it keeps refusing only this person, the login ends."""
    retry_after_seconds: int | None = None
    refused_us: Literal["client", "request"] | None = None
    """The provider refuses this client, or its request."""
    is_outage: bool = False
    """The provider did not answer, or answered with an error of its own: it gets fewer calls for a while."""
    is_final: bool = False
    """Nothing can be tried again before the next login."""
    said: str | None = None
    """The provider's own error text, for the audit."""

    @property
    def is_too_often(self) -> bool:
        """The provider answered 429: it is called more slowly from now on."""
        return self.reason in TOO_OFTEN


class Ended(msgspec.Struct, frozen=True):
    """The provider says that this login has ended, or names another person. `detail` is for the audit."""

    reason: Literal["invalid_grant", "reauth_required", "subject_changed", "issuer_changed"]
    detail: Mapping[str, str] = {}


Outcome = Read | Stale | Ended


def judge(outcome: RefreshOutcome | Stale, *, said: str | None = None) -> Stale | Ended | None:
    """What an answer of the token endpoint means for the sync; None for success.

    Args:
        said: the provider's own error text, which decides nothing.
    """
    judged = _judge(outcome)
    if said is None or judged is None:
        return judged
    if isinstance(judged, Ended):
        return msgspec.structs.replace(judged, detail={**judged.detail, "said": said})
    return msgspec.structs.replace(judged, said=said)


def _judge(outcome: RefreshOutcome | Stale) -> Stale | Ended | None:
    match outcome:
        case Stale():
            return outcome
        case Dead():
            return Ended("invalid_grant")
        case ReauthenticationRequired():
            return Ended("reauth_required")
        case ProviderMisconfigured(code):
            if code == INVALID_CLIENT:
                return Stale(reason="provider_misconfigured", refused_us="client")
            return Stale(reason="provider_misconfigured", refused_us="request", refusal="login_refused")
        case BadResponse():
            return Stale(reason=outcome.reason, uncertain=outcome.uncertain, is_outage=True)
        case Transient():
            return Stale(
                reason=outcome.reason,
                uncertain=outcome.uncertain,
                refusal="login_refused" if outcome.is_refusal else None,
                retry_after_seconds=outcome.retry_after_seconds,
                is_outage=outcome.uncertain or not outcome.is_refusal,
            )
    return None


def seconds_until_retry(stale: Stale, *, failures: int, was_uncertain: bool, interval_seconds: int) -> float | None:
    """When to try again: from ten seconds doubling up to the interval, with full jitter; None for never.

    Args:
        failures: in a row, before this one.
        was_uncertain: whether an earlier attempt was uncertain already; only the first one is repeated at once.
    """
    if stale.is_final:
        return None
    if stale.uncertain and not was_uncertain:
        return jitter(0.5, UNCERTAIN_RETRY_SECONDS)
    ceiling = min(float(interval_seconds), FIRST_BACKOFF_SECONDS * 2 ** min(failures, 16))
    return max(float(stale.retry_after_seconds or 0), jitter(1.0, ceiling))
