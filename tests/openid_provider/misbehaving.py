"""The demo provider, saying wrong things where a fault is on. It changes nothing else of the demo provider."""

import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Callable, Collection, Mapping
from functools import cache
from typing import Any

from joserfc import jwt
from joserfc.jwk import RSAKey

from identity_api.clock import Clock
from identity_api.demo.authorization import AuthorizationRequest
from identity_api.demo.config import DemoConfig, Person
from identity_api.demo.errors import ReturnAddress, TokenError
from identity_api.demo.keys import SigningKeys, new_signing_key
from identity_api.demo.logins import AccessToken, Login, RefreshFamily
from identity_api.demo.provider import DemoProvider
from tests.openid_provider.faults import Fault, Switches

Change = Callable[[dict[str, Any]], None]

OTHER_ISSUER = "https://other-issuer.example"
OTHER_SUBJECT = "somebody-else"
ENTRA_DIRECTORY = "8eaef023-2b34-4da1-9baa-8bc8c9d6a490"
HUGE_GROUPS = 5_000


@cache
def process_key(number: int) -> RSAKey:
    """Key number 0, 1, ... of this process: making one costs 50 ms, so providers share them."""
    return new_signing_key()


STRANGER = -1
"""`process_key(STRANGER)` is never published by anyone."""


def _set(name: str, value: Any) -> Change:
    return lambda claims: claims.update({name: value})


def _drop(name: str) -> Change:
    return lambda claims: claims.pop(name, None)


def _append(name: str, value: str, **more: str) -> Change:
    return lambda claims: claims.update({name: claims[name] + value, **more})


def _shift(**seconds: float) -> Change:
    return lambda claims: claims.update({name: claims[name] + by for name, by in seconds.items()})


ID_TOKEN_CHANGES: dict[Fault, Change] = {
    Fault.WRONG_NONCE: _set("nonce", "of-another-login"),
    Fault.NO_NONCE: _drop("nonce"),
    Fault.WRONG_ISSUER: _set("iss", OTHER_ISSUER),
    Fault.WRONG_AUDIENCE: _set("aud", "another-client"),
    Fault.NO_AUDIENCE: _drop("aud"),
    Fault.AUDIENCE_LIST: lambda claims: claims.update(aud=[claims["aud"]]),
    Fault.EXTRA_AUDIENCE: lambda claims: claims.update(aud=[claims["aud"], "another-client"]),
    Fault.NO_SUBJECT: _drop("sub"),
    Fault.OTHER_SUBJECT: _set("sub", OTHER_SUBJECT),
    Fault.NO_ISSUED_AT: _drop("iat"),
    Fault.NO_EXPIRY: _drop("exp"),
    Fault.EXPIRED: _shift(iat=-7200, exp=-7200),
    Fault.ISSUED_IN_FUTURE: _shift(iat=7200, exp=7200),
    Fault.OTHER_AUTH_TIME: _shift(auth_time=-60),
    Fault.AUTH_TIME_FRACTION: _shift(auth_time=0.25),
    Fault.NO_AUTH_TIME: _drop("auth_time"),
    Fault.AUTH_TIME_ZERO: _set("auth_time", 0),
    Fault.WRONG_AT_HASH: _set("at_hash", "AAAAAAAAAAAAAAAAAAAAAA"),
    Fault.ENTRA_DIRECTORY: _append("iss", f"/{ENTRA_DIRECTORY}", tid=ENTRA_DIRECTORY),
}

GROUP_CHANGES: dict[Fault, Change] = {
    Fault.NO_GROUPS: _drop("groups"),
    Fault.GROUPS_AS_STRING: lambda claims: claims.update(groups=",".join(claims["groups"])),
    Fault.GROUPS_AS_NUMBERS: _set("groups", [1, 2, 3]),
    Fault.HUGE_GROUPS: _set("groups", [f"group-{number:05}" for number in range(HUGE_GROUPS)]),
    # Entra's form of "too many to list" (groups overage claim).
    Fault.GROUPS_OVERAGE: lambda claims: (
        claims.pop("groups"),
        claims.update(_claim_names={"groups": "src1"}, _claim_sources={"src1": {"endpoint": "https://x.example/"}}),
    )[1],
}

PERSON_CHANGES: dict[Fault, Change] = {**GROUP_CHANGES, Fault.NO_EMAIL_VERIFIED: _drop("email_verified")}

USERINFO_CHANGES: dict[Fault, Change] = {
    Fault.USERINFO_OTHER_SUBJECT: _set("sub", OTHER_SUBJECT),
    Fault.USERINFO_NO_SUBJECT: _drop("sub"),
    Fault.USERINFO_SUBJECT_ONLY: lambda claims: [claims.pop(name) for name in [*claims] if name != "sub"],
}

TOKEN_RESPONSE_CHANGES: dict[Fault, Change] = {
    Fault.NO_REFRESH_TOKEN: _drop("refresh_token"),
    Fault.NO_ID_TOKEN: _drop("id_token"),
    Fault.NO_ACCESS_TOKEN: _drop("access_token"),
    Fault.NO_EXPIRES_IN: _drop("expires_in"),
    Fault.SHORT_REFRESH_TOKEN: _set("refresh_expires_in", 1_800),
    Fault.ENDLESS_REFRESH_TOKEN: _set("refresh_expires_in", 0),
    Fault.ODD_TOKEN_TYPE: _set("token_type", "bEARER"),
}

