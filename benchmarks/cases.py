"""What is asked for, in each server's own words, with keys and positions spread at random over the whole tenant.

Requests of one place in the lists of several servers ask for the same, so that their answers can be compared.
"""

import base64
import json
import random
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import msgspec

from benchmarks.data import Tenant
from identity_api.db.user_filters import Filter
from identity_api.db.user_read_model import Position
from identity_api.graphql.ids import global_id
from identity_api.vault import Vault

REQUESTS = 1_000
PRODUCT, POSTGRAPHILE, BY_HAND, FLOOR = "identity-api", "PostGraphile 5", "REST by hand", "floor"
BARE = "bare"
"""What any application on the server costs; only `replays` measures it."""
Requests = dict[str, dict[str, list[bytes]]]
"""Case -> server -> its requests."""

_USER = "id username displayLabel email permissions { name reasons { source group { name } } }"
_USER_OF_POSTGRAPHILE = (
    "rowId username displayLabel email permissions(orderBy: NAME_ASC) { nodes { name source groupName } }"
)
_NESTED = "id username identities { id state subject provider { label } } groups { name }"
_NESTED_OF_POSTGRAPHILE = """rowId username identitiesByTenantIdAndUserId { nodes {
    rowId state subject providerByTenantIdAndProviderId { label }
    identityGroupsByTenantIdAndIdentityId { nodes { providerGroupByTenantIdAndGroupId { name } } } } }"""
_PAGE_INFO = "pageInfo { hasNextPage endCursor }"
VIEWER = "{ viewer { user { id username displayLabel email } permissions { name reasons { source group { name } } } } }"


def _page(node: str, arguments: str, variables: str) -> str:
    return f"query({variables}) {{ users({arguments}) {{ edges {{ node {{ {node} }} }} {_PAGE_INFO} }} }}"


def _page_of_postgraphile(node: str, arguments: str, variables: str) -> str:
    return f"query({variables}) {{ allAppUsers({arguments}) {{ edges {{ node {{ {node} }} }} {_PAGE_INFO} }} }}"


