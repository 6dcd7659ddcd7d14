"""Record a failed login, and name a provider's fault.

Every failure with a known tenant is an audit event and is counted. The event has this service's codes and claim names, and
the provider's error text, cleaned and bounded. A failed test login is neither recorded nor counted: its report is for the
person who began it.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from uuid import UUID

import msgspec

from identity_api.claims import ClaimError
from identity_api.db import attempts, audit, provider_tests, providers
from identity_api.db.attempts import Attempt
from identity_api.db.database import Connection
from identity_api.db.providers import Provider
from identity_api.errors import BadInput, IdentityAPIError
from identity_api.oidc import errors as oidc
from identity_api.oidc.token_endpoint import MISCONFIGURATION_ERRORS
from identity_api.sessions.errors import LoginFailed
from identity_api.sessions.login.deps import LoginDeps
from identity_api.sessions.login.frontend_errors import address_for, begin_again
from identity_api.sessions.login.report import LoginReport, report_of_failure
from identity_api.telemetry import METRICS, get_logger, request_mark
from identity_api.upstream.errors import TargetRefused, Unreachable, Unusable, UpstreamError
from identity_api.vault import VaultError

_log = get_logger(__name__)
_Unavailable = oidc.TokenEndpointUnavailable | oidc.PushedRequestUnavailable | oidc.UserInfoUnavailable
_TIMEOUTS = frozenset(("ANSWER_TIMED_OUT", "CONNECT_TIMED_OUT"))
_PERMANENT = (
    BadInput | VaultError | TargetRefused | oidc.InvalidTokenResponse | oidc.InvalidMetadata | oidc.InvalidKeySet
)
TOO_MANY_REQUESTS, SERVER_ERROR = 429, 500
_OUR_CERTIFICATE = frozenset(("CLIENT_CERTIFICATE_REQUIRED", "CLIENT_CERTIFICATE_REFUSED"))


def kind_of(provider: Provider | None) -> str:
    """The provider's label in metrics: its preset, or its protocol."""
    return "unknown" if provider is None else provider.preset or provider.protocol


@asynccontextmanager
async def recorded(
    deps: LoginDeps, attempt: Attempt, provider: Provider | None, *, clear_cookies: Sequence[str] = ()
) -> AsyncIterator[None]:
    """Record a LoginFailed and raise it again with the cookies to clear."""
    try:
        yield
    except LoginFailed as failure:
        failure.clear_cookies = failure.clear_cookies or tuple(clear_cookies)
        failure.begin_again = begin_again(attempt, failure)
        failure.frontend_address = address_for(attempt, failure)
        failure.is_recorded = True
        async with deps.database.transaction() as connection:
            if attempt.test_id is not None:
                report = report_of_failure(failure.code, failure.reason, provider, said=failure.said)
                await keep_report(connection, attempt, report)
            else:
                actor = "system" if attempt.provider_id is None else f"provider:{attempt.provider_id}"
                event = failed_event(failure, "login_attempt", attempt.id, provider_id=attempt.provider_id)
                await audit.record(connection, attempt.tenant_id, actor, [event])
            # After the report: whoever removes a test locks its row before those of its attempts.
            await attempts.set_outcome(connection, attempt.tenant_id, attempt.id, failure.code)
        if attempt.test_id is None:
            count(failure, provider, attempt)
        raise


def failed_event(
    failure: LoginFailed, subject_kind: str, subject_id: UUID | None, *, provider_id: UUID | None = None
) -> audit.Event:
    """The audit's note of a failed login; `request` is what the person's page shows, so that they can name it."""
    payload = {"code": failure.code, "reason": failure.reason}
    more = {"provider": str(provider_id) if provider_id else None, "said": failure.said}
    payload |= {name: value for name, value in more.items() if value is not None}
    return audit.Event("login.failed", subject_kind, subject_id, {**payload, **request_mark()})


async def record_at_entry(
    deps: LoginDeps, tenant_id: UUID, failure: LoginFailed, *, host: str = "", path: str = ""
) -> None:
    """Record a failure without an attempt, if the host or the redirect URL shows the tenant.

    Otherwise nobody but the operator could find the request that such a page names. `host` and `path` of the request
    name a provider where they are those of its redirect URL.
    """
    if failure.is_recorded:
        return
    failure.is_recorded = True
    async with deps.database.transaction() as connection:
        provider_id = await providers.called_back_at(connection, tenant_id, host, path)
        event = failed_event(failure, "tenant", tenant_id, provider_id=provider_id)
        await audit.record(connection, tenant_id, "system", [event])


