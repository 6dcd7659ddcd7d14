"""`testProvider`, `providerTest` and `loginFailures`, with a provider over real HTTP (S4-50, S4-51, S0-55)."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from identity_api.db import tenants
from identity_api.db.database import Database
from identity_api.db.providers import ClaimSettings
from identity_api.graphql.ids import global_id
from identity_api.permissions import service
from identity_api.sessions.errors import LoginFailed
from identity_api.sessions.login.deps import Prepared
from identity_api.telemetry import log_context
from tests.graphql.documents import everything
from tests.graphql.world import Client, World, login_deps, make_world
from tests.openid_provider import Fault, RunningProvider
from tests.sessions.browsers import CALLBACK, ORIGIN, Browser, add_provider
from tests.sessions.browsers import World as LoginWorld

TEST = """
mutation ($id: ID!) { testProvider(input: {id: $id}) {
  ... on ProviderTested { loginUrl verdict { status code } findings { step status code message remedy expected found } }
  ... on Problem { code message }
} }
"""
REPORT = f"query ($id: ID!) {{ providerTest(id: $id) {everything('ProviderTestReport')} }}"
FAILURES = """
query ($requestId: String, $first: Int, $after: String) { loginFailures(requestId: $requestId, first: $first, after: $after) {
  edges { node { id at code reason said meaning remedy requestId userId provider { slug } } } pageInfo { hasNextPage endCursor }
} }
"""


@pytest.fixture(scope="module")
def idp() -> Iterator[RunningProvider]:
    with RunningProvider(redirect_uris=[CALLBACK]) as running:
        yield running


@dataclass
class Desk:
    """A tenant with a provider at the running one, and somebody who may test it."""

    world: World
    login: LoginWorld
    tester: Client
    id: str

    async def ask(self) -> Any:
        return (await self.tester.data(TEST, id=self.id))["testProvider"]

    async def report(self, client: Client | None = None) -> Any:
        return (await (client or self.tester).data(REPORT, id=self.id))["providerTest"]

    async def open_in_browser(self, login_url: str) -> None:
        prepared = Prepared(handle="", launch_url=login_url, attempt_id="")
        await Browser(self.login.deps).follow_through(prepared, self.login.idp, "alice")

    async def failures(self, **variables: Any) -> list[Any]:
        page = (await self.tester.data(FAILURES, **variables))["loginFailures"]
        return [edge["node"] for edge in page["edges"]]


@pytest_asyncio.fixture
async def tested(database: Database, idp: RunningProvider) -> AsyncIterator[Desk]:
    world = await make_world(database)
    deps = msgspec.structs.replace(login_deps(database, f"127.0.0.1:{idp.port}"), public_url=ORIGIN)
    world.deps = msgspec.structs.replace(world.deps, login=deps)
    provider = await add_provider(deps, world.tenant, idp, slug="sso", redirect_url=CALLBACK)
    async with database.reading() as connection:
        tenant = await tenants.get(connection, world.tenant)
    assert tenant is not None
    tester = await world.client(service.PROVIDERS_WRITE, service.PROVIDERS_READ)
    yield Desk(world, LoginWorld(deps, tenant, provider, idp), tester, global_id("Provider", provider.id))
    await deps.documents.aclose()
    await deps.upstream.aclose()


@pytest.mark.asyncio
async def test_a_healthy_provider_is_ok_and_has_an_address_to_go_on(tested: Desk) -> None:
    found = await tested.ask()
    assert found["verdict"] == {"status": "OK", "code": "OK"}
    assert {finding["status"] for finding in found["findings"]} == {"OK"}
    assert found["loginUrl"].startswith("https://id.acme.example/auth/launch/")


@pytest.mark.asyncio
async def test_a_fault_is_named_with_its_cure(tested: Desk) -> None:
    await tested.login.change_provider(issuer=f"{tested.login.idp.issuer}/")
    found = await tested.ask()
    assert found["verdict"] == {"status": "FAIL", "code": "ISSUER_MISMATCH"}
    [finding] = [one for one in found["findings"] if one["status"] == "FAIL"]
    assert (finding["expected"], finding["found"]) == (f"{tested.login.idp.issuer}/", tested.login.idp.issuer)
    assert "closing slash" in finding["remedy"]


@pytest.mark.asyncio
async def test_the_report_of_a_test_login_is_for_who_began_it(tested: Desk) -> None:
    assert (await tested.report())["verdict"]["code"] == "TEST_NOT_BEGUN"
    await tested.open_in_browser((await tested.ask())["loginUrl"])
    report = await tested.report()
    assert (report["status"], report["isRefreshable"]) == ("PASSED", True)
    assert {one["setting"]: one["foundIn"] for one in report["settings"]}["groups"] == "id_token / groups"
    assert {one["setting"]: one["remarks"] for one in report["settings"]}["groups"] == []
    other = await tested.world.client(service.PROVIDERS_WRITE)
    assert (await tested.report(other))["status"] == "WAITING"
    assert await tested.failures() == []


@pytest.mark.asyncio
async def test_a_misspelt_claim_shows_what_is_called_alike(tested: Desk) -> None:
    await tested.login.change_provider(claims=ClaimSettings(groups=("gruops",)))
    await tested.open_in_browser((await tested.ask())["loginUrl"])
    report = await tested.report()
    assert (report["status"], report["verdict"]["code"]) == ("FAILED", "CLAIM_NOT_FOUND")
    [groups] = [one for one in report["settings"] if one["setting"] == "groups"]
    assert groups["nearest"] == ["id_token / groups", "userinfo / groups"]


@pytest.mark.asyncio
async def test_the_eleventh_test_of_a_minute_is_a_problem(tested: Desk) -> None:
    await tested.login.change_provider(issuer="http://127.0.0.1:9")
    for _ in range(10):
        assert (await tested.ask())["verdict"]["code"] == "TARGET_NOT_ALLOWED"
    assert (await tested.ask())["code"] == "TOO_MANY_TESTS"


@pytest.mark.asyncio
async def test_a_failed_login_is_found_by_the_request_that_its_page_shows(tested: Desk) -> None:
    """Promise "misconfiguration is named exactly": the page's id leads to the full reason."""
    login = tested.login
    for request_id, fault in (("request-a", Fault.WRONG_AUDIENCE), ("request-b", Fault.INVALID_CLIENT)):
        begun = await login.begin(provider_slug="sso")
        with log_context(request_id=request_id), login.idp.fault(fault), pytest.raises(LoginFailed):
            await Browser(login.deps).follow_through(begun, login.idp, "alice")
    newest, oldest = await tested.failures()
    assert (newest["requestId"], newest["code"]) == ("request-b", "PROVIDER_MISCONFIGURED")
    assert newest["reason"] == "TOKEN_REQUEST_REFUSED:invalid_client"
    assert "does not accept the client" in newest["meaning"]
    assert (newest["said"], oldest["said"]) == ("invalid_client", None)
    assert oldest["provider"] == {"slug": "sso"}
    [found] = await tested.failures(requestId="request-a")
    assert found == oldest
    assert "for another client" in found["meaning"]
    assert "client ID" in found["remedy"]
    assert await tested.failures(requestId="request-c") == []


