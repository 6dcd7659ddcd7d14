"""Sign-ins while an API is killed, and a callback that comes fifty times."""

import asyncio
import itertools
from http.client import HTTPException
from urllib.parse import urlsplit

import pytest

from tests.faults.conftest import Install, Seen
from tests.faults.installation import Installation
from tests.faults.processes import ask
from tests.faults.waiting import count, until
from tests.flows.browser import Browser

pytestmark = pytest.mark.asyncio

CODE = {"path": "/token", "grant_type": "authorization_code"}


class Visit:
    """One person's browser on the way to a session."""

    def __init__(self, installation: Installation, name: str) -> None:
        self._installation = installation
        self.name = name
        installation.issuer.add_person(name, ["engineering"])
        self.browser = Browser()
        self.callback = ""

    def to_callback(self) -> str:
        """Choose the person at the provider; the address to which it sends them back."""
        self.browser.leave_for_provider(f"{self._installation.url_of_api}/login")
        self.callback = self.browser.press(self.name.title(), stop_at="/callback").url
        return self.callback

    def sign_in(self) -> bool:
        """All the way to the account page."""
        self.browser.leave_for_provider(f"{self._installation.url_of_api}/login")
        return self.browser.press(self.name.title()).url == f"{self._installation.url_of_api}/account"

    def call_back(self, port: int, source: str = "127.0.0.1") -> int:
        """Open the callback at an API, from an address of this machine; the status of its answer, 0 for none."""
        parts = urlsplit(self.callback)
        cookies = "; ".join([f"{name}={value}" for name, value in self.browser.cookies(self.callback).items()])
        try:
            headers = {"host": parts.netloc, "cookie": cookies}
            return ask(port, "GET", f"{parts.path}?{parts.query}", source=source, **headers)[0]
        except (OSError, HTTPException):
            return 0


async def whole(installation: Installation) -> list[int]:
    """How many users, identities, sessions and tokens there are; each of them complete and recorded."""
    halves = await installation.rows(
        """
        select u.id from app_user u where not exists (select from identity i where i.user_id = u.id)
            or not exists (select from audit_event e where e.subject_id = u.id)
        union all
        select i.id from identity i where not exists (select from identity_sync s where s.id = i.id)
            or not exists (select from refresh_token r where r.identity_id = i.id)
            or not exists (select from audit_event e where e.subject_id = i.id)
        union all
        select s.id from session s where s.identity_id is null
            or not exists (select from audit_event e where e.subject_id = s.id)
        """
    )
    assert halves == []
    counted = await installation.rows(
        """
        select (select count(*) from app_user), (select count(*) from identity), (select count(*) from session),
            (select count(*) from refresh_token)
        """
    )
    return list(counted[0])


@pytest.mark.faults(4)
async def test_an_api_killed_after_the_code_exchange_leaves_nothing_half_made(install: Install, seen: Seen) -> None:
    installation = await install()
    people, rounds = 5, count(2, 20)
    for one in range(rounds):
        api = await installation.api()
        visits = [Visit(installation, f"visitor-{one}-{number}") for number in range(people)]
        for visit in visits:
            await asyncio.to_thread(visit.to_callback)
        with installation.issuer.hold(**CODE, when="after") as gate:
            calling = [asyncio.create_task(asyncio.to_thread(visit.call_back, api.port)) for visit in visits]
            await gate.arrival(people, 60)
            await api.kill()
        assert set(await asyncio.gather(*calling)) == {0}
        assert await whole(installation) == 4 * [one * people]
        api = await installation.api()
        # Their codes are spent: the same address signs nobody in, and a new login does.
        again = {await asyncio.to_thread(visit.call_back, api.port) for visit in visits}
        assert again == {400}
        for visit in visits:
            assert await asyncio.to_thread(visit.sign_in)
            visit.browser.__exit__()
        assert await whole(installation) == 4 * [(one + 1) * people]
        await api.kill()
    number = rounds * people
    seen(
        f"{number} callbacks cut off by {rounds} kills: 0 rows left of them, {number} of {number} signed in at the next try."
    )


@pytest.mark.faults(35)
async def test_while_one_api_is_killed_the_other_goes_on_signing_people_in(install: Install, seen: Seen) -> None:
    installation = await install()
    second = await installation.api(1)
    kills, people = count(1, 13), 16
    half = people // 2
    for one in range(kills):
        first = await installation.api(0)
        visits = [Visit(installation, f"visitor-{one}-{number}") for number in range(people)]
        for visit in visits:
            await asyncio.to_thread(visit.to_callback)
        ports = itertools.cycle((first.port, second.port))
        # Half of them wait for the provider's answer when the first API is killed, at both; the others come afterwards.
        with installation.issuer.hold(**CODE) as gate:
            calling = [asyncio.create_task(asyncio.to_thread(visit.call_back, next(ports))) for visit in visits[:half]]
            await gate.arrival(half, 60)
            await first.kill()
        early = await asyncio.gather(*calling)
        late = [await asyncio.to_thread(visit.call_back, second.port) for visit in visits[half:]]
        assert early[0::2] == [0] * (half // 2)
        assert set(early[1::2]) | set(late) == {303}, (early, late)
        assert await whole(installation) == 4 * [(one + 1) * (half // 2 + half)]
        for visit in visits:
            visit.browser.__exit__()
    signed_in = kills * (half // 2 + half)
    seen(
        f"{kills * people} sign-ins at two APIs: the {kills * half // 2} in flight at a killed one got no answer, "
        f"{signed_in} of {signed_in} others succeeded; 0 half sessions."
    )


@pytest.mark.faults(39)
async def test_of_fifty_parallel_callbacks_one_signs_in_and_the_code_is_presented_once(
    install: Install, seen: Seen
) -> None:
    installation = await install()
    apis = [await installation.api(0), await installation.api(1)]
    rounds = count(2, 20)
    for one in range(rounds):
        visit = Visit(installation, f"visitor-{one}")
        await asyncio.to_thread(visit.to_callback)
        installation.issuer.log.clear()
        with installation.issuer.hold(**CODE) as gate:
            # From as many addresses, or most would be refused for the number of failures alone.
            calling = [
                asyncio.create_task(
                    asyncio.to_thread(visit.call_back, apis[number % 2].port, f"127.0.{one + 1}.{number + 1}")
                )
                for number in range(50)
            ]
            await gate.arrival(1, 60)
            await until(lambda: sum(task.done() for task in calling) == 49)  # noqa: B023  # the others need not wait
        answers = sorted(await asyncio.gather(*calling))
        assert answers == [303] + 49 * [400], answers
        assert installation.issuer.log.count("/token", grant_type="authorization_code") == 1
        assert await whole(installation) == 4 * [one + 1]
        visit.browser.__exit__()
    seen(
        f"{rounds} callbacks, 50 times each at two APIs: {rounds} signed in, {49 * rounds} refused, {rounds} token requests."
    )
