"""Group patterns: what a mapping's `EXACT` or `GLOB` text matches.

In a GLOB `*` matches any run of characters, `?` matches one character, and a backslash makes the next character literal. A
pattern matches the whole group, exactly in case and code points: a look-alike is another group.

A GLOB is matched against many names at once: the names are joined into one text, and each position of the text is one bit
of an integer. A character of the pattern costs two operations on such integers, whatever the names are, so the time is at
most proportional to the length of the names times the length of the pattern. Nothing backtracks.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from enum import Enum, StrEnum
from functools import lru_cache
from typing import Final, TypeVar

from identity_api.claims.errors import PatternInvalid
from identity_api.claims.groups import MAX_GROUP_LENGTH
from identity_api.claims.text import is_storable

MAX_GLOB_LENGTH: Final = 200
MAX_STARS: Final = 5
TEXT_LENGTH: Final = 4_000
"""Characters of names that are looked at together: half a millisecond to prepare, and some 50 µs for the longest GLOB."""

Key = TypeVar("Key")


class MatchKind(StrEnum):
    """How the text of a group mapping is compared with a group."""

    EXACT = "EXACT"
    GLOB = "GLOB"


class _Wild(Enum):
    """A step of a GLOB that is no character."""

    RUN = "*"
    ONE = "?"


_RUN, _ONE = _Wild.RUN, _Wild.ONE
_Steps = tuple[str | _Wild, ...]


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
    """Whether the pattern matches the whole group.

    Raises:
        PatternInvalid: the pattern is a GLOB that `validate_pattern` refuses.
    """
    if kind is MatchKind.EXACT:
        return pattern == group
    return any(match_globs({None: pattern}, [group]))


def match_globs(patterns: Mapping[Key, str], names: Sequence[str]) -> Iterator[list[tuple[Key, str]]]:
    """Which GLOBs match which names: (the pattern's key, the name), in pieces.

    There is a piece, often an empty one, after each millisecond or so of work at the most, so that whoever iterates can
    let others work in between (`time_slices.in_slices`).

    Raises:
        PatternInvalid: one is a GLOB that `validate_pattern` refuses.
    """
    alphabet = set("".join(patterns.values()))
    for some in _texts(names):
        text = _Text(some, alphabet)
        yield []
        for key, pattern in patterns.items():
            yield [(key, name) for name in text.names_of(text.matched_by(_compile(pattern)))]


def _texts(names: Sequence[str]) -> Iterator[list[str]]:
    some: list[str] = []
    length = 0
    for name in names:
        some.append(name)
        length += len(name) + 1
        if length >= TEXT_LENGTH:
            yield some
            some, length = [], 0
    if some:
        yield some


class _Text:
    """Names side by side, with one more position behind each: its end. Bit i of every integer is position i.

    A set bit in a state means: the steps so far match the characters of this name that stand before this position.
    """

    def __init__(self, names: Sequence[str], alphabet: Collection[str]) -> None:
        self._name_at: dict[int, str] = {}
        places: dict[str, list[int]] = {}
        self._starts = self._ends = position = 0
        for name in names:
            self._starts |= 1 << position
            for place, character in enumerate(name, position):
                if character in alphabet:
                    places.setdefault(character, []).append(place)
            position += len(name)
            self._ends |= 1 << position
            self._name_at[position] = name
            position += 1
        self._inside = (1 << position) - 1 ^ self._ends
        self._places: dict[str | _Wild, int] = {character: _bits(of, position) for character, of in places.items()}

    def matched_by(self, steps: _Steps) -> int:
        """The ends of the names that these steps match wholly."""
        state, inside, places = self._starts, self._inside, self._places
        for step in steps:
            if step is _RUN:
                # The carry of the addition runs from each bit to the end of its name.
                state |= (state & inside) + inside ^ inside
            else:
                state = (state & (inside if step is _ONE else places.get(step, 0))) << 1
                if not state:
                    return 0
        return state & self._ends

    def names_of(self, ends: int) -> Iterator[str]:
        """The names that end at these positions."""
        while ends:
            last = ends.bit_length() - 1
            yield self._name_at[last]
            ends ^= 1 << last


def _bits(places: Sequence[int], length: int) -> int:
    octets = bytearray(length // 8 + 1)
    for place in places:
        octets[place >> 3] |= 1 << (place & 7)
    return int.from_bytes(octets, "little")


@lru_cache(maxsize=4_096)
def _compile(pattern: str) -> _Steps:
    if len(pattern) > MAX_GLOB_LENGTH:
        raise PatternInvalid(f"A pattern has at most {MAX_GLOB_LENGTH} characters.", code="PATTERN_TOO_LONG")
    steps: list[str | _Wild] = []
    characters = iter(pattern)
    for character in characters:
        if character == "\\":
            literal = next(characters, None)
            if literal is None:
                raise PatternInvalid("A pattern cannot end in a single backslash.", code="PATTERN_OPEN_ESCAPE")
            steps.append(literal)
        else:
            steps.append(_Wild(character) if character in "*?" else character)
    if steps.count(_RUN) > MAX_STARS:
        raise PatternInvalid(f"A pattern has at most {MAX_STARS} stars.", code="PATTERN_TOO_MANY_STARS")
    return tuple(steps)
