"""`identity-api import`."""

from pathlib import Path

import rich_click as click


@click.command()
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--tenant", help="The slug of the tenant to import into; needed where the form names none.")
@click.option("--name", help="What that tenant is called.")
@click.option(
    "--host",
    "hosts",
    multiple=True,
    help="A host of that tenant; the first keeps the old redirect URIs, in later imports too.",
)
@click.option(
    "--allowed-directory",
    "directories",
    multiple=True,
    metavar="TENANT=ID",
    help="An Entra directory whose people may sign in at this tenant; repeatable.",
)
@click.option("--frontend-url", help="Where the old system delivered logins, for variables, which do not say it.")
@click.option(
    "--accept-without-iss",
    "accepting",
    multiple=True,
    metavar="TENANT",
    help="Accept this tenant's providers at a shared redirect URL though their callbacks do not say whose they are: they"
    " could then take the codes of every other provider there.",
)
@click.option("--prune", is_flag=True, help="Take away what an earlier import made and the forms do not say any more.")
@click.option("--create-permissions", is_flag=True, help="Make permissions that mappings give and nobody declared.")
@click.option("--environment", is_flag=True, help="Read this process's variables too, as the old system had them.")
@click.option("--offline", is_flag=True, help="Ask no provider for its exact issuer.")
@click.option("--dry-run", is_flag=True, help="Show the difference and change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    files: tuple[Path, ...],
    tenant: str | None,
    name: str | None,
    hosts: tuple[str, ...],
    directories: tuple[str, ...],
    frontend_url: str | None,
    accepting: tuple[str, ...],
    prune: bool,
    create_permissions: bool,
    environment: bool,
    offline: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Make providers from the settings of Infrahub, SysReptor, Inference API, Re:infer or Federated Directory.

    The form is recognised by its content; FILE must be closed to others, for it holds client secrets. What is different
    here is a notice on standard error; what cannot be imported stops the import. Importing twice changes nothing; what a form
    no longer names is listed, and with --prune removed: providers are switched off, mappings deleted. Frontends stay.
    """
    from identity_api.cli.context import read_settings, run_on_database
    from identity_api.cli.declaration import Applied
    from identity_api.cli.importing import Wishes, apply_forms, read_forms, target_of, with_stored_hosts
    from identity_api.cli.output import print_json, print_lines, print_notices
    from identity_api.db.database import Database

    target = target_of(tenant, name, hosts, directories, frontend_url)
    settings = read_settings()
    wishes = Wishes(
        named=name is not None,
        offline=offline,
        prune=prune,
        dry_run=dry_run,
        create_permissions=create_permissions,
        accepting=accepting,
    )

    async def work(database: Database) -> Applied:
        imported = read_forms(files, await with_stored_hosts(database, target), environment=environment)
        return await apply_forms(database, settings, imported, wishes)

    done = run_on_database(settings, work)
    if as_json:
        print_json({"dry_run": dry_run, "changes": done.changes, "sets": done.sets, "notices": done.notices})
        return
    print_notices(done.notices)
    people = [line for one in done.sets for line in one.lines]
    print_lines([*done.changes, *people] if done.changes else ["Nothing to change."])
