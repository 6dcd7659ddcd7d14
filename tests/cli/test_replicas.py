"""Two replicas and a worker on one PostgreSQL and one Valkey: what is changed through one is in force at the other.

Rows S4-48 and S4-49: no restart, at most two seconds. A busy machine decides how long each step takes here, so that the
tests wait longer than that; how long it took is in the report (`--junit-xml`, or `-rP`).
"""

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from identity_api.demo.config import Client
from identity_api.embedded.services import Services
from identity_api.permissions.service import SERVICE_PERMISSIONS
from tests.cli.conftest import Command, installation, new_database
from tests.cli.test_serve import ready, running
from tests.flows.browser import Browser
from tests.flows.product import eventually
from tests.flows.program import Program
from tests.openid_provider import RunningProvider
from tests.ports import free_ports

HOST, NEW_HOST = "two.localhost", "three.localhost"
NEW_ORIGIN = "http://127.0.0.1:9"
PREFLIGHT = {"access-control-request-method": "POST", "access-control-request-headers": "content-type"}
DECLARATION = """
[[tenants]]
slug = "two"
name = "Two"
hosts = [{hosts}]

[[tenants.frontends]]
slug = "app"
origins = [{origins}]
return_urls = ["http://127.0.0.1:9/done"]
deliveries = ["code"]

[[tenants.permissions]]
name = "docs:read"

[[tenants.providers]]
slug = "first"
label = "First"
issuer = "{issuer}"
client_id = "identity-api"
client_secret_env = "FIRST_SECRET"
redirect_url = "{url}/auth/oidc/first/callback"
groups_claim = "groups"
absent_groups = "EMPTY"

[[tenants.group_mappings]]
provider = "first"
group = "identity-admins"
permissions = [{everything}]
"""
_SAVED = {
    "Provider": "... on ProviderSaved { provider { id version } }",
    "Mapping": "... on GroupMappingSaved { mapping { id version } }",
}


@dataclass
class Replicas:
    """Two replicas of one installation, `url` and `other`, and an admin who signed in through the first."""

    command: Command
    idp: RunningProvider
    ports: tuple[int, int]
    browser: Browser
    took: dict[str, float] = field(default_factory=dict)
    """Seconds from the answer to a change until the other replica showed it."""
    changed_at: float = 0.0

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.ports[0]}"

    @property
    def other(self) -> str:
        return f"http://{HOST}:{self.ports[1]}"

    def declare(self, *, hosts: tuple[str, ...] = (HOST,), origins: tuple[str, ...] = ("http://127.0.0.1:8",)) -> None:
        """What the operator's file says."""
        content = DECLARATION.format(
            hosts=_quoted(hosts),
            origins=_quoted(origins),
            everything=_quoted(tuple(SERVICE_PERMISSIONS)),
            issuer=self.idp.issuer,
            url=self.url,
        )
        done = self.command("apply", "-", stdin=content.encode(), FIRST_SECRET=self.idp.client_secret)
        self.changed_at = time.monotonic()
        assert done.returncode == 0, done.stderr

    def change(self, mutation: str, **given: Any) -> Any:
        """The payload of a mutation at the first replica, which has to succeed."""
        kind = f"{mutation[0].upper()}{mutation[1:]}Input"
        saved = "" if mutation.startswith("delete") else _SAVED["Provider" if "Provider" in mutation else "Mapping"]
        asked = f"mutation ($input: {kind}!) {{ {mutation}(input: $input) {{ ... on Problem {{ code message }} {saved} }} }}"
        answer = self.browser.data(self.url, asked, input=given)[mutation]
        self.changed_at = time.monotonic()
        assert "code" not in answer, answer
        return answer.get("provider") or answer.get("mapping")

    def until(self, what: str, look: Callable[[], Any]) -> None:
        """Wait until the other replica shows the last change."""
        eventually(look)
        self.took[what] = round(time.monotonic() - self.changed_at, 2)

    def labels(self) -> str:
        """The login page of the other replica."""
        with Browser() as visitor:
            return visitor.open(f"{self.other}/login?choose=1").text

    def begins(self, slug: str) -> dict[str, list[str]] | None:
        """What the other replica sends to the provider; None where it refuses."""
        answer = Program(self.other)("GET", f"/auth/oidc/{slug}/login")
        assert answer.status_code in (303, 404), answer.text
        return parse_qs(urlsplit(answer.headers["location"]).query) if answer.status_code == 303 else None


