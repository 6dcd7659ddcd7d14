"""The way to a provider: TLS that cannot be trusted, names that are gone or lead inside."""

import socket
import ssl
from pathlib import Path
from typing import Any

import pytest

from tests.faults.conftest import Install, Seen
from tests.faults.installation import Installation
from tests.faults.waiting import until
from tests.openid_provider import RunningProvider
from tests.upstream.certificates import Certificate, issue, server_context

pytestmark = pytest.mark.asyncio

TOGETHER = 10


async def fails(installation: Installation) -> set[str | None]:
    """Make everybody due, wait until nobody could be synced, and say with which reasons."""
    await installation.world.write("update provider_breaker set open_until = now() where open_until > now()")
    await installation.make_due()

    async def look() -> bool:
        return not any(row["is_due"] or row["is_leased"] for row in await installation.syncs())

    await until(look)
    assert await installation.lost_permissions() == []
    assert await installation.ended_sessions() == 0
    assert await installation.events("identity.revoked") == 0
    return {reason for _, reason in await installation.standings()}


def untrusted(folder: Path, authority: Certificate) -> dict[str, ssl.SSLContext]:
    """Servers that must not be sent anything."""

    def server(name: str, context: Certificate, **how: Any) -> ssl.SSLContext:
        return server_context(context.save(folder / f"{name}.pem"), **how)

    local = ("localhost",)
    return {
        "expired": server("expired", issue("a", by=authority, hosts=local, days_valid=(-9, -1))),
        "of another name": server("other", issue("b", by=authority, hosts=("other.example",))),
        "of an unknown authority": server("stranger", issue("c", by=issue("stranger"), hosts=local)),
        "of TLS 1.1": server("old", issue("d", by=authority, hosts=local), maximum=ssl.TLSVersion.TLSv1_1),
    }


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")  # the old server of the test says so of itself
@pytest.mark.faults(22)
async def test_a_provider_whose_tls_cannot_be_trusted_is_sent_nothing(
    install: Install, tmp_path: Path, seen: Seen
) -> None:
    authority = issue("authority")
    issuer = RunningProvider(origin="https://localhost")
    issuer._server.front = server_context(issue("server", by=authority, hosts=("localhost",)).save(tmp_path / "s.pem"))
    with issuer:
        installation = await install(issuer=issuer, client_settings={"ca_certificate_pem": authority.pem})
        (front,) = issuer._server._fronts
        right = front._context
        allowed = {"IDENTITY_OUTBOUND_ALLOW": f"localhost:{issuer.port}"}
        worker = installation.worker(**allowed)
        await installation.sign_in(TOGETHER)
        await installation.synced()
        told = []
        for name, context in untrusted(tmp_path, authority).items():
            await worker.kill()  # with its connections
            front._context = context
            issuer.log.clear()
            worker = installation.worker(**allowed)
            reasons = await fails(installation)
            assert issuer.log.find() == []
            told.append(f"{name}: {', '.join(sorted(map(str, reasons)))}")
        await worker.kill()
        front._context = right
        installation.worker(**allowed)
        await installation.make_due()
        await installation.synced()
        await installation.require_fresh()
    seen(
        f"0 bytes of a request sent and 0 revoked with a certificate or server {'; '.join(told)}; fresh with the right one."
    )


@pytest.mark.faults(23)
async def test_a_providers_name_that_is_gone_or_leads_inside_is_never_connected_to(
    install: Install, seen: Seen
) -> None:
    installation = await install()
    await installation.worker().started()
    await installation.sign_in(TOGETHER)
    await installation.synced()
    told = []
    with socket.create_server(("127.0.0.1", 0)) as inside:
        inside.setblocking(False)
        port = inside.getsockname()[1]
        places = {
            "https://sso.acme.invalid": "name gone",
            f"https://localhost:{port}": "name of this machine",
            f"https://127.0.0.1:{port}": "address of this machine",
            "https://10.0.0.1": "private address",
        }
        for origin, what in places.items():
            await installation.world.write("update provider set issuer = $1", origin)
            reasons = await fails(installation)
            assert None not in reasons
            told.append(f"{what}: {', '.join(sorted(map(str, reasons)))}")
            with pytest.raises(BlockingIOError):
                inside.accept()
    await installation.world.write("update provider set issuer = $1", installation.issuer.issuer)
    await installation.make_due()
    await installation.synced()
    await installation.require_fresh()
    seen(f"0 connections, 0 revoked ({'; '.join(told)}); fresh with the right address.")
