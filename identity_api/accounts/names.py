"""The username of a new user: the provider's username claim, otherwise the e-mail, otherwise the name with a unique suffix.

An e-mail address becomes a username only if the provider has verified it, or is trusted with addresses. Otherwise a person
who can enter any address at a provider would have it as a username here, and be mistaken for its owner: by an operator who
grants the first admin's permissions by name, or by a reader of a list of users.
"""

import secrets
import unicodedata
from collections.abc import Iterator

from identity_api.claims import Profile

MAX_USERNAME_LENGTH = 320
_TAIL_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
_TAIL_LENGTH = 6
_TRIES = 5


def username_candidates(
    profile: Profile, *, trusts_addresses: bool = False, name_may_be_address: bool = False
) -> Iterator[str]:
    """Names to try in order, all in NFC; each try of the last kind has a new tail, since 31^6 names may still collide.

    Args:
        trusts_addresses: the provider's e-mail addresses are taken as verified.
        name_may_be_address: the username is read from the e-mail claim, where the provider has no other name.
    """
    email = unicodedata.normalize("NFC", profile.email) if profile.email else None
    is_proven = trusts_addresses or profile.email_verified is True
    name = profile.username
    # Only `false` means that the address is unverified: many providers use addresses as names without `email_verified`.
    is_own_word = name_may_be_address or profile.email_verified is False
    if name is not None and "@" in name and is_own_word and not trusts_addresses and not (is_proven and name == email):
        name = None
    yield from [wish for wish in (name, email if is_proven else None) if wish and len(wish) <= MAX_USERNAME_LENGTH]
    unproven = (profile.username or email or "").partition("@")[0]
    stem = name or (email if is_proven else None) or unproven or profile.display_label or "user"
    stem = unicodedata.normalize("NFC", stem)[: MAX_USERNAME_LENGTH - 1 - _TAIL_LENGTH]
    for _ in range(_TRIES):
        yield f"{stem}~{''.join(secrets.choice(_TAIL_ALPHABET) for _ in range(_TAIL_LENGTH))}"
