"""Read a response within its size limit, and translate aiohttp's errors."""

import asyncio
import re
import ssl
import zlib
from collections.abc import Mapping

import aiohttp

from identity_api.oidc.messages import Answer
from identity_api.upstream.connections import NotPermitted
from identity_api.upstream.errors import TargetRefused, Unanswered, Unreachable, Unusable, UpstreamError

_DISTRUST = {
    10: "EXPIRED",
    18: "SELF_SIGNED",
    19: "SELF_SIGNED",
    20: "UNKNOWN_AUTHORITY",
    21: "UNKNOWN_AUTHORITY",
    62: "OTHER_HOST",
    64: "OTHER_HOST",
}
_ALERT = re.compile(r"_ALERT_([A-Z_]+)")
# A server's alerts about the client certificate (RFC 8446 section 6.2), as OpenSSL names them.
_OUR_CERTIFICATE = {
    "CERTIFICATE_REQUIRED": "CLIENT_CERTIFICATE_REQUIRED",
    **dict.fromkeys(
        (
            "BAD_CERTIFICATE",
            "UNSUPPORTED_CERTIFICATE",
            "CERTIFICATE_REVOKED",
            "CERTIFICATE_EXPIRED",
            "CERTIFICATE_UNKNOWN",
            "UNKNOWN_CA",
            "ACCESS_DENIED",
        ),
        "CLIENT_CERTIFICATE_REFUSED",
    ),
}
# Cookies are not kept; content codings are removed before the answer is returned.
_DROPPED_HEADERS = frozenset({"set-cookie", "content-encoding", "content-length", "transfer-encoding"})

FEW_READS, CRUMB_BYTES = 16, 1_024
PAUSE_SHARE = 0.25
"""An answer that arrives in more pieces than a few and one for each KiB is a drip: each piece costs as much as a whole
packet. It is then read at moments ever further apart, a quarter of the time it has taken so far, so that it costs some
thirty reads however long it drips, and an honest one that a bad network cut up takes a quarter longer at most."""


async def read_answer(response: aiohttp.ClientResponse, cap: int, origin: str) -> Answer:
    """Read the whole answer. Raises Unusable, or aiohttp's errors for `translated`; the connection is then closed."""
    try:
        body = await _body(response, cap, origin)
    except BaseException:
        response.close()  # the rest is not read, and the connection is not reused
        raise
    response.release()
    return Answer(status=response.status, headers=_answer_headers(response.headers), body=body)


async def _body(response: aiohttp.ClientResponse, cap: int, origin: str) -> bytes:
    coding = response.headers.get("content-encoding", "identity").strip().lower()
    if coding not in ("", "identity", "gzip", "x-gzip"):
        raise Unusable("The answer is encoded in an unknown way", code="CONTENT_CODING_UNKNOWN", origin=origin)
    # Decompressed here, with a limit for every step: 64 KiB of gzip may be 64 MiB, and a check afterwards is too late.
    gzip = zlib.decompressobj(31) if "gzip" in coding else None
    body, received, reads = bytearray(), 0, 0
    begun = asyncio.get_running_loop().time()
    while chunk := await response.content.readany():
        received, reads = received + len(chunk), reads + 1
        try:
            body += gzip.decompress(chunk, cap + 1 - len(body)) if gzip else chunk
        except zlib.error:
            raise Unusable("The answer is damaged", code="ANSWER_TRUNCATED", origin=origin) from None
        if len(body) > cap:
            raise Unusable("The answer is too large", code="ANSWER_TOO_LARGE", origin=origin)
        if reads > FEW_READS + received // CRUMB_BYTES:
            await _let_gather(response, (asyncio.get_running_loop().time() - begun) * PAUSE_SHARE)
    if gzip and received and (not gzip.eof or gzip.unused_data):
        raise Unusable("The answer is not complete", code="ANSWER_TRUNCATED", origin=origin)
    return bytes(body)


async def _let_gather(response: aiohttp.ClientResponse, seconds: float) -> None:
    """Read nothing for a while: bytes that arrive meanwhile wait in the system's buffers, and are then one piece."""
    connection = response.connection
    transport = connection.transport if connection is not None else None
    if transport is None or response.content.is_eof():
        return  # the answer is complete
    transport.pause_reading()
    try:
        await asyncio.sleep(seconds)
    finally:
        if not transport.is_closing():
            transport.resume_reading()


def _answer_headers(received: Mapping[str, str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in received.items():
        lower = name.lower()
        if lower not in _DROPPED_HEADERS:
            headers[lower] = f"{headers[lower]}, {value}" if lower in headers else value
    return headers


def translated(error: Exception, sent: bool, origin: str) -> UpstreamError:
    """The error of this package for one of aiohttp's. `sent` is checked first: a repeated GET may fail to connect after
    it was sent.
    """
    refusal = _refusal_of_certificate(error)
    if refusal is not None:
        return Unreachable("The provider refused the TLS connection", code=refusal, origin=origin)
    if sent:
        return _after_sending(error, origin)
    if isinstance(error, TimeoutError):
        return Unreachable("No connection in time", code="CONNECT_TIMED_OUT", origin=origin)
    if isinstance(error, aiohttp.ClientSSLError):
        return Unreachable("No trusted TLS connection", code="TLS_FAILED", origin=origin, reason=_distrust(error))
    if isinstance(error, aiohttp.ClientConnectorError) and isinstance(error.os_error, NotPermitted):
        return TargetRefused("This target is not allowed.", reason="address", origin=origin)
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return Unreachable("The host name is unknown", code="NAME_NOT_RESOLVED", origin=origin)
    if isinstance(error, aiohttp.InvalidURL):
        return TargetRefused("This URL may not be used for an outbound request.", reason="url", origin=origin)
    return Unreachable("No connection", origin=origin)


def _refusal_of_certificate(error: Exception) -> str | None:
    """Whether the server ended the handshake because of the client certificate, or because there is none."""
    cause = error.__cause__
    alert = _ALERT.search((cause.reason or "") if isinstance(cause, ssl.SSLError) else "")
    return _OUR_CERTIFICATE.get(alert[1]) if alert else None


def _distrust(error: aiohttp.ClientSSLError) -> str | None:
    """Why OpenSSL does not trust the certificate (X509_V_ERR_* of x509_vfy.h), if that is the cause."""
    cause = error.certificate_error if isinstance(error, aiohttp.ClientConnectorCertificateError) else None
    return _DISTRUST.get(cause.verify_code) if isinstance(cause, ssl.SSLCertVerificationError) else None


def _after_sending(error: Exception, origin: str) -> UpstreamError:
    if isinstance(error, TimeoutError):
        return Unanswered("No complete answer in time", code="ANSWER_TIMED_OUT", origin=origin)
    if isinstance(error, aiohttp.ClientPayloadError):
        return Unusable("The answer is not complete", code="ANSWER_TRUNCATED", origin=origin)
    if isinstance(error, aiohttp.ClientResponseError):
        return Unusable("The answer is not HTTP, or its head is too large", origin=origin)
    return Unanswered("The connection was lost before the answer", origin=origin)
