"""The people who exist at the demo provider now: groups as last edited, and who has been removed."""

import unicodedata
from collections.abc import Callable, Iterable, Sequence

import msgspec

from identity_api.demo.config import Person
from identity_api.errors import BadInput, NotFound

MAX_GROUPS = 200
MAX_GROUP_LENGTH = 200


class People:
    """The directory. `on_change` runs after every change, so that it can be saved."""

    def __init__(self, people: Iterable[Person], on_change: Callable[[], None] = lambda: None) -> None:
        self._people = {person.username: person for person in people}
        self._removed: set[str] = set()
        self._on_change = on_change

    def all(self) -> Sequence[Person]:
        """Everybody, removed people included, in the order of the configuration."""
        return tuple(self._people.values())

    def is_removed(self, username: str) -> bool:
        return username in self._removed

    def find(self, username: str) -> Person:
        """The person with this username, removed or not.

        Raises:
            NotFound: nobody has this username.
        """
        try:
            return self._people[username]
        except KeyError:
            raise NotFound("The demo provider has nobody with that username.") from None

    def hinted(self, login_hint: str | None) -> str | None:
        """The username that a `login_hint` (username or e-mail) means, if any (Core section 3.1.2.1)."""
        for person in self._people.values():
            if login_hint in (person.username, person.email):
                return person.username
        return None

    def add(self, person: Person) -> None:
        """Add a person, or replace the one with the same username."""
        self._people[person.username] = person
        self._on_change()

    def set_groups(self, username: str, groups: Iterable[str]) -> None:
        """Replace a person's groups; duplicates are removed, the order stays. Raises NotFound."""
        self.add(msgspec.structs.replace(self.find(username), groups=tuple(dict.fromkeys(groups))))

    def set_removed(self, username: str, removed: bool) -> None:
        """Remove a person or restore them. Raises NotFound."""
        self.find(username)
        if removed:
            self._removed.add(username)
        else:
            self._removed.discard(username)
        self._on_change()


def read_groups(text: str) -> tuple[str, ...]:
    """Group names from a comma-separated field; blanks and duplicates are removed.

    Raises:
        BadInput: more than 200 names, a name over 200 characters, or a control character in one.
    """
    return require_group_names([name.strip() for name in text.replace("\r\n", ",").split(",")])


def require_group_names(names: Iterable[str]) -> tuple[str, ...]:
    """`names` without blanks and duplicates. Raises BadInput as `read_groups` does."""
    groups = tuple(dict.fromkeys(name for name in names if name))
    if len(groups) > MAX_GROUPS:
        raise BadInput(f"At most {MAX_GROUPS} groups fit one person.", field="groups")
    for group in groups:
        if len(group) > MAX_GROUP_LENGTH:
            raise BadInput(f"A group name has at most {MAX_GROUP_LENGTH} characters.", field="groups")
        # Surrogates and control characters: UTF-8 and JSON readers downstream treat them differently.
        if any(unicodedata.category(character) in {"Cc", "Cs"} for character in group):
            raise BadInput("A group name holds no control characters.", field="groups")
    return groups
