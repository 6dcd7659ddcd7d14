"""`identity-api user`."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import rich_click as click

from identity_api.cli.listing import Form, in_forms, print_list

if TYPE_CHECKING:
    from identity_api.accounts.enrolment import Enrolled
    from identity_api.cli.users import PasswordLink

F = TypeVar("F", bound=Callable[..., Any])
_STATES = ("FRESH", "STALE", "REVOKED", "QUARANTINED", "UNSYNCED")


def _of_user(function: F) -> F:
    """The user of a command."""
    return click.argument("tenant")(click.argument("username")(function))


def _of_identity(function: F) -> F:
    """The identity of a command."""
    return _of_user(click.argument("provider")(click.argument("anchor", required=False)(function)))


def _with_json(function: F) -> F:
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(function)


@click.group()
def command() -> None:
    """Users of a tenant: make the first ones, let people in and out. Names and anchors are compared exactly."""


@command.command()
@_of_user
@click.option("--label", help="What the user is called; the username, if nothing is said.")
@click.option("--email", help="An address, which nobody verifies.")
@click.option("--identity", "identities", multiple=True, metavar="PROVIDER=ANCHOR", help="A way in; repeatable.")
@click.option("--permission", "permissions", multiple=True, help="Given by hand; repeatable.")
@click.option("--password-link", "wants_link", is_flag=True, help="Print a link by which the user chooses a password.")
@click.option("--dry-run", is_flag=True, help="Show what would be made and make nothing.")
@_with_json
def create(
    tenant: str,
    username: str,
    label: str | None,
    email: str | None,
    identities: tuple[str, ...],
    permissions: tuple[str, ...],
    wants_link: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Make the user USERNAME of TENANT, or add to one who is there: identities, permissions, a password link."""
    from identity_api.accounts.enrolment import Enrolled, EnrolledIdentity, EnrolledUser, enrol
    from identity_api.cli.output import print_json
    from identity_api.cli.users import on_tenant, password_link, require_passwords
    from identity_api.db.database import Database
    from identity_api.errors import BadInput, ConfigurationError, Refused
    from identity_api.permissions.delegation import Actor

    pairs = [one.partition("=") for one in identities]
    if not all(provider and anchor for provider, _, anchor in pairs):
        raise BadInput("--identity is written PROVIDER=ANCHOR.")
    ways = tuple([EnrolledIdentity(provider, anchor) for provider, _, anchor in pairs])
    user = EnrolledUser(username, label, email, ways, permissions)

    async def work(database: Database, actor: Actor) -> list[Enrolled]:
        if wants_link:
            await require_passwords(database, actor)
        try:
            return await enrol(database, actor, [user], dry_run=dry_run)
        except ConfigurationError as error:
            # The fault is in the command line, not in a file: as with `grant`.
            raise Refused(" ".join(error.problems)) from None

    made = on_tenant(tenant, work)
    if not as_json:
        _print_made(made)
    link = password_link(tenant, username) if wants_link and not dry_run else None
    if as_json:
        print_json({"dry_run": dry_run, "made": made, "password_link": link})
    elif link is not None:
        _print_link(link)


@command.command("import")
@click.argument("tenant")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Show what would be made and make nothing.")
@_with_json
def import_table(tenant: str, file: Path, dry_run: bool, as_json: bool) -> None:
    """Make users of TENANT from the CSV table FILE, with the columns username, display_label, email, provider, anchor and
    permissions.

    A user with several identities has several lines. Who is there already keeps what they are called and gets what they
    lack. All problems are told at once, and nothing is made then. `-` reads standard input.
    """
    from identity_api.cli.output import print_json
    from identity_api.cli.user_tables import enrol_table, read_table
    from identity_api.cli.users import on_tenant

    given = read_table(file)
    made = on_tenant(tenant, lambda database, actor: enrol_table(database, actor, given, dry_run=dry_run))
    if as_json:
        print_json({"dry_run": dry_run, "made": made})
    else:
        _print_made(made)


@command.command("export")
@click.argument("tenant")
def export_table(tenant: str) -> None:
    """Write the users of TENANT as a CSV table, with their identities and what they were given by hand; `user import` takes it
    back without a change.

    A cell that a spreadsheet would compute begins with an apostrophe, which is no part of its value.
    """
    from identity_api.cli.output import print_text
    from identity_api.cli.user_tables import users_as_csv
    from identity_api.cli.users import on_tenant

    print_text(on_tenant(tenant, users_as_csv))


