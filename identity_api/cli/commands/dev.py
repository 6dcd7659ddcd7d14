"""`identity-api dev`."""

from pathlib import Path

import rich_click as click


@click.command()
@click.option("--data-dir", type=click.Path(file_okay=False, path_type=Path), help="Where everything is kept.")
@click.option("--port", type=click.IntRange(1, 65_535), help="The API's port.  [default: 8000]")
@click.option(
    "--demo-port", type=click.IntRange(1, 65_535), default=8001, show_default=True, help="The demo provider's port."
)
@click.pass_context
def command(ctx: click.Context, data_dir: Path | None, port: int | None, demo_port: int) -> None:
    """Start everything on this machine: database, queue, API, worker, and a demo provider to sign in with.

    Keeps its data between runs. Listens on this machine only. Ctrl-C stops all of it.
    """
    from identity_api.cli.dev.start import run

    overrides = {} if data_dir is None else {"IDENTITY_DATA_DIR": str(data_dir.absolute())}
    if port is not None:
        overrides["IDENTITY_PORT"] = str(port)
    ctx.exit(run(overrides, demo_port))
