"""`identity-api setup-link`."""

from uuid import UUID

import rich_click as click

from identity_api.cli.listing import Form, in_forms, print_list


@click.group()
def command() -> None:
    """Links with which a customer's IT sets up a provider without an account here."""


@command.command()
@click.argument("tenant")
@click.argument("slug")
@click.option("--label", help="The name on the login page; SLUG if it is left out.")
@click.option("--days", type=click.IntRange(1, 30), default=7, show_default=True, help="How long the link works.")
@click.option(
    "--permission", "permissions", multiple=True, help="Groups of the provider may be given this one; repeatable."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def create(tenant: str, slug: str, label: str | None, days: int, permissions: tuple[str, ...], as_json: bool) -> None:
    """Make a link for a new provider SLUG and print it, once: only a hash of it is kept.

    Whoever has the link connects the provider, tests it, gives its groups the named permissions and enables it. It works
    until then, or until its days have passed.
    """
    from identity_api.cli.context import operator, read_settings, run_on_database, tenant_named
    from identity_api.cli.output import print_json, print_lines
    from identity_api.db.database import Database
    from identity_api.setup.links import MadeLink, Wish, create_link

    settings = read_settings(keys_required=False)
    wish = Wish(slug=slug, label=label or slug, permissions=permissions, days=days)

    async def work(database: Database) -> MadeLink:
        actor = operator(await tenant_named(database, tenant))
        return await create_link(database, actor, wish, public_url=settings.public_url)

    made = run_on_database(settings, work)
    if as_json:
        print_json({"id": made.link.id, "url": made.url, "expires_at": made.link.expires_at})
    else:
        print_lines([made.url, f"It works until {made.link.expires_at:%Y-%m-%d %H:%M} UTC. Its id is {made.link.id}."])


@command.command("list")
@click.argument("tenant")
@in_forms
def list_links(tenant: str, form: Form) -> None:
    """List the newest links of TENANT: who made them, what they may give, and how far the set-up has come."""
    from identity_api.cli.users import on_tenant
    from identity_api.db.setup_links import SetupLink
    from identity_api.setup.links import list_links

    def state(one: SetupLink) -> str:
        return "works" if one.is_live else (one.ended_reason or "expired").lower()

    found = on_tenant(tenant, lambda database, actor: list_links(database, actor.tenant_id))
    rows = [
        (
            str(one.id),
            one.slug,
            one.made_by,
            ", ".join(one.permissions) or "none",
            one.step,
            f"{one.expires_at:%Y-%m-%d %H:%M}",
            state(one),
        )
        for one in found
    ]
    columns = ("id", "provider", "made by", "may give", "step", "until (UTC)", "state")
    print_list(form, "setup_links", found, columns, rows)


@command.command()
@click.argument("tenant")
@click.argument("link_id", type=click.UUID)
def revoke(tenant: str, link_id: UUID) -> None:
    """End the link LINK_ID. A provider that was made with it stays."""
    from identity_api.cli.users import on_tenant
    from identity_api.setup.links import revoke_link

    on_tenant(tenant, lambda database, actor: revoke_link(database, actor, link_id))
