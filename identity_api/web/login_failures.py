"""What the edge does about a login that failed: count it against the address, and see that its tenant can find it."""

from identity_api.sessions.errors import LoginFailed
from identity_api.sessions.failures import record_at_entry
from identity_api.web.facts import RequestFacts
from identity_api.web.parts import WebParts


async def login_failed(parts: WebParts, facts: RequestFacts, failure: LoginFailed) -> None:
    """Count and record. The caller raises the failure afterwards.

    Raises:
        TooManyRequests: the address fails too often; then nothing is recorded.
    """
    await parts.limits.login_failed(facts.address)
    if facts.tenant is not None:
        await record_at_entry(parts.login, facts.tenant.id, failure, host=facts.host, path=facts.path)
