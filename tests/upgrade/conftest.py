"""The code of the previous version, and an installation whose processes run it."""

import asyncio
import subprocess
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import pytest_asyncio

from tests.cli.conftest import SCRIPT, clean_environment, new_key
from tests.faults.installation import Installation, make_installation
from tests.openid_provider import RunningProvider
from tests.upgrade.trees import NotHere, export, next_version, previous_version

KEYS = new_key("k1")


@pytest.fixture(scope="session")
def previous(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The previous version's code."""
    try:
        return export(previous_version(), tmp_path_factory.mktemp("previous") / "tree")
    except NotHere as why:
        pytest.skip(str(why))


@dataclass(frozen=True)
class Release:
    """A version's code, and a database for its commands."""

    tree: Path
    url: str
    redis_url: str
    folder: Path

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `identity-api` of this version to its end."""
        environment = clean_environment(
            IDENTITY_DATABASE_URL=self.url,
            IDENTITY_REDIS_URL=self.redis_url,
            IDENTITY_SECRET_KEYS=KEYS,
            IDENTITY_DATA_DIR=str(self.folder),
            PYTHONPATH=str(self.tree),
        )
        return subprocess.run(
            [SCRIPT, *arguments],
            env=environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


@dataclass(frozen=True)
class Upgrade:
    """A database that the previous version has migrated."""

    previous: Release
    folder: Path

    def next(self, *names: str) -> Release:
        """The next version, which brings these migrations."""
        tree = next_version(self.folder / "-".join(names), *names, previous=self.previous.tree)
        return replace(self.previous, tree=tree)


@pytest.fixture
def upgrade(previous: Path, empty_url: str, redis_url: str, tmp_path: Path) -> Upgrade:
    made = Upgrade(Release(previous, empty_url, redis_url, tmp_path), tmp_path)
    done = made.previous.run("migrate")
    assert done.returncode == 0, done.stderr
    return made


@pytest_asyncio.fixture
async def installation(upgrade: Upgrade, redis_url: str) -> AsyncIterator[Installation]:
    """Its processes run the previous version's code."""
    url, tree = upgrade.previous.url, upgrade.previous.tree
    async with AsyncExitStack() as stack:
        issuer = await asyncio.to_thread(stack.enter_context, RunningProvider())
        made = await make_installation(stack, upgrade.folder, url, url=url, redis_url=redis_url, issuer=issuer)
        made.environment["PYTHONPATH"] = str(tree)
        yield made
