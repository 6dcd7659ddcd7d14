"""`identity-api token`."""

from uuid import UUID

import rich_click as click

from identity_api.cli.listing import Form, in_forms, print_list


@click.group()
def command() -> None:
    """API tokens of users, for programs."""


@command.command()
@click.argument("tenant")
@click.argument("username")
@click.argument("name")
@click.option("--days", type=click.IntRange(1, 366), required=True, help="How long it lasts.")
@click.option("--permission", "permissions", multiple=True, help="Limits the token to this permission; repeatable.")
@click.option(
    "--may-change", is_flag=True, help="It may change mappings, permissions and grants, as far as the user may."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def create(
    tenant: str,
    username: str,
    name: str,
    days: int,
    permissions: tuple[str, ...],
    may_change: bool,
    as_json: bool,
) -> None:
    """Make a token that may do what the user may, and print it, once: only a hash of it is kept.

    It ends after its days, and with the user's logins. Changes ask for a person's presence, and so are not for tokens, but for
    those of --may-change: the operator who makes such a token is the second person who agrees.
    """
    from identity_api.accounts.api_tokens import TokenWish, create_api_token
    from identity_api.cli.output import print_json, print_lines, print_notices
    from identity_api.cli.users import on_user

    wish = TokenWish(name=name, days=days, permissions=permissions, may_change=may_change)
    made = on_user(tenant, username, lambda database, actor, user_id: create_api_token(database, actor, user_id, wish))
    if as_json:
        print_json({"id": made.line.id, "token": made.token, "days": days})
    else:
        print_lines([made.token])
        print_notices([f"its id is {made.line.id}"])


@command.command("list")
@click.argument("tenant")
@click.option("--all", "wants_all", is_flag=True, help="Also those that are over.")
@in_forms
def list_tokens(tenant: str, wants_all: bool, form: Form) -> None:
    """List the API tokens of TENANT: whose they are, what they are limited to, and when they were last used."""
    from identity_api.cli.users import on_tenant
    from identity_api.db import clients
    from identity_api.db.clients import ApiTokenLine
    from identity_api.db.database import Database
    from identity_api.permissions.delegation import Actor

    async def work(database: Database, actor: Actor) -> list[ApiTokenLine]:
        async with database.reading() as connection:
            return await clients.api_tokens(
                connection, actor.tenant_id, after=None, first=100_000, live=None if wants_all else True
            )

    found = on_tenant(tenant, work)
    rows = [
        (
            str(one.id),
            one.username,
            one.name,
            ", ".join(one.permissions) or "everything",
            "yes" if one.may_change else "no",
            f"{one.seen_at:%Y-%m-%d %H:%M}" if one.seen_at else "never",
            one.ended_reason or f"until {one.expires_at:%Y-%m-%d}",
        )
        for one in found
    ]
    columns = ("id", "user", "name", "limited to", "may change", "last used (UTC)", "state")
    print_list(form, "tokens", found, columns, rows)


@command.command()
@click.argument("tenant")
@click.argument("token_id", type=click.UUID)
@click.option("--days", type=click.IntRange(1, 366), required=True, help="How long the new one lasts.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def rotate(tenant: str, token_id: UUID, days: int, as_json: bool) -> None:
    """Make another token in place of TOKEN_ID and print it, once; the old one ends at once."""
    from identity_api.accounts.api_tokens import rotate_api_token
    from identity_api.cli.output import print_json, print_lines, print_notices
    from identity_api.cli.users import on_tenant

    made = on_tenant(tenant, lambda database, actor: rotate_api_token(database, actor, token_id, days=days))
    if as_json:
        print_json({"id": made.line.id, "token": made.token, "days": days})
    else:
        print_lines([made.token])
        print_notices([f"its id is {made.line.id}"])


@command.command()
@click.argument("tenant")
@click.argument("token_id", type=click.UUID)
def revoke(tenant: str, token_id: UUID) -> None:
    """End the token TOKEN_ID."""
    from identity_api.accounts.api_tokens import revoke_api_token
    from identity_api.cli.users import on_tenant

    on_tenant(tenant, lambda database, actor: revoke_api_token(database, actor, token_id))
