"""Tenants never meet (I2, promise 4): two tenants of one deployment, by every id and by every route, over real HTTP.

The same people sign in at both through the same provider, and its admins hold every permission in their own tenant; so
nothing but the tenant stands between them.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    get_named_type,
    get_nullable_type,
)

from identity_api.graphql.ids import global_id
from identity_api.ids import uuid7
from identity_api.oidc.authorization import code_challenge, new_code_verifier
from tests.flows.acme import HOSTS
from tests.flows.browser import Browser
from tests.flows.product import Product
from tests.flows.program import Program, bearer
from tests.graphql.inputs import ID_ARGUMENTS, document, root_fields, with_id

pytestmark = pytest.mark.xdist_group("flows")

EVERYTHING = """{
  users { edges { node { id username enabled email sessions { id } groups { id name } permissions { name }
    identities { id state } } } }
  identities { edges { node { id state user { id } } } }
  groups { edges { node { id name memberCount } } }
  groupMappings { edges { node { id pattern version enabled managedBy permissions { name } } } }
  permissions { edges { node { id name description delegable } } }
  providers { edges { node { id slug enabled version } } }
  proposals(openOnly: false) { edges { node { id state reason } } }
  apiTokens { edges { node { id name } } }
  frontends { id slug returnUrls }
  serviceClients { id clientId revokedAt }
  webhooks { id url description }
  setupLinks { id slug label state }
  invitations { id state user { id username } }
}"""
LISTS = {
    "User": "users",
    "Identity": "identities",
    "Group": "groups",
    "GroupMapping": "groupMappings",
    "Permission": "permissions",
    "Provider": "providers",
    "Proposal": "proposals",
    "ApiToken": "apiTokens",
    "Frontend": "frontends",
    "ServiceClient": "serviceClients",
    "Webhook": "webhooks",
}
SAMPLES: dict[str, Any] = {"String": "isolated", "Int": 1, "Boolean": True, "ID": ""}


@dataclass
class Tenant:
    """One of the two, seen by its admin."""

    slug: str
    origin: str
    admin: Browser
    person_token: str
    """A bearer token of bob's, who is no admin."""

    def everything(self) -> dict[str, Any]:
        """All that the admin can read. Times of sessions and syncs are left out: they pass by themselves."""
        found: dict[str, Any] = self.admin.data(self.origin, EVERYTHING)
        return found

    def ids(self) -> set[str]:
        """Every id in it."""
        found: set[str] = set()

        def walk(value: Any) -> None:
            if isinstance(value, dict):
                found.update([value["id"]] if "id" in value else [])
                for inner in value.values():
                    walk(inner)
            elif isinstance(value, list):
                for inner in value:
                    walk(inner)

        walk(self.everything())
        return found

    def one(self, field: str) -> str:
        """The id of one of its users, groups and so on; of one that can be edited, if there is one."""
        found = self.everything()[field]
        nodes = found if isinstance(found, list) else [edge["node"] for edge in found["edges"]]
        return str(min(nodes, key=lambda node: node.get("managedBy") == "FILE")["id"])


def token_by_fragment(browser: Browser, origin: str, name: str) -> str:
    query = urlencode({"frontend": "app", "delivery": "fragment", "state": "isolation"})
    browser.leave_for_provider(f"{origin}/login?{query}")
    ended = browser.press(name, stop_at="/done")
    return parse_qs(urlsplit(ended.url).fragment)["access_token"][0]


@pytest.fixture(scope="module")
def tenants(product: Product, acme: str) -> Iterator[tuple[Tenant, Tenant]]:
    """Acme, whose things are tried, and globex, from which they are."""
    assert acme == product.at(HOSTS["acme"])
    with Browser() as one, Browser() as two, Browser() as bob:
        found = []
        for slug, browser in zip(HOSTS, (one, two), strict=True):
            origin = product.at(HOSTS[slug])
            product.signed_in(browser, "Dora Dyer", origin)
            tenant = Tenant(slug, origin, browser, token_by_fragment(bob, origin, "Bob Baker"))
            given = {"pattern": "isolated", "permissions": [tenant.one("permissions")]}
            text = document("createGroupMapping")
            assert "GroupMappingSaved" in json.dumps(browser.data(origin, text, input=given))
            furnish(tenant)
            found.append(tenant)
        yield found[0], found[1]


