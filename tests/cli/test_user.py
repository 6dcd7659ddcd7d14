"""`identity-api user`: the first people of a tenant, entered by the operator (S0-05, S1-11, S3-20, S3-22, S3-39)."""

import asyncio
import csv
import io
import json
from pathlib import Path

import pytest

from identity_api.db.database import Database
from identity_api.lifecycle.end_login import end_logins
from identity_api.permissions.service import USERS_READ, USERS_WRITE
from tests.cli.conftest import Command, ask

SALES = """
[[tenants]]
slug = "sales"
name = "Sales"
hosts = ["sales.example.com"]
local_sign_in = true
sso_managed = true

[[tenants.permissions]]
name = "docs:read"

[[tenants.providers]]
slug = "oidc"
issuer = "https://sso.example.com"
client_id = "sales"
client_secret = "a-secret-of-a-test"
provisioning = "LINKED_ONLY"
sync = "OFF"
sync_mode = "NONE"
"""


@pytest.fixture
def sales(command: Command) -> Command:
    """A tenant whose provider makes nobody, and that keeps its users by no other hand."""
    (command.folder / "sales.toml").write_text(SALES)
    (command.folder / "sales.toml").chmod(0o600)
    done = command("apply", "sales.toml")
    assert done.returncode == 0, done.stderr
    return command


def anchors(url: str) -> dict[str, list[str]]:
    rows = ask(
        url,
        "select u.username, array(select anchor from identity i where i.user_id = u.id and unlinked_at is null"
        " order by anchor) as anchors from app_user u",
    )
    return {row["username"]: row["anchors"] for row in rows}


def ended(url: str, said: str) -> None:
    """What a sync writes when the only identity's refresh token is dead."""

    async def write() -> None:
        database = Database(url, pool_size=1)
        await database.open()
        try:
            async with database.transaction() as connection:
                row = await connection.fetchrow("select id, tenant_id from identity")
                await end_logins(
                    connection,
                    row["tenant_id"],
                    [row["id"]],
                    reason="invalid_grant",
                    actor="sync",
                    detail={"said": said},
                )
        finally:
            await database.close()

    asyncio.run(write())


def test_the_first_user_is_made_with_a_way_in_and_the_rights_of_an_admin(sales: Command, url: str) -> None:
    asked = ("user", "create", "sales", "alice", "--label", "Alice A.", "--email", "alice@example.com")
    asked += ("--identity", "oidc=alice@example.com", "--permission", USERS_READ, "--permission", USERS_WRITE)
    shown = sales(*asked, "--dry-run")
    assert (shown.returncode, ask(url, "select from app_user")) == (0, [])
    done = sales(*asked)
    assert (done.returncode, done.stdout) == (0, shown.stdout), done.stderr
    assert done.stdout.splitlines() == [
        "+ user alice",
        "+ identity alice@example.com at oidc for alice",
        f"+ grant {USERS_READ} to alice",
        f"+ grant {USERS_WRITE} to alice",
    ]
    assert anchors(url) == {"alice": ["alice@example.com"]}
    assert sales(*asked).stdout == "Nothing to change.\n"
    sheet = json.loads(sales("user", "show", "sales", "alice", "--json").stdout)
    assert {one["name"] for one in sheet["permissions"]} == {USERS_READ, USERS_WRITE}
    events = {row["action"] for row in ask(url, "select action from audit_event where actor like 'operator:%'")}
    assert {"user.created", "identity.linked", "grant.opened"} <= events


def test_users_are_listed_kept_out_and_let_in_again(sales: Command, url: str) -> None:
    sales("user", "create", "sales", "alice", "--identity", "oidc=a1")
    assert json.loads(sales("user", "list", "sales", "--json").stdout)["users"][0]["providers"] == ["oidc"]
    assert "alice" in sales("user", "list", "sales").stdout
    assert sales("user", "disable", "sales", "alice").returncode == 0
    assert [row["disabled_at"] is not None for row in ask(url, "select disabled_at from app_user")] == [True]
    assert sales("user", "enable", "sales", "alice").returncode == 0
    nobody = sales("user", "disable", "sales", "Alice")
    assert (nobody.returncode, "no user Alice" in nobody.stderr) == (1, True)


def test_ways_in_are_linked_and_taken_away_by_name(sales: Command, url: str) -> None:
    sales("user", "create", "sales", "alice")
    for anchor in ("A1", "a1"):
        assert sales("user", "link", "sales", "alice", "oidc", anchor).returncode == 0
    assert anchors(url) == {"alice": ["A1", "a1"]}
    taken = sales("user", "create", "sales", "bob", "--identity", "oidc=a1")
    assert (taken.returncode, "is alice's" in taken.stderr) == (1, True)
    assert sales("user", "unlink", "sales", "alice", "oidc").returncode == 2
    assert sales("user", "unlink", "sales", "alice", "oidc", "a1").returncode == 0
    assert anchors(url) == {"alice": ["A1"]}
    ask(url, "update identity set state = 'QUARANTINED' where unlinked_at is null")
    assert sales("user", "release", "sales", "alice", "oidc").returncode == 0
    assert [row["state"] for row in ask(url, "select state from identity where unlinked_at is null")] == ["REVOKED"]