@command.command()
@click.argument("tenant")
@click.option("--state", type=click.Choice(_STATES), help="Only those in this state.")
@in_forms
def identities(tenant: str, state: str | None, form: Form) -> None:
    """List the identities of TENANT by username: at which provider, under which anchor, and their state."""
    from identity_api.cli.user_tables import COLUMNS_OF_IDENTITIES, all_identities
    from identity_api.cli.users import on_tenant

    found = on_tenant(tenant, lambda database, actor: all_identities(database, actor, state))
    print_list(form, "identities", found, COLUMNS_OF_IDENTITIES, [one.cells for one in found])


@command.command("release-table")
@click.argument("tenant")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
@_with_json
def release_table(tenant: str, file: Path, as_json: bool) -> None:
    """End the quarantine of the identities in the CSV table FILE, with the columns username, provider and anchor.

    What `user identities --state QUARANTINED --csv` writes will do, with the lines left out that nobody has looked at. Nothing
    is released if a line names no identity in quarantine. `-` reads standard input.
    """
    from identity_api.cli.output import print_json
    from identity_api.cli.user_tables import read_identities, release_all
    from identity_api.cli.users import on_tenant

    named = read_identities(file)
    released = on_tenant(tenant, lambda database, actor: release_all(database, actor, named))
    if as_json:
        print_json({"released": released})
    else:
        _say(
            *[f"~ identity at {one.provider} of {one.username} (released)" for one in released]
            or ["Nothing to change."]
        )


@command.command("list")
@click.argument("tenant")
@in_forms
def list_users(tenant: str, form: Form) -> None:
    """List the users of TENANT with the providers they can come from."""
    from identity_api.cli.users import all_users, on_tenant

    found = on_tenant(tenant, all_users)
    rows = [
        (
            one.username,
            one.display_label,
            one.email or "",
            ", ".join([*one.providers, *(["password"] if one.has_password else [])]) or "none yet",
            "disabled" if one.disabled_at else "enabled",
        )
        for one in found
    ]
    print_list(form, "users", found, ("username", "label", "e-mail", "ways in", "state"), rows)


@command.command()
@_of_user
@_with_json
def show(tenant: str, username: str, as_json: bool) -> None:
    """Show the identities and permissions of USERNAME."""
    from identity_api.cli.output import moment, print_json
    from identity_api.cli.users import show_user

    sheet = show_user(tenant, username)
    if as_json:
        print_json(sheet)
        return
    lines = [f"user {sheet.username} ({sheet.id})"]
    for one in sheet.identities:
        reason = f", {one.state_reason}" if one.state_reason else ""
        lines.append(f"identity {one.anchor} at {one.provider}: {one.state}{reason}")
        if (end := one.login_end) is not None:
            lines.append(f"  its provider ended the login at {moment(end.at)}: {end.cause}, {end.said!r}")
    for held in sheet.permissions:
        how = "by hand" if held.source == "MANUAL" else "by a group"
        lines.append(f"permission {held.name}: {how}, {'in force' if held.in_force else 'not in force'}")
    _say(*lines)


@command.command()
@_of_user
def disable(tenant: str, username: str) -> None:
    """Disable USERNAME: their permissions are not in force, and every session ends."""
    from identity_api.accounts.administration import disable_user
    from identity_api.cli.users import on_user

    on_user(tenant, username, disable_user)
    _say(f"~ user {username} (disabled)")


@command.command()
@_of_user
def enable(tenant: str, username: str) -> None:
    """Let USERNAME in again."""
    from identity_api.accounts.administration import enable_user
    from identity_api.cli.users import on_user

    on_user(tenant, username, enable_user)
    _say(f"~ user {username} (enabled)")


@command.command()
@_of_user
@click.option("--yes", is_flag=True, help="Do not ask.")
@_with_json
def erase(tenant: str, username: str, yes: bool, as_json: bool) -> None:
    """Remove the data of USERNAME from every table and from the audit. It cannot be undone.

    An empty user stays for what refers to it. Nobody with the same anchor is made anew by a login for 30 days. Exports,
    archives and logs that were written before are not reached.
    """
    from uuid import UUID

    from identity_api.accounts.erasure import erase_user
    from identity_api.cli.output import print_json
    from identity_api.cli.users import on_user
    from identity_api.db.database import Database
    from identity_api.permissions.delegation import Actor

    if not yes:
        click.confirm(f"Erase {username} of {tenant} for good?", abort=True)

    async def work(database: Database, actor: Actor, user_id: UUID) -> UUID:
        await erase_user(database, actor, user_id)
        return user_id

    erased = on_user(tenant, username, work)
    if as_json:
        print_json({"erased": erased})
    else:
        _say("- user (erased)")


