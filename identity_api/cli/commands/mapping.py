"""`identity-api mapping`."""

import rich_click as click


@click.group()
def command() -> None:
    """Group mappings of a tenant, as an operator looks at them. What changes them is GraphQL, or a file."""


@command.command()
@click.argument("tenant")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def findings(tenant: str, as_json: bool) -> None:
    """Show what stands between groups and permissions in TENANT, and what to do about it.

    Mappings that reach nobody, groups that no mapping matches, permissions that nobody can get, and groups that were
    probably renamed at their provider. Nothing is changed. Exit code 0 whatever is found.
    """
    from identity_api.cli.output import print_json, print_lines
    from identity_api.cli.users import on_tenant
    from identity_api.group_mappings.findings import MAX_OF_A_KIND, find

    found = on_tenant(tenant, lambda database, actor: find(database, actor.tenant_id))
    if as_json:
        print_json(found)
        return
    told = [line for one in found.findings for line in (f"{one.kind}: {one.message}", f"  {one.remedy}")]
    more = [f"There are more: at most {MAX_OF_A_KIND} of each kind are shown."] if found.has_more else []
    print_lines([*told, *more] or ["Nothing to look at."])
