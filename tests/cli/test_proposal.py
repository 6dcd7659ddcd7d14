"""`identity-api proposal`: what admins have proposed, for the operator."""

import json
from uuid import uuid4

from tests.cli.conftest import Command, ask
from tests.cli.test_mapping import TENANT


def test_a_proposal_is_listed_and_shown_with_what_it_would_do_now(command: Command) -> None:
    (command.folder / "acme.toml").write_text(TENANT)
    (command.folder / "acme.toml").chmod(0o600)
    assert command("apply", "acme.toml").returncode == 0
    assert command("user", "create", "acme", "clerk").returncode == 0
    made = uuid4()
    ask(
        command.env["IDENTITY_DATABASE_URL"],
        """
        insert into proposal (id, tenant_id, changes, needs, reason, proposed_by, created_at, expires_at)
        select $1, tenant_id, '[{"change": "CreatePermission", "name": "reports:read"}]', '{identity:permissions:write}',
            'For the reports.', id, now(), now() + interval '1 day' from app_user where username = 'clerk'
        """,
        made,
    )
    [listed] = json.loads(command("proposal", "list", "acme", "--json").stdout)["proposals"]
    assert (listed["id"], listed["state"], listed["proposer"], listed["changes"]) == (str(made), "OPEN", "clerk", 1)
    shown = command("proposal", "show", "acme", made)
    assert "+ permission reports:read" in shown.stdout, shown.stderr
    assert json.loads(command("proposal", "show", "acme", made, "--json").stdout)["set"]["gaining"] == 0
    assert command("proposal", "show", "acme", uuid4()).returncode == 1
