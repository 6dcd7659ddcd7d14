"""`identity-api apply`."""

from pathlib import Path

import rich_click as click


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Show the difference and change nothing.")
@click.option("--prune", is_flag=True, help="Delete group mappings that a file made and this one no longer declares.")
@click.option("--create-permissions", is_flag=True, help="Make permissions that mappings give and nobody declared.")
@click.option("--json", "as_json", is_flag=True, help="Print the differences as JSON.")
def command(file: Path, dry_run: bool, prune: bool, create_permissions: bool, as_json: bool) -> None:
    """Make tenants, frontends, providers, permissions, group mappings and users what FILE declares.

    What FILE leaves out stays as it is; an empty text takes a value back to its default. `export` writes a file to start
    from. Shows each difference: `+` created, `~` changed, `-` removed. Applying a file twice changes nothing the second time.
    `-` reads standard input.
    """
    from identity_api.cli.context import read_settings, run_on_database
    from identity_api.cli.declaration import (
        Applied,
        apply_declaration,
        read_document,
        read_over_stored,
        total_lines,
        totals_of,
    )
    from identity_api.cli.output import print_json, print_lines, print_notices
    from identity_api.db.database import Database

    settings, document = read_settings(), read_document(file)

    async def work(database: Database) -> Applied:
        declared = await read_over_stored(database, file, document)
        return await apply_declaration(
            database,
            settings,
            declared,
            file.parent,
            prune=prune,
            dry_run=dry_run,
            create_permissions=create_permissions,
        )

    done = run_on_database(settings, work)
    if as_json:
        totals = totals_of(done.changes)
        print_json(
            {"dry_run": dry_run, "changes": done.changes, "totals": totals, "sets": done.sets, "notices": done.notices}
        )
        return
    print_notices(done.notices)
    people = [line for one in done.sets for line in one.lines]
    print_lines([*done.changes, *total_lines(done.changes), *people] if done.changes else ["Nothing to change."])
