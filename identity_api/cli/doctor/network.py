"""Check the notices that the running API shows to its own machine, and the settings for proxies."""

import asyncio
import http.client
import json
from typing import Any
from urllib.parse import urlsplit

from identity_api.cli.doctor.finding import Finding, ok, warn
from identity_api.config import Settings, is_loopback

_SECONDS = 2.0


async def examine_api(settings: Settings) -> list[Finding]:
    """The API's notices if it runs here, and whether a proxy is expected and not trusted."""
    details = await asyncio.to_thread(_ask, "127.0.0.1" if is_loopback(settings.host) else settings.host, settings.port)
    findings = [_proxies(settings)]
    if details is None:
        return [*findings, ok("API", f"none answers on port {settings.port} of this machine; nothing to ask it.")]
    return findings + [warn("API", f"{notice}.") for notice in details.get("notices", ())]


def _proxies(settings: Settings) -> Finding:
    is_public = not is_loopback(urlsplit(settings.public_url).hostname or "")
    if is_public and not settings.trusted_proxies:
        return warn(
            "proxies",
            "the public URL is https, which a proxy must end, and none is trusted: everybody shares the proxy's address in "
            "the rate limits. Set IDENTITY_TRUSTED_PROXIES.",
        )
    return ok("proxies", f"{len(settings.trusted_proxies)} network(s) trusted.")


def _ask(host: str, port: int) -> dict[str, Any] | None:
    connection = http.client.HTTPConnection(host.strip("[]"), port, timeout=_SECONDS)
    try:
        connection.request("GET", "/health/ready")
        found = json.loads(connection.getresponse().read(65_536))
    except (OSError, ValueError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    return found if isinstance(found, dict) else None
