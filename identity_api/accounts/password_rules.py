"""Which passwords may be set: long enough, and not on the list of common ones (NIST SP 800-63B section 3.1.1.2).

There are no rules about kinds of characters and no expiry: both make people choose worse passwords. The list is short,
because the minimum of twelve characters already excludes nearly all common passwords; the list has the long common ones,
and short ones that were made longer.
"""

import re
import unicodedata
from collections.abc import Iterable

from identity_api.errors import BadInput

MIN_LENGTH = 12
"""Characters."""
MAX_BYTES = 1_024
"""In UTF-8: hashing a whole book for a stranger would be a service to attackers."""
_MIN_DIFFERENT = 5
_MIN_PERSONAL_LENGTH = 4

_WORDS_TEXT = """
abc abcdef abcdefgh abcdefghijkl admin administrator adminadmin baseball changeit changeme correcthorse
correcthorsebatterystaple default demo dragon football geheim guest hallo hello helloworld iloveyou iloveyouforever
letmein letmeinnow login masterpassword monkey mypassword passphrase password passwordpassword passwort princess qwerty
qwertyqwerty qwertz root secret secretpassword starwars summer sunshine superman superuser temp temporary test testtest
testing thisismypassword trustno unknown user username welcome welcomeback whatever winter yourpassword
"""
_WORDS = frozenset(_WORDS_TEXT.split())
_RUNS = (
    "0123456789" * 4,
    "abcdefghijklmnopqrstuvwxyz" * 2,
    "qwertyuiopasdfghjklzxcvbnm" * 2,
    "qwertzuiopasdfghjklyxcvbnm" * 2,
)
_ENDS = re.compile(r"^[^a-z]+|[^a-z]+$")
"""What people put around a word so that it passes for a password."""
_LOOKALIKES = str.maketrans("013457@$!", "oieastasi")


def normalized(password: str) -> bytes | None:
    """The bytes that are hashed: NFC in UTF-8 (RFC 8265 section 4.2.2), so that it does not matter which keyboard typed
    an accent. None for a text that cannot be a password: too long, or not Unicode.
    """
    if len(password) > MAX_BYTES:
        return None
    try:
        encoded = unicodedata.normalize("NFC", password).encode("utf-8")
    except UnicodeEncodeError:
        return None
    return encoded if len(encoded) <= MAX_BYTES else None


def check_new_password(password: str, personal: Iterable[str | None] = ()) -> bytes:
    """The bytes of a password that may be set.

    Args:
        personal: public facts about the user: username, e-mail, display label.

    Raises:
        BadInput: `PASSWORD_TOO_SHORT`, `PASSWORD_TOO_LONG`, `PASSWORD_TOO_COMMON`; `field` is `password`.
    """
    encoded = normalized(password)
    if encoded is None:
        raise _refused(f"A password has at most {MAX_BYTES} bytes.", "PASSWORD_TOO_LONG")
    if len(unicodedata.normalize("NFC", password)) < MIN_LENGTH:
        raise _refused(f"A password has at least {MIN_LENGTH} characters.", "PASSWORD_TOO_SHORT")
    if _is_common(password) or _is_personal(password, personal):
        raise _refused("This password is too common: others would try it.", "PASSWORD_TOO_COMMON")
    return encoded


def _is_common(password: str) -> bool:
    folded = unicodedata.normalize("NFKC", password).casefold()
    if len(set(folded)) < _MIN_DIFFERENT or _repeats(folded):
        return True
    core = _ENDS.sub("", folded).translate(_LOOKALIKES)
    letters = ["".join([character for character in text if character.isalpha()]) for text in (folded, core)]
    # A password that has much more than a common word is accepted.
    telling = [text for text in (folded, core, *letters) if len(text) * 3 >= len(folded)]
    return any(text in _WORDS or any(text in run or text in run[::-1] for run in _RUNS) for text in telling)


def _repeats(text: str) -> bool:
    """Whether it repeats one piece of at most six characters."""
    return any(text == (text[:size] * len(text))[: len(text)] for size in range(1, 7))


def _is_personal(password: str, personal: Iterable[str | None]) -> bool:
    """Whether it is little more than the user's own name."""
    folded = password.casefold()
    for text in personal:
        for piece in {(text or "").casefold(), (text or "").casefold().partition("@")[0]}:
            if len(piece) >= _MIN_PERSONAL_LENGTH and piece in folded and len(folded) - len(piece) < MIN_LENGTH // 2:
                return True
    return False


def _refused(message: str, code: str) -> BadInput:
    return BadInput(message, code=code, field="password")
