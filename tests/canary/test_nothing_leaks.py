"""Secrets stay sealed (I3): what a whole deployment writes anywhere holds none of the secrets that went through it.

The story is told once, with real processes at the most talkative log level; each test looks at one place.
"""

import hashlib
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.canary.deployment import Canaries, Deployment, deployed
from tests.canary.story import Story
from tests.cli.conftest import ask

pytestmark = pytest.mark.xdist_group("canary")


@pytest.fixture(scope="module")
def told(template: str, database_url: str, redis_url: str) -> Iterator[Deployment]:
    """The deployment after all of it has happened. Its processes still run."""
    name = "canary"
    ask(database_url, f"create database {name} template {template}")
    own = database_url.replace("/identity?", f"/{name}?")
    with (
        tempfile.TemporaryDirectory(prefix="identity-api-canary-") as folder,
        deployed(Path(folder), own, redis_url) as deployment,
    ):
        story = Story(deployment)
        with story.browser:
            story.tell()
        yield deployment
    ask(database_url, f"drop database {name} with (force)")


def test_there_was_something_to_find(told: Deployment) -> None:
    """The other tests say nothing unless all of this went through."""
    kinds = {what.partition(" #")[0] for what in told.canaries.secrets}
    assert kinds == {
        "the database's password", "Redis's password", "the key ring", "the client secret", "a cookie", "a state",
        "a nonce", "a code", "an authorization code", "a refresh token", "an ID Token or access token", "a bearer token",
        "a one-time code", "a frontend's verifier", "a service client's secret", "something made up", "a id_token_hint",
        "an API token", "a webhook's secret", "a set-up link", "an invitation", "a client secret that was typed",
        "a break-glass code",
    }  # fmt: skip
    assert told.canaries.found_in(f"x {next(iter(told.canaries.secrets.values()))} y")
    assert "http.request" in told.log("serve")
    assert '"login.failed"' in told.log("serve")
    assert '"audit.head"' in told.log("worker")
    assert "sync_user" in told.queued
    actions = {row["action"] for row in told.rows("select distinct action from audit_event")}
    assert actions >= {
        "login.succeeded", "login.failed", "mapping.created", "session.ended", "identity.revoked",
        "api_token.created", "webhook.secret_rotated", "service_client.rotated", "break_glass.used", "setup_link.created",
        "invitation.created",
        "provider.test_begun",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["serve", "worker"])
def test_no_log_holds_a_secret_a_name_or_an_address(told: Deployment, name: str) -> None:
    lines = told.log(name).splitlines()
    assert lines
    assert [(what, line) for line in lines for what in told.canaries.found_in(line, personal=True)] == []
    assert not [line for line in lines if "Traceback" in line]


def test_the_head_of_the_audit_is_told_with_the_id_of_its_key(told: Deployment) -> None:
    """I6: somebody who keeps these lines elsewhere notices when the chain is made anew. The id is no secret."""
    lines = [json.loads(line) for line in told.log("worker").splitlines()]
    heads = [line for line in lines if line["event"] == "audit.head"]
    assert heads
    assert {line["key_id"] for line in heads} == {"k1"}


def test_the_queue_holds_ids_and_nothing_else(told: Deployment) -> None:
    told.look_into_queue()
    assert told.canaries.found_in(told.queued, personal=True) == []


def test_traces_hold_neither_secrets_nor_people(told: Deployment) -> None:
    traces = told.traces.decode("latin-1")
    # Something must have been traced for its silence to mean anything.
    assert all(name in traces for name in ("http.request", "upstream.exchange", "job"))
    assert told.canaries.found_in(traces, personal=True) == []


def test_metrics_hold_neither_secrets_nor_people(told: Deployment) -> None:
    shown = httpx.get(f"{told.url}/metrics", trust_env=False).text
    assert "identity_" in shown
    assert told.canaries.found_in(shown, personal=True) == []


def test_the_audit_names_people_by_their_ids(told: Deployment) -> None:
    # A mapping is called what an admin typed, whatever that is.
    query = "select e::text as event from audit_event e where e.action not like 'mapping.%'"
    events = [row["event"] for row in told.rows(query)]
    assert len(events) > 20
    assert [(what, event) for event in events for what in told.canaries.found_in(event, personal=True)] == []


def test_no_table_holds_a_secret_as_it_is(told: Deployment) -> None:
    """Text, binary, and JSON within either. The claims hold people's names, which is what they are for."""
    for table, content in told.tables().items():
        assert told.canaries.found_in(content) == [], table
        written = {what: value.encode().hex() for what, value in told.canaries.secrets.items()}
        assert [what for what, value in written.items() if value in content] == [], table


def test_only_digests_of_tokens_are_kept(told: Deployment) -> None:
    """That the tables were searched in the right form: the digests of the same tokens are there."""
    content = "\n".join(told.tables().values())
    for kind in (
        "a cookie", "a bearer token", "a service client's secret", "an API token", "a set-up link", "an invitation",
        "a break-glass code",
    ):  # fmt: skip
        values = [value for what, value in told.canaries.secrets.items() if what.startswith(f"{kind} #")]
        assert any(hashlib.sha256(value.encode()).hexdigest() in content for value in values), kind


def test_no_secret_is_an_argument_of_a_process(told: Deployment) -> None:
    """Everybody on the machine can read those."""
    for process in told.processes.values():
        arguments = Path(f"/proc/{process.pid}/cmdline")
        if arguments.exists():
            assert told.canaries.found_in(arguments.read_text()) == []


def test_what_is_found_is_found_in_every_form() -> None:
    canaries = Canaries(secrets={"one": "a+b/c=" * 4}, personal={"email": "ada@people.example"})
    assert canaries.found_in("x" + "a+b/c=" * 4) == ["one"]
    assert canaries.found_in("x" + "a%2Bb%2Fc%3D" * 4) == ["one"]
    assert canaries.found_in("to ada@people.example") == []
    assert canaries.found_in("to ada@people.example", personal=True) == ["email"]
