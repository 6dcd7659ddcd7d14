"""`identity-api webhook`: made, tried, replayed and deleted by the operator, at a receiver over real HTTP."""

import json
from collections.abc import Iterator

import pytest

from tests.cli.conftest import Command, ask
from tests.webhooks.receiver import Receiver, running_receiver

ACME = """
[[tenants]]
slug = "acme"
name = "Acme"
hosts = ["acme.example.com"]
"""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running_receiver() as running:
        yield running


@pytest.fixture
def operator(command: Command, receiver: Receiver) -> Command:
    """Of an installation that may send to the receiver."""
    (command.folder / "acme.toml").write_text(ACME)
    assert command("apply", "acme.toml").returncode == 0
    command.env["IDENTITY_OUTBOUND_ALLOW"] = f"127.0.0.1:{receiver.port}"
    return command


def said(operator: Command, *arguments: object) -> list[str]:
    done = operator("webhook", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_webhook_is_made_tried_listed_and_deleted(operator: Command, receiver: Receiver) -> None:
    made = json.loads(*said(operator, "create", "acme", receiver.url, "--type", "session.ended", "--json"))
    webhook, secret = made["id"], made["secret"]
    tried = json.loads(*said(operator, "test", "acme", webhook, "--json"))
    assert (tried["delivered"], tried["error"]) == (True, None)
    [received] = receiver.received
    assert received.is_signed_with(secret)
    receiver.statuses = [401]
    refused = operator("webhook", "test", "acme", webhook)
    assert (refused.returncode, refused.stdout.split(" in ")[0]) == (1, "http_401")
    assert said(operator, "rotate-secret", "acme", webhook) != [secret]
    [listed] = [line for line in said(operator, "list", "acme") if webhook in line]
    assert receiver.url in listed
    said(operator, "delete", "acme", webhook)
    assert not any(webhook in line for line in said(operator, "list", "acme"))


def test_a_replay_goes_back_and_no_further_than_the_webhook_is(operator: Command, receiver: Receiver, url: str) -> None:
    webhook, _ = said(operator, "create", "acme", receiver.url)
    head = "insert into outbox_head (tenant_id, position) select id, 3 from tenant"
    ask(url, f"{head} on conflict (tenant_id) do update set position = 3")
    ask(
        url,
        "insert into outbox (id, tenant_id, position, type, at)"
        " select gen_random_uuid(), id, n, 'user.updated', now() from tenant, generate_series(1, 3) n on conflict do nothing",
    )
    ask(url, "update webhook set position = 2")
    assert said(operator, "replay", "acme", webhook, 1) == ["2 changes are looked at again"]
    refused = operator("webhook", "replay", "acme", webhook, 2)
    assert refused.returncode != 0
    assert "at position 1" in refused.stderr


def test_what_cannot_be_done_is_refused_in_a_sentence(operator: Command) -> None:
    for arguments, why in (
        (("create", "acme", "http://internal.example/"), "IDENTITY_OUTBOUND_ALLOW"),
        (("test", "acme", "no-id"), "identity-api webhook list"),
        (("delete", "acme", "0198c0de-0000-7000-8000-000000000000"), "no such webhook"),
        (("create", "acme", "https://hooks.example/", "--type", "user.deleted"), "user.created"),
    ):
        done = operator("webhook", *arguments)
        assert done.returncode != 0
        assert why in done.stderr
        assert "Traceback" not in done.stderr
