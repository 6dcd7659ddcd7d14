"""Installations of real processes, and the operator's command line."""

import asyncio
import subprocess

from tests.cli.conftest import SCRIPT, template, url
from tests.faults.conftest import install, issuer
from tests.faults.installation import Installation
from tests.flows.browser import Browser

__all__ = ["arrive", "command", "done", "install", "issuer", "template", "url"]


async def command(installation: Installation, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `identity-api` on the installation, to its end."""
    return await asyncio.to_thread(
        subprocess.run,
        [str(SCRIPT), *arguments],
        env=installation.variables(),
        cwd=installation.folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


async def done(installation: Installation, *arguments: str) -> str:
    """What a command prints that has to succeed."""
    ended = await command(installation, *arguments)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


async def arrive(installation: Installation, name: str) -> None:
    """Sign somebody in through the real route, whom the provider knows."""
    await asyncio.to_thread(_arrive, installation.url_of_api, name)


def _arrive(origin: str, name: str) -> None:
    with Browser() as browser:
        browser.leave_for_provider(f"{origin}/login")
        assert browser.press(name.title()).url == f"{origin}/account"
