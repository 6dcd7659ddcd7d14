"""Whether `dev` starts the demo provider: where the database has the demo, whoever manages it by now."""

import asyncio
from pathlib import Path

import pytest

from identity_api.cli.context import read_settings
from identity_api.cli.dev.demo_tenant import SECRET_FILE, Demo, ensure_demo
from identity_api.cli.dev.preflight import Asked
from identity_api.errors import ConfigurationError
from tests.cli.conftest import Command, ask, new_key
from tests.cli.test_apply import DECLARATION


def has_demo(folder: Path, url: str, *, port: int = 8000) -> bool:
    """What `dev` finds or makes in the database."""
    (folder / SECRET_FILE).write_text("the-demo-client-secret\n")
    (folder / SECRET_FILE).chmod(0o600)
    given = {"IDENTITY_DATA_DIR": str(folder), "IDENTITY_SECRET_KEYS": new_key("k1")}
    settings = read_settings(demo=True, overrides=given)
    return asyncio.run(ensure_demo(url, settings, Demo(port, 8001), Asked(port=port)))


def test_a_demo_that_was_handed_over_to_its_admins_is_still_the_demo(
    command: Command, tmp_path: Path, url: str
) -> None:
    assert has_demo(tmp_path, url)
    assert command("hand-over", "demo").returncode == 0
    assert [row["managed_by"] for row in ask(url, "select managed_by from provider")] == ["API"]
    assert has_demo(tmp_path, url)
    with pytest.raises(ConfigurationError, match=r"Run: .* dev --port 8000, or give it back"):
        has_demo(tmp_path, url, port=8010)
    assert command("hand-over", "demo", "--provider", "demo", "--to", "file").returncode == 0
    assert has_demo(tmp_path, url, port=8010)


def test_a_database_with_tenants_of_its_own_gets_no_demo(command: Command, tmp_path: Path, url: str) -> None:
    assert command("apply", "-", stdin=DECLARATION.encode(), ACME_SECRET="s3cret").returncode == 0
    assert not has_demo(tmp_path, url)
    assert [row["slug"] for row in ask(url, "select slug from tenant")] == ["acme"]
