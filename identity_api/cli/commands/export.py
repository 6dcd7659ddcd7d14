"""`identity-api export`."""

import rich_click as click


@click.command()
@click.argument("tenants", nargs=-1, required=True, metavar="TENANT...")
def command(tenants: tuple[str, ...]) -> None:
    """Write tenants as a declaration, which `apply` takes back without a change. Users are left out.

    Secrets and keys are not in it: `client_secret_stored = true` stands for the one that is stored here. For another
    database put `client_secret_env` or `client_secret_file` in its place.
    """
    from identity_api.cli.context import no_tenant, read_settings, run_on_database
    from identity_api.cli.output import print_text
    from identity_api.db.database import Database
    from identity_api.tenants.overlay import StoredTenant
    from identity_api.tenants.stored import stored_tenants
    from identity_api.tenants.toml_writer import tenant_toml

    async def work(database: Database) -> dict[str, StoredTenant]:
        async with database.reading() as connection:
            return await stored_tenants(connection, tenants)

    found = run_on_database(read_settings(keys_required=False), work)
    unknown = [slug for slug in tenants if slug not in found]
    if unknown:
        raise no_tenant(unknown[0])
    print_text("\n".join([tenant_toml(found[slug]) for slug in dict.fromkeys(tenants)]))
