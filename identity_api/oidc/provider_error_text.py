"""The error text of a provider: `error`, `error_description` and `error_uri`, for administrators.

RFC 6749 sections 4.1.2.1 and 5.2, RFC 6750 section 3. The text decides nothing, since no specification defines its content
and anybody can write a callback; but a vendor's number (`AADSTS50105`) is often the only hint at what is wrong. Control
characters are removed, the length is bounded, and everything long enough to be a token is cut out: some providers repeat
what was sent to them. No page shows the text.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from identity_api.oidc.documents import DocumentError, read_json_object
from identity_api.oidc.messages import Answer

MAX_WORDS: Final = 600
"""Maximum characters of the whole text."""
REMOVED: Final = "(removed)"
_LIMITS: Final = {"error": 100, "error_description": 400, "error_uri": 200}
_READ: Final = 4_096
"""Maximum characters of one parameter that are read."""
_SECRET: Final = re.compile(r"[A-Za-z0-9_~+/=-]{40,}")
_ERROR_CODE: Final = re.compile(r"[a-z_]{1,60}")
_VENDOR_NUMBER: Final = re.compile(r"\b[A-Z]{2,10}[0-9]{3,9}\b")
"""Such as Entra's AADSTS50105."""
_MAX_NUMBERS: Final = 3
_CHALLENGE: Final = re.compile(r'\b(error(?:_description|_uri)?)="([^"\\]*)"')


def words_of(members: Mapping[str, Any]) -> str | None:
    """The error in a document or among parameters, as one text: `error: description (address)`. None if there are none."""
    error, description, address = (_cleaned(members.get(name), limit) for name, limit in _LIMITS.items())
    said = ": ".join([part for part in (error, description) if part])
    return " ".join([part for part in (said, address and f"({address})") if part])[:MAX_WORDS] or None


def words_of_username(name: str) -> str:
    """What is recorded in their place where a provider's username claim names nobody whom its person may be."""
    return words_of({"error": "username", "error_description": name}) or ""


def words_in_pairs(pairs: Iterable[tuple[str, str]]) -> str | None:
    """The error text among the parameters of a callback; if one comes twice, the last counts."""
    return words_of({name: value for name, value in pairs if name in _LIMITS})


def codes_in_pairs(pairs: Iterable[tuple[str, str]]) -> str | None:
    """As `words_in_pairs`, for a callback that belongs to no login: the error and the vendor's numbers, and no free text.

    Anybody can send one, and what they wrote would be kept in the log and in the audit.
    """
    found = {name: value for name, value in pairs if name in _LIMITS}
    error = _ERROR_CODE.fullmatch(found.get("error", ""))
    numbers = _VENDOR_NUMBER.findall(found.get("error_description", "")[:_READ])[:_MAX_NUMBERS]
    return ": ".join([part for part in (error and error[0], " ".join(numbers)) if part]) or None


def words_in_answer(answer: Answer) -> str | None:
    """The error text of an endpoint's refusal: in its JSON body, or in the challenge of RFC 6750."""
    try:
        return words_of(read_json_object(answer.body))
    except DocumentError:
        return words_of(dict(_CHALLENGE.findall(answer.headers.get("www-authenticate", "")[:_READ])))


def _cleaned(value: object, limit: int) -> str | None:
    if not isinstance(value, str):
        return None
    printable = "".join([character if character.isprintable() else " " for character in value[:_READ]])
    text = _SECRET.sub(REMOVED, " ".join(printable.split()))
    return text[:limit] + ("..." if len(text) > limit else "")