def test_a_password_link_leads_to_the_tenants_own_host(sales: Command) -> None:
    """S0-05, S3-39: where the tenant has `local_sign_in`."""
    done = sales("user", "create", "sales", "alice", "--password-link")
    assert "https://sales.example.com/auth/password/ipw_" in done.stdout
    again = json.loads(sales("user", "password-link", "sales", "alice", "--json").stdout)
    assert again["url"].startswith("https://sales.example.com/auth/password/")
    sales("apply", "-", stdin=SALES.replace("local_sign_in = true", "local_sign_in = false").encode())
    refused = sales("user", "password-link", "sales", "alice")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "`local_sign_in = true`" in refused.stderr


def test_a_permission_that_there_is_not_is_told_as_grant_tells_it(sales: Command, url: str) -> None:
    done = sales("user", "create", "sales", "alice", "--permission", "docs:write")
    assert (done.returncode, "there is no permission docs:write" in done.stderr) == (1, True), done.stderr
    assert ask(url, "select from app_user") == []
    assert sales("user", "create", "sales", "alice", "--permission", "docs:read").returncode == 0


def test_nobody_is_made_for_a_password_link_that_cannot_be(sales: Command, url: str) -> None:
    sales("apply", "-", stdin=SALES.replace("local_sign_in = true", "local_sign_in = false").encode())
    asked = ("user", "create", "sales", "alice", "--permission", USERS_READ)
    refused = sales(*asked, "--password-link")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "`local_sign_in = true`" in refused.stderr
    assert ask(url, "select from app_user") == []
    assert sales(*asked).returncode == 0


TABLE = f"""username,display_label,email,provider,anchor,permissions
alice,Alice A.,alice@example.com,oidc,alice@example.com,{USERS_READ} docs:read
alice,,,oidc,alice@other.example,
"bob, junior",,,oidc,bob@example.com,
carol,,,,,
"""


def test_a_table_of_users_is_shown_and_made_and_then_left_alone(sales: Command, tmp_path: Path, url: str) -> None:
    path = tmp_path / "users.csv"
    path.write_text(TABLE, "utf-8-sig")
    shown = sales("user", "import", "sales", path, "--dry-run")
    assert (shown.returncode, anchors(url)) == (0, {}), shown.stderr
    done = sales("user", "import", "sales", path)
    assert (done.returncode, done.stdout) == (0, shown.stdout), done.stderr
    assert anchors(url) == {
        "alice": ["alice@example.com", "alice@other.example"], "bob, junior": ["bob@example.com"], "carol": [],
    }  # fmt: skip
    assert sales("user", "import", "sales", path).stdout == "Nothing to change.\n"


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("username,", "name,", "no column name"),
        ("carol,", ",", "Line 5: username is empty"),
        ("oidc,bob", ",bob", "Line 4: provider and anchor belong together"),
        ("oidc,bob", "other,bob", "there is no provider other"),
        ("docs:read", "docs:raed", "no permission docs:raed"),
        (
            "bob@example.com",
            "alice@example.com",
            "Line 4: alice@example.com at provider oidc is alice's in a line before",
        ),
        ("alice@example.com,oidc", "alice,oidc", "email"),
        ("alice,,,oidc", "alice,Somebody,,oidc", "Line 3: alice is called otherwise"),
        ("carol,", "\n,", "Line 6: username is empty"),
        ('"bob, junior",,,oidc', '"bob\njunior",,,', "Line 5: provider and anchor belong together"),
        ("carol,,,,,", "carol,,,,,,more", "Line 5: there are more cells than columns"),
    ],
)
def test_a_mistake_in_a_table_is_named_and_nobody_is_made(
    sales: Command, tmp_path: Path, url: str, old: str, new: str, problem: str
) -> None:
    path = tmp_path / "users.csv"
    assert old in TABLE
    path.write_text(TABLE.replace(old, new, 1))
    done = sales("user", "import", "sales", path)
    assert (done.returncode, problem in done.stderr) == (78, True), done.stderr
    assert anchors(url) == {}


