"""`identity-api keys`."""

import rich_click as click


@click.group()
def command() -> None:
    """The key ring, which seals what is secret in the database."""


@command.command()
@click.option("--toml", "as_toml", is_flag=True, help="Print it as the table of a file, for IDENTITY_SECRET_KEYS_FILE.")
def generate(as_toml: bool) -> None:
    """Print a new key as `id:base64`, for IDENTITY_SECRET_KEYS. Changes nothing."""
    from identity_api.cli.keys import new_key
    from identity_api.cli.output import print_lines

    made = new_key()
    id, _, key = made.partition(":")
    print_lines(["[[keys]]", f'id = "{id}"', f'key = "{key}"'] if as_toml else [made])


@command.command()
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON, and no progress.")
@click.pass_context
def rotate(ctx: click.Context, as_json: bool) -> None:
    """Seal everything under the first key of the ring that is still sealed under another.

    First put the new key in front of the ring of every process, then run this; the service keeps working. Interrupted,
    run it again. Afterwards `doctor` says which old keys nothing refers to any more.
    """
    from identity_api.cli.context import read_settings, run_on_database
    from identity_api.cli.keys import describe_rotation, rotate_with_progress
    from identity_api.cli.outcome import PROBLEM
    from identity_api.cli.output import print_json, print_lines

    settings = read_settings()
    done = run_on_database(
        settings, lambda database: rotate_with_progress(database, settings.secret_keys, show=not as_json)
    )
    if as_json:
        print_json(done)
    else:
        print_lines(describe_rotation(done))
    if done.unopened:
        ctx.exit(PROBLEM)
