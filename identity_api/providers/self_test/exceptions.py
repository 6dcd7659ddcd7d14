"""List the checks that the operator has waived for this provider, at every test, so that nobody forgets them."""

from typing import Final

from identity_api.db.providers import Provider
from identity_api.diagnostics.findings import Finding, warn
from identity_api.providers.waived_checks import WITHOUT_ISS, exceptions_of

STEP: Final = "exceptions"


def examine_exceptions(provider: Provider) -> list[Finding]:
    """One warning for each; that of `accept_without_iss` is with the other findings about the callback."""
    return [
        warn(STEP, one.code, f"By the operator's exception {one}", found=one.setting)
        for one in exceptions_of(provider.client_settings)
        if one is not WITHOUT_ISS
    ]
