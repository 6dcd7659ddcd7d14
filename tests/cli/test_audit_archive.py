"""`identity-api audit archive`: the oldest events leave for a file, and the chain holds over the file and the rest."""

import asyncio
import json
from pathlib import Path

from identity_api.config import parse_key_ring
from identity_api.db.database import Database
from identity_api.maintenance.audit_chain import seal_all
from identity_api.vault import Vault
from tests.cli.conftest import Command, ask, new_key
from tests.cli.test_audit import sealed

__all__ = ["sealed"]
LATER = "2999-01-01"


def seal(command: Command) -> None:
    async def work() -> None:
        database = Database(command.env["IDENTITY_DATABASE_URL"], pool_size=2)
        await database.open()
        await seal_all(database, Vault(parse_key_ring(command.env["IDENTITY_SECRET_KEYS"])))
        await database.close()

    asyncio.run(work())


def archived(command: Command, name: str) -> Path:
    done = command("audit", "archive", "acme", name, "--before", LATER)
    assert done.returncode == 0, done.stderr
    return command.folder / name


def test_events_move_to_a_file_and_the_chain_holds_over_files_and_rest(sealed: Command, url: str) -> None:
    first = archived(sealed, "1.ndjson")
    assert first.stat().st_mode & 0o777 == 0o600
    begin, *events = [json.loads(line) for line in first.read_text().splitlines()]
    assert (begin["after"], [one["sequence"] for one in events]) == (0, [1, 2])
    assert (
        ask(
            url, "select from audit_event e join tenant t on t.id = e.tenant_id and t.slug = 'acme' where sequence <= 2"
        )
        == []
    )
    assert sealed("user", "create", "acme", "newcomer").returncode == 0
    seal(sealed)
    second = archived(sealed, "2.ndjson")
    assert sealed("user", "create", "acme", "another").returncode == 0
    seal(sealed)
    assert sealed("audit", "verify").returncode == 0
    whole = ("audit", "verify", "--tenant", "acme", "--archive", "1.ndjson", "--archive", "2.ndjson")
    done = sealed(*whole)
    assert done.returncode == 0, done.stdout + done.stderr
    folder = sealed.folder / "acme"
    folder.mkdir()
    for path in (first, second):
        path.rename(folder / path.name)
    assert sealed("audit", "verify", "--tenant", "acme", "--archive", "acme").stdout == done.stdout
    second = folder / second.name
    for begun in ((), ("--archive", "acme/2.ndjson")):
        partly = sealed("audit", "verify", "--tenant", "acme", *begun)
        seen_from = 3 if begun else 5
        assert (partly.returncode, f"verified from event {seen_from} on" in partly.stdout) == (0, True), partly.stdout
    assert "verified from" not in done.stdout
    assert "audit.archived" in sealed("audit", "list", "acme").stdout + second.read_text()
    assert sealed("audit", "archive", "acme", "3.ndjson", "--before", "2000-01-01").stdout == "Nothing to move.\n"
    assert not (sealed.folder / "3.ndjson").exists()


def test_a_file_that_was_changed_cut_or_given_in_another_order_is_noticed(sealed: Command) -> None:
    content = archived(sealed, "1.ndjson").read_text()
    assert sealed("user", "create", "acme", "newcomer").returncode == 0
    seal(sealed)
    archived(sealed, "2.ndjson")
    verify = ("audit", "verify", "--tenant", "acme", "--archive", "changed.ndjson")
    for changed, told in (
        (content.replace("docs:read", "docs:none"), "the event there was changed"),
        (content.rsplit("\n", 2)[0] + "\n", "do not begin where the archive ends"),
        ("{}\n", "changed.ndjson: Line 1 is not one of an audit archive"),
    ):
        (sealed.folder / "changed.ndjson").write_text(changed)
        done = sealed(*verify)
        assert done.returncode != 0
        assert told in done.stdout + done.stderr
    done = sealed("audit", "verify", "--tenant", "acme", "--archive", "2.ndjson", "--archive", "1.ndjson")
    assert done.returncode != 0
    assert "does not end there" in done.stderr
    assert sealed("audit", "verify", "--tenant", "other", "--archive", "1.ndjson").returncode != 0


