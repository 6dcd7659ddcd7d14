"""`identity-api first-run`."""

import rich_click as click


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(as_json: bool) -> None:
    """Make the link of the first run anew and print it, once: an earlier one is over.

    Only while there is no tenant. The link makes the first tenant, and its first provider or its first local admin, in a
    browser; it works for a day.
    """
    from identity_api.cli.context import read_settings, run_on_database
    from identity_api.cli.output import print_json, print_lines
    from identity_api.db.database import Database
    from identity_api.errors import Conflict
    from identity_api.setup.first_run import Offered, offer

    settings = read_settings(keys_required=False)

    async def work(database: Database) -> Offered:
        made = await offer(database, settings.public_url, anew=True)
        if made is None:
            raise Conflict(
                "There is a tenant already. `identity-api user password-link` lets its first admin choose a password; "
                "`user create`, `grant` and `setup-link create` make a way in.",
                code="TENANT_EXISTS",
            )
        return made

    made = run_on_database(settings, work)
    if as_json:
        print_json({"url": made.url, "expires_at": made.expires_at})
    else:
        print_lines([made.url, f"It works until {made.expires_at:%Y-%m-%d %H:%M} UTC."])
