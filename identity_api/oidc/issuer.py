"""Compare an `issuer` with the provider's: exactly, with one declared exception.

OIDC Core 3.1.3.7 step 2 and Discovery 4.3 compare character by character, and so does this module. Microsoft Entra's
multi-tenant endpoints announce a template, `https://login.microsoftonline.com/{tenantid}/v2.0`, and every ID Token has the
signed-in user's directory in place of `{tenantid}`. Such a template accepts only the directories that an operator has
listed; with an empty list it accepts nothing.
https://learn.microsoft.com/en-us/entra/identity-platform/access-tokens#multitenant-applications
"""

from collections.abc import Collection

TENANT_PLACEHOLDER = "{tenantid}"
ENTRA_COLLECTIVES = ("organizations", "common")
"""The placeholder for a directory in the addresses of Entra's multi-tenant endpoints."""


def is_template(issuer: str) -> bool:
    """Whether `issuer` is the declared exception, which needs a list of directories."""
    return TENANT_PLACEHOLDER in issuer


def issuers_of(template: str, directories: Collection[str]) -> frozenset[str]:
    """The values of `iss` for the people of these directories."""
    return frozenset([template.replace(TENANT_PLACEHOLDER, directory) for directory in directories])


def accepts_issuer(expected: str, received: str, directories: frozenset[str] = frozenset()) -> bool:
    """Whether `received` is `expected`, or `expected` with its placeholder replaced by one of `directories`."""
    if not is_template(expected):
        return received == expected
    return received in issuers_of(expected, directories)


def spelled_otherwise(expected: str, received: str) -> str | None:
    """How the spelling of `received` differs from `expected`; None if they are equal, or differ in more than spelling."""
    if expected == received:
        return None
    if expected.rstrip("/") == received.rstrip("/"):
        return "only one of the two ends with a slash"
    if expected.casefold() == received.casefold():
        return "they differ in upper and lower case"
    return None
