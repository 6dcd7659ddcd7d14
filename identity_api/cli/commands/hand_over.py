"""`identity-api hand-over`."""

import rich_click as click


@click.command()
@click.argument("tenant")
@click.option("--provider", "providers", multiple=True, help="Only this provider; repeatable.")
@click.option("--mapping", "groups", multiple=True, metavar="GROUP", help="Only this group's mapping; repeatable.")
@click.option(
    "--to", type=click.Choice(["api", "file"]), default="api", show_default=True, help="Who changes them from now on."
)
@click.option("--dry-run", is_flag=True, help="Show what would be handed over and change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    tenant: str, providers: tuple[str, ...], groups: tuple[str, ...], to: str, dry_run: bool, as_json: bool
) -> None:
    """Let the admins of TENANT change its providers and mappings through GraphQL, though a file made them.

    Without options it is all of them. `apply` and `import` leave what was handed over as it is, and say so; `--to file` takes
    it back. What was made in GraphQL from the start it takes only by its name: from then on `apply --prune` deletes what the
    file does not have.
    """
    from identity_api.cli.output import print_json, print_lines
    from identity_api.cli.users import on_tenant
    from identity_api.tenants.hand_over import hand_over_to

    named = bool(providers or groups)
    done = on_tenant(
        tenant,
        lambda database, actor: hand_over_to(
            database,
            actor,
            "API" if to == "api" else "FILE",
            providers=providers if named else None,
            groups=groups if named else None,
            dry_run=dry_run,
        ),
    )
    if as_json:
        print_json({"to": to, "dry_run": dry_run, "handed_over": done})
        return
    manager = "GraphQL" if to == "api" else "a file"
    print_lines([f"~ {one.kind} {one.name} (managed by {manager})" for one in done] or ["Nothing to change."])
