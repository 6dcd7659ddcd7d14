"""`identity-api provider`."""

import rich_click as click

from identity_api.cli.commands.provider_changes import COMMANDS as CHANGES
from identity_api.cli.commands.provider_inspection import COMMANDS as INSPECTION


@click.group()
def command() -> None:
    """What operators do for one provider. What a file declares is changed by `apply` alone."""


for one in (*INSPECTION, *CHANGES):
    command.add_command(one)


@command.group("keys")
def keys() -> None:
    """Our own keys at a provider: to sign with (private_key_jwt), and that it encrypts to."""


@keys.command("list")
@click.argument("tenant")
@click.argument("slug")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_keys(tenant: str, slug: str, as_json: bool) -> None:
    """Show the keys of provider SLUG, and the address of the key set to register there (jwks_uri)."""
    from identity_api.cli.client_keys import describe_keys
    from identity_api.cli.context import read_settings, run_on_database
    from identity_api.cli.output import print_json, print_lines

    settings = read_settings(keys_required=False)
    found = run_on_database(settings, lambda database: describe_keys(database, settings.public_url, tenant, slug))
    if as_json:
        print_json(found)
    else:
        print_lines([f"jwks_uri: {found.jwks_uri}", *found.keys])


@keys.command()
@click.argument("tenant")
@click.argument("slug")
@click.option(
    "--at-once",
    is_flag=True,
    help="Retire the old keys now, after a theft. The provider refuses us until it reads ours.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def rotate(tenant: str, slug: str, at_once: bool, as_json: bool) -> None:
    """Make new keys for provider SLUG of TENANT and retire the old ones.

    A new key is published at once and signs a day later; an old one stays published and opens tokens for two days.
    """
    from identity_api.cli.client_keys import describe_rotation
    from identity_api.cli.context import operator_name, read_settings, run_on_database, tenant_named
    from identity_api.cli.output import print_json, print_lines
    from identity_api.db.database import Database
    from identity_api.providers.client_keys import Rotated, rotate_keys
    from identity_api.vault import Vault

    settings = read_settings()

    async def work(database: Database) -> Rotated:
        tenant_id = await tenant_named(database, tenant)
        vault = Vault(settings.secret_keys)
        return await rotate_keys(database, vault, tenant_id, slug, at_once=at_once, actor=operator_name())

    done = run_on_database(settings, work)
    if as_json:
        print_json(done)
    else:
        print_lines(describe_rotation(done))
