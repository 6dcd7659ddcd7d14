"""A provider that takes no connection without our certificate, and one that has a place of its own for such clients.

Every call there is made with the provider's own TLS settings (RFC 8705; promise 51): discovery, keys, pushed requests,
tokens, UserInfo, refreshes, logout tokens and the self-test.
"""

import ssl
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
from identity_api.providers.self_test.run import SelfTest, SelfTestDeps, self_test
from identity_api.sessions.errors import LoginFailed
from identity_api.sessions.login.deps import LoginDeps
from identity_api.sessions.logout.backchannel import use_logout_token
from identity_api.sessions.logout.provider_logout import LogoutRefused
from identity_api.sync.deps import SyncDeps
from identity_api.sync.run import sweep
from tests.openid_provider.agreed import AgreedProvider
from tests.sessions.agreements import make_agreed
from tests.sessions.browsers import REDIRECT_URIS, Browser, World
from tests.sessions.conftest import deps_reaching
from tests.upstream.certificates import Certificate, issue, server_context

FROM_USERINFO = {"groups": ("userinfo / groups",)}
REQUIRED, REFUSED = "CLIENT_CERTIFICATE_REQUIRED", "CLIENT_CERTIFICATE_REFUSED"


@dataclass
class Papers:
    """The authority of provider and client, and what each shows."""

    authority: Certificate
    server_file: str
    client: str
    """Ours, with its key, as the others."""
    client_file: str
    stranger: str
    self_signed: Certificate
    self_signed_client: str

    def server(self, *, demands: str | None) -> ssl.SSLContext:
        """What a provider presents; with `demands`, to clients with a certificate of these authorities only."""
        return server_context(self.server_file, ca_pem=demands)

    def browser(self) -> ssl.SSLContext:
        """People at such a provider have certificates of their own."""
        context = ssl.create_default_context(cadata=self.authority.pem)
        context.load_cert_chain(self.client_file)
        return context


def _both(file: str) -> tuple[str, str]:
    return Path(file).read_text("utf-8"), file


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    folder, authority = tmp_path_factory.mktemp("papers"), issue("Acme")
    self_signed = issue("identity-api")
    return Papers(
        authority,
        issue("server", by=authority, hosts=("localhost",)).save(folder / "server.pem"),
        *_both(issue("client", by=authority).save(folder / "client.pem")),
        _both(issue("client", by=issue("Somebody else")).save(folder / "stranger.pem"))[0],
        self_signed,
        _both(self_signed.save(folder / "self-signed.pem"))[0],
    )


Run = Callable[..., AgreedProvider]


@pytest.fixture
def run(papers: Papers) -> Iterator[Run]:
    """Starts providers over TLS; each has keys of its own, so that a test may rotate them."""
    with ExitStack() as stack:

        def start(*, front: str | None, mtls: str | None = None) -> AgreedProvider:
            provider = AgreedProvider(
                front=papers.server(demands=front),
                mtls=papers.server(demands=mtls) if mtls else None,
                browser_tls=papers.browser(),
                origin="https://localhost",
                redirect_uris=REDIRECT_URIS,
                own_key=True,
            )
            return stack.enter_context(provider)

        yield start


Reach = Callable[..., LoginDeps]


@pytest_asyncio.fixture
async def reach(database: Database) -> AsyncIterator[Reach]:
    async with AsyncExitStack() as stack:

        def make(*ports: int) -> LoginDeps:
            deps = deps_reaching(database, *[f"localhost:{port}" for port in ports])
            stack.push_async_callback(deps.upstream.aclose)
            stack.push_async_callback(deps.documents.aclose)
            return deps

        yield make


async def show(world: World, pem: str | None) -> None:
    """Let this certificate with its key be ours."""
    async with world.database.transaction() as connection:
        await replace_certificate(connection, world.deps.vault, world.provider, pem, actor="system")


async def guarded(run: Run, reach: Reach, papers: Papers, **more: Any) -> World:
    """A tenant at a provider that takes no connection without a certificate of the authority."""
    idp = run(front=papers.authority.pem)
    settings = {"ca_certificate_pem": papers.authority.pem}
    return await make_agreed(reach(idp.port), idp, settings=settings, claims=FROM_USERINFO, **more)


async def sync(world: World) -> dict[str, int]:
    """Sync whoever has signed in, in a process that remembers nothing; how it ended."""
    deps = world.deps
    worker = SyncDeps(
        database=deps.database,
        vault=deps.vault,
        upstream=deps.upstream,
        documents=deps.documents,
        clock=system_clock,
    )
    user_id = await world.fetchval("select user_id from identity where tenant_id = $1", world.tenant.id)
    await world.execute(
        "update identity_sync set due_at = now(), lease_until = null where tenant_id = $1", world.tenant.id
    )
    return dict((await sweep(worker, user=(world.tenant.id, user_id))).outcomes)