def test_what_cannot_be_in_a_table_is_told_by_its_line(sales: Command, tmp_path: Path, url: str) -> None:
    path = tmp_path / "users.csv"
    path.write_text("username,email,permissions\nada,ada@x.example,\neve,nonsense,nothing:there\n")
    done = sales("user", "import", "sales", path)
    assert done.returncode == 78
    assert done.stderr.splitlines() == [
        "Line 3, user eve, email: This is not an e-mail address.",
        "Line 3, user eve: there is no permission nothing:there.",
    ]
    assert anchors(url) == {}


def test_lines_that_cannot_be_read_and_users_that_cannot_be_made_are_told_together(
    sales: Command, tmp_path: Path, url: str
) -> None:
    path = tmp_path / "users.csv"
    path.write_text(
        "username,email,provider,anchor,permissions\nada,ada@x.example,oidc,ada@x.example,\nada,,other,ada,nothing:there\n"
        ",,,,\neve,nonsense,,,\nbob,,oidc,ada@x.example,\nmia,,oidc,,\n"
    )
    done = sales("user", "import", "sales", path)
    assert done.returncode == 78
    assert done.stderr.splitlines() == [
        "Line 3, user ada: there is no provider other.",
        "Line 3, user ada: there is no permission nothing:there.",
        "Line 4: username is empty.",
        "Line 5, user eve, email: This is not an e-mail address.",
        "Line 6: ada@x.example at provider oidc is ada's in a line before.",
        "Line 7: provider and anchor belong together.",
    ]
    assert anchors(url) == {}


USERS = """
[[tenants.users]]
username = "alice"
email = "alice@example.com"
identities = [{ provider = "oidc", anchor = "alice@example.com" }]
permissions = ["identity:users:read", "identity:users:write", "identity:grants:write"]
"""


def test_users_of_a_declaration_are_made_with_the_tenant(command: Command, url: str) -> None:
    """S1-11: a tenant and its first admin in one file; nothing of it is taken back by applying it again."""
    whole = command("apply", "-", stdin=(SALES + USERS).encode())
    assert whole.returncode == 0, whole.stderr
    assert "+ sales: user alice" in whole.stdout
    assert anchors(url) == {"alice": ["alice@example.com"]}
    assert command("apply", "-", stdin=(SALES + USERS).encode()).stdout == "Nothing to change.\n"


def test_a_user_who_cannot_be_entered_keeps_the_whole_file_out(command: Command, url: str) -> None:
    for old, new, problem in (
        ('provider = "oidc"', 'provider = "odic"', "there is no provider odic"),
        ("identity:users:read", "docs:raed", "there is no permission docs:raed"),
        ('username = "alice"', 'username = " alice"', "username"),
    ):
        done = command("apply", "-", stdin=(SALES + USERS.replace(old, new)).encode())
        assert (done.returncode, problem in done.stderr) == (78, True), done.stderr
        assert ask(url, "select from tenant") == []


def test_how_a_provider_ended_a_login_is_shown_with_the_time(sales: Command, url: str) -> None:
    """S0-12: somebody who was removed there, and not somebody who was away for long."""
    sales("user", "create", "sales", "alice", "--identity", "oidc=a1")
    assert json.loads(sales("user", "show", "sales", "alice", "--json").stdout)["identities"][0]["login_end"] is None
    said = "invalid_grant: AADSTS50057: The user account is disabled."
    ended(url, said)
    [identity] = json.loads(sales("user", "show", "sales", "alice", "--json").stdout)["identities"]
    assert identity["login_end"].pop("at")
    assert identity["login_end"] == {"cause": "REMOVED", "said": said}
    shown = sales("user", "show", "sales", "alice").stdout
    assert "identity a1 at oidc: REVOKED, invalid_grant" in shown
    assert "UTC: REMOVED" in shown
    assert said in shown


def test_a_user_is_erased_only_on_purpose_and_nothing_of_them_is_listed(sales: Command) -> None:
    made = sales("user", "create", "sales", "zwackel", "--label", "Zwackelmann", "--identity", "oidc=4711")
    assert made.returncode == 0, made.stderr
    asked = sales("user", "erase", "sales", "zwackel", stdin=b"n\n")
    assert (asked.returncode, "zwackel" in sales("user", "list", "sales").stdout) == (1, True)
    erased = sales("user", "erase", "sales", "zwackel", "--yes", "--json")
    assert (erased.returncode, list(json.loads(erased.stdout))) == (0, ["erased"])
    listed = sales("user", "list", "sales").stdout + sales("audit", "export", "sales").stdout
    assert "wackel" not in listed
    assert sales("audit", "verify").returncode == 0
    assert sales("user", "erase", "sales", "zwackel", "--yes").returncode == 1


