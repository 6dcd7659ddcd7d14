"""Handle a failed login at the edge: count it against the address, and record it for its tenant."""

from identity_api.sessions.errors import LoginFailed
from identity_api.sessions.login.failures import record_at_entry
from identity_api.web.deps import WebDeps
from identity_api.web.http.request_context import RequestContext


async def login_failed(deps: WebDeps, context: RequestContext, failure: LoginFailed) -> None:
    """Count and record. The caller raises the failure afterwards.

    Raises:
        TooManyRequests: the address fails too often; then nothing is recorded.
    """
    await deps.limits.login_failed(context.address)
    if context.tenant is not None:
        await record_at_entry(deps.login, context.tenant.id, failure, host=context.host, path=context.path)