async def self_tested(world: World) -> SelfTest:
    """The self-test, as `provider test` runs it."""
    deps = SelfTestDeps(
        database=world.database,
        vault=world.deps.vault,
        upstream=world.deps.upstream,
        clock=system_clock,
        leeway_seconds=60,
    )
    return await self_test(deps, world.provider, world.tenant.slug)


async def refused(world: World) -> tuple[str, str | None]:
    """How a login failed."""
    with pytest.raises(LoginFailed) as caught:
        await world.sign_in()
    return caught.value.code, caught.value.reason


@pytest.mark.asyncio
async def test_a_login_and_everything_after_it_is_made_with_the_certificate(
    run: Run, reach: Reach, papers: Papers
) -> None:
    """Pushed request, code, keys, UserInfo; refresh; rotated keys; a logout token; all of it over mutual TLS."""
    world = await guarded(run, reach, papers)
    assert isinstance(world.idp, AgreedProvider)
    world.idp.agree(par="required")
    await show(world, papers.client)
    assert (await world.sign_in()).kind == "SESSION"
    called = {path for path, _ in world.idp.hosts}
    assert {"/.well-known/openid-configuration", "/par", "/token", "/jwks", "/userinfo"} <= called
    assert await sync(world) == {"ok": 1}
    before = world.idp.log.count("/jwks")
    world.idp.rotate_key(keep_old=False)
    assert (await world.sign_in()).kind == "SESSION"
    assert world.idp.log.count("/jwks") == before + 1
    token = world.idp.logout_token("alice")
    assert await use_logout_token(world.deps, world.provider, world.tenant.slug, token) == "ended"


@pytest.mark.asyncio
@pytest.mark.parametrize(("own", "code"), [(None, REQUIRED), ("stranger", REFUSED)])
async def test_without_a_certificate_that_it_takes_nobody_signs_in_and_the_reason_is_named(
    run: Run, reach: Reach, papers: Papers, own: str | None, code: str
) -> None:
    """Discovery is the first call, and the same settings count for it."""
    world = await guarded(run, reach, papers)
    await show(world, own and getattr(papers, own))
    assert await refused(world) == ("PROVIDER_MISCONFIGURED", code)
    assert world.idp.log.count() == 0
    await show(world, papers.client)
    assert (await world.sign_in()).kind == "SESSION"


@pytest.mark.asyncio
async def test_a_certificate_that_is_gone_stops_refreshes_and_costs_nobody_their_login(
    run: Run, reach: Reach, papers: Papers
) -> None:
    """What was fetched with the certificate serves nobody without it; with it, all goes on."""
    world = await guarded(run, reach, papers)
    await show(world, papers.client)
    await world.sign_in()
    await show(world, None)
    assert await sync(world) == {REQUIRED.lower(): 1}
    assert await world.fetchval("select state from identity where tenant_id = $1", world.tenant.id) == "STALE"
    with pytest.raises(LogoutRefused) as caught:
        await use_logout_token(world.deps, world.provider, world.tenant.slug, world.idp.logout_token("alice"))
    assert caught.value.reason == REQUIRED
    await show(world, papers.client)
    assert await sync(world) == {"ok": 1}


@pytest.mark.asyncio
async def test_the_self_test_shows_the_certificate_and_says_when_there_is_none(
    run: Run, reach: Reach, papers: Papers
) -> None:
    """S4-08: `provider test` fails where a login would, for the same reason, and nowhere else."""
    world = await guarded(run, reach, papers)
    for own, code in ((None, REQUIRED), (papers.stranger, REFUSED)):
        await show(world, own)
        verdict = (await self_tested(world)).verdict
        assert (verdict.status, verdict.code) == ("fail", code)
        assert "TLS client certificate" in verdict.message
    await show(world, papers.client)
    findings = (await self_tested(world)).findings
    assert [one for one in findings if one.status == "fail"] == []
    assert {"discovery", "keys", "client authentication", "UserInfo"} <= {one.step for one in findings}


# RFC 8705: proving who we are, and the aliases


async def at_aliases(
    run: Run, reach: Reach, papers: Papers, *, authority: str | None = None, **more: Any
) -> tuple[World, AgreedProvider]:
    """A tenant at a provider that anybody may connect to, with aliases for clients that have a certificate."""
    idp = run(front=None, mtls=authority or papers.authority.pem)
    idp.agree(
        aliases={f"{name}_endpoint": f"https://localhost:{idp.mtls_port}/{name}" for name in ("token", "userinfo")}
    )
    settings = {"ca_certificate_pem": papers.authority.pem}
    deps = reach(idp.port, idp.mtls_port)
    return await make_agreed(deps, idp, settings=settings, claims=FROM_USERINFO, **more), idp


