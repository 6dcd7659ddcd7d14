"""What can go wrong, by name, and the switches that make it so."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Iterator
from contextvars import ContextVar
from enum import StrEnum
from typing import Literal

import msgspec

from tests.openid_provider.log import Exchange

current_exchange: ContextVar[Exchange | None] = ContextVar("current_exchange", default=None)
"""The exchange being answered, so that what the provider says can depend on whom it is about."""


class Fault(StrEnum):
    """Named faults. `path` in a switch applies to whole answers only; their default is the token endpoint."""

    # ID Token: claims
    WRONG_NONCE = "wrong_nonce"
    NO_NONCE = "no_nonce"
    WRONG_ISSUER = "wrong_issuer"
    WRONG_AUDIENCE = "wrong_audience"
    NO_AUDIENCE = "no_audience"
    AUDIENCE_LIST = "audience_list"  # lawful: a list of one
    EXTRA_AUDIENCE = "extra_audience"  # a second audience, no azp
    NO_SUBJECT = "no_subject"
    OTHER_SUBJECT = "other_subject"
    NO_ISSUED_AT = "no_issued_at"
    NO_EXPIRY = "no_expiry"
    EXPIRED = "expired"
    ISSUED_IN_FUTURE = "issued_in_future"
    OTHER_AUTH_TIME = "other_auth_time"
    AUTH_TIME_FRACTION = "auth_time_fraction"  # seen at real providers
    NO_AUTH_TIME = "no_auth_time"
    AUTH_TIME_ZERO = "auth_time_zero"  # seen at real providers
    WRONG_AT_HASH = "wrong_at_hash"
    # ID Token: signature
    UNKNOWN_KID = "unknown_kid"  # a key that is never published
    KEY_ROTATED_BEFORE_SIGNING = "key_rotated_before_signing"  # lawful: a refetch of the key set finds it
    BROKEN_SIGNATURE = "broken_signature"
    NO_KID = "no_kid"  # lawful while one key is published
    ALG_NONE = "alg_none"
    HS256_WITH_PUBLIC_KEY = "hs256_with_public_key"
    # Groups, in ID Token and UserInfo
    NO_GROUPS = "no_groups"
    GROUPS_AS_STRING = "groups_as_string"
    GROUPS_AS_NUMBERS = "groups_as_numbers"
    HUGE_GROUPS = "huge_groups"  # 5,000 names
    GROUPS_OVERAGE = "groups_overage"  # _claim_names instead of the claim
    # Profile, in ID Token and UserInfo
    NO_EMAIL_VERIFIED = "no_email_verified"  # lawful, and what Entra does
    # UserInfo and token response
    USERINFO_OTHER_SUBJECT = "userinfo_other_subject"
    USERINFO_NO_SUBJECT = "userinfo_no_subject"
    USERINFO_SUBJECT_ONLY = "userinfo_subject_only"  # lawful: as for an access token with the scope openid alone
    NO_REFRESH_TOKEN = "no_refresh_token"
    NO_ID_TOKEN = "no_id_token"
    NO_ACCESS_TOKEN = "no_access_token"  # lawful nowhere, and what Azure AD B2C does
    NO_EXPIRES_IN = "no_expires_in"  # lawful
    SHORT_REFRESH_TOKEN = "short_refresh_token"  # lawful: half an hour, said as Keycloak does
    ENDLESS_REFRESH_TOKEN = "endless_refresh_token"  # lawful: Keycloak's 0 for offline tokens
    ODD_TOKEN_TYPE = "odd_token_type"  # lawful: `bEARER`
    # Authorization response and scopes
    WRONG_ISS_PARAMETER = "wrong_iss_parameter"
    NO_ISS_PARAMETER = "no_iss_parameter"
    WRONG_STATE = "wrong_state"
    OFFLINE_ACCESS_NEEDS_CONSENT = "offline_access_needs_consent"  # dropped without prompt=consent
    OFFLINE_ACCESS_NEEDS_ACCESS_TYPE = "offline_access_needs_access_type"  # wants access_type=offline instead
    # Discovery and keys
    ISSUER_MISMATCH = "issuer_mismatch"
    PKCE_NOT_ANNOUNCED = "pkce_not_announced"  # lawful, and what Entra does
    ENTRA_DIRECTORY = "entra_directory"  # lawful: a template for issuer, and the person's directory in its place
    # Whole answers
    ERROR_500 = "error_500"
    ERROR_502 = "error_502"
    ERROR_503 = "error_503"
    TOO_MANY_REQUESTS = "too_many_requests"  # 429, Retry-After: 7
    HTML_200 = "html_200"
    EMPTY_200 = "empty_200"
    BROKEN_JSON_200 = "broken_json_200"
    JSON_LIST_200 = "json_list_200"
    REDIRECT = "redirect"
    HUGE_BODY = "huge_body"  # 8 MiB
    GZIP_BOMB = "gzip_bomb"  # 8 MiB in a few KiB
    DRIP = "drip"  # the right body, two bytes a second
    ENDLESS = "endless"  # a body that never ends
    INVALID_CLIENT = "invalid_client"
    INVALID_GRANT = "invalid_grant"  # said although the token is good
    PERSON_DISABLED = "person_disabled"  # the same, as Entra says it of somebody who is locked
    TOKEN_UNUSED = "token_unused"  # the same, as Entra says it of a refresh token that nobody used for too long
    INTERACTION_REQUIRED = "interaction_required"
    # How providers say that a login is over, in other words than `invalid_grant`
    INVALID_REQUEST = "invalid_request"  # Dex of a dead token, Canaille of a locked person
    SERVER_ERROR_OF_OAUTH = "server_error_of_oauth"  # Dex of a person who is gone: 500 with an error of OAuth
    EMPTY_400 = "empty_400"  # Glewlwyd of a dead token
    BAD_REFRESH_TOKEN_200 = "bad_refresh_token_200"  # GitHub of a dead token
    INVALID_GRANT_200 = "invalid_grant_200"
    UNAUTHORIZED = "unauthorized"  # 401 invalid_token, as UserInfo says it
    DROP_BEFORE = "drop_before"  # request read, nothing done, connection gone
    DROP_AFTER = "drop_after"  # request carried out (so: rotated), connection gone
    ERROR_AFTER = "error_after"  # request carried out (so: rotated), and a proxy answers 502
    # Rotation
    REUSE_IS_ONLY_REFUSED = "reuse_is_only_refused"  # a replaced token is refused, and its family lives on


class Switch(msgspec.Struct, kw_only=True, eq=False):
    """A fault that is on: for whom, for which grant_type, at which path, and how often still (None: always)."""

    fault: Fault
    person: str | None = None
    grant_type: str | None = None
    path: str | None = None
    remaining: int | None = None

    def concerns(self, exchange: Exchange | None) -> bool:
        if self.remaining == 0:
            return False
        wanted = (self.person, self.grant_type, self.path)
        found = (exchange.person, exchange.grant_type, exchange.path) if exchange else (None, None, None)
        return all(want in (None, have) for want, have in zip(wanted, found, strict=True))

    def use(self) -> None:
        """Count one strike."""
        if self.remaining is not None:
            self.remaining -= 1


When = Literal["before", "after", "body"]


class Gate:
    """Holds answers until `release`. As a context manager it releases at the end, whatever happened."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, path: str, person: str | None, grant_type: str | None, when: When
    ) -> None:
        self.when = when
        self._concerns = Switch(fault=Fault.ERROR_500, path=path, person=person, grant_type=grant_type).concerns
        self._loop = loop
        self._open = asyncio.Event()
        self._arrivals = 0
        self._arrived = threading.Condition()

    def holds(self, exchange: Exchange, when: When) -> bool:
        return when == self.when and not self._open.is_set() and self._concerns(exchange)

    async def pass_through(self) -> None:
        """Called by the server: announce the arrival, wait for the release."""
        with self._arrived:
            self._arrivals += 1
            self._arrived.notify_all()
        await self._open.wait()

    def wait_for_arrival(self, count: int = 1, timeout_seconds: float = 60) -> None:
        """Block until that many requests stand at the gate."""
        deadline = time.monotonic() + timeout_seconds
        with self._arrived:
            while self._arrivals < count:
                if not self._arrived.wait(deadline - time.monotonic()):
                    raise TimeoutError("no request arrived at the gate")

    async def arrival(self, count: int = 1, timeout_seconds: float = 60) -> None:
        """`wait_for_arrival` for a test that is a coroutine."""
        await asyncio.to_thread(self.wait_for_arrival, count, timeout_seconds)

    def release(self) -> None:
        """Let everybody through, now and later."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._open.set)

    def __enter__(self) -> "Gate":
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


class Switches:
    """The faults that are on, and the gates that are up."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._switches: list[Switch] = []
        self.gates: list[Gate] = []

    def on(
        self,
        fault: Fault,
        *,
        person: str | None = None,
        grant_type: str | None = None,
        path: str | None = None,
        times: int | None = None,
    ) -> Switch:
        switch = Switch(fault=fault, person=person, grant_type=grant_type, path=path, remaining=times)
        with self._lock:
            self._switches.append(switch)
        return switch

    def off(self, fault: Fault | Switch) -> None:
        with self._lock:
            self._switches = [s for s in self._switches if s is not fault and s.fault is not fault]

    def clear(self) -> None:
        """Everything off, every gate open."""
        with self._lock:
            self._switches = []
            gates, self.gates = self.gates, []
        for gate in gates:
            gate.release()

    def strikes(self, fault: Fault, exchange: Exchange | None = None) -> bool:
        """Whether this fault befalls this exchange (by default: the one being answered). Uses up one of `times`."""
        exchange = exchange or current_exchange.get()
        with self._lock:
            for switch in self._switches:
                if switch.fault is fault and switch.concerns(exchange):
                    switch.use()
                    return True
        return False

    def strikes_answer(self, fault: Fault, exchange: Exchange) -> bool:
        """As `strikes`, for a whole answer: a switch without a path means the token endpoint."""
        with self._lock:
            for switch in self._switches:
                at = switch.path or "/token"
                if switch.fault is fault and exchange.path == at and switch.concerns(exchange):
                    switch.use()
                    return True
        return False

    @contextlib.contextmanager
    def during(self, fault: Fault, **which: object) -> Iterator[Switch]:
        """On inside the block, off after it."""
        switch = self.on(fault, **which)
        try:
            yield switch
        finally:
            self.off(switch)
