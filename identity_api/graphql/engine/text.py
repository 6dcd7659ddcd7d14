"""Which strings are accepted as input, in every field.

PostgreSQL cannot store NUL; control characters forge log lines and terminal output; a lone surrogate is no character;
and bidirectional embeddings, overrides and isolates make a name look like another one (Unicode TR 36, section 2.10;
CVE-2021-42574). Right-to-left text itself needs none of them.
"""

import re
from collections.abc import Iterable
from typing import Any, Final

from graphql import DocumentNode, StringValueNode, Visitor, visit

from identity_api.errors import BadInput

MAX_NESTING: Final = 32

# C0 without tab, line feed and carriage return; DEL and C1; embeddings, overrides, isolates; surrogates.
_UNACCEPTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def check_text(text: str) -> None:
    """Refuse a string with a character that no input may have.

    Raises:
        BadInput: it has one; the message names its code point and nothing else of the text.
    """
    found = _UNACCEPTABLE.search(text)
    if found is not None:
        raise BadInput(f"A text has a character that is not accepted: U+{ord(found[0]):04X}.")


def check_variables(variables: dict[str, Any]) -> None:
    """Check every string, member names included, of decoded variables.

    Raises:
        BadInput: a string is not acceptable, or values nest more than 32 levels.
    """
    level: list[Any] = [variables]
    for _ in range(MAX_NESTING + 1):
        if not level:
            return
        level = [inner for value in level for inner in _inner_values(value)]
    raise BadInput(f"The variables nest more than {MAX_NESTING} levels.")


def _inner_values(value: Any) -> Iterable[Any]:
    if isinstance(value, str):
        check_text(value)
    elif isinstance(value, dict):
        for name in value:
            check_text(name)
        return value.values()
    elif isinstance(value, list):
        return value
    return ()


def check_literals(text: str, document: DocumentNode) -> None:
    """Check the string literals of a document.

    Raises:
        BadInput: a string is not acceptable.
    """
    # A literal holds such a character as itself or as an escape; nearly every document has neither.
    if "\\u" in text or _UNACCEPTABLE.search(text):
        visit(document, _CheckLiterals())


class _CheckLiterals(Visitor):
    def enter_string_value(self, node: StringValueNode, *_: Any) -> None:
        check_text(node.value)
