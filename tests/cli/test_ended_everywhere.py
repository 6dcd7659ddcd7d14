"""Two API processes: a login that ends through one is over at both, for whoever keeps asking and for open requests.

Promises 15 to 17 and 45 say two seconds. The machine that tests decides how long each step takes here, so the test waits
longer than that; how long it took is in the report (`--junit-xml`, or `-rP`).
"""

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

from identity_api.graphql.ids import global_id
from tests.cli.conftest import Command, ask
from tests.cli.test_replicas import HOST, Replicas, another_provider, running_replicas
from tests.flows.browser import Browser
from tests.flows.product import eventually
from tests.flows.program import Program

QUERY = json.dumps({"query": "{ viewer { user { username } } }"}).encode()
ASKING = 2
"""Askers at each replica. Few, since an address may be wrong about its session only so often a minute."""


class OpenRequest:
    """A GraphQL request whose body has half arrived."""

    def __init__(self, replicas: Replicas, port: int, cookie: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self._connection.putrequest("POST", "/graphql", skip_host=True)
        headers = {"host": f"{HOST}:{port}", "origin": f"http://{HOST}:{port}", "cookie": cookie}
        headers |= {"content-type": "application/json", "identity-request": "1", "content-length": str(len(QUERY))}
        for name, value in headers.items():
            self._connection.putheader(name, value)
        self._connection.endheaders(QUERY[:10])

    def end(self) -> tuple[int, bytes]:
        """Send the rest; status and body of the answer."""
        self._connection.send(QUERY[10:])
        answer = self._connection.getresponse()
        body = answer.read()
        self._connection.close()
        return answer.status, body


class Asker(threading.Thread):
    """Asks one replica who is signed in, again and again, until it says nobody."""

    def __init__(self, origin: str, cookie: str) -> None:
        super().__init__(daemon=True)
        self._ask, self._headers = Program(origin), {"cookie": cookie, "accept": "application/json"}
        self.stop = threading.Event()
        self.answered = threading.Event()
        self.last_yes = 0.0
        """When the last request was begun that was still answered."""
        self.said: int | None = None

    def run(self) -> None:
        while not self.stop.is_set():
            begun = time.monotonic()
            status = self._ask("GET", "/v1/me", headers=self._headers).status_code
            if status != 200:
                self.said = status
                return
            self.last_yes = begun
            self.answered.set()


@contextmanager
def asking(replicas: Replicas, cookie: str) -> Iterator[list[Asker]]:
    """Askers at both replicas, each answered at least once."""
    askers = [Asker(origin, cookie) for origin in (replicas.url, replicas.other) for _ in range(ASKING)]
    for asker in askers:
        asker.start()
    try:
        for asker in askers:
            assert asker.answered.wait(30)
        yield askers
    finally:
        for asker in askers:
            asker.stop.set()
            asker.join(30)


def ends_everywhere(replicas: Replicas, person: Browser, what: str, end: Callable[[], None]) -> None:
    """`end` ends the person's login through the first replica; nobody is answered any more at either."""
    cookie = "; ".join([f"{name}={value}" for name, value in person.cookies(replicas.url).items()])
    for port in replicas.ports:
        status, body = OpenRequest(replicas, port, cookie).end()
        assert (status, b"username" in body) == (200, True), body
    opened = [OpenRequest(replicas, port, cookie) for port in replicas.ports]
    with asking(replicas, cookie) as askers:
        end()
        ended_at = time.monotonic()
        for one in opened:
            status, body = one.end()
            assert status in (401, 408), (what, status, body)  # 408: a machine that slept between the two halves
        eventually(lambda: all(asker.said is not None for asker in askers))
    assert {asker.said for asker in askers} == {401}, what
    replicas.took[what] = round(max(0.0, *[asker.last_yes - ended_at for asker in askers]), 3)


def sign_in(replicas: Replicas, person: Browser, slug: str = "first") -> None:
    origin = replicas.url if slug == "first" else replicas.other
    person.leave_for_provider(f"{origin}/auth/oidc/{slug}/login")
    assert person.press("Bob Baker").url == f"{origin}/account"


def found(command: Command, statement: str) -> tuple[UUID, ...]:
    """The newest row, of the only tenant."""
    return tuple(ask(command.env["IDENTITY_DATABASE_URL"], statement)[0])


def test_every_way_to_end_a_login_is_in_force_at_both_replicas_also_for_open_requests(
    command: Command, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    with running_replicas(command, tmp_path) as replicas, Browser() as person:
        (first,) = found(command, "select id from provider where slug = 'first'")
        of_bob = """
            select s.id, s.user_id, s.provider_session from session s join app_user u on u.id = s.user_id
            where u.username = 'bob' and s.ended_at is null order by s.created_at desc limit 1
        """
        at = f"/auth/providers/{first}"
        program = Program(replicas.url)

        def by_token(**claims: str | None) -> None:
            form = {"logout_token": replicas.idp.logout_token("bob", **claims)}
            assert program("POST", f"{at}/backchannel-logout", data=form).status_code == 200

        def by_frame() -> None:
            named = {"iss": replicas.idp.issuer, "sid": str(found(command, of_bob)[2])}
            assert program("GET", f"{at}/frontchannel-logout", params=named).status_code == 200

        def by_admin(mutation: str, kind: str, place: int) -> None:
            asked = (
                f"mutation ($id: ID!) {{ {mutation}(input: {{id: $id}}) {{ __typename ... on Problem {{ code }} }} }}"
            )
            id = global_id("Session" if kind == "Session" else "User", found(command, of_bob)[place])
            given = replicas.browser.data(replicas.url, asked, id=id)[mutation]
            assert "code" not in given, given

        ways: dict[str, Callable[[], None]] = {
            "back-channel, of a session": lambda: by_token(sid=str(found(command, of_bob)[2])),
            "back-channel, of a person": lambda: by_token(sid=None),
            "front-channel": by_frame,
            "signed out": lambda: _sign_out(replicas, person),
            "endSession": lambda: by_admin("endSession", "Session", 0),
            "disableUser": lambda: by_admin("disableUser", "User", 1),
        }
        for what, end in ways.items():
            sign_in(replicas, person)
            ends_everywhere(replicas, person, what, end)

        second = another_provider(replicas, "second")

        def disable_provider() -> None:
            replicas.change("disableProvider", id=second["id"])

        sign_in(replicas, person, "second")
        ends_everywhere(replicas, person, "disableProvider", disable_provider)
        record_property("seconds", replicas.took)
        print(replicas.took)


def _sign_out(replicas: Replicas, person: Browser) -> None:
    assert person.ask("POST", f"{replicas.url}/auth/logout").status_code == 200
