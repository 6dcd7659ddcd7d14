"""`identity-api provider create`, `update`, `set-secret`, `remove-secret`, `enable`, `disable`, `delete`, `rebind` and
`move-anchor`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import rich_click as click

from identity_api.cli.listing import Form, in_forms, print_list

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])


def _names(function: FunctionT) -> FunctionT:
    return click.argument("tenant")(click.argument("slug")(function))


def _settings(function: FunctionT) -> FunctionT:
    help_text = "A setting as in a declaration, such as scopes='[\"openid\"]'; repeatable."
    return click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help=help_text)(function)


def _secret(function: FunctionT) -> FunctionT:
    options = (
        click.option("--secret-stdin", "stdin", is_flag=True, help="Read the client secret from standard input."),
        click.option("--secret-env", "variable", metavar="NAME", help="Read the client secret from a variable."),
        click.option(
            "--secret-file",
            "file",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            help="Read the client secret from a file that nobody else may read.",
        ),
        click.option("--secret-days", "days", type=click.IntRange(1, 3660), help="In how many days it expires."),
    )
    for option in reversed(options):
        function = option(function)
    return function


@click.command()
@_names
@_settings
@click.option("--preset", help="A well-known provider whose settings to start with.")
@click.option("--value", "values", multiple=True, metavar="NAME=VALUE", help="What the preset asks for; repeatable.")
@click.option("--alternative", "alternatives", multiple=True, help="An alternative of the preset; repeatable.")
@_secret
def create(
    tenant: str,
    slug: str,
    settings: tuple[str, ...],
    preset: str | None,
    values: tuple[str, ...],
    alternatives: tuple[str, ...],
    **secret: Any,
) -> None:
    """Make the provider SLUG of TENANT, which is then administered here and through GraphQL, and by no file."""
    from identity_api.cli.output import print_lines
    from identity_api.cli.provider_changes import SecretOptions, administer, fields_of
    from identity_api.providers.administration import create as create_provider

    fields: dict[str, Any] = {"slug": slug, **fields_of(settings)}
    if preset is not None:
        fields |= {"preset": preset, "preset_values": fields_of(values), "preset_alternatives": list(alternatives)}
    given = SecretOptions(**secret).read()
    administer(tenant, lambda deps, actor: create_provider(deps, actor, fields, secret=given))
    print_lines([f"+ provider {slug}"])
    _tell_arrivals(tenant, slug)


@click.command()
@_names
@_settings
@click.option("--empty", multiple=True, metavar="NAME", help="A setting to reset to no value; repeatable.")
@_secret
def update(tenant: str, slug: str, settings: tuple[str, ...], empty: tuple[str, ...], **secret: Any) -> None:
    """Change what is named of provider SLUG and nothing else.

    Another issuer, discovery URL or endpoint needs the client secret again, and ends every login there.
    """
    from identity_api.cli.output import print_lines
    from identity_api.cli.provider_changes import SecretOptions, change_provider, fields_of
    from identity_api.providers.administration import update as update_provider

    fields, given = fields_of(settings, empty=empty), SecretOptions(**secret).read()
    before, after = change_provider(
        tenant,
        slug,
        lambda deps, actor, found: _with(
            found, update_provider(deps, actor, found.id, fields, expected_version=found.version, secret=given)
        ),
    )
    print_lines(["Nothing to change." if before == after else f"~ provider {slug} (version {after.version})"])
    _tell_arrivals(tenant, slug)


def _tell_arrivals(tenant: str, slug: str) -> None:
    """Report the providers whose logins will be refused at a redirect URL that is now shared."""
    from identity_api.cli.output import print_notices
    from identity_api.cli.provider_changes import administer, arrival_notices

    print_notices(administer(tenant, lambda deps, actor: arrival_notices(deps, actor, slug)))


async def _with(before: Any, change: Any) -> tuple[Any, Any]:
    return before, await change


@click.command("set-secret")
@_names
@_secret
def set_secret(tenant: str, slug: str, **secret: Any) -> None:
    """Store a client secret that is used first from now on; the one before works until it expires or is removed."""
    from identity_api.cli.output import print_lines
    from identity_api.cli.provider_changes import SecretOptions, change_provider
    from identity_api.errors import BadInput
    from identity_api.providers.secrets import set_secret as store

    given = SecretOptions(**secret).read()
    if given is None:
        raise BadInput("Say where the secret is: --secret-stdin, --secret-env or --secret-file.")
    change_provider(tenant, slug, lambda deps, actor, found: store(deps, actor, found.id, given))
    print_lines([f"~ provider {slug} (client_secret)"])


@click.command("remove-secret")
@_names
@click.argument("secret_id", type=click.UUID)
def remove_secret(tenant: str, slug: str, secret_id: Any) -> None:
    """Forget the client secret SECRET_ID; `secrets` lists them."""
    from identity_api.cli.output import print_lines
    from identity_api.cli.provider_changes import change_provider
    from identity_api.providers.secrets import remove_secret as remove

    change_provider(tenant, slug, lambda deps, actor, found: remove(deps, actor, found.id, secret_id))
    print_lines([f"~ provider {slug} (client_secret)"])


@click.command()
@_names
@in_forms
def secrets(tenant: str, slug: str, form: Form) -> None:
    """List the stored client secrets of provider SLUG by id and dates, the newest first; no value is ever shown."""
    from identity_api.cli.provider_changes import change_provider, stored_secrets

    found = change_provider(tenant, slug, stored_secrets)
    rows = [
        (str(one.id), f"{one.created_at:%Y-%m-%d}", f"{one.expires_at:%Y-%m-%d}" if one.expires_at else "never")
        for one in found
    ]
    print_list(form, "secrets", found, ("id", "created", "expires"), rows)


@click.command()
@_names
def enable(tenant: str, slug: str) -> None:
    """Let people sign in at provider SLUG."""
    _switch(tenant, slug, "enable")
    _tell_arrivals(tenant, slug)


@click.command()
@_names
def disable(tenant: str, slug: str) -> None:
    """Let nobody sign in at provider SLUG; sessions and logins from there end at once."""
    _switch(tenant, slug, "disable")


@click.command()
@_names
@click.option("--dry-run", is_flag=True, help="Say what is there and what stands in the way, and change nothing.")
def delete(tenant: str, slug: str, dry_run: bool) -> None:
    """Delete the disabled provider SLUG, if it has no identities and no mappings.

    Its client secrets and keys go with it, and login attempts; nothing else does.
    """
    from identity_api.cli.output import print_lines
    from identity_api.cli.provider_changes import change_provider, footprint_lines
    from identity_api.providers import activation

    if dry_run:
        print_lines(change_provider(tenant, slug, footprint_lines))
    change_provider(tenant, slug, lambda deps, actor, found: activation.delete(deps, actor, found.id, dry_run=dry_run))
    print_lines([f"- provider {slug}"])


@click.command()
@_names
@click.option("--issuer", metavar="URL", help="Only identities that this issuer vouched for.")
@click.option("--dry-run", is_flag=True, help="Count, and change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def rebind(tenant: str, slug: str, issuer: str | None, dry_run: bool, as_json: bool) -> None:
    """Let every identity at provider SLUG accept the next subject under its anchor, once: for a provider that was rebuilt.

    All logins there end. The next person who signs in with an identity's anchor gets its account, and every older way into that
    account ends then. Interrupted, it is gone on with by running it again.
    """
    from identity_api.accounts.rebinding import rebind_provider
    from identity_api.cli.output import print_json, print_lines
    from identity_api.cli.provider_changes import change_provider

    done = change_provider(
        tenant,
        slug,
        lambda deps, actor, found: rebind_provider(deps.database, actor, found, issuer=issuer, dry_run=dry_run),
    )
    if as_json:
        print_json({"dry_run": dry_run, **{name: getattr(done, name) for name in done.__struct_fields__}})
        return
    verb = "would wait" if dry_run else "wait"
    print_lines(
        [
            f"~ {done.rebound} identities {verb} for their next subject",
            f"{done.waiting} waited before",
            f"{done.anchored_by_subject} left alone: their anchor is their subject, so that nobody else is ever taken for them",
        ]
    )


@click.command("move-anchor")
@_names
@click.argument("claim", nargs=-1, required=True)
@click.option(
    "--table",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
    help="New anchors, as CSV with the columns username, provider, anchor and new_anchor.",
)
@click.option("--back", is_flag=True, help="Read the table backwards: undo what it did.")
@click.option("--accept-lost", is_flag=True, help="Go on although some would not be found any more.")
@click.option("--dry-run", is_flag=True, help="Say whom it concerns, and change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def move_anchor(
    tenant: str,
    slug: str,
    claim: tuple[str, ...],
    table: Path | None,
    back: bool,
    accept_lost: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Find the people of provider SLUG by CLAIM from now on, such as `sub`; several are looked for in order.

    Who has signed in is found by their subject at the next login. Who waits for a first login, or has no subject, is lost
    unless the table has their new anchor: `user identities TENANT --csv` writes it but for the column new_anchor. Claim and
    anchors change together or not at all. The claim before, with the same table and --back, undoes it.
    """
    from identity_api.cli.output import print_json, print_lines
    from identity_api.cli.provider_changes import change_provider
    from identity_api.cli.user_tables import read_new_anchors
    from identity_api.providers.anchors import move_anchors, reversed_table

    lines = [] if table is None else read_new_anchors(table, slug)
    lines = reversed_table(lines) if back else lines
    done = change_provider(
        tenant,
        slug,
        lambda deps, actor, found: move_anchors(
            deps, actor, found, claim, lines, dry_run=dry_run, accepts_lost=accept_lost
        ),
    )
    if as_json:
        print_json({"dry_run": dry_run, **{name: getattr(done, name) for name in done.__struct_fields__}})
        return
    print_lines([f"~ anchor {anchor} of {username}" for username, anchor in done.moved])
    print_lines([f"! {username} ({anchor}) would not be found any more" for username, anchor in done.lost])
    print_lines([f"{done.by_login} are found by their subject at their next login"])


def _switch(tenant: str, slug: str, verb: str) -> None:
    from identity_api.cli.output import print_lines
    from identity_api.cli.provider_changes import change_provider
    from identity_api.providers import activation

    change_provider(tenant, slug, lambda deps, actor, found: getattr(activation, verb)(deps, actor, found.id))
    print_lines([f"~ provider {slug} ({verb}d)"])


COMMANDS = (create, update, set_secret, secrets, remove_secret, enable, disable, delete, rebind, move_anchor)
