"""`audit verify`: a chain that holds, and one that does not (bad input 77)."""

import asyncio
import csv
import io
import json
from uuid import UUID

import pytest

from identity_api.cli.audit_export import cell
from identity_api.config import parse_key_ring
from identity_api.db.database import Database
from identity_api.maintenance.audit_chain import seal_all
from identity_api.vault import Vault
from tests.cli.conftest import Command, ask, new_key

TENANTS = """
[[tenants]]
slug = "acme"
name = "Acme"

[[tenants.permissions]]
name = "docs:read"

[[tenants]]
slug = "other"
name = "Other"
"""


@pytest.fixture
def sealed(command: Command, url: str) -> Command:
    """Two tenants, whose events a worker has sealed."""
    assert command("apply", "-", stdin=TENANTS.encode()).returncode == 0

    async def seal() -> None:
        database = Database(url, pool_size=2)
        await database.open()
        await seal_all(database, Vault(parse_key_ring(command.env["IDENTITY_SECRET_KEYS"])))
        await database.close()

    asyncio.run(seal())
    return command


def test_chains_that_hold_are_ok(sealed: Command) -> None:
    done = sealed("audit", "verify")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["ok    acme: 2 event(s)", "ok    other: 1 event(s)"]


def test_a_changed_event_is_exit_code_1_with_its_place(sealed: Command, url: str) -> None:
    ask(url, "update audit_event set actor = 'operator:somebody_else' where sequence = 2")
    done = sealed("audit", "verify", "--json")
    assert done.returncode == 1
    acme, other = json.loads(done.stdout)["chains"]
    assert (acme["tenant"], acme["intact"], acme["first_bad"], acme["problem"]) == ("acme", False, 2, "CHANGED")
    assert other["intact"]
    assert sealed("audit", "verify", "--tenant", "other").returncode == 0
    assert "event 2: the event there was changed" in sealed("audit", "verify", "--tenant", "acme").stdout


def test_a_missing_key_is_not_called_a_broken_chain(sealed: Command) -> None:
    done = sealed("audit", "verify", IDENTITY_SECRET_KEYS=new_key("k2"))
    assert done.returncode == 1
    assert "the key ring lacks the key" in done.stdout


def test_an_unknown_tenant_is_told(sealed: Command) -> None:
    assert sealed("audit", "verify", "--tenant", "nobody").returncode == 1


def test_a_tail_that_was_cut_off_with_its_head_is_noticed_by_a_head_noted_before(sealed: Command, url: str) -> None:
    [before] = json.loads(sealed("audit", "verify", "--tenant", "acme", "--json").stdout)["chains"]
    verify = ("audit", "verify", "--tenant", "acme", "--known-head", before["head"])
    assert sealed(*verify).returncode == 0
    ask(url, "delete from audit_event where sequence = 2")
    ask(
        url,
        "update audit_head h set sequence = 1, mac = e.mac from audit_event e where e.tenant_id = h.tenant_id and e.sequence = 1",
    )
    assert sealed("audit", "verify", "--tenant", "acme").returncode == 0
    done = sealed(*verify)
    assert done.returncode == 1
    assert "event 2: the chain is cut off there" in done.stdout


@pytest.mark.parametrize("head", ["2", "two:00", "2:xyz"])
def test_a_known_head_that_is_none_is_told(sealed: Command, head: str) -> None:
    done = sealed("audit", "verify", "--tenant", "acme", "--known-head", head)
    assert done.returncode == 2
    assert "SEQUENCE:MAC" in done.stderr


def test_the_newest_events_are_listed_first(sealed: Command) -> None:
    done = sealed("audit", "list", "acme", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["events"]
    assert {event["action"] for event in found} == {"tenant.created", "permission.created"}
    assert [event["id"] for event in found] == sorted([event["id"] for event in found], reverse=True)
    [line] = sealed("audit", "list", "acme", "--action", "permission.created").stdout.splitlines()
    assert 'new={"name": "docs:read"}' in line
    assert sealed("audit", "list", "acme", "--until", "2000-01-01").stdout == "There is no such event.\n"


def test_a_listed_event_has_its_details_without_ids(sealed: Command, url: str) -> None:
    ask(url, 'update audit_event set payload = payload || \'{"reason": "GROUP_LEFT", "user": "01a2"}\'')
    [line] = sealed("audit", "list", "acme", "--action", "permission.created").stdout.splitlines()
    assert line.endswith('details={"reason":"GROUP_LEFT"}')


def test_events_are_chosen_by_several_actions_who_did_it_and_what_it_was_done_to(sealed: Command) -> None:
    def actions(*criteria: str) -> list[str]:
        done = sealed("audit", "list", "acme", "--json", *criteria)
        assert done.returncode == 0, done.stderr
        return sorted([one["action"] for one in json.loads(done.stdout)["events"]])

    both = ["permission.created", "tenant.created"]
    assert actions("--action", both[0], "--action", both[1]) == both
    assert actions("--subject", "docs:read") == both[:1]
    [event] = json.loads(sealed("audit", "list", "acme", "--json", "--subject", "docs:read").stdout)["events"]
    assert actions("--subject", event["subject_id"]) == both[:1]
    assert actions("--actor", event["actor"]) == both
    assert sealed("user", "create", "acme", "nobody-yet").returncode == 0
    assert actions("--user", "nobody-yet") == ["user.created"]
    assert actions("--actor", "nobody-yet") == []
    exported = sealed("audit", "export", "acme", "--subject", "docs:read").stdout.splitlines()
    assert [json.loads(one)["id"] for one in exported] == [event["id"]]
    for wrong in ("docs:write", str(UUID(int=7))):
        unknown = sealed("audit", "list", "acme", "--subject", wrong)
        assert (unknown.returncode, f"No event is about {wrong}" in unknown.stderr) == (1, True)


def test_two_criteria_and_an_unknown_user_are_told(sealed: Command) -> None:
    assert "Choose one" in sealed("audit", "list", "acme", "--action", "a", "--user", "b").stderr
    assert "no user b" in sealed("audit", "list", "acme", "--user", "b").stderr


def test_an_export_is_a_json_object_a_line_the_oldest_first(sealed: Command) -> None:
    lines = [json.loads(line) for line in sealed("audit", "export", "acme").stdout.splitlines()]
    assert len(lines) == 2
    assert [line["id"] for line in lines] == sorted([line["id"] for line in lines])
    assert {line["sequence"] for line in lines} == {1, 2}


@pytest.mark.parametrize("first", [*"=+-@\t\r\n", *"\uff1d\uff0b\uff0d\uff20"])
def test_a_cell_that_begins_like_a_formula_is_text(first: str) -> None:
    assert cell(f"{first}1") == f"'{first}1"
    assert cell(f"1{first}") == f"1{first}"
    # Where a language separates by semicolons, a spreadsheet cuts there, whatever the file's own separator is.
    assert cell(f"1;{first}1;1") == f"1;'{first}1;1"
    assert cell(f"1\n{first}1") == f"1\n'{first}1"


def test_a_table_holds_nothing_that_a_spreadsheet_computes(sealed: Command, url: str) -> None:
    ask(url, "update audit_event set reason = '=1+1', address = 'a\"b\nc'")
    rows = list(csv.DictReader(io.StringIO(sealed("audit", "export", "acme", "--format", "csv").stdout)))
    assert [(row["reason"], row["address"]) for row in rows] == [("'=1+1", 'a"b\nc')] * 2
