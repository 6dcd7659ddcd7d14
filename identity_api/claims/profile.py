"""Read anchor, username, display label and e-mail from claims.

The previous systems used one claim for all of these. Here they are three separate settings: the *anchor* finds
the identity again, the *username* may be matched once, the *display label* is for people. E-mail is an attribute.
The login decides what happens if an anchor changes or an e-mail is not verified.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from identity_api.claims.errors import ClaimMissing, ClaimUnusable
from identity_api.claims.groups import Diagnostic
from identity_api.claims.location import parse_claim_sources
from identity_api.claims.source import ABSENT, ClaimSource, Documents, find, look_up
from identity_api.claims.text import is_storable

MAX_VALUE_LENGTH: Final = 512
MAX_EMAIL_LENGTH: Final = 320


@dataclass(frozen=True, slots=True)
class ProfileClaims:
    """Where a provider's profile claims are; each is an ordered list of sources."""

    anchor: tuple[ClaimSource, ...] = parse_claim_sources(["sub"])
    username: tuple[ClaimSource, ...] = parse_claim_sources(["preferred_username"])
    display: tuple[ClaimSource, ...] = (*parse_claim_sources(["name"]), *parse_claim_sources(["preferred_username"]))
    email: tuple[ClaimSource, ...] = parse_claim_sources(["email"])


@dataclass(frozen=True, slots=True)
class Profile:
    """A person's profile, read from claims.

    `anchor` is exact. `username` is in Unicode form NFC, which is how usernames are stored and compared. An
    `email_verified` of None means that the provider did not say. `has_no_email` means that it said there is none, by null or
    an empty text in a place that is configured, rather than nothing about it.
    """

    anchor: str
    username: str | None
    display_label: str | None
    email: str | None
    email_verified: bool | None
    diagnostics: tuple[Diagnostic, ...] = ()
    has_no_email: bool = False


def read_profile(documents: Documents, claims: ProfileClaims) -> Profile:
    """Read a profile from verified claims.

    The anchor decides whose account this is, so its first source that holds anything must hold something usable. For
    the others an unusable value counts as absent, with a remark.

    Raises:
        ClaimMissing: no source holds the anchor; `.claim` lists where it was looked for.
        ClaimUnusable: the anchor is no text or number, is too long, or has characters that cannot be stored.
    """
    remarks: list[Diagnostic] = []
    username = _optional(documents, claims.username, MAX_VALUE_LENGTH, remarks)
    display = _optional(documents, claims.display, MAX_VALUE_LENGTH, remarks)
    email = _optional(documents, claims.email, MAX_EMAIL_LENGTH, remarks)
    return Profile(
        anchor=_read_anchor(documents, claims.anchor),
        username=unicodedata.normalize("NFC", username[0]) if username else None,
        display_label=display[0] if display else None,
        email=email[0] if email else None,
        email_verified=_read_email_verified(documents, email[1]) if email else None,
        diagnostics=tuple(dict.fromkeys(remarks)),
        has_no_email=email is None and any(_says_none(documents, source) for source in claims.email),
    )


def _read_anchor(documents: Documents, sources: Sequence[ClaimSource]) -> str:
    for source in sources:
        value = _value(documents, source)
        if value is ABSENT or value == "":
            continue
        # GitHub and others outside OpenID Connect identify people by a number.
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str) or len(value) > MAX_VALUE_LENGTH or not is_storable(value):
            raise ClaimUnusable("The claim that identifies the person cannot be used.", claim=str(source))
        return value
    looked_for = ", ".join(str(source) for source in sources)
    raise ClaimMissing("The provider did not supply the claim that identifies the person.", claim=looked_for)


def _optional(
    documents: Documents, sources: Sequence[ClaimSource], max_length: int, remarks: list[Diagnostic]
) -> tuple[str, ClaimSource] | None:
    for source in sources:
        value = _value(documents, source)
        if value is ABSENT or value == "":
            continue
        if isinstance(value, str) and len(value) <= max_length and is_storable(value):
            return value, source
        remarks.append(Diagnostic("UNUSABLE", str(source)))
    return None


def _read_email_verified(documents: Documents, source: ClaimSource) -> bool | None:
    """`email_verified` beside the e-mail in the same document: another document may mean another address.

    Amazon Cognito sends the texts "true" and "false" instead of booleans. The result of an expression has no neighbouring
    claim.
    """
    if source.expression is not None:
        return None
    value = _value(documents, ClaimSource(source.document, (*source.path[:-1], "email_verified")))
    if value is True or value == "true":
        return True
    return False if value is False or value == "false" else None


def _says_none(documents: Documents, source: ClaimSource) -> bool:
    """Whether the claim is there and holds nothing. OIDC Core 5.3.2 asks providers to leave it out; some do not."""
    claims = documents.get(source.document)
    if claims is None or source.expression is not None:
        return False
    holder = look_up(claims, source.path[:-1])
    return isinstance(holder, Mapping) and holder.get(source.path[-1], ABSENT) in (None, "")


def _value(documents: Documents, source: ClaimSource) -> object:
    claims = documents.get(source.document)
    return ABSENT if claims is None else find(claims, source)
