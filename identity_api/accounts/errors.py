"""A password or second factor that was not accepted.

CredentialsRefused      .code

CREDENTIALS_REFUSED       no such user, no password, the wrong one, or too many tries: always the same answer
SECOND_FACTOR_REQUIRED    the password is right, and the account also needs a one-time code
SECOND_FACTOR_REFUSED     the password is right; the code is wrong, too old, or was used before; or there were too many tries
                          to confirm a new factor
"""

from typing import ClassVar, Literal

from identity_api.errors import Refused

Code = Literal["CREDENTIALS_REFUSED", "SECOND_FACTOR_REQUIRED", "SECOND_FACTOR_REFUSED"]

# The first has one sentence for all causes, so that nobody learns whether the user exists.
MESSAGES: dict[str, str] = {
    "CREDENTIALS_REFUSED": (
        "Username and password do not fit, or there were too many tries. Check both, or wait for some minutes."
    ),
    "SECOND_FACTOR_REQUIRED": "Enter the code that your authenticator shows.",
    "SECOND_FACTOR_REFUSED": (
        "The code does not fit, was used before, or there were too many tries. Wait for the next code, or for some minutes."
    ),
}


class CredentialsRefused(Refused):
    """The credentials are not accepted. The codes after the first mean that the password was right."""

    default_code: ClassVar[str] = "CREDENTIALS_REFUSED"

    def __init__(self, code: Code = "CREDENTIALS_REFUSED") -> None:
        super().__init__(MESSAGES[code], code=code)