def _quoted(names: tuple[str, ...]) -> str:
    return ", ".join([f'"{name}"' for name in names])


@pytest.fixture(scope="module")
def running_ones(
    services: Services, template: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Replicas]:
    folder = tmp_path_factory.mktemp("replicas")
    with (
        new_database(services, f"template {template}") as url,
        running_replicas(installation(folder, url, redis_url), folder) as found,
    ):
        yield found


@pytest.fixture
def replicas(running_ones: Replicas) -> Replicas:
    """They run for all tests here; what a test changes is its own."""
    running_ones.took = {}
    return running_ones


@contextmanager
def running_replicas(command: Command, tmp_path: Path) -> Iterator[Replicas]:
    """Start two replicas and a worker, and sign the admin in."""
    ports = free_ports(2)
    first, second = (f"http://{HOST}:{port}" for port in ports)
    redirects = (
        f"{first}/auth/oidc/first/callback",
        *[f"{second}/auth/oidc/{slug}/callback" for slug in ("second", "third")],
    )
    with ExitStack() as stack:
        idp = stack.enter_context(RunningProvider(redirect_uris=redirects))
        command.env |= {
            "IDENTITY_PUBLIC_URL": f"http://127.0.0.1:{ports[0]}",
            "IDENTITY_OUTBOUND_ALLOW": f"127.0.0.1:{idp.port}",
        }
        found = Replicas(command, idp, (ports[0], ports[1]), stack.enter_context(Browser()))
        found.declare()
        processes: list[subprocess.Popen[bytes]] = []
        for name, port in (("serve", ports[0]), ("serve", ports[1]), ("worker", None)):
            folder = tmp_path / f"{name}-{port}"
            folder.mkdir()
            one = Command(folder, **(command.env | ({"IDENTITY_PORT": str(port)} if port else {})))
            processes.append(stack.enter_context(running(one, name)))
        for process, port in zip(processes, ports, strict=False):
            ready(port, process, seconds=120)
        found.browser.leave_for_provider(f"{found.url}/login")
        assert found.browser.press("Dora Dyer").url == f"{found.url}/account"
        yield found


def another_provider(replicas: Replicas, slug: str) -> dict[str, Any]:
    """What a change begins with: a provider that both replicas know, and the other has used."""
    made = replicas.change(
        "createProvider",
        slug=slug,
        label=slug.title(),
        issuer=replicas.idp.issuer,
        clientId="other-client",
        clientSecret=replicas.idp.client_secret,
        redirectUrl=f"{replicas.other}/auth/oidc/{slug}/callback",
    )
    replicas.until("provider created", lambda: slug.title() in replicas.labels())
    return dict(made)


def test_a_provider_changed_through_one_replica_is_changed_at_the_other(
    replicas: Replicas, record_property: Callable[[str, object], None]
) -> None:
    assert replicas.begins("second") is None
    provider = another_provider(replicas, "second")
    begun = replicas.begins("second")
    assert begun is not None
    assert begun["client_id"] == ["other-client"]

    changed = replicas.change(
        "updateProvider", id=provider["id"], version=provider["version"], label="Renamed", clientId="public-client"
    )
    replicas.until("label changed", lambda: "Renamed" in replicas.labels())
    replicas.until("client id changed", lambda: (replicas.begins("second") or {}).get("client_id") == ["public-client"])

    replicas.change("disableProvider", id=changed["id"])
    replicas.until("provider disabled", lambda: replicas.begins("second") is None)
    assert "Renamed" not in replicas.labels()
    replicas.change("enableProvider", id=changed["id"])
    replicas.until("provider enabled", lambda: replicas.begins("second") is not None)
    replicas.change("disableProvider", id=changed["id"])
    replicas.change("deleteProvider", id=changed["id"])
    replicas.change("createProvider", slug="second", label="Anew", issuer=replicas.idp.issuer, clientId="anew",
                    clientAuthentication="NONE")  # fmt: skip
    replicas.until(
        "provider deleted and made anew", lambda: (replicas.begins("second") or {}).get("client_id") == ["anew"]
    )
    record_property("seconds", replicas.took)
    print(replicas.took)


