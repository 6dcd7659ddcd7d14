"""Find claims that are configured by a name with dots: probably meant as a path, as in other systems (`realm_access.roles`).

Here it is the name of one claim. Claims with such names exist, so it is not an error: the admin gets a notice.
"""

import msgspec

from identity_api.db.providers import ClaimSettings


class DottedName(msgspec.Struct, frozen=True):
    """One such claim. `setting` is the field of the declaration, `expected` the path that was probably meant."""

    setting: str
    found: str
    expected: str

    @property
    def message(self) -> str:
        """The notice for the admin."""
        return (
            f"The {self.setting} {self.found} is taken as the name of one claim. If it is meant as a path, write "
            f"{self.expected}."
        )


def dotted_names(claims: ClaimSettings) -> list[DottedName]:
    """Every name in these settings that looks like a path; names that are addresses (`https://...`) do not."""
    return [
        DottedName(f"{setting}_claim", name, _as_path(name))
        for setting in ("anchor", "username", "display", "email", "groups")
        for name in getattr(claims, setting)
        if _is_dotted(name)
    ]


def _is_dotted(name: str) -> bool:
    parts = name.split(".")
    return "/" not in name and ":" not in name and len(parts) > 1 and all(parts)


def _as_path(name: str) -> str:
    return " / ".join(["id_token", *name.split(".")])
