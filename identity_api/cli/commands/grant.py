"""`identity-api grant`."""

import rich_click as click


@click.command()
@click.argument("tenant")
@click.argument("username")
@click.argument("permission")
@click.option("--yes", is_flag=True, help="Also if USERNAME is an address that nobody has verified.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(tenant: str, username: str, permission: str, yes: bool, as_json: bool) -> None:
    """Give a user a permission by hand: the way to a tenant's first admin.

    The user must have signed in once, or have been entered by an admin. USERNAME may be the user's id. Whom it means is
    shown: label, e-mail, and identities. A name that somebody gave themself and that is an unverified address is refused.
    """
    from identity_api.accounts.administration import grant_permission
    from identity_api.cli.access import change_permission
    from identity_api.cli.output import print_json, print_lines

    is_new = change_permission(grant_permission, tenant, username, permission, gives=True, is_sure=yes)
    if as_json:
        print_json({"granted": is_new})
        return
    print_lines([f"+ grant {permission} to {username}" if is_new else "Nothing to change."])
