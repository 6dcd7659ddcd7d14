"""A small, correct relying party: builds requests that a test then spoils in one place."""

import hashlib
import secrets
from base64 import urlsafe_b64encode
from typing import Any
from urllib.parse import urlencode

import httpx
from joserfc import jwt
from joserfc.jwk import KeySet

from tests.openid_provider import RunningProvider
from tests.openid_provider.browser import sign_in
from tests.openid_provider.running import REDIRECT_URI

ALL_SCOPES = "openid profile email offline_access"


class RelyingParty:
    """The client `identity-api` of one provider."""

    def __init__(self, provider: RunningProvider, http: httpx.AsyncClient) -> None:
        self.provider = provider
        self.http = http
        self.verifier = secrets.token_urlsafe(48)
        self.nonce = secrets.token_urlsafe(16)
        self.state = secrets.token_urlsafe(16)

    def authorization_url(self, **changes: str | None) -> str:
        """A good authentication request; `changes` replace parameters, None leaves one out."""
        challenge = urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()
        parameters = {
            "client_id": self.provider.client_id,
            "redirect_uri": REDIRECT_URI,
            "response_type": "code",
            "scope": ALL_SCOPES,
            "state": self.state,
            "nonce": self.nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        kept = {name: value for name, value in {**parameters, **changes}.items() if value is not None}
        return f"{self.provider.issuer}/authorize?{urlencode(kept)}"

    async def sign_in(self, username: str | None, **changes: str | None) -> dict[str, str]:
        """What arrives at the client after that person's button was pressed."""
        return (await sign_in(self.http, self.authorization_url(**changes), username)).parameters

    async def token(self, **form: str | None) -> httpx.Response:
        """A token request by client_secret_post; None leaves a parameter out."""
        own = {"client_id": self.provider.client_id, "client_secret": self.provider.client_secret}
        kept = {name: value for name, value in {**own, **form}.items() if value is not None}
        return await self.http.post(f"{self.provider.issuer}/token", data=kept)

    async def redeem(self, code: str, /, **changes: str | None) -> httpx.Response:
        good = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": REDIRECT_URI,
            "code_verifier": self.verifier,
        }
        return await self.token(**{**good, **changes})

    async def refresh(self, refresh_token: str, /, **changes: str | None) -> httpx.Response:
        return await self.token(**{"grant_type": "refresh_token", "refresh_token": refresh_token, **changes})

    async def tokens(self, username: str, **changes: str | None) -> dict[str, Any]:
        """A whole login: the token response."""
        answer = await self.redeem((await self.sign_in(username, **changes))["code"])
        answer.raise_for_status()
        return dict(answer.json())

    async def userinfo(self, access_token: str) -> httpx.Response:
        url = f"{self.provider.issuer}/userinfo"
        return await self.http.get(url, headers={"Authorization": f"Bearer {access_token}"})

    async def verified(self, token: str) -> dict[str, Any]:
        """The claims of a token, its signature checked against the published keys."""
        published = (await self.http.get(f"{self.provider.issuer}/jwks")).json()
        return dict(jwt.decode(token, KeySet.import_key_set(published), algorithms=["RS256"]).claims)


def assert_oauth_error(answer: httpx.Response, error: str, status: int = 400) -> None:
    """RFC 6749 section 5.2: an error object in JSON, never cached."""
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer.headers["cache-control"] == "no-store"