@pytest.mark.asyncio
async def test_failures_are_paged_newest_first(tested: Desk) -> None:
    login = tested.login
    for number in range(3):
        begun = await login.begin(provider_slug="sso")
        with log_context(request_id=f"request-{number}"), pytest.raises(LoginFailed):
            await Browser(login.deps).follow_through(begun, login.idp, None)
    seen, after = [], None
    while True:
        page = (await tested.tester.data(FAILURES, first=2, after=after))["loginFailures"]
        seen += [edge["node"]["requestId"] for edge in page["edges"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert seen == ["request-2", "request-1", "request-0"]


@pytest.mark.asyncio
async def test_a_cursor_of_failures_opens_for_its_own_tenant_and_filter_only(tested: Desk, other: World) -> None:
    login = tested.login
    with pytest.raises(LoginFailed):
        await Browser(login.deps).follow_through(await login.begin(provider_slug="sso"), login.idp, None)
    page = (await tested.tester.data(FAILURES))["loginFailures"]
    cursor = page["pageInfo"]["endCursor"]
    assert (await tested.tester.ask(FAILURES, after=cursor)).errors == []
    assert (await tested.tester.ask(FAILURES, after=cursor, requestId="x")).code == "BAD_INPUT"
    assert (await other.admin.ask(FAILURES, after=cursor)).code == "BAD_INPUT"
    assert (await other.admin.data(FAILURES))["loginFailures"]["edges"] == []
