"""`identity-api doctor`."""

import rich_click as click


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """Look at settings, database, Redis, keys and providers; say what is wrong and what to do.

    Exit code 1 if a line says `fail`.
    """
    from identity_api.cli.doctor.examine import examine
    from identity_api.cli.outcome import PROBLEM
    from identity_api.cli.output import print_json, print_lines

    findings = examine()
    if as_json:
        print_json({"findings": findings})
    else:
        print_lines(findings)
    if any(finding.level == "fail" for finding in findings):
        ctx.exit(PROBLEM)
