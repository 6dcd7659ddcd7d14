"""People of the five systems move in by the guides in `docs/migrate/`: with the command line, and in browsers at the running API.

One deployment; each test has a tenant and an OpenID Provider of its own, which sends no `iss` and so is like most.
"""

import base64
import json
import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from identity_api.ids import uuid7
from tests.cli.conftest import Command
from tests.flows.server import Proxy, running_server
from tests.openid_provider import Client, Fault
from tests.openid_provider.bent import DISCOVERY, BentProvider

PUBLIC_HOST = "id.moving.example"
SHARED = f"https://{PUBLIC_HOST}/v1/auth/oidc/callback"


@dataclass
class House:
    """The running API, and its command line."""

    command: Command
    port: int

    def run(self, *arguments: object) -> str:
        """A command that succeeds; what it says."""
        done = self.command(*arguments)
        assert done.returncode == 0, (arguments, done.stdout, done.stderr)
        return done.stdout + done.stderr

    def form(self, name: str, content: str) -> Path:
        path = self.command.folder / name
        path.write_text(content)
        path.chmod(0o600)
        return path

    def browser(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=Proxy(self.port))


PORTS = 6
"""Providers that the tests below start: the API may call each of them."""


@pytest.fixture(scope="module")
def idps() -> Iterator[list[BentProvider]]:
    found = [BentProvider() for _ in range(PORTS)]
    for one in found:
        one.start()
        one.announce(authorization_response_iss_parameter_supported=None)
        one.faults.on(Fault.NO_ISS_PARAMETER)
    yield found
    for one in found:
        one.stop()


