"""`identity-api revoke`."""

import rich_click as click


@click.command()
@click.argument("tenant")
@click.argument("username")
@click.argument("permission")
def command(tenant: str, username: str, permission: str) -> None:
    """Take back a permission that was given by hand. What groups give stays."""
    from identity_api.accounts.administration import revoke_permission
    from identity_api.cli.access import change_permission
    from identity_api.cli.output import print_lines

    change_permission(revoke_permission, tenant, username, permission)
    print_lines([f"- grant {permission} to {username}"])