def test_a_session_at_the_other_replica_ends_with_its_provider_and_a_new_client_secret_is_used_there(
    replicas: Replicas, record_property: Callable[[str, object], None]
) -> None:
    provider = another_provider(replicas, "third")
    with Browser() as person:

        def signs_in() -> bool:
            person.leave_for_provider(f"{replicas.other}/auth/oidc/third/login")
            return person.press("Bob Baker").url == f"{replicas.other}/account"

        assert signs_in()
        replicas.idp.register(
            Client(
                client_id="other-client",
                redirect_uris=(f"{replicas.other}/auth/oidc/third/callback",),
                client_secret="the secret of tomorrow",
            )
        )
        assert not signs_in()
        replicas.change("setProviderSecret", id=provider["id"], clientSecret="the secret of tomorrow")
        replicas.until("client secret set", signs_in)

        me = f"{replicas.other}/v1/me"
        assert person.ask("GET", me).status_code == 200
        replicas.change("disableProvider", id=provider["id"])
        replicas.until("sessions of a disabled provider", lambda: person.ask("GET", me).status_code == 401)
    record_property("seconds", replicas.took)
    print(replicas.took)


def test_a_mapping_made_or_deleted_through_one_replica_counts_at_the_other(
    replicas: Replicas, record_property: Callable[[str, object], None]
) -> None:
    found = replicas.browser.data(replicas.url, "{ permissions(first: 100) { edges { node { id name } } } }")
    read = next(one["node"]["id"] for one in found["permissions"]["edges"] if one["node"]["name"] == "docs:read")
    replicas.idp.set_groups("bob", ["readers"])  # the admin is in no such group, and may give what it gives
    with Browser() as person:
        person.leave_for_provider(f"{replicas.url}/auth/oidc/first/login")
        person.press("Bob Baker")

        def permissions() -> list[str]:
            given: list[str] = person.ask("GET", f"{replicas.other}/v1/me").json()["permissions"]
            return given

        assert permissions() == []
        mapping = replicas.change("createGroupMapping", pattern="readers", permissions=[read])
        replicas.until("mapping made", lambda: permissions() == ["docs:read"])
        replicas.change("deleteGroupMapping", id=mapping["id"], version=mapping["version"])
        replicas.until("mapping deleted", lambda: permissions() == [])
    record_property("seconds", replicas.took)
    print(replicas.took)


def test_a_host_and_a_frontends_origin_are_known_to_every_replica_and_forgotten_by_every_replica(
    replicas: Replicas, record_property: Callable[[str, object], None]
) -> None:
    """Hosts and frontends are the operator's: declared, and not in GraphQL."""
    program = Program(f"http://{HOST}:{replicas.ports[1]}")
    at_new_host = Program(f"http://{NEW_HOST}:{replicas.ports[1]}")

    def knows_host() -> bool:
        answer = at_new_host("GET", "/login?choose=1")
        assert answer.status_code in (200, 400), answer.text
        return answer.status_code == 200

    def knows_origin() -> bool:
        answer = program("OPTIONS", "/v1/auth/token", headers={"origin": NEW_ORIGIN, **PREFLIGHT})
        assert answer.status_code in (204, 403), answer.text
        return answer.headers.get("access-control-allow-origin") == NEW_ORIGIN

    def both_are(wanted: bool) -> Callable[[], bool]:
        # Both are asked each time, so that what is remembered is as old as it gets.
        return lambda: [knows_host(), knows_origin()] == [wanted, wanted]

    assert both_are(False)()
    replicas.declare(hosts=(HOST, NEW_HOST), origins=(NEW_ORIGIN,))
    replicas.until("host and origin added", both_are(True))
    replicas.declare()
    replicas.until("host and origin taken away", both_are(False))
    record_property("seconds", replicas.took)
    print(replicas.took)