def request(
    method: str, path: str, authorization: str, body: bytes = b"", media_type: str = "application/json"
) -> bytes:
    """A complete request."""
    lines = [f"{method} {path} HTTP/1.1", "host: 127.0.0.1", f"authorization: {authorization}"]
    if body:
        lines += [f"content-type: {media_type}", f"content-length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


def graphql(token: str, document: str, variables: dict[str, Any]) -> bytes:
    """A complete GraphQL request of whoever holds the token."""
    body = msgspec.json.encode({"query": document, "variables": variables})
    return request("POST", "/graphql", f"Bearer {token}", body)


def _rest(token: str, path: str, **parameters: object) -> bytes:
    return request("GET", f"{path}?{urlencode(parameters)}" if parameters else path, f"Bearer {token}")


def cursor_of_users(vault: Vault, tenant_id: UUID, order: str, position: Position) -> str:
    """The product's cursor of a position in the list of all users, as `connections.listing` binds it."""
    bound = msgspec.json.encode([str(tenant_id), "users", order, [Filter(), None]]).decode()
    return vault.cursor_sealer(bound)(msgspec.json.encode(position))


class Keys:
    """What is asked about, drawn once for all servers."""

    def __init__(self, tenant: Tenant, vault: Vault, postgraphile_cursors: dict[str, str]) -> None:
        some = random.Random(7)
        self.tenant, self._vault, self._prefixes = tenant, vault, postgraphile_cursors
        # The last hundred users have no whole page behind them.
        self.ids = some.choices(tenant.user_ids[:-101], k=REQUESTS)
        by_name = sorted(tenant.ids_by_username)[:-101]
        self.starts = some.choices(by_name[: len(by_name) // 50 + 1], k=REQUESTS)
        self.deep = some.choices(by_name[len(by_name) * 4 // 5 :], k=REQUESTS)
        self.beginnings = [f"user{some.randint(10, 99)}" for _ in range(REQUESTS)]

    def admins(self) -> Callable[[int], str]:
        """The token of each request of somebody who reads users."""
        tokens = self.tenant.session_tokens
        return lambda place: tokens[place % len(tokens)]

    def cursor(self, order: str, position: Position) -> str:
        """One of the product's, as it would have sealed it."""
        return cursor_of_users(self._vault, self.tenant.id, order, position)

    def postgraphile_cursor(self, order: str, *key: str) -> str | None:
        """One of PostGraphile's, which begin with a digest of the order; None where it does not run."""
        if order not in self._prefixes:
            return None
        return base64.b64encode(json.dumps([self._prefixes[order], *key], separators=(",", ":")).encode()).decode()


def cases(keys: Keys) -> Requests:
    """All of them."""
    return {
        "viewer": _viewer(keys),
        "one user": _one_user(keys),
        "page of 50": _pages_by_id(keys, _USER, _USER_OF_POSTGRAPHILE, {}),
        "filtered page of 100 by username": _filtered(keys),
        "first pages by username": _pages_by_name(keys, keys.starts),
        "deep pages by username": _pages_by_name(keys, keys.deep),
        "page of 50 with identities and groups": _pages_by_id(keys, _NESTED, _NESTED_OF_POSTGRAPHILE, {"nested": 1}),
        "introspection of a token": _introspection(keys),
    }


def _viewer(keys: Keys) -> dict[str, list[bytes]]:
    tokens = keys.tenant.viewer_tokens
    document = f"{{ viewer {{ {_USER_OF_POSTGRAPHILE} }} }}"
    return {
        PRODUCT: [graphql(token, VIEWER, {}) for token in tokens],
        POSTGRAPHILE: [graphql(token, document, {}) for token in tokens],
        BY_HAND: [_rest(token, "/viewer") for token in tokens],
    }


def _one_user(keys: Keys) -> dict[str, list[bytes]]:
    token = keys.admins()
    asked = list(enumerate(keys.ids))
    ours = f"query($id: ID!) {{ user(id: $id) {{ {_USER} }} }}"
    by_key = "appUserByTenantIdAndRowId(tenantId: $tenant, rowId: $id)"
    theirs = f"query($id: UUID!, $tenant: UUID!) {{ {by_key} {{ {_USER_OF_POSTGRAPHILE} }} }}"
    tenant = str(keys.tenant.id)
    return {
        PRODUCT: [graphql(token(place), ours, {"id": global_id("User", id)}) for place, id in asked],
        POSTGRAPHILE: [graphql(token(place), theirs, {"id": str(id), "tenant": tenant}) for place, id in asked],
        BY_HAND: [_rest(token(place), f"/users/{id}") for place, id in asked],
        FLOOR: [_rest(token(place), "/users", id=id) for place, id in asked],
    }


def _pages_by_id(keys: Keys, ours: str, theirs: str, more: dict[str, Any]) -> dict[str, list[bytes]]:
    token = keys.admins()
    document = _page(ours, "first: 50, after: $after", "$after: String")
    of_postgraphile = _page_of_postgraphile(
        theirs, "first: 50, after: $after, orderBy: PRIMARY_KEY_ASC", "$after: Cursor"
    )
    asked = list(enumerate(keys.ids))
    tenant = str(keys.tenant.id)

    def cursor(id: UUID) -> str | None:
        return keys.postgraphile_cursor("PRIMARY_KEY_ASC", tenant, str(id))

    floor = {} if more else {FLOOR: [_rest(token(at), "/users", first=50, after=id) for at, id in asked]}
    return {
        PRODUCT: [graphql(token(at), document, {"after": keys.cursor("ID ASC", Position("", id))}) for at, id in asked],
        POSTGRAPHILE: [graphql(token(at), of_postgraphile, {"after": cursor(id)}) for at, id in asked],
        BY_HAND: [_rest(token(at), "/users", first=50, after=id, **more) for at, id in asked],
        **floor,
    }


def _filtered(keys: Keys) -> dict[str, list[bytes]]:
    token = keys.admins()
    ours = _page(_USER, "first: 100, filter: {usernamePrefix: $p}, orderBy: {field: USERNAME}", "$p: String!")
    arguments = "first: 100, filter: {usernameFolded: {startsWith: $p}}, orderBy: USERNAME_FOLDED_ASC"
    theirs = _page_of_postgraphile(_USER_OF_POSTGRAPHILE, arguments, "$p: String!")
    asked = list(enumerate(keys.beginnings))
    return {
        PRODUCT: [graphql(token(at), ours, {"p": text}) for at, text in asked],
        POSTGRAPHILE: [graphql(token(at), theirs, {"p": text}) for at, text in asked],
        BY_HAND: [_rest(token(at), "/users", first=100, prefix=text) for at, text in asked],
        FLOOR: [_rest(token(at), "/users", first=100, prefix=text) for at, text in asked],
    }


def _pages_by_name(keys: Keys, names: Sequence[str]) -> dict[str, list[bytes]]:
    token = keys.admins()
    ours = _page(_USER, "first: 50, after: $after, orderBy: {field: USERNAME}", "$after: String")
    arguments = "first: 50, after: $after, orderBy: USERNAME_FOLDED_ASC"
    theirs = _page_of_postgraphile(_USER_OF_POSTGRAPHILE, arguments, "$after: Cursor")
    asked = list(enumerate(names))
    tenant, id_of = str(keys.tenant.id), keys.tenant.ids_by_username

    def cursor(name: str) -> str:
        return keys.cursor("USERNAME ASC", Position(name, id_of[name]))

    def cursor_of_postgraphile(name: str) -> str | None:
        return keys.postgraphile_cursor("USERNAME_FOLDED_ASC", name, tenant, str(id_of[name]))

    return {
        PRODUCT: [graphql(token(at), ours, {"after": cursor(name)}) for at, name in asked],
        POSTGRAPHILE: [graphql(token(at), theirs, {"after": cursor_of_postgraphile(name)}) for at, name in asked],
        BY_HAND: [_rest(token(at), "/users", first=50, after_name=name) for at, name in asked],
        FLOOR: [_rest(token(at), "/users", first=50, after_name=name) for at, name in asked],
    }


def _introspection(keys: Keys) -> dict[str, list[bytes]]:
    basic = "Basic " + base64.b64encode(":".join(keys.tenant.client).encode()).decode()

    def asked(path: str) -> list[bytes]:
        form = "application/x-www-form-urlencoded"
        return [request("POST", path, basic, f"token={one}".encode(), form) for one in keys.tenant.viewer_tokens]

    return {PRODUCT: asked("/v1/introspect"), BY_HAND: asked("/introspect")}
