"""What happens in the deployment: everything that handles a secret at least once, and everything that can go wrong with one."""

import json
import secrets
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from identity_api.oidc.authorization import code_challenge, new_code_verifier
from tests.canary.deployment import Canaries, Deployment
from tests.flows.browser import Browser
from tests.flows.product import eventually
from tests.flows.program import Program, bearer
from tests.openid_provider import Fault

RETURN_URL = "http://127.0.0.1:9/done"
_DECLARATION = """
[[tenants]]
slug = "acme"
name = "Acme"
hosts = ["127.0.0.1"]

[[tenants.frontends]]
slug = "app"
origins = ["http://127.0.0.1:9"]
return_urls = ["{return_url}"]
deliveries = ["cookie", "code", "fragment"]

[[tenants.permissions]]
name = "docs:read"

[[tenants.providers]]
slug = "sso"
issuer = "{issuer}"
client_id = "identity-api"
client_secret = "{secret}"
redirect_url = "{url}/auth/oidc/sso/callback"
sync_mode = "ADDITIVE"
groups_claim = "groups"
absent_groups = "EMPTY"

[[tenants.group_mappings]]
group = "engineering"
permissions = ["docs:read"]
"""
_LOGIN_FAULTS = [
    Fault.WRONG_NONCE,
    Fault.BROKEN_SIGNATURE,
    Fault.INVALID_CLIENT,
    Fault.WRONG_AUDIENCE,
    Fault.WRONG_ISS_PARAMETER,
    Fault.DROP_AFTER,
    Fault.HUGE_BODY,
]


_MADE = {
    name: f"mutation ($input: {name[0].upper()}{name[1:]}Input!) {{ made: {name}(input: $input) {{ ...on {fields} }} }}"
    for name, fields in (
        ("createUser", "UserChanged { user { id } }"),
        ("createApiToken", "ApiTokenMade { apiToken { id } value }"),
        ("rotateApiToken", "ApiTokenMade { apiToken { id } value }"),
        ("createServiceClient", "ServiceClientMade { serviceClient { id } value }"),
        ("rotateServiceClient", "ServiceClientMade { serviceClient { id } value }"),
        ("createWebhook", "WebhookSecretMade { webhook { id } signingKey }"),
        ("rotateWebhookSecret", "WebhookSecretMade { webhook { id } signingKey }"),
    )
}


