"""Errors of outbound requests, classified by whether anything may have been sent.

    UpstreamError       .code, .sent, .origin
    ├── TargetRefused   sent=False   not an allowed target: scheme, address or URL; .reason for the operator
    ├── Unreachable     sent=False   no connection: name, network, TLS, or the deadline passed while waiting for one
    ├── Withdrawn       sent=False   a connection, but the caller may not send any more
    ├── Unanswered      sent=True    a connection, but no complete head of a response: deadline, dropped, reset
    └── Unusable        sent=True    an unusable response: not HTTP, truncated, too large, unknown content coding

`sent` decides whether a refresh attempt counts as uncertain: with `sent=False` the provider cannot have acted on it.
With `sent=True` it may have. A complete HTTP answer of any status is an `Answer`, not an error.

Texts name the origin (scheme, host, port) and never the path, the query, headers or body: those carry codes and tokens.
"""

from typing import ClassVar

from identity_api.errors import IdentityAPIError


class UpstreamError(IdentityAPIError):
    """An outbound request failed. `origin` is `scheme://host:port`, or empty if the URL has none."""

    default_code = "UPSTREAM_FAILED"
    sent: ClassVar[bool] = True

    def __init__(self, message: str, *, code: str | None = None, origin: str = "") -> None:
        super().__init__(f"{message} ({origin})" if origin else message, code=code)
        self.origin = origin


class TargetRefused(UpstreamError):
    """The request may not be sent; no connection was made.

    One code for every target, so that a tenant's administrator cannot map the network by trying addresses. `reason`
    (`scheme`, `address`, `url`, `request`) is for the operator's log.
    """

    default_code = "TARGET_NOT_ALLOWED"
    sent = False

    def __init__(self, message: str, *, reason: str, code: str | None = None, origin: str = "") -> None:
        super().__init__(message, code=code, origin=origin)
        self.reason = reason

    @property
    def entry(self) -> str | None:
        """The entry that allows this target in `IDENTITY_OUTBOUND_ALLOW`: host and port of its URL."""
        return self.origin.partition("://")[2] or None


class Unreachable(UpstreamError):
    """No connection was made. Codes: `NAME_NOT_RESOLVED`, `CONNECT_FAILED`, `CONNECT_TIMED_OUT`, `TLS_FAILED`,
    `CLIENT_CERTIFICATE_REQUIRED` and `CLIENT_CERTIFICATE_REFUSED`.

    `reason` says for `TLS_FAILED` why the certificate is not trusted, if that is the cause: `SELF_SIGNED`,
    `UNKNOWN_AUTHORITY`, `EXPIRED`, `OTHER_HOST`, or `None`.

    With TLS 1.3 a server checks the client certificate after the client's side of the handshake is complete, so the
    request may already have been written. The server refuses the handshake (RFC 8446 sections 4.4.2.4 and 6.2), and has
    read nothing of the request.
    """

    default_code = "CONNECT_FAILED"
    sent = False

    def __init__(self, message: str, *, code: str | None = None, origin: str = "", reason: str | None = None) -> None:
        super().__init__(message, code=code, origin=origin)
        self.reason = reason


class Withdrawn(UpstreamError):
    """When the connection was made, `may_send` refused: the caller may no longer send this. Nothing was sent."""

    default_code = "WITHDRAWN"
    sent = False


class Unanswered(UpstreamError):
    """The request may have arrived, but no answer came. Codes: `ANSWER_TIMED_OUT`, `CONNECTION_LOST`."""

    default_code = "CONNECTION_LOST"


class Unusable(UpstreamError):
    """An unusable answer came.

    Codes: `NOT_HTTP`, `ANSWER_TRUNCATED`, `ANSWER_TOO_LARGE`, `CONTENT_CODING_UNKNOWN`, and `DOCUMENT_STATUS` for a
    document that came with another status than 200, which `status` has.
    """

    default_code = "NOT_HTTP"

    def __init__(self, message: str, *, code: str | None = None, origin: str = "", status: int | None = None) -> None:
        super().__init__(message, code=code, origin=origin)
        self.status = status
