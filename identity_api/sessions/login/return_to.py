r"""Where the browser may be redirected after a login: a path of this service, or exactly a registered URL of a frontend.

Any other address would make the login page an open redirector (RFC 9700 section 4.11). Browsers repair a URL before they
follow it: they drop tabs and newlines, take `\` for `/`, and decode dots in paths (WHATWG URL standard). So nothing is
repaired here: a path consists of plain characters that every parser reads alike, or it is refused. An accepted address is
stored, and is never sent through the provider.
"""

import re
import unicodedata
from collections.abc import Iterable
from urllib.parse import unquote_to_bytes, urlsplit

from identity_api.db.tenants import Frontend
from identity_api.errors import BadInput
from identity_api.sessions.login.deps import Delivery, LoginRequest

MAX_LENGTH = 2_048
DEFAULT_PATH = "/account"
MAX_CLIENT_STATE_LENGTH = 4_096
"""Clients keep in it where the person was going: Envoy the whole address. It still fits a request's head (8 KiB)."""
_MAX_ROUNDS = 8  # more than any honest encoding of a path

_PATH = re.compile(r"/(?:[A-Za-z0-9._~!$&'()*+,=:@%-]+/)*[A-Za-z0-9._~!$&'()*+,=:@%-]*")
_QUERY = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*")
_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")  # 32 bytes in base64url: RFC 7636 section 4.2, S256
_VISIBLE = re.compile(r"[\x21-\x7e]+")


class ReturnTarget:
    """Where a login ends and how its result is delivered."""

    __slots__ = ("delivery", "frontend", "url")

    def __init__(self, url: str, delivery: Delivery, frontend: Frontend | None) -> None:
        self.url, self.delivery, self.frontend = url, delivery, frontend


def decide_ending(beginning: LoginRequest, frontends: Iterable[Frontend]) -> ReturnTarget:
    """Check `return_to`, `delivery` and what the delivery requires, against what the tenant has registered.

    Raises:
        BadInput: `RETURN_TO_REFUSED`; `FRONTEND_UNKNOWN`; `DELIVERY_NOT_ALLOWED`; `CLIENT_CHALLENGE_REQUIRED` for `code`;
            `CLIENT_STATE_REQUIRED` for `fragment`.
    """
    frontend, url = _target(beginning, tuple(frontends))
    if frontend is None:
        if beginning.delivery not in (None, "cookie"):
            raise BadInput("Pages of this service use a cookie.", code="DELIVERY_NOT_ALLOWED", field="delivery")
        return ReturnTarget(url, "cookie", None)
    delivery = _delivery(beginning, frontend)
    _check_client_parameters(beginning, delivery)
    return ReturnTarget(url, delivery, frontend)


def find_target(beginning: LoginRequest, frontends: Iterable[Frontend]) -> ReturnTarget:
    """Where a login would end, even if the request has other faults: the address for an error.

    Raises:
        BadInput: `RETURN_TO_REFUSED`, `FRONTEND_UNKNOWN`.
    """
    frontend, url = _target(beginning, tuple(frontends))
    return ReturnTarget(url, "code", frontend)


def _target(beginning: LoginRequest, frontends: tuple[Frontend, ...]) -> tuple[Frontend | None, str]:
    wanted, named = beginning.return_to, _named(beginning, frontends)
    if wanted is None:
        if named is not None and named.return_urls:
            return named, named.return_urls[0]
        return None, beginning.session_origin + beginning.path_prefix + DEFAULT_PATH
    if wanted.startswith("/"):
        return None, beginning.session_origin + own_path(wanted)
    # Exactly as registered, the query included: no prefix, no pattern, nothing to parse differently than a browser does.
    for frontend in frontends if named is None else (named,):
        if wanted in frontend.return_urls:
            return frontend, wanted
    raise _refused()