def test_users_are_taken_out_as_a_table_that_changes_nothing_when_it_is_taken_in(
    sales: Command, tmp_path: Path, url: str
) -> None:
    path = tmp_path / "users.csv"
    path.write_text(TABLE + "=cmd(),'quoted,,oidc,@anchor,\n", "utf-8")
    assert sales("user", "import", "sales", path).returncode == 0
    path.write_text(TABLE + "'=cmd(),,,,,\n", "utf-8")
    assert sales("user", "import", "sales", path).stdout == "Nothing to change.\n"
    exported = sales("user", "export", "sales").stdout
    assert "'=cmd(),quoted,,oidc,'@anchor," in exported
    again = sales("user", "import", "sales", "-", stdin=exported.encode())
    assert (again.returncode, again.stdout) == (0, "Nothing to change.\n"), again.stderr
    before = anchors(url)
    assert before["=cmd()"] == ["@anchor"]


def test_identities_are_listed_and_those_in_a_table_released(sales: Command, tmp_path: Path, url: str) -> None:
    path = tmp_path / "users.csv"
    path.write_text(TABLE, "utf-8")
    assert sales("user", "import", "sales", path).returncode == 0
    ask(url, "update identity set state = 'QUARANTINED', state_reason = 'OTHER_PERSON' where anchor like 'alice%'")
    held = sales("user", "identities", "sales", "--state", "QUARANTINED", "--csv").stdout
    rows = list(csv.DictReader(io.StringIO(held)))
    assert [(one["username"], one["anchor"]) for one in rows] == [
        ("alice", "alice@example.com"),
        ("alice", "alice@other.example"),
    ]
    listed = json.loads(sales("user", "identities", "sales", "--json").stdout)["identities"]
    assert {one["state"] for one in listed if one["username"] == "alice"} == {"QUARANTINED"}
    rows = ask(url, "select i.id, i.user_id, i.provider_id from identity i")
    assert {tuple(map(str, row.values())) for row in rows} == {
        (one["id"], one["user_id"], one["provider_id"]) for one in listed
    }
    assert "bob, junior" in sales("user", "identities", "sales").stdout
    path.write_text(held + "nobody,oidc,x,,,,\n", "utf-8")
    refused = sales("user", "release-table", "sales", path)
    assert (refused.returncode, "Line 4: There is no user nobody." in refused.stderr) == (78, True)
    assert sales("user", "identities", "sales", "--state", "QUARANTINED", "--csv").stdout == held
    path.write_text(held, "utf-8")
    done = sales("user", "release-table", "sales", path, "--json")
    assert len(json.loads(done.stdout)["released"]) == 2
    assert json.loads(sales("user", "identities", "sales", "--state", "QUARANTINED", "--json").stdout) == {
        "identities": []
    }
    nobody = sales("user", "identities", "sales", "--state", "QUARANTINED", "--csv").stdout
    none = sales("user", "release-table", "sales", "-", stdin=nobody.encode())
    assert (none.returncode, none.stdout) == (0, "Nothing to change.\n"), none.stderr


def test_a_state_that_there_is_not_is_no_empty_list(sales: Command) -> None:
    refused = sales("user", "identities", "sales", "--state", "QUARANTINE")
    assert (refused.returncode, "QUARANTINED" in refused.stderr) == (2, True), refused.stderr
    assert sales("user", "identities", "sales", "--state", "QUARANTINED").returncode == 0


def test_a_table_without_a_column_that_is_needed_is_refused(sales: Command) -> None:
    refused = sales("user", "release-table", "sales", "-", stdin=b"username,anchor\nalice,a1\n")
    assert (refused.returncode, refused.stderr) == (78, "The column provider is missing.\n")
    empty = sales("user", "release-table", "sales", "-", stdin=b"")
    assert (empty.returncode, "The column username is missing." in empty.stderr) == (78, True)


def test_a_table_of_releases_is_done_whole_or_not_at_all(sales: Command, tmp_path: Path, url: str) -> None:
    path = tmp_path / "users.csv"
    path.write_text(TABLE, "utf-8")
    assert sales("user", "import", "sales", path).returncode == 0
    ask(url, "update identity set state = 'QUARANTINED', state_reason = 'OTHER_PERSON' where anchor like 'alice%'")
    held = sales("user", "identities", "sales", "--csv").stdout
    path.write_text(held, "utf-8")
    refused = sales("user", "release-table", "sales", path)
    assert refused.returncode == 78
    assert "Line 4: The identity is UNSYNCED, and not in quarantine." in refused.stderr
    assert sales("user", "identities", "sales", "--csv").stdout == held
    head, *lines = [line for line in held.splitlines() if "alice" in line or "username" in line]
    path.write_text("\n".join([head, *lines, *lines]), "utf-8")
    done = sales("user", "release-table", "sales", path, "--json")
    assert len(json.loads(done.stdout)["released"]) == 2, "a line that is there twice is done once"
