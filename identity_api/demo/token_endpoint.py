"""The token endpoint: exchanges authorization codes and refresh tokens for tokens (Core sections 3.1.3 and 12)."""

import hashlib
import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import Any

from identity_api.demo.client_auth import authenticate_client
from identity_api.demo.config import Client
from identity_api.demo.errors import TokenError
from identity_api.demo.provider import DemoProvider

_CODE_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


def answer_token_request(
    provider: DemoProvider, parameters: Mapping[str, str], authorization: str | None
) -> dict[str, Any]:
    """The token response to a form and an optional `Authorization` header.

    Raises:
        TokenError: with the error code and status of RFC 6749 section 5.2.
    """
    client = authenticate_client(parameters, authorization, provider.clients)
    match _required(parameters, "grant_type"):
        case "authorization_code":
            return _exchange_code(provider, client, parameters)
        case "refresh_token":
            return _refresh(provider, client, parameters)
        case _:
            raise TokenError("unsupported_grant_type", "This grant_type is not supported.")


def _exchange_code(provider: DemoProvider, client: Client, parameters: Mapping[str, str]) -> dict[str, Any]:
    value = _required(parameters, "code")
    code = provider.logins.use_code(value, client.client_id, provider.now())
    if parameters.get("redirect_uri") != code.redirect_uri:
        raise TokenError("invalid_grant", "redirect_uri differs from that of the authorization request.")
    if not _matches(parameters.get("code_verifier", ""), code.code_challenge):
        raise TokenError("invalid_grant", "code_verifier does not match the code_challenge.")
    login = code.login
    refresh_token = provider.logins.add_family(login) if "offline_access" in login.scopes else None
    return provider.issue_tokens(login, scopes=login.scopes, nonce=code.nonce, refresh_token=refresh_token)


def _refresh(provider: DemoProvider, client: Client, parameters: Mapping[str, str]) -> dict[str, Any]:
    family = provider.logins.present(_required(parameters, "refresh_token"), client.client_id, provider.now())
    scopes = family.login.scopes
    if "scope" in parameters:
        asked = parameters["scope"].split()
        # Checked before rotating: a refused request must leave the token usable.
        if not set(asked) <= set(scopes):
            raise TokenError("invalid_scope", "The scope exceeds what was granted at sign-in.")
        scopes = tuple(scope for scope in scopes if scope in asked)
    refresh_token = provider.logins.rotate(family, provider.now())
    return provider.issue_tokens(family.login, scopes=scopes, nonce=None, refresh_token=refresh_token)


def _required(parameters: Mapping[str, str], name: str) -> str:
    try:
        return parameters[name]
    except KeyError:
        raise TokenError("invalid_request", f"{name} is missing.") from None


def _matches(verifier: str, challenge: str) -> bool:
    """RFC 7636 section 4.6, S256."""
    if not _CODE_VERIFIER.fullmatch(verifier):
        return False
    digest = urlsafe_b64encode(hashlib.sha256(verifier.encode("ascii")).digest()).rstrip(b"=").decode()
    return hmac.compare_digest(digest, challenge)
