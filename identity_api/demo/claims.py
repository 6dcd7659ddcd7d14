"""The demo provider's claims about a person, and those of its tokens (Core sections 2, 5.1, 5.4; RFC 9068)."""

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Collection
from typing import Any
from uuid import uuid4

from identity_api.demo.config import Person
from identity_api.demo.logins import Login


def person_claims(person: Person, scopes: Collection[str], *, omit_empty_groups: bool) -> dict[str, Any]:
    """Claims for the scopes granted. `groups` needs no scope, so that the shortest configuration shows them."""
    claims: dict[str, Any] = {}
    if "profile" in scopes:
        claims |= {"preferred_username": person.username, "name": person.name}
    if "email" in scopes:
        claims |= {"email": person.email, "email_verified": person.email_verified}
    if person.groups or not omit_empty_groups:
        claims["groups"] = list(person.groups)
    return claims


def id_token_claims(
    *,
    issuer: str,
    person: Person,
    login: Login,
    about_person: dict[str, Any],
    access_token: str,
    nonce: str | None,
    now: int,
    lifetime_seconds: int,
) -> dict[str, Any]:
    """Claims of an ID Token, `now` in Unix seconds. On refresh `nonce` is None, as Core section 12.2 recommends."""
    claims = {
        "iss": issuer,
        "sub": person.subject,
        "aud": login.client_id,
        "iat": now,
        "exp": now + lifetime_seconds,
        # The time of the sign-in itself, also in later ID Tokens of the same login (Core section 12.2).
        "auth_time": login.auth_time,
        "sid": login.sid,
        "at_hash": at_hash(access_token),
        **about_person,
    }
    if nonce is not None:
        claims["nonce"] = nonce
    return claims


def access_token_claims(
    *, issuer: str, person: Person, login: Login, scopes: Collection[str], now: int, lifetime_seconds: int
) -> dict[str, Any]:
    """Claims of an access token (RFC 9068 section 2.2), for clients that read groups from it."""
    return {
        "iss": issuer,
        "sub": person.subject,
        "aud": issuer,
        "client_id": login.client_id,
        "iat": now,
        "exp": now + lifetime_seconds,
        # Two tokens of the same second must differ, or revoking one would revoke the other.
        "jti": uuid4().hex,
        "scope": " ".join(scopes),
        "groups": list(person.groups),
    }


def at_hash(access_token: str) -> str:
    """The left half of SHA-256 over the access token, base64url (Core section 3.1.3.6, for RS256)."""
    return urlsafe_b64encode(hashlib.sha256(access_token.encode("ascii")).digest()[:16]).rstrip(b"=").decode()
