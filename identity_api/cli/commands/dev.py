"""`identity-api dev`."""

from pathlib import Path

import rich_click as click

from identity_api.cli.dev.preflight import DEMO_PORT, Asked


@click.command()
@click.option("--data-dir", type=click.Path(file_okay=False, path_type=Path), help="The folder for all data.")
@click.option("--port", type=click.IntRange(1, 65_535), help="The API's port.  [default: 8000]")
@click.option("--demo-port", type=click.IntRange(1, 65_535), help=f"The demo provider's port.  [default: {DEMO_PORT}]")
@click.option("--make", "from_make", is_flag=True, hidden=True, help="Advice is given as calls of `make run`.")
@click.pass_context
def command(
    ctx: click.Context, data_dir: Path | None, port: int | None, demo_port: int | None, from_make: bool
) -> None:
    """Start everything on this machine: database, queue, API, worker, and a demo provider to sign in with.

    Keeps its data between runs. Listens on this machine only. Ctrl-C stops all of it.
    """
    from identity_api.cli.dev.start import run

    ctx.exit(run(Asked(port, demo_port, data_dir, from_make)))
