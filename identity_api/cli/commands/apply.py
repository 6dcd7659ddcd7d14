"""`identity-api apply`."""

from pathlib import Path

import rich_click as click


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Show the difference and change nothing.")
@click.option("--prune", is_flag=True, help="Delete group mappings that a file made and this one no longer declares.")
@click.option("--json", "as_json", is_flag=True, help="Print the differences as JSON.")
def command(file: Path, dry_run: bool, prune: bool, as_json: bool) -> None:
    """Make tenants, frontends, providers, permissions and group mappings what FILE declares.

    Shows each difference: `+` created, `~` changed, `-` removed. Applying a file twice changes nothing the second time.
    `-` reads standard input.
    """
    from identity_api.cli.context import read_settings, run_on_database
    from identity_api.cli.declaration import apply_declaration, read_declaration
    from identity_api.cli.output import print_json, print_lines, print_notices

    settings, declared = read_settings(), read_declaration(file)
    done = run_on_database(
        settings,
        lambda database: apply_declaration(database, settings, declared, file.parent, prune=prune, rehearse=dry_run),
    )
    if as_json:
        print_json({"dry_run": dry_run, "changes": done.changes, "notices": done.notices})
        return
    print_notices(done.notices)
    print_lines(done.changes or ["Nothing to change."])
