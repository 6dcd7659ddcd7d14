"""`identity-api sync`."""

import rich_click as click

from identity_api.cli.listing import Form, in_forms, print_list


@click.group()
def command() -> None:
    """How late the syncs of each provider are and why; pause, resume, or begin them now."""


@command.command()
@click.argument("tenant", required=False)
@in_forms
@click.pass_context
def status(ctx: click.Context, tenant: str | None, form: Form) -> None:
    """Show each provider of TENANT, or of every tenant. Exit code 1 if one is late or refuses us.

    Standings: OK; LATE, a change may take more than 600 s; REFUSED, the provider does not accept us, one identity is tried
    every 30 s; PAUSED by an operator; OFF, its sync is off; DISABLED. The needed calls are those that read every identity
    once in 600 s, beside the calls a second that each worker may make: by `max_rate`, or by what the provider allows.
    """
    from identity_api.cli.context import read_settings, run_on_database
    from identity_api.cli.outcome import PROBLEM
    from identity_api.cli.sync import COLUMNS, sync_lines

    found = run_on_database(read_settings(keys_required=False), lambda database: sync_lines(database, tenant))
    print_list(form, "providers", found, COLUMNS, [one.cells() for one in found])
    if any(one.standing in ("LATE", "REFUSED") for one in found):
        ctx.exit(PROBLEM)


@command.command()
@click.argument("tenant")
@click.argument("slug")
def pause(tenant: str, slug: str) -> None:
    """Begin no sync of provider SLUG of TENANT until `sync resume`; what is under way is finished.

    Permissions from its groups go on ending with their leases, as if the provider did not answer.
    """
    _set_paused(tenant, slug, paused=True)


@command.command()
@click.argument("tenant")
@click.argument("slug")
def resume(tenant: str, slug: str) -> None:
    """Sync provider SLUG of TENANT again. What became due meanwhile is done first, at the provider's rate."""
    _set_paused(tenant, slug, paused=False)


@command.command()
@click.argument("tenant")
@click.argument("slug")
def now(tenant: str, slug: str) -> None:
    """Make every synced identity of provider SLUG of TENANT due now. Workers keep to the provider's limits."""
    from identity_api.cli.context import read_settings, run_on_database
    from identity_api.cli.output import print_lines
    from identity_api.cli.sync import for_provider
    from identity_api.sync.health import sync_all_now

    settings = read_settings(keys_required=False)
    made = run_on_database(settings, lambda database: for_provider(database, tenant, slug, sync_all_now))
    print_lines([f"{made} identities of {tenant}/{slug} are due now."])


def _set_paused(tenant: str, slug: str, *, paused: bool) -> None:
    from functools import partial

    from identity_api.cli.context import read_settings, run_on_database
    from identity_api.cli.output import print_lines
    from identity_api.cli.sync import for_provider
    from identity_api.sync.health import set_paused

    settings, work = read_settings(keys_required=False), partial(set_paused, paused=paused)
    changed = run_on_database(settings, lambda database: for_provider(database, tenant, slug, work))
    done = "are paused" if paused else "go on"
    print_lines(
        [f"The syncs of {tenant}/{slug} {done}." if changed else f"Nothing to do: the syncs of {tenant}/{slug} {done}."]
    )
