"""Time-based one-time codes, the second factor of a local password (RFC 6238): six digits of SHA-1, every 30 seconds.

Every vendor's authenticator app supports SHA-1 and six digits; SHA-1 is sound in an HMAC (RFC 6238 section 1.2 relies on
RFC 2104). A code is accepted one step early or late (section 5.2), and each step only once.
"""

import base64
import hmac
import os
from datetime import datetime

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

STEP_SECONDS = 30
DIGITS = 6
SECRET_BYTES = 20
"""As long as the hash: RFC 4226 section 4, R6."""
_STEPS_OFF = 1


def new_secret() -> bytes:
    """A secret to share with the user's authenticator."""
    return os.urandom(SECRET_BYTES)


def as_text(secret: bytes) -> str:
    """The secret for typing: base32 without padding (RFC 4648 section 6)."""
    return base64.b32encode(secret).decode("ascii").rstrip("=")


def provisioning_uri(secret: bytes, *, username: str, issuer: str) -> str:
    """The `otpauth://` URI that authenticator apps read from a QR code. It holds the secret: show it once, to its user.

    A space is `%20` as in every URI (RFC 3986): some apps show the `+` of a form's encoding as it is.
    """
    return _totp(secret).get_provisioning_uri(username, issuer).replace("+", "%20")


def matching_step(secret: bytes, code: str, now: datetime) -> int | None:
    """The time step of this code, within one step of now; None if the code fits none.

    The caller checks that the step was not used before, and stores it with the sign-in.
    """
    typed = code.replace(" ", "")
    if len(typed) != DIGITS or not (typed.isascii() and typed.isdigit()):
        return None
    current = int(now.timestamp()) // STEP_SECONDS
    found = None
    for step in range(current - _STEPS_OFF, current + _STEPS_OFF + 1):
        # Each is compared, so that time does not tell which one it is.
        if step >= 0 and hmac.compare_digest(code_at(secret, step), typed.encode("ascii")):
            found = step
    return found


def code_at(secret: bytes, step: int) -> bytes:
    """The code of a time step, counted from the Unix epoch (RFC 6238 section 4)."""
    return _totp(secret).generate(step * STEP_SECONDS)


def _totp(secret: bytes) -> TOTP:
    return TOTP(secret, DIGITS, SHA1(), STEP_SECONDS)  # noqa: S303  # see above: HMAC-SHA-1
