"""The demo provider without HTTP: its parts together, and what it issues.

Routes call it; it does not depend on requests and pages. The tests' misbehaving provider overrides the methods under
"what is said".
"""

import secrets
from collections.abc import Collection, Mapping
from typing import Any

from joserfc.errors import JoseError

from identity_api.clock import Clock, system_clock
from identity_api.demo import claims
from identity_api.demo.authorization import (
    RESPONSE_MODES,
    SUPPORTED_PROMPTS,
    SUPPORTED_SCOPES,
    AuthorizationRequest,
    refuse,
)
from identity_api.demo.client_auth import METHODS
from identity_api.demo.config import Client, DemoConfig, Person, require_usable
from identity_api.demo.errors import AccessTokenRefused, ReturnAddress
from identity_api.demo.keys import ALGORITHM, SigningKeys
from identity_api.demo.logins import AccessToken, Code, Login, Logins
from identity_api.demo.people import People
from identity_api.demo.state_file import SavedState, load_state, save_state
from identity_api.errors import ConfigurationError


class DemoProvider:
    """One OpenID Provider. Not thread-safe: all calls belong to one event loop.

    Args:
        config: see `DemoConfig`.
        clock: the time, for lifetimes and claims.
        keys: signing keys; by default those of the state file, otherwise a new one.

    Raises:
        ConfigurationError: the configuration or the state file cannot be used.
    """

    def __init__(self, config: DemoConfig, *, clock: Clock = system_clock, keys: SigningKeys | None = None) -> None:
        require_usable(config)
        self.config = config
        self.clock = clock
        self.clients: dict[str, Client] = {client.client_id: client for client in config.clients}
        self._loaded = False
        self.people = People(config.people, self.save)
        self.logins = Logins(
            rotation=config.rotation,
            grace_seconds=config.grace_seconds,
            max_families=config.max_refresh_families,
            on_change=self.save,
        )
        saved = load_state(config.state_file) if config.state_file else None
        if saved is not None:
            keys = keys or _saved_keys(saved)
            self._restore(saved)
        self.keys = keys or SigningKeys()
        self._loaded = True
        self.save()

    def now(self) -> float:
        """The time in Unix seconds."""
        return self.clock().timestamp()

    def save(self) -> None:
        """Write the state file, if there is one."""
        if not self._loaded or self.config.state_file is None:
            return
        everyone = self.people.all()
        state = SavedState(
            keys=self.keys.secret(),
            groups={person.username: person.groups for person in everyone},
            removed=[person.username for person in everyone if self.people.is_removed(person.username)],
            families=list(self.logins.families()),
        )
        save_state(self.config.state_file, state)

    def _restore(self, saved: SavedState) -> None:
        known = {person.username for person in self.people.all()}
        for username in known & saved.groups.keys():
            self.people.set_groups(username, saved.groups[username])
        for username in known & set(saved.removed):
            self.people.set_removed(username, True)
        self.logins.restore(family for family in saved.families if family.login.username in known)

    # What is done

    def remove_person(self, username: str) -> None:
        """Remove a person: sign-in is refused and their tokens are dead. Raises NotFound."""
        self.people.set_removed(username, True)
        self.logins.revoke(lambda login: login.username == username)

    def restore_person(self, username: str) -> None:
        """Let a removed person sign in again; tokens revoked stay so. Raises NotFound."""
        self.people.set_removed(username, False)

    def sign_in(self, request: AuthorizationRequest, username: str) -> dict[str, str]:
        """Sign in the chosen person: a code, as parameters of the authorization response.

        Raises:
            NotFound: nobody has this username.
            AuthorizationError: `access_denied`, the person has been removed.
        """
        person = self.people.find(username)
        if self.people.is_removed(username):
            refuse(request, "access_denied", "This person has been removed at the demo provider.")
        now = self.now()
        login = Login(
            username=person.username,
            client_id=request.client.client_id,
            scopes=self.granted_scopes(request),
            sid=secrets.token_urlsafe(16),
            auth_time=int(now),
        )
        code = Code(
            login=login,
            redirect_uri=request.address.redirect_uri,
            code_challenge=request.code_challenge,
            nonce=request.nonce,
            expires_at=now + self.config.code_lifetime_seconds,
        )
        return self.authorization_answer(request.address, {"code": self.logins.add_code(code, now)})

    def issue_tokens(
        self, login: Login, *, scopes: Collection[str], nonce: str | None, refresh_token: str | None
    ) -> dict[str, Any]:
        """A successful token response (Core section 3.1.3.3) with a fresh access token and ID Token."""
        person = self.people.find(login.username)
        now = self.now()
        access_token = self.sign(self.access_token_claims(person, login, scopes), token_type="at+jwt")  # noqa: S106 -- a media type
        self.logins.add_access_token(
            access_token,
            AccessToken(login=login, scopes=tuple(scopes), expires_at=now + self.config.token_lifetime_seconds),
            now,
        )
        answer = {
            "access_token": access_token,
            "token_type": "Bearer",
            "expires_in": self.config.token_lifetime_seconds,
            "scope": " ".join(scopes),
            "id_token": self.sign(self.id_token_claims(person, login, scopes, access_token, nonce)),
        }
        return answer if refresh_token is None else {**answer, "refresh_token": refresh_token}

    def userinfo(self, access_token: str | None) -> dict[str, Any]:
        """Claims about the person of an access token, as they are now (Core section 5.3).

        Raises:
            AccessTokenRefused: no token, or not a live one.
        """
        token = self.logins.find_access_token(access_token, self.now()) if access_token else None
        if token is None:
            raise AccessTokenRefused("The access token is missing, unknown, expired or revoked.")
        return self.userinfo_claims(self.people.find(token.login.username), token)

    # What is said

    def metadata(self) -> dict[str, Any]:
        """The discovery document (Discovery section 3; RFC 9207 section 3)."""
        issuer = self.config.issuer
        return {
            "issuer": issuer,
            "authorization_endpoint": f"{issuer}/authorize",
            "token_endpoint": f"{issuer}/token",
            "userinfo_endpoint": f"{issuer}/userinfo",
            "end_session_endpoint": f"{issuer}/end-session",
            "jwks_uri": f"{issuer}/jwks",
            "scopes_supported": list(SUPPORTED_SCOPES),
            "response_types_supported": ["code"],
            "response_modes_supported": list(RESPONSE_MODES),
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [ALGORITHM],
            "token_endpoint_auth_methods_supported": list(METHODS),
            "code_challenge_methods_supported": ["S256"],
            "prompt_values_supported": list(SUPPORTED_PROMPTS),
            "claims_supported": _CLAIMS_SUPPORTED,
            "claims_parameter_supported": False,
            "request_parameter_supported": False,
            "request_uri_parameter_supported": False,
            "authorization_response_iss_parameter_supported": True,
        }

    def published_keys(self) -> dict[str, Any]:
        """The JWK Set."""
        return self.keys.published()

    def granted_scopes(self, request: AuthorizationRequest) -> tuple[str, ...]:
        """The granted part of the requested scope: here, all of it. Pressing the button is the consent."""
        return request.scopes

    def authorization_answer(self, address: ReturnAddress, answer: Mapping[str, str]) -> dict[str, str]:
        """`answer` (a code or an error) with the client's state and the issuer (RFC 9207 section 2)."""
        state = {} if address.state is None else {"state": address.state}
        return {**answer, **state, "iss": self.config.issuer}

    def person_claims(self, person: Person, scopes: Collection[str]) -> dict[str, Any]:
        return claims.person_claims(person, scopes, omit_empty_groups=self.config.omit_empty_groups)

    def id_token_claims(
        self, person: Person, login: Login, scopes: Collection[str], access_token: str, nonce: str | None
    ) -> dict[str, Any]:
        return claims.id_token_claims(
            issuer=self.config.issuer,
            person=person,
            login=login,
            about_person=self.person_claims(person, scopes),
            access_token=access_token,
            nonce=nonce,
            now=int(self.now()),
            lifetime_seconds=self.config.token_lifetime_seconds,
        )

    def access_token_claims(self, person: Person, login: Login, scopes: Collection[str]) -> dict[str, Any]:
        return claims.access_token_claims(
            issuer=self.config.issuer,
            person=person,
            login=login,
            scopes=scopes,
            now=int(self.now()),
            lifetime_seconds=self.config.token_lifetime_seconds,
        )

    def userinfo_claims(self, person: Person, token: AccessToken) -> dict[str, Any]:
        return {"sub": person.subject, **self.person_claims(person, token.scopes)}

    def sign(self, payload: Mapping[str, Any], *, token_type: str = "JWT") -> str:  # noqa: S107 - a media type
        return self.keys.sign(payload, token_type=token_type)


_CLAIMS_SUPPORTED = ["sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "at_hash", "sid"]
_CLAIMS_SUPPORTED += ["preferred_username", "name", "email", "email_verified", "groups"]


def _saved_keys(saved: SavedState) -> SigningKeys:
    try:
        return SigningKeys.from_secret(saved.keys)
    except (JoseError, ValueError, KeyError, TypeError):
        raise ConfigurationError(["the demo provider's state file holds a key that cannot be used"]) from None
