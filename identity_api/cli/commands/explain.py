"""`identity-api explain`."""

import rich_click as click


@click.command()
@click.argument("tenant")
@click.argument("username")
@click.argument("permission")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(tenant: str, username: str, permission: str, as_json: bool) -> None:
    """Say why USERNAME of TENANT has PERMISSION now, or what would have to be true for it."""
    from identity_api.cli.explain import explain_to_operator
    from identity_api.cli.output import print_json, print_lines

    sheet = explain_to_operator(tenant, username, permission)
    if as_json:
        print_json(sheet)
    else:
        print_lines(sheet.lines())