def places(idp: AgreedProvider, *paths: str) -> set[int]:
    """The ports at which these paths were asked for."""
    return {int(host.rpartition(":")[2]) for path, host in idp.hosts if path in paths}


@pytest.mark.asyncio
async def test_a_client_with_a_certificate_goes_to_the_aliases(run: Run, reach: Reach, papers: Papers) -> None:
    """mtls-endpoint-aliases; RFC 8705 section 5: in preference to the endpoints, for logins and refreshes."""
    world, idp = await at_aliases(run, reach, papers)
    await show(world, papers.client)
    assert (await world.sign_in()).kind == "SESSION"
    assert await sync(world) == {"ok": 1}
    assert places(idp, "/token", "/userinfo") == {idp.mtls_port}
    assert places(idp, "/authorize", "/jwks", "/.well-known/openid-configuration") == {idp.port}


@pytest.mark.asyncio
async def test_a_client_without_one_goes_to_the_endpoints(run: Run, reach: Reach, papers: Papers) -> None:
    world, idp = await at_aliases(run, reach, papers)
    assert (await world.sign_in()).kind == "SESSION"
    assert await sync(world) == {"ok": 1}
    assert places(idp, "/token", "/userinfo") == {idp.port}


@pytest.mark.asyncio
async def test_an_alias_passes_the_guards_that_every_address_passes(run: Run, reach: Reach, papers: Papers) -> None:
    """S0-48: whoever writes the metadata opens no address by it."""
    world, idp = await at_aliases(run, reach, papers)
    await show(world, papers.client)
    for alias, reason in (
        ("https://localhost:1/token", "TARGET_NOT_ALLOWED"),
        (f"http://localhost:{idp.mtls_port}/token", "INVALID_METADATA:mtls_endpoint_aliases.token_endpoint"),
    ):
        idp.agree(aliases={"token_endpoint": alias})
        fresh = reach(idp.port, idp.mtls_port)
        with pytest.raises(LoginFailed) as caught:
            await World(fresh, world.tenant, world.provider, idp).sign_in()
        assert caught.value.reason == reason
        assert places(idp, "/token") == set()


@pytest.mark.asyncio
@pytest.mark.parametrize("method", ["tls_client_auth", "self_signed_tls_client_auth"])
async def test_the_certificate_alone_proves_who_we_are(run: Run, reach: Reach, papers: Papers, method: str) -> None:
    """RFC 8705 sections 2.1 and 2.2: the form has the client's id, and no secret or JWT."""
    is_own = method == "self_signed_tls_client_auth"
    authority = papers.self_signed.pem if is_own else None
    world, idp = await at_aliases(run, reach, papers, authority=authority, client_authentication=method)
    idp.agreement.method = "tls_client_auth"
    await show(world, papers.self_signed_client if is_own else papers.client)
    assert (await world.sign_in()).kind == "SESSION"
    assert await sync(world) == {"ok": 1}
    assert [(path, status) for path, status, _ in idp.asked if path == "/token"] == [("/token", 200)] * 2
    assert all(form["client_id"] == idp.client_id and "client_secret" not in form for form in idp.forms)
    assert [one.code for one in (await self_tested(world)).findings if one.status == "fail"] == []


@pytest.mark.asyncio
async def test_such_a_method_without_a_certificate_is_a_mistake_of_ours(run: Run, reach: Reach, papers: Papers) -> None:
    world, idp = await at_aliases(run, reach, papers, client_authentication="tls_client_auth")
    idp.agreement.method = "tls_client_auth"
    assert await refused(world) == ("PROVIDER_MISCONFIGURED", "BAD_INPUT:tls_client_certificate_file")
    assert idp.asked == []
    assert "CLIENT_NOT_POSSIBLE" in [one.code for one in (await self_tested(world)).findings]


@pytest.mark.asyncio
async def test_a_certificate_that_the_provider_knows_of_nobody_is_named_by_the_self_test(
    run: Run, reach: Reach, papers: Papers
) -> None:
    """The endpoint itself takes no certificate, and so knows nobody by one."""
    world, idp = await at_aliases(run, reach, papers, client_authentication="tls_client_auth")
    idp.agree(method="tls_client_auth")
    await show(world, papers.client)
    assert (await self_tested(world)).verdict.code == "CLIENT_CERTIFICATE_WRONG"
    browser = Browser(world.deps)
    with pytest.raises(LoginFailed) as caught:
        await browser.follow_through(await world.begin(), idp, "alice")
    assert caught.value.reason == "TOKEN_REQUEST_REFUSED:invalid_client"
