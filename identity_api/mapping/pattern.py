"""Group patterns: what a mapping's `EXACT` or `GLOB` text matches (design 4, `group_mapping`).

In a GLOB `*` is any run of characters, `?` is one character, and a backslash takes the next character as it is. A
pattern matches the whole group, exactly in case and code points: a look-alike is another group.

A GLOB is run as a set of positions kept in the bits of one integer, one step per character of the group. It cannot
backtrack, so no pattern that a mapping admin writes can be slow.
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

from identity_api.mapping.errors import PatternInvalid
from identity_api.mapping.groups import MAX_GROUP_LENGTH
from identity_api.mapping.text import is_storable

MAX_GLOB_LENGTH: Final = 200
MAX_STARS: Final = 5


class MatchKind(StrEnum):
    """How the text of a group mapping is compared with a group."""

    EXACT = "EXACT"
    GLOB = "GLOB"


@dataclass(frozen=True, slots=True)
class _Automaton:
    """Bit i set in a state means: the first i characters of the pattern (stars not counted) have been matched."""

    literals: dict[str, int]
    any_character: int
    stars: int
    accept: int

    def matches(self, group: str) -> bool:
        positions = 1
        for character in group:
            forward = positions & (self.literals.get(character, 0) | self.any_character)
            positions = forward << 1 | positions & self.stars
            if not positions:
                return False
        return bool(positions & self.accept)


def validate_pattern(pattern: str, kind: MatchKind) -> None:
    """Check a pattern before it is stored.

    Raises:
        PatternInvalid: code PATTERN_EMPTY, PATTERN_TOO_LONG, PATTERN_BAD_CHARACTER, PATTERN_TOO_MANY_STARS or
            PATTERN_OPEN_ESCAPE.
    """
    limit = MAX_GLOB_LENGTH if kind is MatchKind.GLOB else MAX_GROUP_LENGTH
    if not pattern:
        raise PatternInvalid("A pattern cannot be empty.", code="PATTERN_EMPTY")
    if len(pattern) > limit:
        raise PatternInvalid(f"A pattern has at most {limit} characters.", code="PATTERN_TOO_LONG")
    if not is_storable(pattern):
        raise PatternInvalid("A pattern cannot hold NUL or half a character.", code="PATTERN_BAD_CHARACTER")
    if kind is MatchKind.GLOB:
        _compile(pattern)


def matches(pattern: str, kind: MatchKind, group: str) -> bool:
    """Whether the pattern matches the whole group. Time grows with the length of the group only.

    Raises:
        PatternInvalid: the pattern is a GLOB that `validate_pattern` refuses.
    """
    if kind is MatchKind.EXACT:
        return pattern == group
    return _compile(pattern).matches(group)


@lru_cache(maxsize=1_024)
def _compile(pattern: str) -> _Automaton:
    if len(pattern) > MAX_GLOB_LENGTH:
        raise PatternInvalid(f"A pattern has at most {MAX_GLOB_LENGTH} characters.", code="PATTERN_TOO_LONG")
    literals: dict[str, int] = {}
    any_character = stars = star_count = 0
    position = 1
    characters = iter(pattern)
    for character in characters:
        if character == "*":
            stars |= position
            star_count += 1
            continue
        if character == "?":
            any_character |= position
        else:
            literal = next(characters, None) if character == "\\" else character
            if literal is None:
                raise PatternInvalid("A pattern cannot end in a single backslash.", code="PATTERN_OPEN_ESCAPE")
            literals[literal] = literals.get(literal, 0) | position
        position <<= 1
    if star_count > MAX_STARS:
        raise PatternInvalid(f"A pattern has at most {MAX_STARS} stars.", code="PATTERN_TOO_MANY_STARS")
    return _Automaton(literals, any_character, stars, accept=position)
