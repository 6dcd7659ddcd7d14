"""Checks that the operator has waived for one provider, each with the risk; shown wherever the provider is shown.

A check is never waived automatically: a provider that needs an exception is refused, and the refusal names the exception.
"""

from typing import Final

import msgspec

from identity_api.db.providers import ClientSettings


class ProtocolException(msgspec.Struct, frozen=True):
    """One of them: the setting as it is declared, the code of the self-test's finding, and what is lost."""

    setting: str
    code: str
    lost: str

    def __str__(self) -> str:
        return f"{self.setting}: {self.lost}"


PKCE_OFF: Final = ProtocolException(
    'pkce = "OFF"',
    "PKCE_OFF",
    "a code that is stolen on its way here can be brought into a login of somebody else, unless the nonce gives it away "
    "(RFC 9700 2.1.1).",
)
MISSING_NONCE: Final = ProtocolException(
    'missing_nonce = "ACCEPTED"',
    "MISSING_NONCE_ACCEPTED",
    "an ID Token of another login of this client is not noticed if it comes without a nonce (OpenID Connect Core 15.5.2).",
)
WITHOUT_ISS: Final = ProtocolException(
    "accept_without_iss = true",
    "CALLBACK_UNNAMED",
    "the operator of this provider can take the codes of every other provider at its redirect URL.",
)


def exceptions_of(settings: ClientSettings) -> list[ProtocolException]:
    """Those in force; empty for nearly every provider."""
    in_force = (
        (PKCE_OFF, settings.pkce == "OFF"),
        (MISSING_NONCE, settings.missing_nonce == "ACCEPTED"),
        (WITHOUT_ISS, settings.accept_without_iss),
    )
    return [exception for exception, holds in in_force if holds]