async def keep_report(connection: Connection, attempt: Attempt, report: LoginReport) -> None:
    """Store the report of an attempt that belongs to a test, in the caller's transaction."""
    assert attempt.test_id is not None
    await provider_tests.report(connection, attempt.tenant_id, attempt.test_id, msgspec.json.encode(report))
    found = [{"step": one.step, "status": one.status, "code": one.code} for one in report.findings]
    payload = {"attempt": str(attempt.id), "code": report.verdict.code, "findings": found}
    event = audit.Event("provider.tested", "provider", attempt.provider_id, payload)
    await audit.record(connection, attempt.tenant_id, f"provider:{attempt.provider_id}", [event])


def count(failure: LoginFailed, provider: Provider | None = None, attempt: Attempt | None = None) -> None:
    """Count a failure and log it."""
    METRICS.count_login(failure.code, kind_of(provider))
    _log.warning(
        "login.failed",
        failure=failure.code,
        reason=failure.reason,
        said=failure.said,
        tenant_id=attempt and str(attempt.tenant_id),
        provider_id=attempt and attempt.provider_id and str(attempt.provider_id),
        attempt_id=attempt and str(attempt.id),
    )


@contextmanager
def judging(code: str, *, unavailable_status: int = 502) -> Iterator[None]:
    """Turn an error between this service and the provider into LoginFailed.

    Args:
        code: the code for a broken rule; an unreachable provider and a wrong set-up have codes of their own.
        unavailable_status: 503 while nothing has begun, 502 in the middle of a login.
    """
    try:
        yield
    except (UpstreamError, oidc.ProtocolError, ClaimError, BadInput, VaultError) as error:
        raise _failure(error, code, unavailable_status) from error


def _failure(error: IdentityAPIError, code: str, unavailable_status: int) -> LoginFailed:
    if isinstance(error, TargetRefused):
        _log.warning("login.target_not_allowed", refused=error.reason, entry=error.entry)  # for the operator
    code, status = _told_as(error, code, unavailable_status)
    said = error.said if isinstance(error, oidc.ProtocolError) else None
    return LoginFailed(code, status=status, reason=_reason(error), said=said)


def _told_as(error: IdentityAPIError, code: str, unavailable_status: int) -> tuple[str, int]:
    """The code of the failure, and its status."""
    if isinstance(error, UpstreamError) and error.code in _TIMEOUTS:
        return "PROVIDER_TIMED_OUT", 504
    if _is_misconfigured(error) or code == "PROVIDER_MISCONFIGURED":
        return "PROVIDER_MISCONFIGURED", 502
    if isinstance(error, UpstreamError | _Unavailable):
        return "PROVIDER_UNAVAILABLE", unavailable_status
    return "CLAIM_UNUSABLE" if isinstance(error, ClaimError) else code, 400


def _reason(error: IdentityAPIError) -> str:
    """This service's codes and names, joined by colons."""
    claim = getattr(error, "claim", None) or getattr(error, "field", None)
    detail = getattr(error, "error", None) if isinstance(error, oidc.ProtocolError) else None
    status = error.status if isinstance(error, _Unavailable | Unusable) else None
    untrusted = error.reason if isinstance(error, Unreachable) else None
    return ":".join([str(part) for part in (error.code, detail, status, untrusted, claim) if part])


def _is_misconfigured(error: IdentityAPIError) -> bool:
    """Whether neither the person at the browser nor time can resolve the error.

    That is an answer at the wrong address or of the wrong kind, and an answer that says no; an outage is no answer, or
    one that says "not now".
    """
    if isinstance(error, _PERMANENT) or error.code in _OUR_CERTIFICATE:
        return True
    if isinstance(error, Unreachable):
        return error.reason is not None  # why the certificate is not trusted
    if isinstance(error, _Unavailable | Unusable) and error.status is not None:
        return not (error.status == TOO_MANY_REQUESTS or error.status >= SERVER_ERROR)
    return isinstance(error, oidc.TokenRequestRefused) and error.error in MISCONFIGURATION_ERRORS
