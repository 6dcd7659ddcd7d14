"""`identity-api audit`."""

from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import rich_click as click

from identity_api.cli.commands.mapping import as_previewed


@click.group()
def command() -> None:
    """The record of every change."""


@command.command()
@click.option("--tenant", help="Only this tenant's chain; otherwise every tenant's.")
@click.option(
    "--known-head",
    metavar="SEQUENCE:MAC",
    help="A head of the chain of --tenant that was noted earlier, from the log (audit.head) or from --json: shows that no"
    " events were cut off together with their head.",
)
@click.option(
    "--archive",
    "archives",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    help="A file of `audit archive` of --tenant, or the folder that workers write for it, to be verified with the rest;"
    " repeatable, in their order.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def verify(
    ctx: click.Context, tenant: str | None, known_head: str | None, archives: tuple[Path, ...], as_json: bool
) -> None:
    """Walk the audit chains from end to end. Exit code 1 and the first bad place if one does not hold."""
    from identity_api.cli.audit import head_of, verify_chains
    from identity_api.cli.context import read_settings, run_on_database
    from identity_api.cli.outcome import PROBLEM
    from identity_api.cli.output import print_json, print_lines

    if (known_head is not None or archives) and tenant is None:
        raise click.UsageError("--known-head and --archive belong to one chain: name it with --tenant.")
    known = None if known_head is None else head_of(known_head)
    settings = read_settings()
    verdicts = run_on_database(
        settings,
        lambda database: verify_chains(database, settings.secret_keys, tenant, known_head=known, archives=archives),
    )
    if as_json:
        print_json({"chains": verdicts})
    else:
        print_lines(verdicts or ["There is no tenant, and so no chain."])
    if any(not verdict.intact for verdict in verdicts):
        ctx.exit(PROBLEM)


def _selection(decorated: Any) -> Any:
    """The options that select events."""
    for option in reversed(
        (
            click.option(
                "--action", "actions", multiple=True, help="Only this action, such as mapping.updated; repeatable."
            ),
            click.option("--actor", help="Only what this user did; or sync, system, operator:NAME, provider:SLUG."),
            click.option(
                "--subject",
                help="Only what was done to this permission, provider (its slug), mapping (its pattern) or id.",
            ),
            click.option("--user", help="Only what is about this user: also their identities, sessions and grants."),
            click.option("--since", metavar="MOMENT", help="Not before it, such as 2026-11-29; UTC unless it says."),
            click.option("--until", metavar="MOMENT", help="Before it."),
        )
    ):
        decorated = option(decorated)
    return decorated


@command.command()
@click.argument("tenant")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--before", required=True, metavar="MOMENT", help="Only what is older, such as 2026-11-29; UTC unless it says."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def archive(tenant: str, file: Path, before: str, as_json: bool) -> None:
    """Move the sealed events of TENANT that are older than --before into the new FILE (NDJSON), and delete their rows.

    The file is verified before anything is deleted. `audit verify` still holds for the rest, and with --archive for the whole.
    Keep the files: they hold the events, and what they say of people, which `user erase` does not reach.
    """
    from identity_api.cli.audit import archive as move
    from identity_api.cli.audit_export import moment
    from identity_api.cli.context import operator, read_settings, run_on_database, tenant_named
    from identity_api.cli.output import print_json, print_lines
    from identity_api.db.database import Database

    settings, until = read_settings(), moment(before)

    async def work(database: Database) -> int:
        actor = operator(await tenant_named(database, tenant))
        return await move(database, settings.secret_keys, actor, file, before=until)

    moved = run_on_database(settings, work)
    if as_json:
        print_json({"moved": moved})
    else:
        print_lines([f"{moved:,} events moved to {file}" if moved else "Nothing to move."])


@command.command("list")
@click.argument("tenant")
@_selection
@click.option("--limit", default=50, type=click.IntRange(1, 1_000), show_default=True, help="How many at most.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_events(tenant: str, limit: int, as_json: bool, **criteria: Any) -> None:
    """Show the newest events of TENANT: who changed what, from what to what."""
    from identity_api.cli.audit_export import Event, newest, where_of
    from identity_api.cli.context import read_settings, run_on_database
    from identity_api.cli.output import print_json, print_lines
    from identity_api.db.database import Database

    async def work(database: Database) -> list[Event]:
        tenant_id, where = await where_of(database, tenant, **criteria)
        return await newest(database, tenant_id, where, limit=limit)

    found = run_on_database(read_settings(keys_required=False), work)
    if as_json:
        print_json({"events": found})
    else:
        print_lines(found or ["There is no such event."])


@command.command()
@click.argument("tenant")
@_selection
@click.option(
    "--format",
    "form",
    type=click.Choice(["ndjson", "csv"]),
    default="ndjson",
    show_default=True,
    help="One JSON object a line, or a table whose cells no spreadsheet computes.",
)
def export(tenant: str, form: Literal["ndjson", "csv"], **criteria: Any) -> None:
    """Write every event of TENANT to standard output, the oldest first."""
    from identity_api.cli import audit_export
    from identity_api.cli.context import read_settings, run_on_database
    from identity_api.db.database import Database

    async def work(database: Database) -> None:
        tenant_id, where = await audit_export.where_of(database, tenant, **criteria)
        await audit_export.export(database, tenant_id, where, form)

    run_on_database(read_settings(keys_required=False), work)


@command.command()
@click.argument("tenant")
@click.argument("events", nargs=-1, required=True, metavar="EVENT...", type=click.UUID)
@as_previewed
def undo(tenant: str, events: tuple[UUID, ...], dry_run: bool, as_previewed: str | None, as_json: bool) -> None:
    """Put back what each EVENT of TENANT changed of a mapping, a permission, or a grant by hand, all of it or nothing.

    The event of a set (`change_set.applied`), such as an import, puts back the whole set. `audit list` has the ids. Refused if
    something has been changed again since.
    """
    from identity_api.change_sets.changes import Undo
    from identity_api.cli.change_sets import change, print_set
    from identity_api.cli.users import on_tenant

    asked = [Undo(event_id=one) for one in events]
    shown = on_tenant(
        tenant,
        lambda database, actor: change(database, actor, asked, dry_run=dry_run, as_previewed=as_previewed),
    )
    print_set(shown, dry_run=dry_run, as_json=as_json)
