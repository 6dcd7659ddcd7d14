"""`identity-api mapping`."""

from pathlib import Path
from typing import Any

import rich_click as click


@click.group()
def command() -> None:
    """Group mappings of a tenant: looked at, and taken out and in as a table."""


def as_previewed(function: Any) -> Any:
    """The options of a command that makes a set of changes."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print JSON."),
        click.option(
            "--as-previewed", metavar="DIGEST", help="Make the changes only if they still do what this dry run showed."
        ),
        click.option("--dry-run", is_flag=True, help="Show what would be done and to whom, and change nothing."),
    ):
        function = option(function)
    return function


@command.command("export")
@click.argument("tenant")
def export_table(tenant: str) -> None:
    """Write the group mappings of TENANT as a CSV table, which `mapping import` takes back without a change.

    A cell that a spreadsheet would compute begins with an apostrophe, which is no part of its value.
    """
    from identity_api.cli.change_sets import export_table as exported
    from identity_api.cli.output import print_text
    from identity_api.cli.users import on_tenant

    print_text(on_tenant(tenant, exported))


@command.command("import")
@click.argument("tenant")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
@click.option(
    "--prune", is_flag=True, help="Delete mappings that FILE leaves out, except those that a declaration manages."
)
@as_previewed
def import_table(tenant: str, file: Path, prune: bool, dry_run: bool, as_previewed: str | None, as_json: bool) -> None:
    """Make the group mappings of TENANT what the CSV table FILE says, all of it or nothing.

    Columns: group and permissions (separated by blanks); match (EXACT or GLOB), provider (empty for every provider) and
    enabled (yes or no), if they are there. All problems are told at once, by line, and nothing is changed then. `-` reads
    standard input.
    """
    from identity_api.cli.change_sets import import_table as imported
    from identity_api.cli.change_sets import print_set, read_file
    from identity_api.cli.users import on_tenant

    content = read_file(file)
    shown = on_tenant(
        tenant,
        lambda database, actor: imported(
            database, actor, content, prune=prune, dry_run=dry_run, as_previewed=as_previewed
        ),
    )
    print_set(shown, dry_run=dry_run, as_json=as_json)


@command.command()
@click.argument("tenant")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def findings(tenant: str, as_json: bool) -> None:
    """Show what stands between groups and permissions in TENANT, and what to do about it.

    Mappings that reach nobody, groups that no mapping matches, permissions that nobody can get, and groups that were
    probably renamed at their provider. Nothing is changed. Exit code 0 whatever is found.
    """
    from identity_api.cli.output import print_json, print_lines
    from identity_api.cli.users import on_tenant
    from identity_api.group_mappings.findings import MAX_OF_A_KIND, find

    found = on_tenant(tenant, lambda database, actor: find(database, actor.tenant_id))
    if as_json:
        print_json(found)
        return
    told = [line for one in found.findings for line in (f"{one.kind}: {one.message}", f"  {one.remedy}")]
    more = [f"There are more: at most {MAX_OF_A_KIND} of each kind are shown."] if found.has_more else []
    print_lines([*told, *more] or ["Nothing to look at."])
