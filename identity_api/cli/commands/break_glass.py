"""`identity-api break-glass`."""

from uuid import UUID

import rich_click as click

from identity_api.cli.listing import Form, in_forms, print_list


@click.group()
def command() -> None:
    """Codes that sign somebody in once, for a while, when nobody else can: print one, and lock it away."""


@command.command()
@click.argument("tenant")
@click.option(
    "--permission",
    "permissions",
    multiple=True,
    help="What it gives, under identity:; repeatable. Without it: what it takes to let people in again.",
)
@click.option("--days", default=90, show_default=True, type=click.IntRange(1, 366), help="How long it can be used.")
@click.option(
    "--minutes", default=30, show_default=True, type=click.IntRange(1, 240), help="How long the access lasts."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def create(tenant: str, permissions: tuple[str, ...], days: int, minutes: int, as_json: bool) -> None:
    """Make a code for TENANT and print it, once: only a hash of it is kept.

    Whoever types it at the printed address gets the permissions for these minutes. It works once, is recorded, logged as an
    error, and raises an alarm.
    """
    from identity_api.accounts.break_glass import DEFAULT_PERMISSIONS
    from identity_api.cli.break_glass import made
    from identity_api.cli.output import print_json, print_lines

    printed = made(tenant, permissions or DEFAULT_PERMISSIONS, days=days, minutes=minutes)
    if as_json:
        print_json(printed)
        return
    print_lines(
        [
            printed.code,
            f"address: {printed.url}",
            f"credential {printed.id}: {', '.join(printed.permissions)}; once, for {minutes} minutes, until {printed.expires_at}",
        ]
    )


@command.command("list")
@click.argument("tenant")
@in_forms
def list_credentials(tenant: str, form: Form) -> None:
    """List the codes that were made for TENANT, and whether they were used."""
    from identity_api.cli.break_glass import listed

    found = listed(tenant)
    rows = [
        (
            str(one.id),
            ", ".join(one.permissions),
            f"{one.expires_at:%F %T %Z}",
            f"used {one.used_at:%F %T %Z}" if one.used_at else "revoked" if one.revoked_at else "not used",
        )
        for one in found
    ]
    print_list(form, "credentials", found, ("id", "permissions", "usable until", "state"), rows)


@command.command()
@click.argument("tenant")
@click.argument("credential", type=click.UUID)
def revoke(tenant: str, credential: UUID) -> None:
    """Make CREDENTIAL of TENANT useless, and end the access that it gives now."""
    from identity_api.accounts.break_glass import revoke as end
    from identity_api.cli.output import print_lines
    from identity_api.cli.users import on_tenant

    on_tenant(tenant, lambda database, actor: end(database, actor, credential))
    print_lines([f"- break-glass credential {credential}"])
