"""`identity-api tenant`."""

import rich_click as click

from identity_api.cli.listing import Form, in_forms, print_list


@click.group()
def command() -> None:
    """Look at tenants, and end their sessions. `apply` makes them."""


@command.command("list")
@in_forms
def list_tenants(form: Form) -> None:
    """List every tenant with its hosts."""
    from identity_api.cli.context import read_settings, run_on_database
    from identity_api.cli.tenants import describe_tenants

    found = run_on_database(read_settings(keys_required=False), describe_tenants)
    rows = [(one.slug, one.name, ", ".join(one.hosts), one.default_provider or "") for one in found]
    print_list(form, "tenants", found, ("slug", "name", "hosts", "default provider"), rows)


@command.command("end-sessions")
@click.argument("tenant", required=False)
@click.option("--all", "of_all", is_flag=True, help="Of every tenant.")
@click.option("--api-tokens", is_flag=True, help="End every API token too.")
def end_sessions(tenant: str | None, of_all: bool, api_tokens: bool) -> None:
    """End every session of TENANT. People sign in again; API tokens stay, unless --api-tokens ends them too.

    After a restore of the database from a backup, with --all: sessions that ended since are alive again in it.
    """
    from identity_api.cli import tenants
    from identity_api.cli.context import read_settings, run_on_database
    from identity_api.cli.output import print_lines

    if (tenant is None) != of_all:
        raise click.UsageError("Name a tenant, or give --all.")
    ended = run_on_database(
        read_settings(keys_required=False),
        lambda database: tenants.end_sessions(database, tenant, api_tokens=api_tokens),
    )
    print_lines([f"- every session of {slug}" for slug in ended])