def furnish(tenant: Tenant) -> None:
    """One of everything else that an admin makes."""
    nodes = tenant.everything()
    own = {edge["node"]["name"]: edge["node"]["id"] for edge in nodes["permissions"]["edges"]}
    bob = [edge["node"]["id"] for edge in nodes["users"]["edges"] if edge["node"]["email"] == "bob@demo.example"]
    every = [own["docs:read"]]
    for mutation, given in {
        "proposeChangeSet": {"changes": [{"createPermission": {"name": "isolated:read"}}], "reason": "isolated"},
        "createApiToken": {"user": bob[0], "name": "isolated", "days": 1, "permissions": [own["identity:users:read"]]},
        "createServiceClient": {"name": "isolated"},
        "createWebhook": {"url": "https://hooks.example/isolated"},
        "createInvitation": {"username": "isolated-guest", "provider": nodes["providers"]["edges"][0]["node"]["id"]},
        "createSetupLink": {"slug": "isolated", "label": "Isolated", "permissions": every},
    }.items():
        answer = tenant.admin.data(tenant.origin, document(mutation), input=given)[mutation]
        assert "message" not in answer, answer


NEEDED = {"createInvitation.input.provider"}
"""What may be left out, but not here: the tenants have no local passwords."""


def smallest(name: str, own: Tenant) -> dict[str, Any]:
    """The least that a field can be asked with; every id in it is one of the asker's own."""
    _, field = root_fields()[name]
    return {
        argument: _sample(one.type, f"{name}.{argument}", own)
        for argument, one in field.args.items()
        if isinstance(one.type, GraphQLNonNull) or isinstance(get_named_type(one.type), GraphQLInputObjectType)
    }


def _sample(type_: Any, path: str, own: Tenant) -> Any:
    inner, named = get_nullable_type(type_), get_named_type(type_)
    if isinstance(inner, GraphQLList):
        return [_sample(inner.of_type, path, own)]
    if isinstance(named, GraphQLInputObjectType):
        return {
            key: _sample(one.type, f"{path}.{key}", own)
            for key, one in named.fields.items()
            if isinstance(one.type, GraphQLNonNull) or f"{path}.{key}" in NEEDED
        }
    if isinstance(named, GraphQLEnumType):
        return next(iter(named.values))
    if named.name == "ID" and ID_ARGUMENTS[path] in LISTS:
        return own.one(LISTS[ID_ARGUMENTS[path]])
    if named.name == "DateTime":
        return "2026-01-02T00:00:00Z" if path.endswith(".until") else "2026-01-01T00:00:00Z"
    return SAMPLES[named.name]


# By id


@pytest.mark.parametrize("argument", list(ID_ARGUMENTS))
def test_an_id_of_another_tenant_is_an_id_of_nothing(tenants: tuple[Tenant, Tenant], argument: str) -> None:
    """The answer is that to an id which was never given out, and nothing of the other tenant changes."""
    theirs, own = tenants
    name, *path = argument.split(".")
    text = document(name)
    arguments = {root: smallest(root, own) for root in {name, *path} & root_fields().keys()}
    before = theirs.everything()
    absent = own.admin.graphql(
        own.origin, text, **with_id(arguments, argument, global_id(ID_ARGUMENTS[argument], uuid7()))
    )
    assert "NOT_FOUND" in json.dumps(absent) or (absent.get("data") or {}).get(name) in (None, [None]), absent
    foreign = theirs.ids() - own.ids()
    assert len(foreign) > 15
    for value in foreign:
        answer = own.admin.graphql(own.origin, text, **with_id(arguments, argument, value))
        if argument == "node.id":  # its error says of which type an id is, as the id itself does
            assert answer["data"] == {"node": None}
            assert answer["errors"][0]["extensions"]["code"] == "NOT_FOUND"
        else:
            assert answer == absent
    assert theirs.everything() == before


def test_a_set_up_link_of_another_tenant_is_not_ended(tenants: tuple[Tenant, Tenant]) -> None:
    """Its id is none of `node`, so that no argument above takes it."""
    theirs, own = tenants
    before, text = theirs.everything(), document("revokeSetupLink")
    answers = [
        own.admin.graphql(own.origin, text, input={"setupLinkId": one})
        for one in (before["setupLinks"][0]["id"], str(uuid7()))
    ]
    assert answers[0] == answers[1]
    assert answers[0]["data"]["revokeSetupLink"]["code"] == "NOT_FOUND"
    assert theirs.everything() == before


