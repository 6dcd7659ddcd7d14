"""Which users a list has, and in what order."""

from enum import StrEnum
from typing import Final

import strawberry

from identity_api.db.user_filters import MIN_PART, Filter, fold
from identity_api.errors import BadInput
from identity_api.graphql import ids
from identity_api.graphql.enums import enum_type

MAX_TEXT: Final = 512


@enum_type(
    "What a list of users can be ordered by.",
    {
        "ID": "By id, which is roughly the order in which users were made.",
        "USERNAME": "By username, without regard to case.",
        "DISPLAY_LABEL": "By display label, without regard to case.",
        "EMAIL": "By e-mail address, without regard to case; users without one are left out.",
    },
)
class UserOrderField(StrEnum):
    """By name means by folded name."""

    ID = "ID"
    USERNAME = "USERNAME"
    DISPLAY_LABEL = "DISPLAY_LABEL"
    EMAIL = "EMAIL"


@enum_type(
    "Which end of an order comes first.",
    {
        "ASC": "The smallest value comes first.",
        "DESC": "The greatest value comes first.",
    },
)
class OrderDirection(StrEnum):
    """Which end comes first."""

    ASC = "ASC"
    DESC = "DESC"


@strawberry.input(description="How to order users.")
class UserOrder:
    """How to order users."""

    field: UserOrderField = strawberry.field(default=UserOrderField.ID, description="What to order by.")
    direction: OrderDirection = strawberry.field(default=OrderDirection.ASC, description="Which end comes first.")


@strawberry.input(
    description="Which users to list. All criteria have to hold, and text is compared without regard to case."
)
class UserFilter:
    """All criteria have to hold."""

    username: str | None = strawberry.field(default=None, description="Only the user with this username.")
    username_prefix: str | None = strawberry.field(
        default=None, description="Only users whose username begins with this text."
    )
    display_label_prefix: str | None = strawberry.field(
        default=None, description="Only users whose display label begins with this text."
    )
    email: str | None = strawberry.field(default=None, description="Only users with this e-mail address.")
    email_prefix: str | None = strawberry.field(
        default=None, description="Only users whose e-mail address begins with this text."
    )
    search: str | None = strawberry.field(
        default=None,
        description="Only users whose username, display label or e-mail address contains this text, of at least "
        f"{MIN_PART} characters.",
    )
    enabled: bool | None = strawberry.field(
        default=None, description="True lists only enabled users, false only disabled ones."
    )
    group: strawberry.ID | None = strawberry.field(
        default=None, description="Only users who are in the group with this id."
    )
    permission: strawberry.ID | None = strawberry.field(
        default=None,
        description="Only users with an open grant of the permission with this id, in force or dormant.",
    )
    permission_in_force: strawberry.ID | None = strawberry.field(
        default=None,
        description="Only users who have the permission with this id in force now. A page may then have fewer entries than were "
        "asked for, and there are more pages while `hasNextPage`, or read backwards `hasPreviousPage`, is true.",
    )
    linked: bool | None = strawberry.field(
        default=None,
        description="True lists only users with an identity, in whatever state. False lists only users who have never "
        "had one.",
    )


def where_of(asked: UserFilter, *, is_distributed: bool = False) -> Filter:
    """The filter as the database knows it.

    Raises:
        BadInput: a text is too long, or too short to search for.
        NotFound: an id names no group or permission.
    """
    for name in ("username", "username_prefix", "display_label_prefix", "email", "email_prefix", "search"):
        if len(getattr(asked, name) or "") > MAX_TEXT:
            raise BadInput(f"A filter's text has at most {MAX_TEXT} characters.", field="filter")
    if asked.search is not None and len(fold(asked.search)) < MIN_PART:
        raise BadInput(f"A text to search for has at least {MIN_PART} characters.", field="filter")
    permission = asked.permission if asked.permission is not None else asked.permission_in_force
    return Filter(
        asked.username,
        asked.username_prefix,
        asked.display_label_prefix,
        asked.email,
        asked.email_prefix,
        asked.search,
        asked.enabled,
        ids.row_id(asked.group, "Group") if asked.group is not None else None,
        # Who has it in force has an open grant of it, but for moments after an edit of a mapping.
        ids.row_id(permission, "Permission") if permission is not None else None,
        asked.linked,
        is_distributed and asked.search is not None,
    )
