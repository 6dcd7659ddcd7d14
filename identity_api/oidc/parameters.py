"""Read decoded parameters of a browser's request, from a query or a form.

RFC 6749 section 3.1: a parameter comes at most once, and unknown ones are ignored. This module is stricter, because anybody
can write a request: parameters are bounded in number and length, printable ASCII only, and never empty.
"""

from collections.abc import Iterable, Mapping

from identity_api.oidc.documents import is_visible_ascii
from identity_api.oidc.errors import ProtocolError

MAX_PARAMETERS = 32


def read_parameters(
    pairs: Iterable[tuple[str, str]], limits: Mapping[str, int], *, what: str, error: type[ProtocolError]
) -> tuple[dict[str, str], set[str]]:
    """The parameters named in `limits`, and the names of all others.

    Args:
        pairs: decoded names and values, as they came.
        limits: name to the maximum length of its value.
        what: the subject of the messages.
        error: the class to raise.

    Raises:
        error: a named parameter is repeated, empty, too long (then `.length` says how long) or unprintable, which
            `.claim` names; or there are more than MAX_PARAMETERS in all.
    """
    found: dict[str, str] = {}
    others: set[str] = set()
    for count, (name, value) in enumerate(pairs):
        if count >= MAX_PARAMETERS:
            raise error(f"The {what} has too many parameters.")
        if (limit := limits.get(name)) is None:
            others.add(name)
            continue
        if name in found:
            raise error(f"The {what} has the parameter {name} more than once.", claim=name)
        if len(value) > limit:
            message = f"The {what} has a {name} of {len(value)} characters; at most {limit} are read."
            raise error(message, claim=name, length=len(value))
        if not value or not is_visible_ascii(value):
            raise error(f"The {what} has an unusable {name}.", claim=name)
        found[name] = value
    return found, others
