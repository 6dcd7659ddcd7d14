"""`identity-api access`."""

from typing import TYPE_CHECKING

import rich_click as click

from identity_api.cli.listing import Form, in_forms, print_list

if TYPE_CHECKING:
    from datetime import datetime

    from identity_api.cli.access_history import GrantLine


@click.group()
def command() -> None:
    """Who holds a permission, who held it, and what somebody had been given."""


@command.command()
@click.argument("tenant")
@click.argument("username")
@click.argument("moment")
@in_forms
def at(tenant: str, username: str, moment: str, form: Form) -> None:
    """List what USERNAME of TENANT had been given at MOMENT, such as 2026-11-29T12:00; UTC unless it says.

    These are the grants. Whether the lease of one had ended at that moment is not stored.
    """
    from identity_api.cli.access_history import given_at

    _print(form, given_at(tenant, username, moment))


@command.command()
@click.argument("tenant")
@click.argument("permission")
@click.option("--since", required=True, metavar="MOMENT", help="Such as 2026-11-29; UTC unless it says.")
@click.option("--until", metavar="MOMENT", help="Before it; now unless set.")
@in_forms
def held(tenant: str, permission: str, since: str, until: str | None, form: Form) -> None:
    """List the grants of PERMISSION in TENANT that were open at any time since --since, the latest first."""
    from identity_api.cli.access_history import held_within

    _print(form, held_within(tenant, permission, since, until))


@command.command()
@click.argument("tenant")
@click.argument("permission")
@in_forms
def holders(tenant: str, permission: str, form: Form) -> None:
    """List who has PERMISSION of TENANT in force now, and who has only grants of it that are not, with each grant."""
    from identity_api.cli.access_history import held_now

    found = held_now(tenant, permission)
    rows = [
        (one.username, "yes" if one.in_force else "no", grant.how, _minute(grant.granted_at), grant.granted_by_name)
        for one in found
        for grant in one.grants
    ]
    print_list(form, "holders", found, ("user", "in force", "how", "since (UTC)", "by"), rows)


def _minute(at: "datetime") -> str:
    from datetime import UTC

    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M}"


def _print(form: Form, found: "list[GrantLine]") -> None:
    rows = [
        (
            one.username,
            one.permission,
            one.how,
            _minute(one.granted_at),
            one.granted_by_name,
            _minute(one.revoked_at) if one.revoked_at else "",
            one.revoked_by_name or "",
            one.revoked_reason or "",
        )
        for one in found
    ]
    columns = ("user", "permission", "how", "since (UTC)", "by", "until (UTC)", "ended by", "why")
    print_list(form, "grants", found, columns, rows)
