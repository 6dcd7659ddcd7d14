"""`identity-api demo-provider`: started by `dev`."""

from pathlib import Path

import rich_click as click


@click.command(hidden=True)
@click.option("--port", type=click.IntRange(1, 65_535), required=True)
@click.option("--redirect-uri", "redirect_uris", multiple=True, required=True)
@click.option("--logout-uri", "logout_uris", multiple=True)
@click.option("--secret-file", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=True)
@click.option("--state-file", type=click.Path(dir_okay=False, path_type=Path), required=True)
def command(
    port: int, redirect_uris: tuple[str, ...], logout_uris: tuple[str, ...], secret_file: Path, state_file: Path
) -> None:
    """Serve the demo provider on 127.0.0.1."""
    from identity_api.demo import demo_config, run_demo_provider

    config = demo_config(
        f"http://127.0.0.1:{port}",
        redirect_uris,
        client_secret=secret_file.read_text("ascii").strip(),
        post_logout_redirect_uris=logout_uris,
        state_file=state_file,
    )
    run_demo_provider(config, "127.0.0.1", port)