def _named(beginning: LoginRequest, frontends: tuple[Frontend, ...]) -> Frontend | None:
    """The named frontend, or the frontend of the page that asks without a return address."""
    if beginning.frontend_slug is not None:
        found = [frontend for frontend in frontends if frontend.slug == beginning.frontend_slug]
        if not found:
            raise BadInput("There is no such frontend.", code="FRONTEND_UNKNOWN", field="frontend")
        return found[0]
    if beginning.page_origin is None or beginning.return_to is not None:
        return None
    found = [frontend for frontend in frontends if beginning.page_origin in frontend.origins]
    return found[0] if len(found) == 1 else None


def own_path(path: str) -> str:
    """A path on our own origin, with its query: returned as it is, or refused.

    Raises:
        BadInput: `RETURN_TO_REFUSED`, for whatever a browser could read as another host, another path or a header.
    """
    if len(path) > MAX_LENGTH or not path.isascii():
        raise _refused()
    before, mark, query = path.partition("?")
    if not _PATH.fullmatch(before) or not _QUERY.fullmatch(query) or (mark and not query):
        raise _refused()
    # Decoded until nothing is left to decode: a later server or page may decode again what an earlier one has decoded.
    decoded, rounds = before.encode("ascii"), 0
    while _is_plain(decoded, slashes=before.count("/")) and rounds < _MAX_ROUNDS:
        decoded, last, rounds = unquote_to_bytes(decoded), decoded, rounds + 1
        if decoded == last:
            break
    else:
        raise _refused()
    if _PERCENT.search(path) or any(byte < 0x20 or byte == 0x7F for byte in unquote_to_bytes(query)):
        raise _refused()
    parts = urlsplit(path)
    if parts.scheme or parts.netloc or parts.path != before:
        raise _refused()
    return path


def _is_plain(decoded: bytes, *, slashes: int) -> bool:
    """Whether a decoded path still has the same segments, and nothing that another parser reads differently."""
    try:
        text = decoded.decode()  # over-long forms of a slash, which some servers still accept, are not UTF-8
    except UnicodeDecodeError:
        return False
    # Full-width slashes and dots become ordinary ones where a text is normalised.
    text = unicodedata.normalize("NFKC", text)
    segments = text.split("/")[1:]
    if "\\" in text or any(letter < " " or letter == "\x7f" for letter in text):
        return False
    return len(segments) == slashes and not any(segment in (".", "..") for segment in segments)


def _refused() -> BadInput:
    return BadInput("This return address is not allowed.", code="RETURN_TO_REFUSED", field="return_to")


def _delivery(beginning: LoginRequest, frontend: Frontend) -> Delivery:
    wanted = beginning.delivery or (frontend.deliveries[0] if frontend.deliveries else "cookie")
    for allowed in ("cookie", "code", "fragment"):
        if wanted == allowed and allowed in frontend.deliveries:
            return allowed
    raise BadInput("This frontend may not use this delivery.", code="DELIVERY_NOT_ALLOWED", field="delivery")


def check_client_state(state: str | None) -> None:
    """Refuse a text that cannot be a frontend's state.

    Raises:
        BadInput: `CLIENT_STATE_INVALID`.
    """
    if state is not None and (len(state) > MAX_CLIENT_STATE_LENGTH or not _VISIBLE.fullmatch(state)):
        raise BadInput("The state cannot be used.", code="CLIENT_STATE_INVALID", field="state")


def _check_client_parameters(beginning: LoginRequest, delivery: Delivery) -> None:
    state, challenge = beginning.client_state, beginning.client_challenge
    check_client_state(state)
    if delivery == "code" and (challenge is None or not _CHALLENGE.fullmatch(challenge)):
        raise BadInput(
            'The delivery "code" needs the challenge of a verifier that the frontend keeps (RFC 7636, S256): '
            'add "code_challenge", such as "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".',
            code="CLIENT_CHALLENGE_REQUIRED",
            field="code_challenge",
        )
    # Without the frontend's own state it could not tell its login from one that an attacker began (RFC 9700 section 4.7).
    if delivery == "fragment" and state is None:
        raise BadInput(
            'The delivery "fragment" needs a value that the frontend makes for each login and compares when '
            'the person returns: add "state", such as "state": "af0ifjsldkj".',
            code="CLIENT_STATE_REQUIRED",
            field="state",
        )
