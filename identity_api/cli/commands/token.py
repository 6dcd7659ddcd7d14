"""`identity-api token`."""

import rich_click as click


@click.group()
def command() -> None:
    """API tokens of users, for programs."""


@command.command()
@click.argument("tenant")
@click.argument("username")
@click.argument("name")
@click.option("--days", type=click.IntRange(1, 366), required=True, help="How long it lasts.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def create(tenant: str, username: str, name: str, days: int, as_json: bool) -> None:
    """Make a token that may do what the user may, and print it, once: only a hash of it is kept.

    It ends after its days, and with the user's logins.
    """
    from identity_api.cli.context import operator_name, read_settings, run_on_database, tenant_named
    from identity_api.cli.output import print_json, print_lines
    from identity_api.db.database import Database
    from identity_api.sessions.clients import create_api_token

    async def work(database: Database) -> str:
        tenant_id = await tenant_named(database, tenant)
        return await create_api_token(database, tenant_id, username, name, days=days, actor=operator_name())

    secret = run_on_database(read_settings(keys_required=False), work)
    if as_json:
        print_json({"token": secret, "days": days})
    else:
        print_lines([secret])