def test_an_invitation_of_another_tenant_is_not_ended(tenants: tuple[Tenant, Tenant]) -> None:
    """Its id is none of `node` either."""
    theirs, own = tenants
    before, text = theirs.everything(), document("revokeInvitation")
    answers = [
        own.admin.graphql(own.origin, text, input={"invitationId": one})
        for one in (before["invitations"][0]["id"], str(uuid7()))
    ]
    assert answers[0] == answers[1]
    assert answers[0]["data"]["revokeInvitation"]["code"] == "NOT_FOUND"
    assert theirs.everything() == before


def test_the_lists_of_one_tenant_have_nothing_of_the_other(tenants: tuple[Tenant, Tenant]) -> None:
    theirs, own = tenants
    assert theirs.ids()
    assert own.ids()
    assert not theirs.ids() & own.ids()


# By route


def test_a_token_is_nothing_at_another_tenants_host(tenants: tuple[Tenant, Tenant]) -> None:
    theirs, own = tenants
    headers = bearer(theirs.person_token)
    query = {"query": "{ viewer { user { id } } }"}
    for origin, status in ((theirs.origin, 200), (own.origin, 401)):
        assert Program(origin)("GET", "/v1/me", headers=headers).status_code == status
        assert Program(origin)("POST", "/graphql", json=query, headers=headers).status_code == status


def test_a_cookie_is_nothing_at_another_tenants_host_and_lives_on_at_its_own(
    tenants: tuple[Tenant, Tenant], browser: Browser
) -> None:
    theirs, own = tenants
    browser.cookies(own.origin)["session"] = theirs.admin.cookies(theirs.origin)["session"]
    for path in ("/v1/me", "/graphql"):
        method = "GET" if path == "/v1/me" else "POST"
        body = {"query": "{ viewer { user { id } } }"} if method == "POST" else None
        assert browser.ask(method, f"{own.origin}{path}", body=body, identity_request="1").status_code == 401
    assert "Choose who signs in" in browser.open(f"{own.origin}/account").text
    assert theirs.admin.ask("GET", f"{theirs.origin}/v1/me").status_code == 200


def test_a_session_is_nothing_under_another_tenants_prefix(
    product: Product, tenants: tuple[Tenant, Tenant], browser: Browser
) -> None:
    """On the public host they are one browser's same cookie jar: the cookie is sent under every prefix."""
    product.signed_in(browser, "Bob Baker")
    assert browser.ask("GET", f"{product.url}/v1/me").json()["tenant"] == "demo"
    assert browser.ask("GET", f"{product.url}/t/demo/v1/me").status_code == 401, "a prefix has a cookie of its own"
    [token] = [value for name, value in browser.cookies(product.url).items() if name == "session"]
    for theirs in tenants:
        browser.cookies(product.url)[f"session-{theirs.slug}"] = token
        assert browser.ask("GET", f"{product.url}/t/{theirs.slug}/v1/me").status_code == 401
        query = {"query": "{ viewer { user { id } } }"}
        refused = browser.ask("POST", f"{product.url}/t/{theirs.slug}/graphql", body=query, identity_request="1")
        assert refused.status_code == 401
        assert "Choose who signs in" in browser.open(f"{product.url}/t/{theirs.slug}/account").text
    assert browser.ask("GET", f"{product.url}/v1/me").status_code == 200


def test_a_tenants_own_host_leads_to_no_other_tenant(tenants: tuple[Tenant, Tenant]) -> None:
    theirs, own = tenants
    program = Program(own.origin)
    for slug in (theirs.slug, own.slug, "demo"):
        assert program("GET", f"/t/{slug}/login").status_code == 404
    tenant_id = Program(theirs.origin)("GET", "/v1/me", headers=bearer(theirs.person_token)).json()["tenant_id"]
    for name in (theirs.slug, tenant_id):
        refused = program("POST", "/v1/auth/oidc/login", json={"tenant_id": name})
        assert (refused.status_code, refused.json()["code"]) == (404, "TENANT_NOT_FOUND")


def test_a_backend_of_another_tenant_learns_nothing_of_a_token(
    product: Product, tenants: tuple[Tenant, Tenant]
) -> None:
    theirs, own = tenants
    secret = product.command("service-client", "create", "isolated", "--tenant", own.slug).strip()
    asked = {
        tenant.slug: Program(own.origin)(
            "POST", "/v1/introspect", data={"token": tenant.person_token}, auth=("isolated", secret)
        ).json()
        for tenant in tenants
    }
    assert asked[own.slug]["active"] is True
    assert asked[theirs.slug] == {"active": False}


