"""Why a command is run, in the operator's words, as every event that it records shows it."""

from contextlib import AbstractContextManager
from typing import Final

from identity_api.claims.text import is_storable
from identity_api.db.audit_origin import Origin, changes_come_from
from identity_api.errors import BadInput

MAX_CHARACTERS: Final = 500


def recorded_with(text: str) -> AbstractContextManager[None]:
    """A context whose events have this reason.

    Raises:
        BadInput: it is too long, or has characters that cannot be stored or seen.
    """
    reason = text.strip()
    if len(reason) > MAX_CHARACTERS or not is_storable(reason) or not reason.isprintable():
        raise BadInput(f"A reason is one line of at most {MAX_CHARACTERS} characters.", field="reason")
    return changes_come_from(Origin(reason=reason or None))
