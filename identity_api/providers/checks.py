"""Check a declared provider beyond the types of its fields. Every problem is found, and named by its place.

No message holds a secret. Addresses with a user part are not repeated, because that part may be a secret."""

import re
from collections.abc import Callable
from functools import partial
from urllib.parse import urlsplit

import msgspec

from identity_api.claims import ClaimPathInvalid, PatternInvalid, parse_claim_sources
from identity_api.config import is_loopback
from identity_api.errors import BadInput
from identity_api.oidc.authorization import FORM_POST, PROTECTED_PARAMETERS, check_extra_parameters
from identity_api.oidc.client_auth import (
    APPLE_CLIENT_SECRET,
    CLIENT_SECRET_JWT,
    PRIVATE_KEY_JWT,
    SECRET_METHODS,
    TLS_METHODS,
)
from identity_api.oidc.documents import DocumentError, check_url
from identity_api.oidc.end_session import check_logout_parameters
from identity_api.oidc.issuer import ENTRA_COLLECTIVES, is_template
from identity_api.providers.declaration import ProviderDeclaration, Table, is_certificates
from identity_api.providers.urls import CALLBACK_PATHS, is_callback

SCOPE_FLOOR = "openid"
MAX_OVERLAP_SECONDS = 30 * 86_400
SCOPE = r"[\x21\x23-\x5B\x5D-\x7E]+"  # scope-token, RFC 6749 section 3.3
# These change this service's own behaviour, and `launch` handles them; the other protected ones cannot be configured.
SETTABLE_PARAMETERS = frozenset(("response_mode", "prompt", "max_age"))
OAUTH2_ENDPOINTS = ("authorization", "token", "userinfo")
GROUPS_ENDPOINT = "groups"
"""The address of a vendor's groups API, if not its public one; with either protocol, for `group_source` only."""
PROVIDER_SLUG = r"[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?"
_APPLE_ID = "[A-Z0-9]{10}"
_DIRECTORY = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"


class Bounds(msgspec.Struct, frozen=True):
    """The bounds of a declared number, from the table of settings."""

    sync_interval_seconds: tuple[int, int] = (60, 420)
    outage_grace_seconds: tuple[int, int] = (0, 86_400)
    unsynced_lease_seconds: tuple[int, int] = (300, 2_592_000)


def arrival_of(redirect_url: str) -> tuple[str, str]:
    """Host and path of a redirect URL: an arriving callback is matched only on these."""
    try:
        parts = urlsplit(redirect_url)
        return parts.hostname or "", parts.path or "/"
    except ValueError:
        return redirect_url, ""


def stands_for_many(issuer: str) -> bool:
    """Whether an issuer, or its document's address, is for many Entra directories, each with its own issuer."""
    return is_template(issuer) or any(f"/{place}/v2.0" in issuer for place in ENTRA_COLLECTIVES)


def check_part(place: str, problems: list[str], check: Callable[[], object]) -> None:
    try:
        check()
    except (BadInput, ClaimPathInvalid, PatternInvalid) as error:
        problems.append(f"{place}: {error.message}")


def check_provider(
    provider: ProviderDeclaration, place: str, bounds: Bounds, before: Table, problems: list[str]
) -> None:
    if not re.fullmatch(PROVIDER_SLUG, provider.slug):
        problems.append(f"{place}.slug: {provider.slug!r} must be lower-case letters, digits, _ and -, at most 63.")
    for name in ("issuer", "discovery_url", "redirect_url", "logout_page_url"):
        address = getattr(provider, name)
        check_address(None if address == before.get(name) else address, f"{place}.{name}", problems)
    redirect_url = provider.redirect_url
    if redirect_url is not None and is_web_address(redirect_url) and not is_callback(redirect_url):
        # The provider would send people there, with a code that nothing handles.
        problems.append(f"{place}.redirect_url: logins end at no path, or at one of {', '.join(CALLBACK_PATHS)}.")
    if "?" in provider.issuer:
        problems.append(f"{place}.issuer: an issuer has no query (OpenID Connect Discovery 2).")
    _check_protocol(provider, place, problems)
    _check_secret(provider, place, problems)
    _check_client(provider, place, problems)
    for name in ("sync_interval_seconds", "outage_grace_seconds", "unsynced_lease_seconds"):
        low, high = getattr(bounds, name)
        value = getattr(provider, name)
        if value not in (None, before.get(name)) and not low <= value <= high:
            problems.append(f"{place}.{name}: {value} is not between {low} and {high}.")
    if provider.sync != "OFF" and not 1 <= provider.max_concurrent <= 500:
        problems.append(f"{place}.max_concurrent: must be between 1 and 500.")
    if provider.max_rate is not None and not 1 <= provider.max_rate <= 10_000:
        problems.append(f"{place}.max_rate: must be between 1 and 10000, or left out for no limit.")
    if provider.adopt_by_name and provider.provisioning != "JIT":
        problems.append(f"{place}.adopt_by_name: is for JIT; KNOWN_USERS matches by name, and LINKED_ONLY never does.")
    if GROUPS_ENDPOINT in provider.endpoints and provider.group_source is None:
        problems.append(f"{place}.endpoints.{GROUPS_ENDPOINT}: is for a group_source.")
    if provider.deny_unmapped and provider.sync_mode == "NONE":
        problems.append(f"{place}.deny_unmapped: with sync_mode NONE groups give nothing, so nobody could sign in.")
    claims = provider.claim_settings()
    for name in ("anchor", "username", "display", "email", "groups"):
        parsed = partial(parse_claim_sources, list(getattr(claims, name)), for_groups=name == "groups")
        check_part(f"{place}.{name}_claim", problems, parsed)


