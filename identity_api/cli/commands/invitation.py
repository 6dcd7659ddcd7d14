"""`identity-api invitation`."""

from uuid import UUID

import rich_click as click

from identity_api.cli.listing import Form, in_forms, print_list


@click.group()
def command() -> None:
    """Links with which new users come in, once: by a provider, or by a password that they choose."""


@command.command()
@click.argument("tenant")
@click.argument("username")
@click.option("--label", help="What the user is called; USERNAME, if nothing is said.")
@click.option("--email", help="An address, which nobody verifies. Nothing is sent there.")
@click.option("--provider", metavar="SLUG", help="Where the person signs in; without it they choose a password.")
@click.option("--permission", "permissions", multiple=True, help="Given by hand; repeatable.")
@click.option("--days", type=click.IntRange(1, 30), default=7, show_default=True, help="How long the link works.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def create(
    tenant: str,
    username: str,
    label: str | None,
    email: str | None,
    provider: str | None,
    permissions: tuple[str, ...],
    days: int,
    as_json: bool,
) -> None:
    """Make the user USERNAME of TENANT, and a link that is their way in. It is printed once: only a hash of it is kept."""
    from identity_api.cli.invitations import Wish, invite
    from identity_api.cli.output import print_json, print_lines

    wish = Wish(username=username, label=label, email=email, provider=provider, permissions=permissions, days=days)
    made = invite(tenant, wish)
    if as_json:
        print_json(made)
    else:
        print_lines([made.url, f"It works until {made.expires_at:%Y-%m-%d %H:%M} UTC. Its id is {made.id}."])


@command.command("list")
@click.argument("tenant")
@in_forms
def list_all(tenant: str, form: Form) -> None:
    """List the newest invitations of TENANT: for whom, by whom, and whether they work."""
    from identity_api.accounts.invitations import list_invitations
    from identity_api.cli.users import on_tenant

    found = on_tenant(tenant, lambda database, actor: list_invitations(database, actor.tenant_id))
    rows = [
        (
            str(one.id),
            one.username,
            one.provider_slug or "password",
            one.made_by,
            f"{one.expires_at:%Y-%m-%d %H:%M}",
            one.state.lower(),
        )
        for one in found
    ]
    print_list(form, "invitations", found, ("id", "user", "way in", "made by", "until (UTC)", "state"), rows)


@command.command()
@click.argument("tenant")
@click.argument("invitation", type=click.UUID)
def revoke(tenant: str, invitation: UUID) -> None:
    """End INVITATION of TENANT. Its user stays, without a way in."""
    from identity_api.accounts import invitations
    from identity_api.cli.output import print_lines
    from identity_api.cli.users import on_tenant

    ended = on_tenant(tenant, lambda database, actor: invitations.revoke(database, actor, invitation))
    print_lines([f"- invitation of {ended.username}"])
