"""`identity-api migrate`."""

from typing import TYPE_CHECKING

import rich_click as click

if TYPE_CHECKING:
    from identity_api.db.migrate import Plan


@click.command()
@click.option("--plan", "only_plan", is_flag=True, help="Only say what would run, and which version works afterwards.")
@click.option("--json", "as_json", is_flag=True, help="Print the ids of the migrations that ran as JSON.")
def command(only_plan: bool, as_json: bool) -> None:
    """Bring the database to this version's schema. Safe to run from several machines at once."""
    import asyncio

    from identity_api.cli.context import database_url, read_settings
    from identity_api.cli.output import print_json, print_lines
    from identity_api.db.migrate import migrate, plan

    settings = read_settings(keys_required=False)
    with database_url(settings, make=not only_plan) as url:
        if only_plan:
            found = asyncio.run(plan(url))
            print_json(found) if as_json else print_lines(_lines(found))
            return
        ran = asyncio.run(migrate(url))
    if as_json:
        print_json({"migrations": ran})
    else:
        print_lines([f"+ migration {name}" for name in ran] or ["The schema is up to date."])


def _lines(found: "Plan") -> list[str]:
    """The plan for people."""
    if not found.migrations:
        return ["The schema is up to date."]
    lines = [f"+ migration {one.id}  {one.description}" for one in found.migrations]
    if found.newest is None:
        return [*lines, "The database is empty."]
    stopping = found.stops_older_code
    if stopping:
        return [*lines, f"Stop the version that runs now before this: it does not work with {', '.join(stopping)}."]
    return [*lines, "The version that runs now goes on working, and can be started again."]
