"""A running version keeps working while the next minor version migrates the database, and can be started again afterwards.

Real processes: `serve` and `worker` with the previous version's code, the database and provider that they have.
"""

import asyncio
from pathlib import Path
from uuid import UUID

import pytest

from identity_api.db import grants
from tests.faults.installation import Installation
from tests.faults.processes import API, Program
from tests.faults.waiting import until
from tests.flows.browser import Browser
from tests.upgrade.conftest import Upgrade
from tests.upgrade.trees import FOLLOWING, NotHere, export, last_migration

pytestmark = pytest.mark.asyncio

USERS = (
    "query ($name: String!) { users(filter: {username: $name}) { edges { node { username permissions { name } } } } }"
)


class Running:
    """API and worker of the previous version."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation

    async def start(self) -> None:
        self.worker: Program = self.installation.program("worker")
        self.api: API = await self.installation.api()
        await self.worker.says("worker.started")

    async def stop(self) -> None:
        assert await asyncio.gather(self.api.terminate(), self.worker.terminate()) == [0, 0]

    async def work(self, name: str, admin: str) -> None:
        """Sign somebody in, find them with GraphQL, and sync what the provider says of them now."""
        installation = self.installation
        installation.issuer.add_person(name, ["engineering"])
        await asyncio.to_thread(self._sign_in, name)
        assert await self._listed(name, admin) == ["docs:write"]
        installation.issuer.set_groups(name, ["support"])
        await installation.world.write(
            """
            update identity_sync set due_at = now()
            where user_id = (select id from app_user where tenant_id = $1 and username = $2)
            """,
            installation.world.tenant_id,
            name,
        )
        await until(lambda: self._has(name, "tickets:answer"))
        assert await self._listed(name, admin) == ["tickets:answer"]

    def _sign_in(self, name: str) -> None:
        with Browser() as browser:
            browser.leave_for_provider(f"{self.installation.url_of_api}/login")
            assert browser.press(name.title()).url == f"{self.installation.url_of_api}/account"

    async def _listed(self, name: str, admin: str) -> list[str]:
        status, body = await self.installation.graphql(admin, USERS, name=name)
        assert (status, body.get("errors")) == (200, None)
        [edge] = body["data"]["users"]["edges"]
        return [permission["name"] for permission in edge["node"]["permissions"]]

    async def _has(self, name: str, permission: str) -> bool:
        async with self.installation.world.database.reading() as connection:
            tenant_id = self.installation.world.tenant_id
            user_id: UUID = await connection.fetchval(
                "select id from app_user where tenant_id = $1 and username = $2", tenant_id, name
            )
            return permission in await grants.effective(connection, tenant_id, user_id)


async def test_the_previous_version_works_during_and_after_an_expansion_and_starts_again(
    upgrade: Upgrade, installation: Installation
) -> None:
    """No statement of it depends on how many columns a table has, nor is one that it has prepared refused."""
    admin = await installation.admin("identity:users:read")
    old = Running(installation)
    await old.start()
    await old.work("alice", admin)
    done = await asyncio.to_thread(upgrade.next("expansion").run, "migrate")
    assert f"+ migration {FOLLOWING['expansion']}" in done.stdout, done.stderr
    await old.work("bob", admin)
    await old.stop()
    await old.start()
    await old.work("carol", admin)
    await old.stop()


async def test_on_the_way_back_migrate_has_nothing_to_do_and_doctor_says_whose_schema_it_is(upgrade: Upgrade) -> None:
    assert upgrade.next("expansion").run("migrate").returncode == 0
    migrated = upgrade.previous.run("migrate")
    assert (migrated.returncode, migrated.stdout) == (0, "The schema is up to date.\n")
    assert "a newer version's, which this one works with." in upgrade.previous.run("doctor").stdout


async def test_after_a_contraction_every_start_of_the_previous_version_names_the_migration(upgrade: Upgrade) -> None:
    new = upgrade.next("expansion", "contraction")
    assert new.run("migrate").returncode == 0
    for command in ("migrate", "serve", "worker"):
        refused = upgrade.previous.run(command)
        assert refused.returncode == 78, refused.stderr
        assert f"does not work with migration {FOLLOWING['contraction']}" in refused.stderr + refused.stdout
    assert new.run("tenant", "list").returncode == 0


async def test_a_version_is_taken_from_git_by_its_name(tmp_path: Path) -> None:
    try:
        tree = export("HEAD", tmp_path / "tree")
    except NotHere as why:
        pytest.skip(str(why))
    assert (tree / "identity_api" / "__init__.py").is_file()
    assert last_migration(tree)
    with pytest.raises(NotHere, match="git fetch --depth=1 origin tag of-nobody"):
        export("of-nobody", tmp_path / "other")


async def test_a_plan_says_what_would_run_and_whether_the_running_version_goes_on(upgrade: Upgrade) -> None:
    expands = upgrade.next("expansion").run("migrate", "--plan")
    assert (expands.returncode, expands.stdout.splitlines()) == (
        0,
        [
            f"+ migration {FOLLOWING['expansion']}  expansion",
            "The version that runs now goes on working, and can be started again.",
        ],
    )
    contracts = upgrade.next("contraction").run("migrate", "--plan")
    assert contracts.returncode == 0
    assert f"it does not work with {FOLLOWING['contraction']}." in contracts.stdout
    assert upgrade.previous.run("migrate", "--plan").stdout == "The schema is up to date.\n", "nothing was done"


async def test_a_migration_that_the_database_refuses_is_named_and_undone(upgrade: Upgrade) -> None:
    new = upgrade.next("expansion", "contraction")
    [script] = (new.tree / "piccolo_migrations").glob("*_contraction.sql")
    right = script.read_text()
    script.write_text("create table half (id uuid); alter table provider drop column no_such_column;")
    refused = new.run("migrate")
    assert refused.returncode == 1
    assert refused.stderr == (
        f'Migration {FOLLOWING["contraction"]} (contraction) failed: column "no_such_column" of relation "provider" does'
        " not exist (42703). Nothing of it was done, and migrations before it are kept.\n"
    )
    script.write_text("create table half (id uuid);" + right)
    done = new.run("migrate")
    assert (done.returncode, done.stdout) == (0, f"+ migration {FOLLOWING['contraction']}\n"), done.stderr
