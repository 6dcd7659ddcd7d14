"""`identity-api serve`."""

import rich_click as click


@click.command()
@click.pass_context
def command(ctx: click.Context) -> None:
    """Serve the API.

    With a database and a Redis of your own: this process and its children, until SIGTERM; run `worker` beside it. With
    the embedded services: those, the API and one worker, which stop as one.
    """
    from identity_api.cli.context import read_settings
    from identity_api.cli.server import serve

    ctx.exit(serve(read_settings(is_server=True)))
