"""One whole login at the pure level, against a provider that is right in everything but what a test changes.

The order is that of a real login: metadata, request, callback, code, tokens, keys, ID Token, UserInfo. `calls` tells
which endpoints were asked before a refusal.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from joserfc.jwk import Key

from identity_api.ids import uuid7
from identity_api.oidc.authorization import (
    PROTECTED_PARAMETERS,
    authorization_code,
    authorization_parameters,
    check_callback_issuer,
    code_challenge,
    new_code_verifier,
    new_nonce,
    new_state,
    parse_callback,
)
from identity_api.oidc.client_auth import ClientAuthentication
from identity_api.oidc.discovery import parse_provider_metadata
from identity_api.oidc.errors import UnknownKey
from identity_api.oidc.id_token import LoginExpectation, VerifiedIDToken, nonce_hash, validate_id_token
from identity_api.oidc.jwks import allowed_algorithms
from identity_api.oidc.messages import Answer, Request
from identity_api.oidc.redirects import add_query
from identity_api.oidc.signed_token import SignedClaims, verify_signature
from identity_api.oidc.token_endpoint import TokenResponse, code_request, read_code_response
from identity_api.oidc.userinfo import UserInfoClaims, read_userinfo, userinfo_request
from tests.oidc.tokens import ABSENT, CLIENT_ID, ISSUER, NOW, SUBJECT, claims, key_set, public, rsa_key, sign

CALLBACK = "https://app.example/auth/oidc/p1/callback"


def changed(valid: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**valid, **changes}.items() if value is not ABSENT}


@dataclass(frozen=True, kw_only=True)
class Provider:
    """Every member is a change to what a correct provider would do."""

    metadata: dict[str, Any] = field(default_factory=dict)
    callback: dict[str, Any] = field(default_factory=dict)
    tokens: dict[str, Any] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=dict)
    header: dict[str, Any] = field(default_factory=dict)
    userinfo: dict[str, Any] = field(default_factory=dict)
    key: Key = field(default_factory=rsa_key)
    algorithm: str = "RS256"
    published: tuple[dict[str, Any], ...] = field(default_factory=lambda: (public(rsa_key(), kid="key-1"),))
    published_later: tuple[dict[str, Any], ...] | None = None
    spoil: Callable[[str], str] = str


@dataclass(kw_only=True)
class SignedIn:
    id_token: VerifiedIDToken
    userinfo: UserInfoClaims
    tokens: TokenResponse
    sent: dict[str, str]
    token_request: Request
    userinfo_request: Request
    fetched_keys: int


def metadata_of(provider: Provider) -> bytes:
    valid = {
        "issuer": ISSUER,
        "authorization_endpoint": f"{ISSUER}/authorize",
        "token_endpoint": f"{ISSUER}/token",
        "userinfo_endpoint": f"{ISSUER}/userinfo",
        "jwks_uri": f"{ISSUER}/jwks",
        "id_token_signing_alg_values_supported": ["RS256", "ES256", "PS256", "HS256", "none"],
    }
    return json.dumps(changed(valid, provider.metadata)).encode()


def sign_in(provider: Provider, mode: str = "query", calls: list[str] | None = None) -> SignedIn:
    """Log in, or raise what the first broken rule raises. `mode` is the response mode: `query` or `form_post`."""
    calls = [] if calls is None else calls
    metadata = parse_provider_metadata(metadata_of(provider), ISSUER)
    verifier, state, nonce = new_code_verifier(), new_state(uuid7()), new_nonce()
    asked = authorization_parameters(
        client_id=CLIENT_ID,
        redirect_uri=CALLBACK,
        scopes=("openid", "profile", "email"),
        state=state,
        nonce=nonce,
        code_challenge=code_challenge(verifier),
        response_mode=None if mode == "query" else mode,
    )
    url = add_query(metadata.authorization_endpoint, asked, ours=PROTECTED_PARAMETERS, blame="authorization_endpoint")
    sent = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}

    pairs = urlencode(changed({"code": "code-1", "state": sent["state"]}, provider.callback), doseq=True)
    arrived = parse_qsl(urlsplit(f"{CALLBACK}?{pairs}").query if mode == "query" else pairs, keep_blank_values=True)
    parameters = parse_callback(arrived)
    check_callback_issuer(parameters, metadata.issuer, metadata.authorization_response_issuer_announced)
    request = code_request(
        metadata.token_endpoint,
        client=ClientAuthentication(method="client_secret_basic", client_id=CLIENT_ID, client_secret="secret"),
        code=authorization_code(parameters),
        redirect_uri=CALLBACK,
        code_verifier=verifier,
    )
    calls.append(request.url)
    id_token = provider.spoil(
        sign(claims(**{"nonce": sent["nonce"], **provider.claims}), provider.key, provider.algorithm, **provider.header)
    )
    answer = {"access_token": "at-1", "token_type": "Bearer", "expires_in": 300, "id_token": id_token}
    tokens = read_code_response(json_answer(changed(answer, provider.tokens)), NOW)
    assert tokens.id_token is not None
    calls.append(metadata.jwks_uri)
    signed, fetched_keys = _verified(provider, tokens.id_token, allowed_algorithms(metadata.id_token_algorithms))
    expected = LoginExpectation(
        issuer=metadata.issuer, client_id=CLIENT_ID, nonce_hash=nonce_hash(nonce), max_age_seconds=None
    )
    verified = validate_id_token(signed, expected, NOW, access_token=tokens.access_token)
    assert metadata.userinfo_endpoint is not None
    told = userinfo_request(metadata.userinfo_endpoint, tokens.access_token)
    calls.append(told.url)
    answer = changed({"sub": SUBJECT, "name": "Jane", "email": "jane@example.com"}, provider.userinfo)
    userinfo = read_userinfo(json_answer(answer), verified.subject, NOW)
    return SignedIn(
        id_token=verified,
        userinfo=userinfo,
        tokens=tokens,
        sent=sent,
        token_request=request,
        userinfo_request=told,
        fetched_keys=fetched_keys,
    )


def json_answer(members: dict[str, Any], status: int = 200) -> Answer:
    return Answer(status=status, headers={"content-type": "application/json"}, body=json.dumps(members).encode())


def _verified(provider: Provider, token: str, algorithms: frozenset[str]) -> tuple[SignedClaims, int]:
    """The signature, with one more look at the key set if a key is unknown, and never a second one."""
    try:
        return verify_signature(token, key_set(*provider.published), algorithms), 1
    except UnknownKey:
        later = provider.published if provider.published_later is None else provider.published_later
        return verify_signature(token, key_set(*later), algorithms), 2
