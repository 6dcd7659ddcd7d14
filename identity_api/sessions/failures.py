"""How a login that fails is recorded, and what a provider's fault is called.

Every failure with a known tenant is an audit event and a count; nothing that a provider or a browser wrote is kept of
it, only codes and claim names of ours. A test login that fails is neither: its report is for whoever made it.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from uuid import UUID

import msgspec

from identity_api.db import attempts, audit, provider_tests
from identity_api.db.attempts import Attempt
from identity_api.db.database import Connection
from identity_api.db.providers import Provider
from identity_api.errors import BadInput, IdentityAPIError
from identity_api.mapping import ClaimError
from identity_api.oidc import errors as oidc
from identity_api.oidc.token_endpoint import MISCONFIGURATION_ERRORS
from identity_api.sessions.errors import LoginFailed
from identity_api.sessions.login_report import LoginReport, report_of_failure
from identity_api.sessions.parts import LoginParts
from identity_api.telemetry import METRICS, get_logger, request_mark
from identity_api.upstream.errors import Refused as TargetRefused
from identity_api.upstream.errors import UpstreamError
from identity_api.vault import VaultError

_log = get_logger(__name__)
_Unavailable = oidc.TokenEndpointUnavailable | oidc.PushedRequestUnavailable | oidc.UserInfoUnavailable
_TIMEOUTS = frozenset(("ANSWER_TIMED_OUT", "CONNECT_TIMED_OUT"))
_OUR_CERTIFICATE = frozenset(("CLIENT_CERTIFICATE_REQUIRED", "CLIENT_CERTIFICATE_REFUSED"))


def kind_of(provider: Provider | None) -> str:
    """A provider as metrics name it: its preset, or its protocol."""
    return "unknown" if provider is None else provider.preset or provider.protocol


@asynccontextmanager
async def recorded(
    parts: LoginParts, attempt: Attempt, provider: Provider | None, *, clear_cookies: Sequence[str] = ()
) -> AsyncIterator[None]:
    """Record a LoginFailed that passes, and let it pass with the cookies to clear."""
    try:
        yield
    except LoginFailed as failure:
        failure.clear_cookies = failure.clear_cookies or tuple(clear_cookies)
        failure.begin_again = f"{attempt.session_origin}{attempt.path_prefix}/login?choose=1"
        failure.is_recorded = True
        async with parts.database.transaction() as connection:
            await attempts.set_outcome(connection, attempt.tenant_id, attempt.id, failure.code)
            if attempt.test_id is not None:
                report = report_of_failure(failure.code, failure.reason, provider)
                await keep_report(connection, attempt, report)
            else:
                actor = "system" if attempt.provider_id is None else f"provider:{attempt.provider_id}"
                event = failed_event(failure, "login_attempt", attempt.id, provider_id=attempt.provider_id)
                await audit.record(connection, attempt.tenant_id, actor, [event])
        if attempt.test_id is None:
            count(failure, provider, attempt)
        raise


def failed_event(
    failure: LoginFailed, subject_kind: str, subject_id: UUID | None, *, provider_id: UUID | None = None
) -> audit.Event:
    """The audit's note of a failed login; `request` is what the person's page shows, so that they can name it."""
    payload = {"code": failure.code, "reason": failure.reason}
    provider = {} if provider_id is None else {"provider": str(provider_id)}
    return audit.Event("login.failed", subject_kind, subject_id, {**payload, **provider, **request_mark()})


async def record_at_entry(parts: LoginParts, tenant_id: UUID, failure: LoginFailed) -> None:
    """Record a failure that no attempt was found for, where the host says whose people come in there.

    Otherwise nobody but the operator could find the request that such a page names.
    """
    if failure.is_recorded:
        return
    failure.is_recorded = True
    async with parts.database.transaction() as connection:
        await audit.record(connection, tenant_id, "system", [failed_event(failure, "tenant", tenant_id)])


async def keep_report(connection: Connection, attempt: Attempt, report: LoginReport) -> None:
    """Keep the report of an attempt that has a test behind it, in the caller's transaction."""
    assert attempt.test_id is not None
    await provider_tests.report(connection, attempt.tenant_id, attempt.test_id, msgspec.json.encode(report))
    payload = {"attempt": str(attempt.id), "code": report.verdict.code}
    event = audit.Event("provider.tested", "provider", attempt.provider_id, payload)
    await audit.record(connection, attempt.tenant_id, f"provider:{attempt.provider_id}", [event])


def count(failure: LoginFailed, provider: Provider | None = None, attempt: Attempt | None = None) -> None:
    """Count a failure and write a line about it."""
    METRICS.count_login(failure.code, kind_of(provider))
    _log.warning(
        "login.failed",
        failure=failure.code,
        reason=failure.reason,
        tenant_id=attempt and str(attempt.tenant_id),
        provider_id=attempt and attempt.provider_id and str(attempt.provider_id),
        attempt_id=attempt and str(attempt.id),
    )


@contextmanager
def judging(code: str, *, unavailable_status: int = 502) -> Iterator[None]:
    """Turn what goes wrong between us and the provider into LoginFailed.

    Args:
        code: what a broken rule is called here; trouble with reaching the provider or with its set-up has its own codes.
        unavailable_status: 503 while nothing has begun, 502 in the middle of a login.
    """
    try:
        yield
    except (UpstreamError, oidc.ProtocolError, ClaimError, BadInput, VaultError) as error:
        raise _failure(error, code, unavailable_status) from error


def _failure(error: IdentityAPIError, code: str, unavailable_status: int) -> LoginFailed:
    claim = getattr(error, "claim", None) or getattr(error, "field", None)
    detail = getattr(error, "error", None) if isinstance(error, oidc.ProtocolError) else None
    status = str(error.status) if isinstance(error, _Unavailable) else None
    reason = ":".join([part for part in (error.code, detail, status, claim) if part])
    if isinstance(error, UpstreamError) and error.code in _TIMEOUTS:
        return LoginFailed("PROVIDER_TIMED_OUT", status=504, reason=reason)
    if _is_misconfigured(error):
        return LoginFailed("PROVIDER_MISCONFIGURED", status=502, reason=reason)
    if isinstance(error, UpstreamError | _Unavailable):
        return LoginFailed("PROVIDER_UNAVAILABLE", status=unavailable_status, reason=reason)
    if isinstance(error, oidc.InvalidMetadata | oidc.InvalidKeySet):
        return LoginFailed("PROVIDER_UNAVAILABLE", status=unavailable_status, reason=reason)
    return LoginFailed("CLAIM_UNUSABLE" if isinstance(error, ClaimError) else code, reason=reason)


def _is_misconfigured(error: IdentityAPIError) -> bool:
    """Nothing the person at the browser could do differently."""
    if isinstance(error, BadInput | VaultError | TargetRefused | oidc.InvalidTokenResponse):
        return True
    if error.code in _OUR_CERTIFICATE:
        return True
    return isinstance(error, oidc.TokenRequestRefused) and error.error in MISCONFIGURATION_ERRORS