def _check_protocol(provider: ProviderDeclaration, place: str, problems: list[str]) -> None:
    """Check what the two protocols need, and Entra's issuers for many directories."""
    for name, address in provider.endpoints.items():
        check_address(address, f"{place}.endpoints.{name}", problems)
    if provider.protocol == "oidc":
        if SCOPE_FLOOR not in provider.scopes:
            problems.append(f"{place}.scopes: {SCOPE_FLOOR!r} is required by OpenID Connect.")
        if set(provider.endpoints) - {GROUPS_ENDPOINT}:
            problems.append(f"{place}.endpoints: an OpenID Provider publishes its own; they are for oauth2.")
    elif set(provider.endpoints) - {GROUPS_ENDPOINT} != set(OAUTH2_ENDPOINTS):
        problems.append(f"{place}.endpoints: oauth2 needs exactly {', '.join(OAUTH2_ENDPOINTS)}.")
    if not provider.scopes or not all(re.fullmatch(SCOPE, scope) for scope in provider.scopes):
        problems.append(f"{place}.scopes: each is a word without spaces, and there is at least one.")
    _check_parameters(provider, f"{place}.authorization_parameters", problems)
    check_part(
        f"{place}.end_session_parameters", problems, partial(check_logout_parameters, provider.end_session_parameters)
    )
    if provider.pkce == "OFF" and is_public(provider):
        problems.append(f"{place}.pkce: OFF is never for a public client: anybody who sees a code could exchange it.")
    if provider.missing_nonce == "ACCEPTED" and provider.protocol != "oidc":
        problems.append(f"{place}.missing_nonce: is for OpenID Providers; nothing else has a nonce.")
    if provider.end_session_parameters and not provider.sign_out_at_provider:
        problems.append(f"{place}.end_session_parameters: are sent where sign_out_at_provider is true.")
    is_collective = any(stands_for_many(one) for one in (provider.issuer, provider.discovery_url or ""))
    if is_collective and not provider.allowed_directories:
        # With an empty list nobody could sign in, and without a list everybody with a Microsoft account.
        problems.append(f"{place}.allowed_directories: name the Entra directories whose people may sign in.")
    if provider.allowed_directories and not is_collective:
        problems.append(f"{place}.allowed_directories: the issuer is one directory already.")
    if not all(re.fullmatch(_DIRECTORY, one) for one in provider.allowed_directories):
        problems.append(f"{place}.allowed_directories: a directory is named by its id, a UUID in lower case.")


def _check_parameters(provider: ProviderDeclaration, place: str, problems: list[str]) -> None:
    """Check for parameters that a login could not send, or would silently leave out (Core 3.1.2.1)."""
    given = provider.authorization_parameters
    for name in sorted((PROTECTED_PARAMETERS - SETTABLE_PARAMETERS) & given.keys()):
        problems.append(f"{place}: {name} is set by the login itself.")
    extra = {name: value for name, value in given.items() if name not in PROTECTED_PARAMETERS}
    check_part(place, problems, partial(check_extra_parameters, extra))
    if given.get("response_mode", "query") not in ("query", FORM_POST):
        problems.append(
            f"{place}: response_mode is query or {FORM_POST}; the service never sees a response in a fragment."
        )
    if not re.fullmatch("[0-9]{1,9}", given.get("max_age", "0")):
        problems.append(f"{place}: max_age is a number of seconds.")
    if "max_age" in given and provider.protocol != "oidc":
        problems.append(f"{place}: max_age needs OpenID Connect; nothing else says when somebody proved who they are.")


