"""`identity-api migrate`."""

import rich_click as click


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the ids of the migrations that ran as JSON.")
def command(as_json: bool) -> None:
    """Bring the database to this version's schema. Safe to run from several machines at once."""
    import asyncio

    from identity_api.cli.context import database_url, read_settings
    from identity_api.cli.output import print_json, print_lines
    from identity_api.db.migrate import migrate

    settings = read_settings(keys_required=False)
    with database_url(settings, make=True) as url:
        ran = asyncio.run(migrate(url))
    if as_json:
        print_json({"migrations": ran})
    else:
        print_lines([f"+ migration {name}" for name in ran] or ["The schema is up to date."])