def test_a_folder_without_archives_is_not_taken_for_a_verified_one(sealed: Command) -> None:
    """As the folder above the tenant's, or one whose files are gone."""
    archived(sealed, "1.ndjson")
    (sealed.folder / "empty").mkdir()
    done = sealed("audit", "verify", "--tenant", "acme", "--archive", "empty")
    assert done.returncode != 0
    assert "empty has no archives" in done.stderr


def test_a_chain_cut_off_at_its_beginning_is_no_archive(sealed: Command, url: str) -> None:
    """Whoever can write rows cannot say that they were archived."""
    ask(
        url,
        "update audit_head set archived_sequence = 1, archived_mac = '', archived_key_id = key_id, archived_seal = mac",
    )
    done = sealed("audit", "verify", "--tenant", "acme")
    assert (done.returncode, "do not begin where the archive ends" in done.stdout) == (1, True)


def test_a_head_that_was_noted_is_looked_for_in_the_archives_too(sealed: Command) -> None:
    path = archived(sealed, "1.ndjson")
    noted = [f"{one['sequence']}:{one['mac']}" for one in map(json.loads, path.read_text().splitlines()[1:])]
    assert sealed("user", "create", "acme", "newcomer").returncode == 0
    seal(sealed)
    verify = ("audit", "verify", "--tenant", "acme", "--known-head")
    for head in noted:
        place, _, mac = head.partition(":")
        other = f"{place}:{mac[::-1]}"
        assert sealed(*verify, head, "--archive", "1.ndjson").returncode == 0
        differs = sealed(*verify, other, "--archive", "1.ndjson")
        assert (differs.returncode, "not the one that was noted" in differs.stdout) == (1, True)
    last, _, mac = noted[-1].partition(":")
    assert sealed(*verify, noted[-1]).returncode == 0, "where the rows begin"
    assert sealed(*verify, f"{last}:{mac[::-1]}").returncode == 1
    unseen = sealed(*verify, noted[0])
    assert (unseen.returncode != 0, "give the archives" in unseen.stderr) == (True, True)


def test_a_broken_chain_an_existing_file_or_a_missing_key_deletes_nothing(sealed: Command, url: str) -> None:
    (sealed.folder / "there.ndjson").write_text("mine")
    assert sealed("audit", "archive", "acme", "there.ndjson", "--before", LATER).returncode != 0
    assert (sealed.folder / "there.ndjson").read_text() == "mine"
    missing = sealed("audit", "archive", "acme", "key.ndjson", "--before", LATER, IDENTITY_SECRET_KEYS=new_key("k2"))
    assert missing.returncode != 0
    ask(url, "update audit_event set actor = 'operator:somebody_else' where sequence = 2")
    broken = sealed("audit", "archive", "acme", "broken.ndjson", "--before", LATER)
    assert (broken.returncode, "Nothing was deleted" in broken.stderr) == (1, True)
    assert len(ask(url, "select from audit_event where sequence is not null")) == 3


def test_what_was_erased_is_verified_over_a_file_and_the_rest(sealed: Command) -> None:
    assert sealed("user", "create", "acme", "zwackel", "--label", "Zwackelmann").returncode == 0
    seal(sealed)
    assert sealed("user", "erase", "acme", "zwackel", "--yes").returncode == 0
    seal(sealed)
    path = archived(sealed, "1.ndjson")
    assert "wackel" not in path.read_text()
    assert sealed("audit", "verify", "--tenant", "acme", "--archive", "1.ndjson").returncode == 0
    assert sealed("audit", "verify").returncode == 0
