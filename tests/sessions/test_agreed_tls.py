"""TLS to one provider: authorities of its own, our certificate, and the host name in every case (promises 50 and 51)."""

import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from identity_api.clock import system_clock
from identity_api.db.database import Database
from identity_api.providers.client_keys import replace_certificate
from identity_api.sessions.errors import LoginFailed
from identity_api.sessions.login.deps import LoginDeps
from identity_api.sync.deps import SyncDeps
from identity_api.sync.run import sweep
from identity_api.upstream.addresses import AllowList
from identity_api.upstream.exchange import Upstream
from identity_api.upstream.keys import provider_documents
from tests.openid_provider.agreed import AgreedProvider
from tests.sessions.agreements import make_agreed
from tests.sessions.browsers import REDIRECT_URIS, Browser, World
from tests.sessions.conftest import deps_reaching
from tests.upstream.certificates import Certificate, issue, server_context

USERINFO_TOO = {"groups": ("userinfo / groups",)}


@dataclass
class Authorities:
    """One authority that the tenant trusts for its provider, and one that nobody does."""

    ours: Certificate
    other: Certificate
    folder: Path

    def server(
        self, *, by: Certificate, host: str = "localhost", days_valid: tuple[int, int] = (-1, 9)
    ) -> ssl.SSLContext:
        """What a provider presents; it asks for a certificate and takes one of our authority, or none."""
        leaf = issue("server", by=by, hosts=(host,), days_valid=days_valid)
        context = server_context(leaf.save(self.folder / "server.pem"), ca_pem=self.ours.pem)
        context.verify_mode = ssl.CERT_OPTIONAL
        return context

    def client(self, *, by: Certificate) -> str:
        """A certificate of ours with its key, as PEM."""
        return Path(issue("client", by=by).save(self.folder / "client.pem")).read_text("utf-8")


@pytest.fixture(scope="module")
def authorities(tmp_path_factory: pytest.TempPathFactory) -> Authorities:
    return Authorities(issue("Acme"), issue("Somebody else"), tmp_path_factory.mktemp("tls"))


Run = Callable[[ssl.SSLContext], AgreedProvider]


@pytest.fixture
def run(authorities: Authorities) -> Iterator[Run]:
    """Starts providers over TLS."""
    with ExitStack() as stack:

        def start(tls: ssl.SSLContext) -> AgreedProvider:
            provider = AgreedProvider(
                tls=tls, ca_pem=authorities.ours.pem, origin="https://localhost", redirect_uris=REDIRECT_URIS
            )
            return stack.enter_context(provider)

        yield start


@pytest_asyncio.fixture
async def deps_for(database: Database) -> AsyncIterator[Callable[[AgreedProvider], LoginDeps]]:
    async with AsyncExitStack() as stack:

        def make(idp: AgreedProvider) -> LoginDeps:
            deps = deps_reaching(database, f"localhost:{idp.port}")
            stack.push_async_callback(deps.upstream.aclose)
            stack.push_async_callback(deps.documents.aclose)
            return deps

        yield make


MakeParts = Callable[[AgreedProvider], LoginDeps]


async def show(world: World, certificate: str | None) -> bool:
    async with world.database.transaction() as connection:
        return await replace_certificate(connection, world.deps.vault, world.provider, certificate, actor="system")


@pytest.mark.asyncio
async def test_a_provider_of_a_private_authority_is_used_where_that_is_configured(
    run: Run, deps_for: MakeParts, authorities: Authorities
) -> None:
    idp = run(authorities.server(by=authorities.ours))
    world = await make_agreed(deps_for(idp), idp, settings={"ca_certificate_pem": authorities.ours.pem})
    assert (await world.sign_in()).kind == "SESSION"


@pytest.mark.asyncio
@pytest.mark.parametrize("case", ["system's authorities", "other authority", "other host", "expired"])
async def test_promise_51_nothing_is_sent_to_a_provider_that_is_not_trusted(
    run: Run, deps_for: MakeParts, authorities: Authorities, case: str
) -> None:
    """A setting can only replace whom to trust: nothing turns the check off, and the host name counts in every case."""
    kinds: dict[str, dict[str, Any]] = {
        "other authority": {"by": authorities.other},
        "other host": {"by": authorities.ours, "host": "other.example"},
        "expired": {"by": authorities.ours, "days_valid": (-9, -1)},
    }
    idp = run(authorities.server(**kinds.get(case, {"by": authorities.ours})))
    settings = {} if case == "system's authorities" else {"ca_certificate_pem": authorities.ours.pem}
    world = await make_agreed(deps_for(idp), idp, settings=settings)
    with pytest.raises(LoginFailed) as caught:
        await Browser(world.deps).go_to_provider(await world.begin())
    assert (caught.value.code, (caught.value.reason or "")[:11]) == ("PROVIDER_MISCONFIGURED", "TLS_FAILED:")
    why = {"other host": ["OTHER_HOST"], "expired": ["EXPIRED"]}.get(case, ["UNKNOWN_AUTHORITY", "SELF_SIGNED"])
    assert (caught.value.reason or "")[11:] in why
    assert (idp.asked, idp.log.count()) == ([], 0)


