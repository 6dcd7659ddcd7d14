"""`identity-api service-client`."""

from typing import TYPE_CHECKING

import rich_click as click

from identity_api.cli.listing import Form, in_forms, print_list

if TYPE_CHECKING:
    from identity_api.db.clients import ClientLine


@click.group()
def command() -> None:
    """Clients that may look into tokens: the product's own backend."""


@command.command()
@click.argument("name")
@click.option("--tenant", "tenants", multiple=True, required=True, help="A tenant it may look into; repeatable.")
@click.option("--days", type=click.IntRange(1, 366), help="How long its secret works; until it is revoked unless set.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def create(name: str, tenants: tuple[str, ...], days: int | None, as_json: bool) -> None:
    """Make a client for /v1/introspect and print its secret, once: only a hash of it is kept."""
    from identity_api.cli.context import operator_name, read_settings, run_on_database, tenant_named
    from identity_api.cli.output import print_json, print_lines
    from identity_api.db.database import Database
    from identity_api.sessions.clients import create_service_client

    async def work(database: Database) -> str:
        ids = [await tenant_named(database, slug) for slug in dict.fromkeys(tenants)]
        return await create_service_client(database, name, ids, days=days, actor=operator_name())

    secret = run_on_database(read_settings(keys_required=False), work)
    if as_json:
        print_json({"client_id": name, "client_secret": secret})
    else:
        print_lines([secret])


@command.command("list")
@in_forms
def list_clients(form: Form) -> None:
    """List the clients with the tenants that they may look into."""
    from identity_api.cli.context import read_settings, run_on_database
    from identity_api.db import clients
    from identity_api.db.database import Database

    async def work(database: Database) -> "list[ClientLine]":
        async with database.reading() as connection:
            return await clients.service_clients(connection)

    found = run_on_database(read_settings(keys_required=False), work)
    rows = [
        (
            one.name,
            ", ".join(one.tenants),
            ", ".join(one.scopes),
            f"{one.seen_at:%Y-%m-%d %H:%M}" if one.seen_at else "never",
            _state(one),
        )
        for one in found
    ]
    print_list(form, "service_clients", found, ("client", "tenants", "scopes", "last used (UTC)", "state"), rows)


def _state(client: "ClientLine") -> str:
    if client.revoked_at:
        return "revoked"
    if client.expires_at is None:
        return "in use"
    return f"{'until' if client.is_live else 'expired'} {client.expires_at:%Y-%m-%d}"


@command.command()
@click.argument("name")
@click.option("--days", type=click.IntRange(1, 366), help="How long the new secret works; unless set, its end stays.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def rotate(name: str, days: int | None, as_json: bool) -> None:
    """Give the client NAME another secret and print it, once; the old one ends at once."""
    from identity_api.cli.context import operator_name, read_settings, run_on_database
    from identity_api.cli.output import print_json, print_lines
    from identity_api.sessions.clients import rotate_service_client

    secret = run_on_database(
        read_settings(keys_required=False),
        lambda database: rotate_service_client(database, name, days=days, actor=operator_name()),
    )
    if as_json:
        print_json({"client_id": name, "client_secret": secret})
    else:
        print_lines([secret])


@command.command()
@click.argument("name")
def revoke(name: str) -> None:
    """End the secret of the client NAME for good. Its name stays taken."""
    from identity_api.cli.context import operator_name, read_settings, run_on_database
    from identity_api.sessions.clients import revoke_service_client

    run_on_database(
        read_settings(keys_required=False),
        lambda database: revoke_service_client(database, name, actor=operator_name()),
    )
