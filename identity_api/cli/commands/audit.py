"""`identity-api audit`."""

import rich_click as click


@click.group()
def command() -> None:
    """The record of every change."""


@command.command()
@click.option("--tenant", help="Only this tenant's chain; otherwise every tenant's.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def verify(ctx: click.Context, tenant: str | None, as_json: bool) -> None:
    """Walk the audit chains from end to end. Exit code 1 and the first bad place if one does not hold."""
    from identity_api.cli.audit import verify_chains
    from identity_api.cli.context import read_settings, run_on_database
    from identity_api.cli.outcome import PROBLEM
    from identity_api.cli.output import print_json, print_lines

    settings = read_settings()
    verdicts = run_on_database(settings, lambda database: verify_chains(database, settings.secret_keys, tenant))
    if as_json:
        print_json({"chains": verdicts})
    else:
        print_lines(verdicts or ["There is no tenant, and so no chain."])
    if any(not verdict.intact for verdict in verdicts):
        ctx.exit(PROBLEM)