def _forms_of_secret(provider: ProviderDeclaration) -> int:
    forms = [provider.client_secret, provider.client_secret_env, provider.client_secret_file]
    return len([form for form in forms if form is not None]) + provider.client_secret_stored


def is_public(provider: ProviderDeclaration) -> bool:
    """Whether anybody could exchange this client's codes (RFC 6749 section 2.1)."""
    implied = "client_secret_post" if _forms_of_secret(provider) else "none"
    return (provider.client_authentication or implied) == "none"


def _check_secret(provider: ProviderDeclaration, place: str, problems: list[str]) -> None:
    given = _forms_of_secret(provider)
    if given > 1:
        problems.append(f"{place}: give one of client_secret, client_secret_env and client_secret_file, not several.")
    if given and provider.client_authentication == "none":
        problems.append(f"{place}.client_authentication: none is for clients without a secret.")
    if given and provider.client_authentication in (PRIVATE_KEY_JWT, *TLS_METHODS):
        problems.append(
            f"{place}.client_authentication: {provider.client_authentication} is for clients without a secret."
        )
    if not given and provider.client_authentication in SECRET_METHODS:
        problems.append(f"{place}: {provider.client_authentication} needs a client secret.")
    has_certificate = provider.tls_client_certificate_file is not None or provider.tls_client_certificate_stored
    if provider.client_authentication in TLS_METHODS and not has_certificate:
        # Only a declaration has files: without one, the field that was set is named.
        problems.append(
            f"{place}.client_authentication: {provider.client_authentication} needs a tls_client_certificate_file."
        )
    if provider.client_secret == "":
        problems.append(f"{place}.client_secret: is empty; leave it out for a public client.")
    elif provider.client_authentication == CLIENT_SECRET_JWT and len(provider.client_secret or "x" * 32) < 32:
        problems.append(f"{place}.client_secret: client_secret_jwt needs one of at least 32 characters.")
    if not 0 <= provider.client_secret_overlap_seconds <= MAX_OVERLAP_SECONDS:
        problems.append(f"{place}.client_secret_overlap_seconds: must be between 0 and {MAX_OVERLAP_SECONDS}.")


def _check_apple(provider: ProviderDeclaration, place: str, problems: list[str]) -> None:
    is_apple = provider.client_authentication == APPLE_CLIENT_SECRET
    for name in ("apple_team_id", "apple_key_id"):
        value = getattr(provider, name)
        if value is not None and not is_apple:
            problems.append(f"{place}.{name}: is for the client_authentication {APPLE_CLIENT_SECRET}.")
        elif is_apple and not re.fullmatch(_APPLE_ID, value or ""):
            problems.append(f"{place}.{name}: {APPLE_CLIENT_SECRET} needs one, of ten capital letters and digits.")


def _check_client(provider: ProviderDeclaration, place: str, problems: list[str]) -> None:
    """Check keys, bound tokens and TLS client certificates."""
    _check_apple(provider, place, problems)
    if provider.protocol == "oauth2":
        for name in ("encrypted_id_tokens", "signed_userinfo"):
            if getattr(provider, name):
                problems.append(f"{place}.{name}: is for OpenID Providers.")
    if provider.ca_file is not None and provider.ca_certificate_pem is not None:
        problems.append(f"{place}: give one of ca_file and ca_certificate_pem, not both.")
    if provider.ca_certificate_pem is not None and not is_certificates(provider.ca_certificate_pem):
        problems.append(f"{place}.ca_certificate_pem: holds no certificates that can be read.")
    if provider.tls_client_key_file is not None and provider.tls_client_certificate_file is None:
        problems.append(f"{place}.tls_client_key_file: needs tls_client_certificate_file.")


def twice(what: str, values: list[str]) -> list[str]:
    return [
        f"{what} {value!r} is declared twice." for value in sorted({one for one in values if values.count(one) > 1})
    ]


def check_address(address: str | None, place: str, problems: list[str]) -> None:
    if address is not None and not is_web_address(address):
        shown = "the address" if "@" in address else repr(address)
        problems.append(f"{place}: {shown} must be a complete https address.")


def is_web_address(address: str) -> bool:
    """Whether it is https with a host, or http on this machine; and every parser reads the same address.

    No user part, fragment, blank, backslash or control character; no dot after the host, which some parsers take for
    part of the name and others ignore.
    """
    try:
        check_url(address)
        parts = urlsplit(address)
    except (DocumentError, ValueError):
        return False
    host = parts.hostname or ""
    if host.endswith("."):
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))
