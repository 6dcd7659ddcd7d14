"""`identity-api provider list`, `show` and `test`, which change nothing."""

import rich_click as click

from identity_api.cli.listing import Form, in_forms, print_list


@click.command("list")
@click.argument("tenant", required=False)
@in_forms
def list_all(tenant: str | None, form: Form) -> None:
    """List the providers of TENANT, or of every tenant."""
    from identity_api.cli.context import read_settings, run_on_database
    from identity_api.cli.output import print_lines
    from identity_api.cli.providers import list_providers

    settings = read_settings(keys_required=False)
    found = run_on_database(settings, lambda database: list_providers(database, tenant))
    rows = [
        (one.tenant, one.slug, one.protocol, one.issuer, "yes" if one.enabled else "no", one.managed_by)
        for one in found
    ]
    print_list(form, "providers", found, ("tenant", "slug", "protocol", "issuer", "enabled", "managed by"), rows)
    if form is None:
        print_lines([f"EXCEPTION {one.tenant}/{one.slug}: {name}" for one in found for name in one.exceptions])


@click.command()
@click.argument("tenant")
@click.argument("slug")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(tenant: str, slug: str, as_json: bool) -> None:
    """Show the provider SLUG of TENANT with every address of this service to register there."""
    from identity_api.cli.context import read_settings, run_on_database
    from identity_api.cli.output import print_json, print_lines
    from identity_api.cli.providers import show_provider

    settings = read_settings(keys_required=False)
    sheet = run_on_database(settings, lambda database: show_provider(database, settings, tenant, slug))
    if as_json:
        print_json(sheet)
    else:
        print_lines([f"{name:<26}{value}" for name, value in sheet.rows()])


@click.command()
@click.argument("tenant")
@click.argument("slug")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def test(ctx: click.Context, tenant: str, slug: str, as_json: bool) -> None:
    """Test the provider SLUG of TENANT as far as that is possible without a person who signs in.

    The first line names the fault, if there is one. Exit code 1 if something fails. Nothing is changed.
    """
    from identity_api.cli.context import read_settings, run_on_database
    from identity_api.cli.outcome import PROBLEM
    from identity_api.cli.output import print_json, print_lines
    from identity_api.cli.providers import test_provider
    from identity_api.diagnostics import explain_finding

    settings = read_settings()
    tested = run_on_database(settings, lambda database: test_provider(database, settings, tenant, slug))
    if as_json:
        print_json(tested)
    else:
        remedy = [] if tested.verdict.status == "ok" else [f"        {explain_finding(tested.verdict.code).remedy}"]
        print_lines([tested.verdict, *remedy, "", *tested.findings])
    if tested.verdict.status == "fail":
        ctx.exit(PROBLEM)


COMMANDS = (list_all, show, test)