def test_a_session_of_another_tenant_cannot_be_ended(tenants: tuple[Tenant, Tenant]) -> None:
    theirs, own = tenants
    page = theirs.admin.open(f"{theirs.origin}/account")
    [action, *_] = [form.action for form in page.forms if "/account/sessions/" in form.action]
    path = urlsplit(action).path
    assert own.admin.ask("POST", f"{own.origin}{path}").status_code == 404
    assert theirs.admin.ask("GET", f"{theirs.origin}/v1/me").status_code == 200


def test_a_callback_of_one_tenant_is_refused_at_anothers_address(
    product: Product, tenants: tuple[Tenant, Tenant], browser: Browser
) -> None:
    theirs, own = tenants
    browser.leave_for_provider(f"{theirs.origin}/login")
    right = browser.press("Bob Baker", stop_at="/callback").url
    query = urlsplit(right).query
    for base in (own.origin, f"{product.url}/t/{own.slug}", theirs.origin):
        page = browser.open(f"{base}/auth/oidc/demo/callback?{query}")
        assert (page.status, page.section("Code ", " Request")) == (400, "CALLBACK_MISPLACED"), base
    assert browser.open(right).url == f"{theirs.origin}/account"
    assert "session" not in browser.cookies(own.origin)


def test_a_code_of_one_tenants_login_is_of_no_use_in_anothers(tenants: tuple[Tenant, Tenant], browser: Browser) -> None:
    """Both have the same redirect URL at the same provider, and both logins run in the same browser."""
    theirs, own = tenants
    arrived = []
    for tenant in tenants:
        browser.leave_for_provider(f"{tenant.origin}/login")
        arrived.append(browser.press("Bob Baker", stop_at="/callback").url)
    first, second = [parse_qs(urlsplit(one).query) for one in arrived]
    mixed = {"code": first["code"][0], "state": second["state"][0], "iss": second["iss"][0]}
    page = browser.open(f"{arrived[1].partition('?')[0]}?{urlencode(mixed)}")
    assert (page.status, page.section("Code ", " Request")) == (400, "EXCHANGE_REFUSED")
    assert "session" not in browser.cookies(own.origin)
    assert "session" not in browser.cookies(theirs.origin)


@pytest.mark.parametrize("what", ["handle", "completion"])
def test_what_begins_or_ends_a_login_of_one_tenant_does_not_at_anothers_host(
    tenants: tuple[Tenant, Tenant], browser: Browser, what: str
) -> None:
    theirs, own = tenants
    if what == "handle":
        body = {"tenant_id": theirs.slug}
        right = browser.ask("POST", f"{theirs.origin}/v1/auth/oidc/login", body=body).json()["auth_url"]
    else:
        browser.leave_for_provider(f"{theirs.origin}/login")
        right = browser.press("Bob Baker", stop_at="/auth/complete").url
    page = browser.open(right.replace(theirs.origin, own.origin))
    assert page.status == 400
    assert page.section("Code ", " Request") in ("HANDLE_UNKNOWN", "CODE_UNKNOWN")
    assert "session" not in browser.cookies(own.origin)
    assert browser.open(right).status == 200


@pytest.mark.parametrize("door", ["own", "foreign"])
def test_a_one_time_code_is_nothing_at_another_tenants_host(
    tenants: tuple[Tenant, Tenant], browser: Browser, door: str
) -> None:
    theirs, other = tenants
    verifier = new_code_verifier()
    query = urlencode({"frontend": "app", "delivery": "code", "code_challenge": code_challenge(verifier)})
    browser.leave_for_provider(f"{theirs.origin}/login?{query}")
    code = parse_qs(urlsplit(browser.press("Bob Baker", stop_at="/done").url).query)["code"][0]
    program = Program(theirs.origin if door == "own" else other.origin)
    answer = program("POST", "/v1/auth/token", json={"code": code, "code_verifier": verifier})
    if door == "foreign":
        assert (answer.status_code, answer.json()["code"]) == (400, "CODE_INVALID")
        return
    headers = bearer(answer.json()["access_token"])
    assert Program(other.origin)("GET", "/v1/me", headers=headers).status_code == 401
    assert Program(theirs.origin)("GET", "/v1/me", headers=headers).json()["tenant"] == theirs.slug