class Story:
    """One person, one admin (the same one), one frontend, one backend."""

    def __init__(self, deployment: Deployment) -> None:
        self.at, self.canaries = deployment, deployment.canaries
        self.browser = WatchedBrowser(deployment.canaries)
        self.program = Program(deployment.url)
        unique = secrets.token_hex(6)
        personal = {
            "username": f"canary-login-{unique}",
            "name": f"Canary Name {unique}",
            "email": f"canary-mail-{unique}@people.example",
        }
        self.canaries.personal |= personal
        self.person = personal["username"]
        deployment.idp.add_person(
            self.person, ["engineering"], name=personal["name"], email=personal["email"], subject=f"sub-{unique}"
        )

    def tell(self) -> None:
        """All of it, in order."""
        self.declare()
        self.sign_in()
        self.sync()
        self.edit_mapping()
        self.use_deliveries()
        self.make_secrets()
        self.use_setup_link()
        self.use_invitation()
        self.use_break_glass()
        self.present_nonsense()
        self.fail_logins()
        self.sign_out()
        self.leave()

    def declare(self) -> None:
        path = self.at.folder / "declared.toml"
        path.touch(mode=0o600)
        path.write_text(
            _DECLARATION.format(
                return_url=RETURN_URL, issuer=self.at.idp.issuer, secret=self.at.idp.client_secret, url=self.at.url
            )
        )
        self.at.command("apply", path)
        path.unlink()

    def sign_in(self) -> None:
        hint = urlencode({"login_hint": self.canaries.personal["email"]})
        self.browser.leave_for_provider(f"{self.at.url}/auth/oidc/sso/login?{hint}")
        page = self.browser.press(self.person)
        assert page.url == f"{self.at.url}/account", (page.url, page.text)
        for name in ("users:read", "users:write", "mappings:read", "mappings:write"):
            self.at.command("grant", "acme", self.person, f"identity:{name}")

    def sync(self) -> None:
        """Asked for while no worker takes it, so that the queue can be looked into."""
        query = "{ viewer { user { id identities { verifiedAt } } } }"
        before = self.ask(query)["viewer"]["user"]
        with self.at.paused_worker():
            mutation = "mutation ($id: ID!) { syncUser(input: {id: $id}) { __typename } }"
            assert self.ask(mutation, id=before["id"])["syncUser"]["__typename"] == "UserChanged"
            eventually(lambda: "sync_user" in self.at.look_into_queue(), within=5)
        eventually(lambda: self.ask(query)["viewer"]["user"] != before)

    def edit_mapping(self) -> None:
        listed = self.ask("{ permissions { edges { node { id name } } } }")["permissions"]["edges"]
        ids = [edge["node"]["id"] for edge in listed if edge["node"]["name"] == "docs:read"]
        mutation = "mutation ($input: CreateGroupMappingInput!) { createGroupMapping(input: $input) { __typename } }"
        for group in ("support", self.canaries.personal["name"]):
            answer = self.ask(mutation, input={"pattern": group, "permissions": ids})
            assert answer["createGroupMapping"]["__typename"] == "GroupMappingSaved"
        self.at.look_into_queue()

    def use_deliveries(self) -> None:
        verifier = new_code_verifier()
        self.canaries.add("a frontend's verifier", verifier)
        given = self._deliver("code", code_challenge=code_challenge(verifier))
        self.canaries.add("a one-time code", given["code"])
        for shown in (verifier, verifier):  # the second time it is a theft
            answer = self.program("POST", "/v1/auth/token", json={"code": given["code"], "code_verifier": shown})
        assert answer.status_code == 400
        given = self._deliver("fragment", state="frontend")
        token = given["access_token"]
        self.canaries.add("a bearer token", token)
        assert self.program("GET", "/v1/me", headers=bearer(token)).status_code == 200
        secret = self.at.command("service-client", "create", "backend", "--tenant", "acme").strip()
        self.canaries.add("a service client's secret", secret)
        for password in (secret, secret[::-1]):
            self.program("POST", "/v1/introspect", data={"token": token}, auth=("backend", password))

    def make_secrets(self) -> None:
        """Each that is shown once, and each that takes the place of one."""
        for name in ("clients:write", "webhooks:write", "webhooks:read", "clients:read"):
            self.at.command("grant", "acme", self.person, f"identity:{name}")
        listed = self.ask("{ permissions { edges { node { id name } } } }")["permissions"]["edges"]
        ids = [edge["node"]["id"] for edge in listed if edge["node"]["name"] == "docs:read"]
        user = self.ask(_MADE["createUser"], input={"username": "program"})["made"]["user"]["id"]
        wish = {"user": user, "name": "nightly", "days": 1, "permissions": ids}
        token = self._made("an API token", "createApiToken", "value", wish)
        self._made("an API token", "rotateApiToken", "value", {"id": token["apiToken"]["id"], "days": 1})
        client = self._made("a service client's secret", "createServiceClient", "value", {"name": "shop"})
        self._made("a service client's secret", "rotateServiceClient", "value", {"id": client["serviceClient"]["id"]})
        hook = self._made("a webhook's secret", "createWebhook", "signingKey", {"url": "https://hooks.example/in"})
        self._made("a webhook's secret", "rotateWebhookSecret", "signingKey", {"id": hook["webhook"]["id"]})
        self.ask("mutation ($id: ID!) { testWebhook(input: {id: $id}) { __typename } }", id=hook["webhook"]["id"])

    def _made(self, what: str, mutation: str, secret: str, asked: dict[str, Any]) -> dict[str, Any]:
        made: dict[str, Any] = self.ask(_MADE[mutation], input=asked)["made"]
        self.canaries.add(what, made[secret])
        return made

    def use_setup_link(self) -> None:
        """With the client secret that somebody types there, and a wrong link."""
        made = self.at.command(
            "setup-link", "create", "acme", "customer", "--label", "Customer", "--permission", "docs:read", "--json"
        )
        url = str(json.loads(made)["url"])
        token, typed = urlsplit(url).path.rpartition("/")[2], secrets.token_urlsafe(32)
        self.canaries.add("a set-up link", token)
        self.canaries.add("a client secret that was typed", typed)
        with WatchedBrowser(self.canaries) as browser:
            browser.open(url)
            steps: tuple[tuple[str, dict[str, str]], ...] = (
                ("vendor", {"vendor": "other"}),
                ("registered", {}),
                ("connect", {"issuer": "", "client_id": "typed", "client_secret": typed}),
                ("connect", {"issuer": self.at.idp.issuer, "client_id": "typed", "client_secret": typed}),
                ("test", {}),
            )
            statuses = [browser.send_form(f"{self.at.url}/setup/{form}", fields) for form, fields in steps]
            assert statuses == [303, 303, 400, 303, 200]
            browser.open(url[:-8] + "A" * 8)

    def use_invitation(self) -> None:
        """Opened, begun with, and guessed at; whom the provider knows here already stays who they are."""
        made = self.at.command("invitation", "create", "acme", "guest", "--provider", "sso", "--json")
        url = str(json.loads(made)["url"])
        self.canaries.add("an invitation", urlsplit(url).path.rpartition("/")[2])
        with WatchedBrowser(self.canaries) as browser:
            browser.open(url)
            browser.leave_for_provider(f"{self.at.url}/invitation/login")
            browser.press(self.person)
            browser.open(url[:-8] + "A" * 8)

    def use_break_glass(self) -> None:
        code = self.at.command("break-glass", "create", "acme").split()[0]
        self.canaries.add("a break-glass code", code)
        with WatchedBrowser(self.canaries) as browser:
            address = f"{self.at.url}/auth/break-glass"
            assert [browser.send_form(address, {"code": code}) for _ in range(2)] == [303, 404]

    def _deliver(self, delivery: str, **asked: str) -> dict[str, str]:
        query = urlencode({"frontend": "app", "delivery": delivery, **asked})
        self.browser.leave_for_provider(f"{self.at.url}/login?{query}")
        parts = urlsplit(self.browser.press(self.person, stop_at="/done").url)
        return {name: values[0] for name, values in parse_qs(parts.query or parts.fragment).items()}

    def present_nonsense(self) -> None:
        """Somebody's own secrets at the wrong address, and texts that end in an error."""
        made_up = [f"ias_{secrets.token_urlsafe(32)}", secrets.token_urlsafe(32), f"CANARY{secrets.token_hex(16)}"]
        for value in made_up:
            self.canaries.add("something made up", value)
        ours, word, text = made_up
        program = self.program
        program("GET", "/v1/me", headers=bearer(ours))
        program("GET", "/account", headers={"cookie": f"session={ours}"})
        program("GET", f"/auth/launch/{word}")
        program("GET", f"/auth/complete?code={word}")
        program("GET", f"/{text}?password={text}", headers={"user-agent": text, "referer": f"http://{text}.example/"})
        program("GET", f"/auth/oidc/sso/callback?error={text}&error_description={text}&state={word}")
        program("POST", "/v1/auth/token", json={"code": word, "code_verifier": word * 2})
        program("POST", "/v1/auth/oidc/login", json={"tenant_id": text, "login_hint": text})
        program("POST", "/v1/introspect", data={"token": ours}, auth=(text, word))
        for query in (f'{{ user(id: "{text}") {{ id }} }}', f"{{ {text} }}", f'{{ viewer "{text}" }}', text):
            self.browser.graphql(self.at.url, query)
        self.browser.graphql(self.at.url, "query ($id: ID!) { node(id: $id) { id } }", id=text)

    def fail_logins(self) -> None:
        for fault in _LOGIN_FAULTS:
            with WatchedBrowser(self.canaries) as browser, self.at.idp.fault(fault):
                browser.leave_for_provider(f"{self.at.url}/login")
                page = browser.press(self.person)
                assert page.status >= 400, (fault, page.url, page.text)
        with WatchedBrowser(self.canaries) as browser:
            browser.leave_for_provider(f"{self.at.url}/login")
            address = browser.press(self.person, stop_at="/callback").url
            self.canaries.add("a state", parse_qs(urlsplit(address).query)["state"][0])
            with WatchedBrowser(self.canaries) as victim:
                assert victim.open(address).status == 400
            browser.open(address)
            with WatchedBrowser(self.canaries) as late:
                assert late.open(address).status == 400

    def sign_out(self) -> None:
        self.browser.open(f"{self.at.url}/account")
        self.browser.press("Sign out")

    def leave(self) -> None:
        """The person is removed at the provider, and the last session ends by itself."""
        self.browser.leave_for_provider(f"{self.at.url}/login")
        self.browser.press(self.person)
        user = self.ask("{ viewer { user { id } } }")["viewer"]["user"]["id"]
        self.at.idp.remove(self.person)
        self.ask("mutation ($id: ID!) { syncUser(input: {id: $id}) { __typename } }", id=user)
        eventually(lambda: self.browser.ask("GET", f"{self.at.url}/v1/me").status_code == 401)
        self.at.look_into_queue()

    def ask(self, query: str, **variables: Any) -> Any:
        return self.browser.data(self.at.url, query, **variables)


class WatchedBrowser(Browser):
    """Notes every cookie's value, and what addresses carry, as a secret."""

    def __init__(self, canaries: Canaries) -> None:
        super().__init__()
        self._canaries = canaries

    def _keep(self, cookies: dict[str, str], line: str) -> None:
        super()._keep(cookies, line)
        self._canaries.add("a cookie", line.partition(";")[0].partition("=")[2])

    def _send(self, method: str, url: str, content: bytes | None, headers: dict[str, str]) -> Any:
        query = parse_qs(urlsplit(url).query)
        for name in ("state", "nonce", "code", "id_token_hint"):
            for value in query.get(name, []):
                self._canaries.add(f"a {name}", value)
        return super()._send(method, url, content, headers)
