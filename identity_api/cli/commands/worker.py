"""`identity-api worker`."""

import rich_click as click


@click.command()
@click.pass_context
def command(ctx: click.Context) -> None:
    """Run a worker: sync, mapping edits, the audit's seal, clean-up. Any number may run; SIGTERM ends one in order."""
    from identity_api.cli.context import read_settings
    from identity_api.cli.worker import work

    ctx.exit(work(read_settings()))