@pytest.mark.asyncio
async def test_a_private_authority_of_one_provider_is_no_authority_for_another(
    run: Run, deps_for: MakeParts, authorities: Authorities
) -> None:
    idp = run(authorities.server(by=authorities.ours))
    deps = deps_for(idp)
    trusting = await make_agreed(deps, idp, settings={"ca_certificate_pem": authorities.ours.pem})
    assert (await trusting.sign_in()).kind == "SESSION"
    other = await make_agreed(deps, idp, settings={})
    with pytest.raises(LoginFailed) as caught:
        await other.sign_in()
    assert caught.value.reason in ("TLS_FAILED:UNKNOWN_AUTHORITY", "TLS_FAILED:SELF_SIGNED")


@pytest.mark.asyncio
async def test_promise_50_a_private_authority_opens_no_address(
    run: Run, database: Database, authorities: Authorities, deps_for: MakeParts
) -> None:
    """Whom to trust is the tenant's word; where to connect to stays the operator's."""
    idp = run(authorities.server(by=authorities.ours))
    deps = deps_for(idp)
    upstream = Upstream(allow=AllowList.parse([]))
    documents = provider_documents(upstream, monotonic=time.monotonic)
    values = {name: getattr(deps, name) for name in LoginDeps.__struct_fields__}
    closed = LoginDeps(**{**values, "upstream": upstream, "documents": documents})
    world = await make_agreed(closed, idp, settings={"ca_certificate_pem": authorities.ours.pem})
    with pytest.raises(LoginFailed) as caught:
        await world.sign_in()
    assert (caught.value.code, caught.value.reason) == ("PROVIDER_MISCONFIGURED", "TARGET_NOT_ALLOWED")
    assert idp.log.count() == 0
    await documents.aclose()
    await upstream.aclose()


@pytest.mark.asyncio
async def test_our_certificate_is_shown_where_we_prove_who_we_are(
    run: Run, deps_for: MakeParts, authorities: Authorities
) -> None:
    idp = run(authorities.server(by=authorities.ours))
    idp.agree(demands_certificate=True, par="required")
    settings = {"ca_certificate_pem": authorities.ours.pem}
    world = await make_agreed(deps_for(idp), idp, settings=settings, claims=USERINFO_TOO)
    assert await show(world, authorities.client(by=authorities.ours))
    assert (await world.sign_in()).kind == "SESSION"
    assert [(path, status) for path, status, _ in idp.asked] == [("/par", 201), ("/token", 200), ("/userinfo", 200)]
    idp.asked.clear()
    deps = world.deps
    worker = SyncDeps(
        database=deps.database,
        vault=deps.vault,
        upstream=deps.upstream,
        documents=deps.documents,
        clock=system_clock,
    )
    user_id = await world.fetchval("select user_id from identity where tenant_id = $1", world.tenant.id)
    await world.execute("update identity_sync set due_at = now() where tenant_id = $1", world.tenant.id)
    assert dict((await sweep(worker, user=(world.tenant.id, user_id))).outcomes) == {"ok": 1}
    assert [(path, status) for path, status, _ in idp.asked] == [("/token", 200), ("/userinfo", 200)]


@pytest.mark.asyncio
async def test_without_a_certificate_such_a_provider_refuses_us(
    run: Run, deps_for: MakeParts, authorities: Authorities
) -> None:
    idp = run(authorities.server(by=authorities.ours))
    idp.agree(demands_certificate=True)
    world = await make_agreed(deps_for(idp), idp, settings={"ca_certificate_pem": authorities.ours.pem})
    await show(world, authorities.client(by=authorities.ours))
    await show(world, None)
    with pytest.raises(LoginFailed) as caught:
        await world.sign_in()
    assert caught.value.reason == "TOKEN_REQUEST_REFUSED:invalid_client"


@pytest.mark.asyncio
async def test_a_certificate_of_another_authority_is_refused(
    run: Run, deps_for: MakeParts, authorities: Authorities
) -> None:
    idp = run(authorities.server(by=authorities.ours))
    idp.agree(demands_certificate=True)
    world = await make_agreed(deps_for(idp), idp, settings={"ca_certificate_pem": authorities.ours.pem})
    await show(world, authorities.client(by=authorities.other))
    with pytest.raises(LoginFailed) as caught:
        await world.sign_in()
    # TLS 1.3: the server's refusal comes after our side of the handshake, so the request may have been sent.
    assert (caught.value.code, caught.value.reason) == ("PROVIDER_UNAVAILABLE", "CONNECTION_LOST")
    assert idp.asked == []


@pytest.mark.asyncio
async def test_the_same_certificate_is_written_once_and_is_sealed(
    run: Run, deps_for: MakeParts, authorities: Authorities
) -> None:
    idp = run(authorities.server(by=authorities.ours))
    world = await make_agreed(deps_for(idp), idp, settings={})
    certificate = authorities.client(by=authorities.ours)
    assert [await show(world, certificate), await show(world, certificate)] == [True, False]
    stored = await world.fetchval("select sealed from client_key where tenant_id = $1", world.tenant.id)
    assert b"BEGIN" not in stored
    assert await show(world, None)
    assert await show(world, certificate)
    assert await world.count("client_key") == 1
