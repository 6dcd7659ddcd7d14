"""A test login: a login in the browser of an admin, or of who has a set-up link, that ends with a report, not a session.

Prepare, launch and callback are those of every login, with the same rules in the same order. An attempt of a test signs
nobody in: it makes no user, identity, grant, refresh token or session, and the audit records only the test. Only the person
who began the test can read the report, and it is deleted after ten minutes, or with the set-up link (`db.provider_tests`).

It begins on the host of the redirect URL, so that the browser is bound once. Anybody with the link may open it; the report
says which claims came, and never their values.
"""

from urllib.parse import urlsplit
from uuid import UUID

import msgspec

from identity_api.claims import within
from identity_api.db import attempts, audit, provider_tests
from identity_api.db.attempts import Attempt
from identity_api.db.database import Connection
from identity_api.db.provider_tests import ProviderTest, Reader
from identity_api.db.providers import Provider
from identity_api.diagnostics.findings import skipped
from identity_api.errors import NotFound, Refused
from identity_api.ids import new_tenant_token, token_hash, uuid7
from identity_api.oidc.errors import ProtocolError
from identity_api.relying_party.group_sources import with_listed_groups
from identity_api.relying_party.verified_documents import Exchange, VerifiedDocuments, with_userinfo
from identity_api.sessions.login.deps import LoginDeps, LoginResult
from identity_api.sessions.login.failures import keep_report
from identity_api.sessions.login.match_callback import Matched
from identity_api.sessions.login.prepare import LAUNCH_PATH
from identity_api.sessions.login.provider_answer import USERINFO_SECONDS, login_expectation, read_login_documents
from identity_api.sessions.login.report import SIGN_IN, LoginReport, groups_in, report_of
from identity_api.upstream.errors import UpstreamError

ENDED_PATH = "/auth/tested"
MAX_A_MINUTE = 10

_decode = msgspec.json.Decoder(LoginReport).decode


async def begin_test(
    deps: LoginDeps, provider: Provider, reader: Reader, *, actor: str, return_to: str | None = None
) -> str:
    """Prepare a test login of a provider, enabled or not; the address to open in a browser, once, within ten minutes.

    Args:
        reader: who reads the report.
        return_to: where the browser ends, on the origin of the redirect URL; by default a page that says that it is over.

    Raises:
        NotFound: the provider has just been deleted.
        Refused: `TOO_MANY_TESTS`: each test asks the provider several times.
    """
    tenant_id, test_id = provider.tenant_id, uuid7()
    handle = new_tenant_token("ha", tenant_id)
    redirect = urlsplit(provider.redirect_url)
    origin = f"{redirect.scheme}://{redirect.netloc}"
    attempt = attempts.NewAttempt(
        id=uuid7(),
        tenant_id=tenant_id,
        provider_id=provider.id,
        frontend_id=None,
        delivery="cookie",
        return_to=return_to or f"{origin}{ENDED_PATH}",
        session_origin=origin,
        path_prefix="",
        client_state=None,
        client_challenge=None,
        login_hint=None,
        redirect_url=provider.redirect_url,
        issuer=provider.issuer,
        test_id=test_id,
    )
    seconds = deps.limits.attempt_seconds
    async with deps.database.transaction() as connection:
        await check_pace(connection, tenant_id)
        if not await provider_tests.insert(connection, tenant_id, test_id, provider.id, reader):
            raise NotFound("There is no such provider.")
        # The handle for as long as the attempt: an administrator reads the self-test before opening the address.
        await attempts.insert(connection, attempt, token_hash(handle), seconds=seconds, handle_seconds=seconds)
        event = audit.Event("provider.test_begun", "provider", provider.id, {"attempt": str(attempt.id)})
        await audit.record(connection, tenant_id, actor, [event])
    return f"{origin}{LAUNCH_PATH}{handle}"


async def check_pace(connection: Connection, tenant_id: UUID) -> None:
    """Refuse a tenant that tests too often.

    Raises:
        Refused: `TOO_MANY_TESTS`.
    """
    if await provider_tests.begun_lately(connection, tenant_id, seconds=60) >= MAX_A_MINUTE:
        raise Refused("Ten tests were begun within a minute. Wait a moment.", code="TOO_MANY_TESTS")


async def conclude_test(deps: LoginDeps, matched: Matched, exchange: Exchange) -> LoginResult:
    """Read the provider's answer and store the report, instead of making an account and a session.

    Raises:
        LoginFailed: what the provider sent breaks a rule; `failures.recorded` keeps the report of that.
    """
    attempt, provider = matched.attempt, matched.provider
    told = await read_login_documents(deps, attempt, exchange)
    groups = groups_in(provider, told.documents)
    told, tokens = await _with_userinfo(deps, attempt, told), told.exchange.tokens
    line = exchange.client.line
    listed = await with_listed_groups(deps.upstream, line, tokens.access_token, told.documents, groups)
    reading = within(listed, deps.database.limits.max_answer_groups)
    report = report_of(
        provider,
        told.documents,
        reading,
        has_refresh_token=tokens.refresh_token is not None,
        refresh_seconds=tokens.refresh_expires_in_seconds,
        has_access_token=tokens.access_token is not None,
    )
    async with deps.database.transaction() as connection:
        await keep_report(connection, attempt, report)
        await attempts.set_outcome(connection, attempt.tenant_id, attempt.id, "TESTED")
    return LoginResult(kind="TESTED", location=attempt.return_to, clear_cookies=(matched.binding,))


async def _with_userinfo(deps: LoginDeps, attempt: Attempt, told: VerifiedDocuments) -> VerifiedDocuments:
    """UserInfo is read even if no setting needs it: a claim that was not found may be there."""
    exchange = told.exchange
    cannot_be_asked = exchange.metadata.userinfo_endpoint is None or exchange.tokens.access_token is None
    if told.documents.userinfo is not None or cannot_be_asked:
        return told
    try:
        return await with_userinfo(deps, told, login_expectation(deps, attempt, exchange), seconds=USERINFO_SECONDS)
    except (UpstreamError, ProtocolError):
        return told  # nothing needs it


async def report_for(deps: LoginDeps, provider: Provider, reader_id: UUID) -> tuple[ProviderTest | None, LoginReport]:
    """The newest test of the provider that this reader began, and its report; without a report, what the test waits for."""
    async with deps.database.reading() as connection:
        found = await provider_tests.newest(connection, provider.tenant_id, provider.id, reader_id)
    if found is not None and found.report is not None:
        return found, _decode(found.report)
    if found is not None and found.launched:
        message = (
            "The provider has not sent the browser back yet. If it shows an error page, compare the redirect URL, the "
            "client ID and the scopes with what is registered there."
        )
        waiting = skipped(SIGN_IN, "TEST_WAITING", message, expected=f"{provider.client_id}, {provider.redirect_url}")
    else:
        waiting = skipped(SIGN_IN, "TEST_NOT_BEGUN", "No test login has been opened in a browser.")
    return found, LoginReport(status="WAITING", verdict=waiting, findings=(waiting,))