@command.command()
@_of_user
@click.argument("provider")
@click.argument("anchor")
@click.option("--close-grants", is_flag=True, help="Where PROVIDER is STRICT, close what was given by hand.")
@_with_json
def link(tenant: str, username: str, provider: str, anchor: str, close_grants: bool, as_json: bool) -> None:
    """Let the person whom PROVIDER means by ANCHOR sign in as USERNAME; ANCHOR is the value of its anchor claim."""
    from uuid import UUID

    from identity_api.accounts.linking import Linked, link_identity
    from identity_api.cli.output import print_json
    from identity_api.cli.users import on_user
    from identity_api.db import providers
    from identity_api.db.database import Database
    from identity_api.errors import NotFound
    from identity_api.permissions.delegation import Actor

    async def work(database: Database, actor: Actor, user_id: UUID) -> Linked:
        async with database.reading() as connection:
            found = await providers.by_slug(connection, actor.tenant_id, provider)
        if found is None:
            raise NotFound(f"Tenant {tenant} has no provider {provider}.")
        return await link_identity(database, actor, user_id, found.id, anchor, accepts_closing=close_grants)

    done = on_user(tenant, username, work)
    if as_json:
        print_json(done)
        return
    _say(f"+ identity {anchor} at {provider} for {username}", *[f"- grant {name}" for name in done.closed])


@command.command()
@_of_identity
def unlink(tenant: str, username: str, provider: str, anchor: str | None) -> None:
    """Take the identity at PROVIDER from USERNAME; ANCHOR says which, if there are several."""
    from identity_api.accounts.linking import unlink_identity

    _change_identity(tenant, username, provider, anchor, unlink_identity)
    _say(f"- identity at {provider} of {username}")


@command.command()
@_of_identity
def release(tenant: str, username: str, provider: str, anchor: str | None) -> None:
    """End the quarantine of the identity of USERNAME at PROVIDER, having looked: its person may sign in again."""
    from identity_api.accounts.linking import release_identity

    _change_identity(tenant, username, provider, anchor, release_identity)
    _say(f"~ identity at {provider} of {username} (released)")


@command.command()
@_of_identity
def rebind(tenant: str, username: str, provider: str, anchor: str | None) -> None:
    """Let the identity of USERNAME at PROVIDER accept the next subject under its anchor, once; its logins end."""
    from identity_api.accounts.rebinding import rebind_identity

    _change_identity(tenant, username, provider, anchor, rebind_identity)
    _say(f"~ identity at {provider} of {username} (waits for its next subject)")


@command.command("password-link")
@_of_user
@_with_json
def show_password_link(tenant: str, username: str, as_json: bool) -> None:
    """Print a link by which USERNAME chooses a password, once, within a day, where the tenant has `local_sign_in`."""
    from identity_api.cli.output import print_json
    from identity_api.cli.users import password_link

    found = password_link(tenant, username)
    if as_json:
        print_json(found)
    else:
        _print_link(found)


def _change_identity(
    tenant: str, username: str, provider: str, anchor: str | None, change: Callable[..., Awaitable[object]]
) -> None:
    from uuid import UUID

    from identity_api.cli.users import identity_of, on_user
    from identity_api.db.database import Database
    from identity_api.permissions.delegation import Actor

    async def work(database: Database, actor: Actor, user_id: UUID) -> None:
        await change(database, actor, (await identity_of(database, actor, user_id, provider, anchor)).id)

    on_user(tenant, username, work)


def _say(*lines: str) -> None:
    from identity_api.cli.output import print_lines

    print_lines(lines)


def _print_made(made: "Sequence[Enrolled]") -> None:
    _say(*[f"+ {one.kind} {one.name}" for one in made] or ["Nothing to change."])


def _print_link(link: "PasswordLink") -> None:
    _say(f"{link.url} (once, until {link.expires_at})")