AUTHORIZATION_CHANGES: dict[Fault, Change] = {
    Fault.WRONG_ISS_PARAMETER: _set("iss", OTHER_ISSUER),
    Fault.NO_ISS_PARAMETER: _drop("iss"),
    Fault.WRONG_STATE: _set("state", "of-another-login"),
    Fault.ENTRA_DIRECTORY: _append("iss", f"/{ENTRA_DIRECTORY}"),
}


class MisbehavingProvider(DemoProvider):
    """See the module; `switches` decides what is wrong for whom."""

    def __init__(self, config: DemoConfig, *, clock: Clock, keys: SigningKeys, switches: Switches) -> None:
        self.switches = switches
        self.said: dict[str, Any] = {}
        """Claims that every ID Token says instead of the right ones; None leaves one out."""
        super().__init__(config, clock=clock, keys=keys)
        self._present = self.logins.present
        self.logins.present = self.present

    def present(self, value: str, client_id: str, now: float) -> RefreshFamily:
        """As the demo provider's; with `REUSE_IS_ONLY_REFUSED` without revoking anything."""
        family = self.logins.find_family(value)
        try:
            return self._present(value, client_id, now)
        except TokenError:
            if family is not None and self.switches.strikes(Fault.REUSE_IS_ONLY_REFUSED):
                self.logins._families[family.family] = family
            raise

    def _changed(self, said: dict[str, Any], changes: Mapping[Fault, Change]) -> dict[str, Any]:
        for fault, change in changes.items():
            if self.switches.strikes(fault):
                change(said)
        return said

    def metadata(self) -> dict[str, Any]:
        changes = {
            Fault.ISSUER_MISMATCH: _set("issuer", OTHER_ISSUER),
            Fault.PKCE_NOT_ANNOUNCED: _drop("code_challenge_methods_supported"),
            Fault.ENTRA_DIRECTORY: _append("issuer", "/{tenantid}"),
        }
        return self._changed(super().metadata(), changes)

    def granted_scopes(self, request: AuthorizationRequest) -> tuple[str, ...]:
        scopes = super().granted_scopes(request)
        if self.switches.strikes(Fault.OFFLINE_ACCESS_NEEDS_CONSENT) and "consent" not in request.prompts:
            return tuple(scope for scope in scopes if scope != "offline_access")
        if self.switches.strikes(Fault.OFFLINE_ACCESS_NEEDS_ACCESS_TYPE):
            offline = ("offline_access",) if request.parameters.get("access_type") == "offline" else ()
            return (*(scope for scope in scopes if scope != "offline_access"), *offline)
        return scopes

    def authorization_answer(self, address: ReturnAddress, answer: Mapping[str, str]) -> dict[str, str]:
        return self._changed(super().authorization_answer(address, answer), AUTHORIZATION_CHANGES)

    def person_claims(self, person: Person, scopes: Collection[str]) -> dict[str, Any]:
        return self._changed(super().person_claims(person, scopes), PERSON_CHANGES)

    def id_token_claims(
        self, person: Person, login: Login, scopes: Collection[str], access_token: str, nonce: str | None
    ) -> dict[str, Any]:
        said = super().id_token_claims(person, login, scopes, access_token, nonce)
        changed = {**self._changed(said, ID_TOKEN_CHANGES), **self.said}
        return {name: value for name, value in changed.items() if value is not None or name not in self.said}

    def userinfo_claims(self, person: Person, token: AccessToken) -> dict[str, Any]:
        return self._changed(super().userinfo_claims(person, token), USERINFO_CHANGES)

    def issue_tokens(
        self, login: Login, *, scopes: Collection[str], nonce: str | None, refresh_token: str | None
    ) -> dict[str, Any]:
        said = super().issue_tokens(login, scopes=scopes, nonce=nonce, refresh_token=refresh_token)
        return self._changed(said, TOKEN_RESPONSE_CHANGES)

    def sign(self, payload: Mapping[str, Any], *, token_type: str = "JWT") -> str:
        if token_type != "JWT":
            return super().sign(payload, token_type=token_type)
        return self._sign_id_token(payload)

    def _sign_id_token(self, payload: Mapping[str, Any]) -> str:
        strikes = self.switches.strikes
        if strikes(Fault.KEY_ROTATED_BEFORE_SIGNING):
            # Fresh on purpose: a shared key could be one the client has seen from another test.
            self.keys.rotate(new_signing_key())
        if strikes(Fault.UNKNOWN_KID):
            return SigningKeys([process_key(STRANGER)]).sign(payload)
        if strikes(Fault.NO_KID):
            return jwt.encode({"alg": "RS256"}, dict(payload), self.keys.current, algorithms=["RS256"])
        if strikes(Fault.ALG_NONE):
            return f"{_part({'alg': 'none', 'typ': 'JWT'})}.{_part(payload)}."
        if strikes(Fault.HS256_WITH_PUBLIC_KEY):
            # By hand: the library refuses a public key as a secret, which is what this attack needs.
            head = f"{_part({'alg': 'HS256', 'typ': 'JWT', 'kid': self.keys.current.kid})}.{_part(payload)}"
            secret = self.keys.current.as_pem(private=False)
            return f"{head}.{_base64url(hmac.digest(secret, head.encode(), 'sha256'))}"
        token = super().sign(payload)
        if strikes(Fault.BROKEN_SIGNATURE):
            head, _, signature = token.rpartition(".")
            return f"{head}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}"
        return token


def _part(value: Mapping[str, Any]) -> str:
    return _base64url(json.dumps(value).encode())


def _base64url(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()
