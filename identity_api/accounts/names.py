"""The username of a new user: what the provider says, else the e-mail, else the name with a tail nobody else has."""

import secrets
import unicodedata
from collections.abc import Iterator

from identity_api.mapping import Profile

MAX_USERNAME_LENGTH = 320
_TAIL_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
_TAIL_LENGTH = 6
_TRIES = 5


def username_candidates(profile: Profile) -> Iterator[str]:
    """Names to try in order, all in NFC; each try of the last kind has a new tail, since 31^6 names may still collide."""
    wishes = [profile.username, profile.email and unicodedata.normalize("NFC", profile.email)]
    yield from [wish for wish in wishes if wish and len(wish) <= MAX_USERNAME_LENGTH]
    stem = profile.username or profile.email or profile.display_label or "user"
    stem = unicodedata.normalize("NFC", stem)[: MAX_USERNAME_LENGTH - 1 - _TAIL_LENGTH]
    for _ in range(_TRIES):
        yield f"{stem}~{''.join(secrets.choice(_TAIL_ALPHABET) for _ in range(_TAIL_LENGTH))}"
