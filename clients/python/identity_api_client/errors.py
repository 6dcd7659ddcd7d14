"""Refusals, with what an HTTP answer needs: a status and headers (RFC 6750 section 3, RFC 9470 section 3)."""


class IdentityError(Exception):
    """A caller is refused. `status` and `headers` are for the answer."""

    status = 401

    def __init__(self, message: str, challenge: str) -> None:
        super().__init__(message)
        self.headers = {"WWW-Authenticate": challenge}


class Unauthenticated(IdentityError):
    """No token, or none that is active."""

    def __init__(self, *, presented: bool) -> None:
        error = ' error="invalid_token"' if presented else ""
        super().__init__("The token is not active." if presented else "Sign in first.", f"Bearer{error}")


class NotAllowed(IdentityError):
    """The caller may not do it, or not before a new proof of the person."""

    def __init__(self, message: str, challenge: str, status: int = 403) -> None:
        super().__init__(message, challenge)
        self.status = status
