"""One imitation, one running application and one office for each test that asks for them."""

import base64
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from identity_api.app import build_api
from identity_api.config import load_settings
from identity_api.db.database import Database
from identity_api.demo.config import Person
from tests.docs.pages import blocks
from tests.openid_provider.imitation import Habits, Imitation
from tests.vendors.office import Office, follow, outbound
from tests.web.site import PUBLIC_URL, running

Follow = Callable[..., Awaitable[Office]]

ALICE = Person(subject="5b1f7c0e-alice", username="alice", name="Alice Archer", email="alice@acme.example")
BOB = Person(subject="9c42d6aa-bob", username="bob", name="Bob Baker", email="bob@acme.example")


@pytest_asyncio.fixture
async def office(
    database: Database, database_url: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Follow]:
    """Follows a guide: `await office("dex", HABITS)`. Alice and Bob are people of the vendor."""
    async with AsyncExitStack() as stack:

        async def followed(
            guide: str, habits: Habits, *, number: int = 0, secret: str | None = None, **changes: Any
        ) -> Office:
            vendor = stack.enter_context(Imitation(habits, [ALICE, BOB]))
            upstream = outbound(vendor)
            stack.push_async_callback(upstream.aclose)
            settings = load_settings(
                {
                    "HOME": "/nonexistent",
                    "IDENTITY_DATABASE_URL": database_url,
                    "IDENTITY_REDIS_URL": redis_url,
                    "IDENTITY_SECRET_KEYS": "test:" + base64.b64encode(os.urandom(32)).decode(),
                    "IDENTITY_PUBLIC_URL": PUBLIC_URL,
                    "IDENTITY_OUTBOUND_ALLOW": f"127.0.0.1:{vendor.port}",
                }
            )
            app = build_api(settings)
            await stack.enter_async_context(running(app))
            if found := re.search(r'client_secret_env = "(\w+)"', blocks(f"docs/providers/{guide}.md", "toml")[number]):
                monkeypatch.setenv(found[1], secret or vendor.client_secret)
            return await follow(guide, vendor, app, database, settings, upstream, tmp_path, number=number, **changes)

        yield followed
