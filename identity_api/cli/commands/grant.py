"""`identity-api grant`."""

import rich_click as click


@click.command()
@click.argument("tenant")
@click.argument("username")
@click.argument("permission")
def command(tenant: str, username: str, permission: str) -> None:
    """Give a user a permission by hand: the way to a tenant's first admin.

    The user must have signed in once, or have been entered by an admin.
    """
    from identity_api.accounts.administration import grant_permission
    from identity_api.cli.access import change_permission
    from identity_api.cli.output import print_lines

    change_permission(grant_permission, tenant, username, permission)
    print_lines([f"+ grant {permission} to {username}"])
