"""`identity-api proposal`."""

from uuid import UUID

import rich_click as click

from identity_api.cli.listing import Form, in_forms, print_list


@click.group()
def command() -> None:
    """Sets of changes that admins have proposed, for another admin to approve."""


@command.command("list")
@click.argument("tenant")
@click.option("--all", "wants_all", is_flag=True, help="Also those that were decided about, or are too old.")
@in_forms
def list_proposals(tenant: str, wants_all: bool, form: Form) -> None:
    """List the proposals of TENANT, the newest first."""
    from identity_api.cli.proposals import listed
    from identity_api.cli.users import on_tenant

    found = on_tenant(tenant, lambda database, actor: listed(database, actor, is_open=not wants_all))
    rows = [
        (
            str(one.id),
            one.state,
            one.proposer,
            one.decider or "",
            str(one.changes),
            one.reason,
            f"{one.expires_at:%F %T %Z}",
        )
        for one in found
    ]
    columns = ("id", "state", "proposer", "decided by", "changes", "reason", "until")
    print_list(form, "proposals", found, columns, rows)


@command.command()
@click.argument("tenant")
@click.argument("proposal", type=click.UUID)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(tenant: str, proposal: UUID, as_json: bool) -> None:
    """Show what PROPOSAL of TENANT would do if it were approved now."""
    from identity_api.cli.output import print_json, print_lines
    from identity_api.cli.proposals import sheet
    from identity_api.cli.users import on_tenant

    found = on_tenant(tenant, lambda database, actor: sheet(database, actor, proposal))
    if as_json:
        print_json(found)
        return
    one = found.proposal
    print_lines([f"proposal {one.id} of {one.proposer}: {one.state}", f"reason: {one.reason}"])
    print_lines(found.set.lines if found.set else [f"decided by {one.decider}" if one.decider else "too old"])
