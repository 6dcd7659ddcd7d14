"""`migrate`, and what every command says of a database that is not as it should be (bad inputs 71 and 72)."""

from pathlib import Path

from identity_api.db.migrate import known_migrations
from tests.cli.conftest import Command, ask


def test_a_new_database_is_migrated_once(tmp_path: Path, empty_url: str) -> None:
    command = Command(tmp_path, IDENTITY_DATABASE_URL=empty_url)
    assert command("tenant", "list").returncode == 78
    first = command("migrate")
    assert first.returncode == 0, first.stderr
    assert first.stdout.count("+ migration") == len(known_migrations())
    assert command("migrate").stdout == "The schema is up to date.\n"
    assert command("migrate", "--json").stdout == '{"migrations":[]}\n'
    assert command("tenant", "list").returncode == 0


def test_a_database_of_something_else_is_left_alone(tmp_path: Path, empty_url: str) -> None:
    ask(empty_url, "create table their_own (id int)")
    done = Command(tmp_path, IDENTITY_DATABASE_URL=empty_url)("migrate")
    assert done.returncode == 78
    assert "tables of another application" in done.stderr
    assert [
        row["tablename"] for row in ask(empty_url, "select tablename from pg_tables where schemaname = 'public'")
    ] == ["their_own"]


def test_a_schema_without_its_last_migration_is_refused_with_what_to_do(command: Command, url: str) -> None:
    assert command("tenant", "list").returncode == 0
    ask(url, "delete from migration where name = (select max(name) from migration)")
    done = command("tenant", "list")
    assert done.returncode == 78
    assert "identity-api migrate" in done.stderr


def test_a_schema_of_a_newer_version_is_refused(command: Command, url: str) -> None:
    ask(
        url,
        "insert into migration (name, app_name, ran_on) values ('2099-01-01T00:00:00:000000', 'identity_api', now())",
    )
    for arguments in (("tenant", "list"), ("migrate",)):
        done = command(*arguments)
        assert done.returncode == 78
        assert "newer version" in done.stderr


def test_a_schema_that_a_newer_version_has_only_expanded_is_worked_with(command: Command, url: str) -> None:
    newer = "2099-01-01T00:00:00:000000"
    ask(url, f"insert into migration (name, app_name, ran_on) values ('{newer}', 'identity_api', now())")
    ask(url, f"insert into schema_compatibility (migration, works_with) values ('{newer}', '{known_migrations()[-1]}')")
    for arguments in (("tenant", "list"), ("migrate",)):
        done = command(*arguments)
        assert done.returncode == 0, done.stderr


def test_a_database_that_does_not_answer_is_exit_code_69(command: Command, tmp_path: Path) -> None:
    nowhere = f"postgresql://app@/identity?host={tmp_path}"
    for arguments in (("tenant", "list"), ("migrate",)):
        done = command(*arguments, IDENTITY_DATABASE_URL=nowhere)
        assert done.returncode == 69
        assert "does not answer" in done.stderr
        assert "Traceback" not in done.stderr


def test_a_database_that_does_not_exist_is_exit_code_69_with_the_servers_word(command: Command, url: str) -> None:
    name = url.rpartition("/cli_")[2]
    done = command("tenant", "list", IDENTITY_DATABASE_URL=url.replace(name.partition("?")[0], "nobody_made_it"))
    assert done.returncode == 69
    assert "does not exist" in done.stderr


def test_without_any_database_the_first_step_is_named(offline: Command) -> None:
    done = offline("tenant", "list")
    assert done.returncode == 78
    assert "identity-api dev" in done.stderr
