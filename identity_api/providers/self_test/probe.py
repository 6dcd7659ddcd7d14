"""Send the self-test's requests within one deadline, and describe their failures."""

import asyncio
from typing import Final

from identity_api.diagnostics.findings import Finding, fail
from identity_api.oidc.messages import Answer, Request
from identity_api.relying_party.connection import ProviderConnection
from identity_api.upstream.errors import TargetRefused, Unreachable, UpstreamError
from identity_api.upstream.exchange import Upstream

REQUEST_SECONDS: Final = 10.0
CAP_BYTES: Final = 512 * 1024

_TLS: Final = {
    "SELF_SIGNED": "its certificate is self-signed, or signed by an untrusted authority",
    "UNKNOWN_AUTHORITY": "its certificate is by an authority unknown here, or an intermediate certificate is not sent",
    "EXPIRED": "its certificate has expired",
    "OTHER_HOST": "its certificate is for another host name",
}
_SENTENCES: Final = {
    "TARGET_NOT_ALLOWED": "{what} is at an address that may not be called from here",
    "NAME_NOT_RESOLVED": "the host name of {what} is not known in the DNS",
    "CONNECT_FAILED": "nothing accepts connections where {what} should be",
    "CONNECT_TIMED_OUT": "no connection to {what} could be made in time; a firewall may be in the way",
    "TLS_FAILED": "there is no trusted TLS connection to {what}: {reason}",
    "CLIENT_CERTIFICATE_REQUIRED": "{what} takes no connection without a TLS client certificate, and none is configured",
    "CLIENT_CERTIFICATE_REFUSED": "{what} does not take the TLS client certificate that is configured",
    "ANSWER_TIMED_OUT": "{what} was asked and did not answer in time",
    "CONNECTION_LOST": "the connection to {what} was lost before it answered",
    "NOT_HTTP": "what answers for {what} does not speak HTTP",
    "ANSWER_TRUNCATED": "the answer of {what} is cut off or damaged",
    "ANSWER_TOO_LARGE": "the answer of {what} is too large",
    "CONTENT_CODING_UNKNOWN": "the answer of {what} has an encoding that was not requested",
}


class Probe:
    """Sends on behalf of one tenant until the time of the whole test is over."""

    def __init__(self, upstream: Upstream, line: ProviderConnection, *, seconds: float) -> None:
        """Begin.

        Args:
            upstream: carries the requests.
            line: to the provider.
            seconds: wall-clock time for everything from now on.
        """
        self._upstream, self.line = upstream, line
        self._ends_at = asyncio.get_running_loop().time() + seconds

    @property
    def deadline_seconds(self) -> float:
        """How long the next request may take."""
        return max(0.01, min(REQUEST_SECONDS, self._ends_at - asyncio.get_running_loop().time()))

    async def send(self, request: Request) -> Answer:
        """Send one request in which we prove nothing.

        Raises:
            UpstreamError: no answer, or none that can be read.
        """
        return await self.line.send(self._upstream, request, deadline=self.deadline_seconds, cap=CAP_BYTES)

    async def get(self, url: str) -> Answer:
        """Fetch a document. Raises as `send`."""
        return await self.send(Request(method="GET", url=url, headers={"accept": "application/json"}))


def unreached(step: str, what: str, error: UpstreamError) -> Finding:
    """The finding that no answer is. `what` names the place in a sentence: "the token endpoint"."""
    reason = error.reason if isinstance(error, Unreachable) else None
    told = _TLS.get(reason or "", "the two sides agree on no version or cipher, or it does not speak TLS")
    text = _SENTENCES.get(error.code, "{what} could not be asked").format(what=what, reason=told)
    message = text[0].upper() + text[1:] + "."
    if isinstance(error, TargetRefused):
        entry = f" the entry {error.entry}" if error.entry else ""
        message += f" If the target is meant, the operator adds{entry} to IDENTITY_OUTBOUND_ALLOW."
    return fail(step, error.code, message, found=error.origin or None)
