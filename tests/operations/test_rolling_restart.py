"""Every process is replaced, one after the other, while people sign in and ask: no request and no job is lost."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.faults.conftest import Install
from tests.faults.installation import Installation
from tests.faults.processes import API, Worker
from tests.operations.balancer import Balancer
from tests.operations.load import Load

pytestmark = pytest.mark.asyncio

PEOPLE = 6


@pytest_asyncio.fixture
async def installation(install: Install) -> AsyncIterator[Installation]:
    """Two APIs behind a balancer."""
    with Balancer() as balancer:
        made = await install(behind=balancer.port)
        balancer.ports += made.ports[1:]
        made.environment["IDENTITY_DRAIN_SECONDS"] = "3"  # many times the balancer's interval, also on a busy machine
        yield made


async def replaced(installation: Installation, api: API) -> API:
    """Told to end, which it does in order, and another at the same port."""
    assert await api.terminate() == 0
    return await installation.api(installation.ports.index(api.port))


async def test_while_every_api_and_worker_is_replaced_nobody_notices(installation: Installation) -> None:
    people = await installation.sign_in(PEOPLE, is_due=False)
    tokens = {person.username: await installation.open_session(person) for person in people[:3]}
    apis = [await installation.api(1), await installation.api(2)]
    workers: list[Worker] = [installation.worker(), installation.worker()]
    for worker in workers:
        await worker.started()
    visitors = [f"visitor-{number}" for number in range(4)]
    for name in visitors:
        installation.issuer.add_person(name, ["engineering"])
    async with Load(installation, visitors, pause=0.01) as load:
        load.sign_in(2)
        await load.ask("question", tokens, 4, with_search=False)
        for number in range(2):
            await installation.make_due()
            await load.more("login", 1)
            apis[number] = await replaced(installation, apis[number])
            assert await workers[number].terminate() == 0
            workers[number] = installation.worker()
            await installation.synced()
        await load.more("login", 1)
    assert load.wrong == []
    assert load.failed() == {}, load.unanswered
    assert load.count("question") > 100
    # Whoever was being synced when a worker ended was synced by it or by the next, and by one of them.
    presented = installation.presented()
    assert len(set(presented)) == len(presented)
    await installation.require_fresh()
    assert await installation.lost_permissions() == []
