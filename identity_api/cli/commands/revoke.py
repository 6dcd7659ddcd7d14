"""`identity-api revoke`."""

import rich_click as click


@click.command()
@click.argument("tenant")
@click.argument("username")
@click.argument("permission")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(tenant: str, username: str, permission: str, as_json: bool) -> None:
    """Take back a permission: what was given by hand, and what an ADDITIVE provider left behind.

    What a group gives that the person is in stays, and is named. Exit code 1 if nothing was taken.
    """
    from identity_api.accounts.administration import revoke_permission
    from identity_api.cli.access import change_permission, revocation_lines
    from identity_api.cli.output import print_json, print_lines

    done = change_permission(revoke_permission, tenant, username, permission)
    lines = revocation_lines(username, permission, done)
    if as_json:
        print_json({"closed": done.closed, "remaining": done.remaining})
    else:
        print_lines(lines)
