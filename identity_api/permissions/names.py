"""The syntax of a permission's name."""

import re

from identity_api.errors import BadInput

MAX_LENGTH = 128
_SHAPE = re.compile(r"[a-z][a-z0-9_.-]*(?::[a-z0-9_.-]+)+")


def check_permission_name(name: str) -> None:
    """A name is `noun:verb`, or longer: lower-case words joined by colons, at most 128 characters.

    Raises:
        BadInput: it is not.
    """
    if len(name) > MAX_LENGTH or not _SHAPE.fullmatch(name):
        raise BadInput("A permission is named noun:verb, in lower case, for example docs:read.", field="name")
