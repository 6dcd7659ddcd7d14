"""Errors of change sets."""

from collections.abc import Sequence

import msgspec

from identity_api.errors import IdentityAPIError


class Problem(msgspec.Struct, frozen=True):
    """Why one change cannot be made."""

    number: int
    """Its place among the changes, from 0."""
    error: IdentityAPIError


class ChangesRefused(IdentityAPIError):
    """One or more changes cannot be made, so that none was. The code is the first one's."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        first = problems[0]
        more = f" {len(problems) - 1} more cannot be made either." if len(problems) > 1 else ""
        super().__init__(f"Change {first.number + 1}: {first.error.message}{more}", code=first.error.code)
