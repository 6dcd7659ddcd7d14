"""The name in a callback: Apple sends it there, once, when a person agrees to sign in for the first time.

It is JSON in the form field `user`, beside the code, and it is not signed: the person's own browser could have written it.
So it is used as a display name if no claim gives one, and never to identify a person.
https://developer.apple.com/documentation/signinwithapple/configuring-your-webpage-for-sign-in-with-apple
"""

import dataclasses
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from identity_api.db.providers import Provider
from identity_api.oidc.documents import DocumentError, read_json_object
from identity_api.sessions.login.provider_answer import VerifiedLogin

FIELD: Final = "user"
MAX_FIELD_BYTES: Final = 4_096
MAX_NAME_LENGTH: Final = 256


def with_callback_name(login: VerifiedLogin, provider: Provider, pairs: Sequence[tuple[str, str]]) -> VerifiedLogin:
    """The login with a display name from the callback, if the provider is set up for it and no claim has a name.

    Args:
        login: the verified answer of the provider.
        provider: as it is configured.
        pairs: the callback's parameters, decoded.
    """
    profile = login.person.profile
    if not provider.claims.name_in_callback or profile.display_label is not None:
        return login
    named = msgspec.structs.replace(
        login.person, profile=dataclasses.replace(profile, display_label=callback_name(pairs))
    )
    return msgspec.structs.replace(login, person=named)


def callback_name(pairs: Sequence[tuple[str, str]]) -> str | None:
    """First and last name, or None if the field is missing, doubled or unusable; the login continues without it."""
    found = [value for name, value in pairs if name == FIELD]
    if len(found) != 1:
        return None
    try:
        name: Any = read_json_object(found[0].encode(), max_bytes=MAX_FIELD_BYTES).get("name")
    except (DocumentError, UnicodeEncodeError):
        return None
    if not isinstance(name, dict):
        return None
    parts = [name.get(part) for part in ("firstName", "lastName")]
    text = " ".join([part.strip() for part in parts if isinstance(part, str) and part.strip()])
    return text if 0 < len(text) <= MAX_NAME_LENGTH and text.isprintable() else None