@pytest_asyncio.fixture(scope="module")
async def house(
    idps: list[BentProvider], database_url: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[House]:
    environ = {
        "IDENTITY_DATABASE_URL": database_url,
        "IDENTITY_REDIS_URL": redis_url,
        "IDENTITY_SECRET_KEYS": "test:" + base64.b64encode(os.urandom(32)).decode(),
        "IDENTITY_PUBLIC_URL": f"https://{PUBLIC_HOST}",
        "IDENTITY_OUTBOUND_ALLOW": ",".join([f"127.0.0.1:{one.port}" for one in idps]),
        "IDENTITY_TRUSTED_PROXIES": "127.0.0.1/32",
    }
    folder = tmp_path_factory.mktemp("moving")
    with running_server(environ, folder / "output") as port:
        yield House(Command(folder, **environ), port)


def registered(idp: BentProvider, client_id: str, redirect_uri: str) -> None:
    idp.register(Client(client_id=client_id, redirect_uris=(redirect_uri,), client_secret=idp.client_secret))


async def arrived(
    house: House, idp: BentProvider, origin: str, person: str | None
) -> tuple[httpx.AsyncClient, httpx.Response]:
    """A login from the tenant's door to where it ends, as a browser makes it."""
    browser = house.browser()
    answer = await browser.get(f"{origin}/login")
    while answer.status_code == 303 and "/auth/launch/" in answer.headers["location"]:
        answer = await browser.get(answer.headers["location"])
    assert answer.status_code == 303, answer.text
    arrival = await idp.sign_in(answer.headers["location"], person)
    if arrival.method == "POST":
        answer = await browser.post(
            arrival.url, data=arrival.parameters, headers={"origin": arrival.posted_from or "null"}
        )
    else:
        answer = await browser.get(arrival.url)
    while answer.status_code == 303 and "/auth/complete" in answer.headers["location"]:
        answer = await browser.get(answer.headers["location"])
    return browser, answer


async def signed_in(house: House, idp: BentProvider, origin: str, person: str) -> httpx.AsyncClient:
    browser, answer = await arrived(house, idp, origin, person)
    assert answer.status_code == 303, answer.text
    return browser


async def me(browser: httpx.AsyncClient, origin: str) -> dict[str, Any]:
    answer = await browser.get(f"{origin}/v1/me")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


@pytest.mark.asyncio
async def test_two_tenants_of_the_inference_api_share_one_callback(house: House, idps: list[BentProvider]) -> None:
    """S4-06, S4-04, S4-50: neither provider sends `iss`; each posts its answer, and its origin says whose it is."""
    slugs = [f"inf-{uuid7().hex[-8:]}" for _ in range(3)]
    documents = []
    for slug, idp in zip(slugs, idps, strict=False):
        registered(idp, slug, SHARED)
        documents.append(
            {
                "tenant_id": slug,
                "oidc_issuer": idp.issuer,
                "oidc_client_id": slug,
                "oidc_client_secret": idp.client_secret,
                "oidc_redirect_url": SHARED,
            }
        )
    house.run("import", house.form("two.json", json.dumps(documents[:2])))
    for slug, idp in zip(slugs[:2], idps, strict=False):
        assert "answers are posted" in house.run("provider", "test", slug, "oidc")
        origin = f"https://{PUBLIC_HOST}/t/{slug}"
        found = await me(await signed_in(house, idp, origin, "alice"), origin)
        assert (found["tenant"], found["is_sso"]) == (slug, True)
    cancelled = (await arrived(house, idps[0], f"https://{PUBLIC_HOST}/t/{slugs[0]}", None))[1]
    assert cancelled.status_code == 400
    assert "text/html" in cancelled.headers["content-type"], cancelled.text
    # A third one that can say in no way whose its callbacks are is named, and breaks nobody.
    idps[2].announce(authorization_response_iss_parameter_supported=None, response_modes_supported=["query"])
    refused = house.command("import", house.form("third.json", json.dumps(documents[2])))
    assert (refused.returncode, f"Tenant {slugs[2]}, provider oidc" in refused.stderr) == (78, True), refused.stderr
    assert slugs[0] not in refused.stderr
    assert (await arrived(house, idps[0], f"https://{PUBLIC_HOST}/t/{slugs[0]}", "bob"))[1].status_code == 303
    house.run("import", house.form("third.json", json.dumps(documents[2])), "--accept-without-iss", slugs[2])
    assert "CALLBACK_UNNAMED" in house.run("provider", "test", slugs[2], "oidc")
    assert (await arrived(house, idps[2], f"https://{PUBLIC_HOST}/t/{slugs[2]}", "bob"))[1].status_code == 303


@pytest.mark.asyncio
async def test_the_first_person_of_a_directory_and_its_first_admin(house: House, idps: list[BentProvider]) -> None:
    """S1-05, S1-06, S1-11, S1-26: a closing slash in the issuer, a document of another name, and nobody there yet."""
    slug, idp = f"sales-{uuid7().hex[-8:]}", idps[3]
    idp.announce(issuer=f"{idp.issuer}/", authorization_response_iss_parameter_supported=None)
    idp.aliases["/oidc/config.json"] = DISCOVERY
    origin = f"https://{slug}.example"
    registered(idp, slug, f"{origin}/auth/oidc/oidc/callback")
    form = f"""
[[federated_directory]]
directory = "{slug}"
host = "{slug}.example"
configuration_url = "{idp.issuer}/oidc/config.json"
client_id = "{slug}"
client_secret = "{idp.client_secret}"
"""
    said = house.run("import", house.form("sales.toml", form))
    assert f"the issuer is {idp.issuer}/, as the document" in said
    house.run("provider", "test", slug, "oidc")
    browser, answer = await arrived(house, idp, origin, "alice")
    assert answer.status_code in (400, 403)  # the provider's ID Tokens still name the issuer without its slash
    idp.announce(authorization_response_iss_parameter_supported=None)
    house.run("import", house.form("sales.toml", form))
    assert (await arrived(house, idp, origin, "alice"))[1].status_code == 403
    house.run("user", "create", slug, "alice")
    await signed_in(house, idp, origin, "alice")
    house.run("grant", slug, "alice", "identity:users:write")
    browser = await signed_in(house, idp, origin, "alice")
    assert (await me(browser, origin))["permissions"] == ["identity:users:write"]
    made = await browser.post(
        f"{origin}/graphql",
        headers={"identity-request": "1", "origin": origin},
        json={"query": 'mutation { createUser(input: {username: "bob"}) { __typename } }'},
    )
    assert made.json() == {"data": {"createUser": {"__typename": "UserChanged"}}}, made.text
    await signed_in(house, idp, origin, "bob")
    # The username is in the ID Token, so that UserInfo is asked for nothing.
    with idp.fault(Fault.ERROR_500, path="/userinfo"):
        await signed_in(house, idp, origin, "bob")
    stranger = (await arrived(house, idp, origin, "carol"))[1]
    assert (stranger.status_code, "ACCOUNT_NOT_FOUND" in stranger.text) == (403, True), stranger.text


@pytest.mark.asyncio
async def test_identities_of_sysreptor_come_from_a_table(house: House, idps: list[BentProvider]) -> None:
    """S3-20, S3-22, S3-24, S3-39: the entered one is let in, another is not; and a local password works beside it."""
    slug, idp = f"rep-{uuid7().hex[-8:]}", idps[4]
    origin = f"https://{slug}.example"
    registered(idp, slug, f"{origin}/login/oidc/keycloak/callback")
    settings = {
        "keycloak": {
            "client_id": slug,
            "client_secret": idp.client_secret,
            "server_metadata_url": idp.discovery_url,
            "client_kwargs": {"scope": "openid email", "code_challenge_method": "S256"},
            "require_email_verified": False,
        }
    }
    form = json.dumps({"OIDC_AUTHLIB_OAUTH_CLIENTS": json.dumps(settings), "DEFAULT_AUTH_PROVIDER": "keycloak"})
    house.run("import", house.form("settings.json", form), "--tenant", slug, "--host", f"{slug}.example")
    table = f"username,provider,anchor,permissions\nalice,keycloak,{idp.people['alice'].email},identity:users:write\n"
    house.run("user", "import", slug, house.form("users.csv", table))
    browser = await signed_in(house, idp, origin, "alice")
    assert (await me(browser, origin))["permissions"] == ["identity:users:write"]
    assert (await arrived(house, idp, origin, "bob"))[1].status_code == 403
    # Somebody else who comes with the entered address is refused, and its owner goes on as if nobody had.
    idp.add_person("mallory", subject="another", email=idp.people["alice"].email)
    assert (await arrived(house, idp, origin, "mallory"))[1].status_code == 403
    assert (await me(browser, origin))["permissions"] == ["identity:users:write"]
    await signed_in(house, idp, origin, "alice")
    local = f'[[tenants]]\nslug = "{slug}"\nname = "{slug}"\nlocal_sign_in = true\n'
    house.run("apply", house.form("local.toml", local))
    link = json.loads(house.command("user", "password-link", slug, "alice", "--json").stdout)["url"]
    async with house.browser() as other:
        kept = await other.get(link)
        shown = await other.get(str(httpx.URL(link).join(kept.headers["location"])))
        assert shown.status_code == 200
        assert "alice" in shown.text
        choice = await other.get(f"{origin}/login?choose=1")
        assert 'type="password"' in choice.text


@pytest.mark.asyncio
async def test_groups_of_reinfer_come_and_go_and_the_last_one_too(house: House, idps: list[BentProvider]) -> None:
    """S0-18, S0-25, S0-26, S0-65: the claim is left out with the last group; ADDITIVE leaves something that can be taken."""
    slug, idp = f"re-{uuid7().hex[-8:]}", idps[5]
    origin = f"https://{slug}.example"
    registered(idp, slug, origin)
    form = f"""
[[reinfer]]
tenant = "{slug}"
domain = "{slug}.example"
issuer = "{idp.issuer}"
client_id = "{slug}"
client_secret = "{idp.client_secret}"
groups = "id_token / groups"
mode = "strict"
absent_groups = "empty"
[reinfer.permissions]
app-a = ["dataset:read"]
app-b = ["dataset:read", "dataset:write"]
"""
    house.run("import", house.form("re.toml", form))
    idp.set_groups("alice", ["app-a", "app-b"])
    assert (await me(await signed_in(house, idp, origin, "alice"), origin))["permissions"] == [
        "dataset:read", "dataset:write",
    ]  # fmt: skip
    with idp.fault(Fault.NO_GROUPS):
        assert (await me(await signed_in(house, idp, origin, "alice"), origin))["permissions"] == []
    house.run("import", house.form("re.toml", form.replace('"strict"', '"additive"')))
    await signed_in(house, idp, origin, "alice")
    idp.set_groups("alice", ["app-a"])
    browser = await signed_in(house, idp, origin, "alice")
    assert (await me(browser, origin))["permissions"] == ["dataset:read", "dataset:write"]
    assert "kept from when you were in app-b" in (await browser.get(f"{origin}/account")).text
    assert "(by group app-b at provider oidc)" in house.run("revoke", slug, "alice", "dataset:write")
    assert (await me(browser, origin))["permissions"] == ["dataset:read"]
    again = house.command("revoke", slug, "alice", "dataset:read")
    assert house.command("revoke", slug, "alice", "dataset:read").returncode == 1
    assert "still has dataset:read by group app-a" in again.stdout + again.stderr

    house.run("grant", slug, "alice", "identity:mappings:write")
    house.run("grant", slug, "alice", "identity:mappings:read")
    house.run("grant", slug, "alice", "dataset:write")
    browser = await signed_in(house, idp, origin, "alice")

    async def ask(query: str, **variables: Any) -> Any:
        answer = await browser.post(
            f"{origin}/graphql",
            headers={"identity-request": "1", "origin": origin},
            json={"query": query, "variables": variables},
        )
        return answer.json()["data"]

    listed = await ask("{ groupMappings { edges { node { id pattern version } } } }")
    node = next(one["node"] for one in listed["groupMappings"]["edges"] if one["node"]["pattern"] == "app-b")
    delete = (
        "mutation ($id: ID!, $v: Int!) { deleteGroupMapping(input: {id: $id, version: $v}) "
        "{ __typename ... on Problem { code } } }"
    )
    kept = await ask(delete, id=node["id"], v=node["version"])
    assert kept["deleteGroupMapping"] == {"__typename": "NotAllowed", "code": "MANAGED_BY_FILE"}
    house.run("hand-over", slug)
    gone = await ask(delete, id=node["id"], v=node["version"] + 1)
    assert gone["deleteGroupMapping"]["__typename"] == "GroupMappingDeleted", gone
