"""`identity-api tenant`."""

import rich_click as click


@click.group()
def command() -> None:
    """Look at tenants. `apply` makes them."""


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_tenants(as_json: bool) -> None:
    """List every tenant with its hosts."""
    from identity_api.cli.context import read_settings, run_on_database
    from identity_api.cli.output import print_json, print_table
    from identity_api.cli.tenants import describe_tenants

    found = run_on_database(read_settings(keys_required=False), describe_tenants)
    if as_json:
        print_json({"tenants": found})
    else:
        rows = [(one.slug, one.name, ", ".join(one.hosts), one.default_provider or "") for one in found]
        print_table(("slug", "name", "hosts", "default provider"), rows)
