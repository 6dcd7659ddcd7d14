"""`identity-api webhook`."""

import rich_click as click

from identity_api.cli.listing import Form, in_forms, print_list


@click.group()
def command() -> None:
    """Addresses that are notified when a user's permissions, profile or sessions have changed."""


@command.command("list")
@click.argument("tenant")
@in_forms
def list_webhooks(tenant: str, form: Form) -> None:
    """List the webhooks of TENANT, and what waits for each."""
    from identity_api.cli.webhooks import with_webhooks
    from identity_api.db import webhooks
    from identity_api.db.webhooks import Webhook
    from identity_api.permissions.delegation import Actor
    from identity_api.upstream.addresses import AllowList
    from identity_api.webhooks.send import Sending

    async def work(sending: Sending, _: AllowList, actor: Actor) -> list[Webhook]:
        async with sending.database.reading() as connection:
            return await webhooks.of_tenant(connection, actor.tenant_id)

    found = with_webhooks(tenant, work)
    rows = [
        (
            str(one.id),
            one.url,
            one.disabled_reason or "enabled",
            str(one.head - one.position),
            str(one.retrying),
            str(one.failures),
        )
        for one in found
    ]
    print_list(form, "webhooks", found, ("id", "url", "state", "waiting", "retrying", "failures"), rows)


@command.command()
@click.argument("tenant")
@click.argument("url")
@click.option("--type", "types", multiple=True, help="A type of change to be sent; repeatable, all by default.")
@click.option("--description", default="", help="What it is for.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def create(tenant: str, url: str, types: tuple[str, ...], description: str, as_json: bool) -> None:
    """Make a webhook at URL and print its id and its secret, which is shown this once."""
    from identity_api.cli.output import print_json, print_lines
    from identity_api.cli.webhooks import with_webhooks
    from identity_api.db.outbox import CHANGE_TYPES
    from identity_api.webhooks import administration
    from identity_api.webhooks.administration import Settings

    settings = Settings(url, types or CHANGE_TYPES, description)
    made = with_webhooks(tenant, lambda sending, allow, actor: administration.create(sending, allow, actor, settings))
    if as_json:
        print_json({"id": made.webhook.id, "secret": made.secret})
    else:
        print_lines([made.webhook.id, made.secret])


@command.command()
@click.argument("tenant")
@click.argument("webhook")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def test(tenant: str, webhook: str, as_json: bool) -> None:
    """Send a test message to WEBHOOK now, and say what came of it."""
    from identity_api.cli.output import print_json, print_lines
    from identity_api.cli.webhooks import webhook_id, with_webhooks
    from identity_api.webhooks import administration

    row_id = webhook_id(webhook)
    tried = with_webhooks(tenant, lambda sending, _, actor: administration.send_test(sending, actor, row_id))
    if as_json:
        print_json({"delivered": tried.error is None, "error": tried.error, "milliseconds": tried.milliseconds})
    else:
        print_lines([f"{tried.error or 'delivered'} in {tried.milliseconds} ms"])
    if tried.error is not None:
        raise SystemExit(1)


@command.command("rotate-secret")
@click.argument("tenant")
@click.argument("webhook")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def rotate_secret(tenant: str, webhook: str, as_json: bool) -> None:
    """Give WEBHOOK another secret and print it. For 24 hours messages are signed with both."""
    from identity_api.cli.output import print_json, print_lines
    from identity_api.cli.webhooks import webhook_id, with_webhooks
    from identity_api.webhooks import administration

    row_id = webhook_id(webhook)
    made = with_webhooks(tenant, lambda sending, _, actor: administration.rotate_secret(sending, actor, row_id))
    if as_json:
        print_json({"id": made.webhook.id, "secret": made.secret})
    else:
        print_lines([made.secret])


@command.command()
@click.argument("tenant")
@click.argument("webhook")
@click.argument("after", type=int)
def replay(tenant: str, webhook: str, after: int) -> None:
    """Send WEBHOOK everything after the position AFTER again. Changes are kept for a week."""
    from identity_api.cli.output import print_lines
    from identity_api.cli.webhooks import webhook_id, with_webhooks
    from identity_api.webhooks import administration

    row_id = webhook_id(webhook)
    moved = with_webhooks(tenant, lambda sending, _, actor: administration.replay(sending, actor, row_id, after=after))
    print_lines([f"{moved.head - moved.position} changes are looked at again"])


@command.command()
@click.argument("tenant")
@click.argument("webhook")
def delete(tenant: str, webhook: str) -> None:
    """Delete WEBHOOK with its log."""
    from identity_api.cli.webhooks import webhook_id, with_webhooks
    from identity_api.webhooks import administration

    row_id = webhook_id(webhook)
    with_webhooks(tenant, lambda sending, _, actor: administration.delete(sending, actor, row_id))
