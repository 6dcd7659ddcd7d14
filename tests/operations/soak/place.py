"""Where a soak happens: servers of its own, each behind a proxy that does it harm, two APIs behind a balancer, two workers."""

import asyncio
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from identity_api.db.migrate import migrate
from identity_api.embedded.postgres import Postgres
from identity_api.embedded.valkey import Valkey
from tests import factories as make
from tests.faults.installation import Installation, make_installation, socket_of, through
from tests.faults.processes import API, Worker
from tests.faults.proxy import Proxy
from tests.openid_provider import Rotation, RunningProvider
from tests.operations.balancer import Balancer
from tests.sync.world import Person

EDITED = tuple(f"team-{number}" for number in range(6))
"""Groups whose mappings an admin makes and deletes."""
GROUPS = ("engineering", "support", *EDITED)
ADMIN = ("identity:mappings:write", "identity:users:read")
EXTRA = ("wiki:read", "wiki:write")
MOST_LOGINS = 1_000_000
"""More than a soak of a week makes."""


@dataclass
class Place:
    """See the module. The first API and the first worker are never killed: what grows in them is a leak."""

    folder: Path
    installation: Installation
    valkey: Valkey
    database_link: Proxy
    valkey_link: Proxy
    admin: Person
    apis: list[API]
    workers: list[Worker]

    async def start_api(self, number: int) -> None:
        """Put a new one where the old one was."""
        self.apis[number:] = [await self.installation.api(number + 1), *self.apis[number + 1 :]]

    async def start_worker(self, number: int) -> None:
        """The same, for workers."""
        self.workers[number:] = [self.installation.worker(), *self.workers[number + 1 :]]
        await self.workers[number].started()

    async def admin_session(self) -> str:
        """A new session of the admin, which may change mappings for its first minutes."""
        return await self.installation.open_session(self.admin)


async def make_place(stack: AsyncExitStack, names: list[str]) -> Place:
    """Start everything; it ends with the stack."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(64))
    folder = _open_folder()
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    postgres, valkey = Postgres(folder, fast=True), Valkey()
    for server in (postgres, valkey):
        server.start()
        stack.callback(server.stop)
    await migrate(postgres.url)
    # It forgets the oldest logins beyond a number, which is a word of the provider like any other.
    issuer = await asyncio.to_thread(stack.enter_context, RunningProvider(max_refresh_families=MOST_LOGINS))
    database_link = stack.enter_context(Proxy(socket_of(postgres.url), is_postgres=True))
    valkey_link = stack.enter_context(Proxy(socket_of(valkey.url)))
    balancer = stack.enter_context(Balancer())
    installation = await make_installation(
        stack,
        folder,
        postgres.url,
        url=through(postgres.url, database_link.port),
        redis_url=f"redis://127.0.0.1:{valkey_link.port}/0",
        issuer=issuer,
        behind=balancer.port,
    )
    balancer.ports += installation.ports[1:]
    # A strict provider ends a login whose new token was lost in a kill. A soak's people must lose nothing.
    issuer.set_rotation(Rotation.GRACE, grace_seconds=3_600)
    for name in names:
        issuer.add_person(name, ["engineering"])
    place = Place(folder, installation, valkey, database_link, valkey_link, await _admin(installation), [], [])
    for number in range(2):
        await place.start_api(number)
        await place.start_worker(number)
    return place


def _open_folder() -> Path:
    """A folder that the database's own user may enter."""
    folder = Path(tempfile.mkdtemp(prefix="identity-api-soak-"))
    folder.chmod(0o711)
    return folder


async def _admin(installation: Installation) -> Person:
    world = installation.world
    async with world.database.transaction() as connection:
        for name in EXTRA:
            await make.make_permission(connection, world.tenant_id, name)
        ids = [await make.make_permission(connection, world.tenant_id, name) for name in ADMIN]
        await make.make_mapping(connection, world.tenant_id, "admins", ids)
    (admin,) = await installation.sign_in(1, is_due=False, groups=["admins"])
    return admin
