"""Whether servers that were asked for the same answer the same, each in its own form."""

import socket
from typing import Any
from uuid import UUID

import msgspec

from benchmarks.cases import BY_HAND, FLOOR, POSTGRAPHILE, PRODUCT
from identity_api.graphql import ids

COMPARED = 12
"""Requests of each case."""


def ask(port: int, wire: bytes) -> bytes:
    """The body of one answer."""
    with socket.create_connection(("127.0.0.1", port), 60) as connection:
        connection.sendall(wire)
        held = b""
        while b"\r\n\r\n" not in held:
            held += _received(connection)
        head, _, body = held.partition(b"\r\n\r\n")
        lower = head.lower()
        if b"content-length:" in lower:
            length = int(lower.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
            while len(body) < length:
                body += _received(connection)
            return body
        while not body.endswith(b"0\r\n\r\n"):
            body += _received(connection)
    return _joined(body)


def _received(connection: socket.socket) -> bytes:
    data = connection.recv(65_536)
    if not data:
        raise SystemExit("a server closed the connection in the middle of an answer")
    return data


def _joined(chunks: bytes) -> bytes:
    found = b""
    while chunks:
        size, _, chunks = chunks.partition(b"\r\n")
        found += chunks[: int(size, 16)]
        chunks = chunks[int(size, 16) + 2 :]
    return found


def differences(ports: dict[str, int], requests: dict[str, list[bytes]]) -> list[str]:
    """What another server answered otherwise than the product; empty if nothing."""
    found = []
    for place in range(min(COMPARED, *[len(wires) for wires in requests.values()])):
        bodies = {server: ask(ports[server], wires[place]) for server, wires in requests.items()}
        ours = _READERS[PRODUCT](bodies[PRODUCT])
        if not ours:
            found.append(f"{PRODUCT} answers nothing: {bodies[PRODUCT][:300]!r}")
        for server, body in bodies.items():
            theirs = _READERS[server](body)
            expected = _names_of(ours) if server == FLOOR else ours
            if server == FLOOR:
                theirs = theirs[: len(expected)]  # it reads one more where there is one, as pages do
            if theirs != expected:
                found.append(f"{server} answers otherwise: {str(theirs)[:600]} and not {str(expected)[:600]}")
    return found


def _names_of(users: list[Any]) -> list[Any]:
    return [user[:2] for user in users]


def _of_product(body: bytes) -> list[Any]:
    answer = msgspec.json.decode(body)
    if "active" in answer:
        return [answer["sub"], answer["username"], sorted(answer["permissions"])]
    data = answer.get("data") or {}
    if "viewer" in data:
        return [_our_user({**data["viewer"]["user"], "permissions": data["viewer"]["permissions"]})]
    if "user" in data:
        return [_our_user(data["user"])]
    return [_our_user(edge["node"]) for edge in data["users"]["edges"]] if data else []


def _our_user(user: dict[str, Any]) -> list[Any]:
    names = [_row_id(user["id"]), user["username"]]
    if "identities" in user:
        identities = [
            [_row_id(one["id"]), one["state"], one["subject"], one["provider"]["label"]] for one in user["identities"]
        ]
        return [*names, sorted(identities), sorted([group["name"] for group in user["groups"]])]
    reasons = [
        [permission["name"], reason["source"], reason["group"] and reason["group"]["name"]]
        for permission in user["permissions"]
        for reason in permission["reasons"]
    ]
    return [*names, user["displayLabel"], user["email"], sorted(reasons, key=str)]


def _row_id(id: str) -> str:
    found = ids.parse(id)
    assert found is not None
    return str(found.row_id)


def _of_postgraphile(body: bytes) -> list[Any]:
    data = msgspec.json.decode(body).get("data") or {}
    if "allAppUsers" in data:
        return [_their_user(edge["node"]) for edge in data["allAppUsers"]["edges"]]
    return [_their_user(user) for user in data.values()]


def _their_user(user: dict[str, Any]) -> list[Any]:
    names = [_uuid(user.get("rowId") or user["id"]), user["username"]]
    if "identitiesByTenantIdAndUserId" in user:
        found = user["identitiesByTenantIdAndUserId"]["nodes"]
        identities = [
            [one["rowId"], one["state"], one["subject"], one["providerByTenantIdAndProviderId"]["label"]]
            for one in found
        ]
        groups = [
            group["providerGroupByTenantIdAndGroupId"]["name"]
            for one in found
            for group in one["identityGroupsByTenantIdAndIdentityId"]["nodes"]
        ]
        return [*names, sorted(identities), sorted(groups)]
    reasons = [[one["name"], one["source"], one["groupName"]] for one in user["permissions"]["nodes"]]
    return [*names, user["displayLabel"], user["email"], sorted(reasons, key=str)]


def _uuid(text: str) -> str:
    return str(UUID(text))


def _by_hand(body: bytes) -> list[Any]:
    answer = msgspec.json.decode(body)
    if "active" in answer:
        return [answer["sub"], answer["username"], sorted(answer["permissions"])]
    return [_user_by_hand(user) for user in answer.get("users", [answer])]


def _user_by_hand(user: dict[str, Any]) -> list[Any]:
    names = [user["id"], user["username"]]
    if "identities" in user:
        identities = [[one["id"], one["state"], one["subject"], one["provider"]] for one in user["identities"]]
        return [*names, sorted(identities), sorted(user["groups"])]
    reasons = [[one["name"], one["source"], one["groupName"]] for one in user["permissions"]]
    return [*names, user["displayLabel"], user["email"], sorted(reasons, key=str)]


def _of_floor(body: bytes) -> list[Any]:
    return [line.split("\t")[:2] for line in body.decode().split("\n")]


_READERS = {PRODUCT: _of_product, POSTGRAPHILE: _of_postgraphile, BY_HAND: _by_hand, FLOOR: _of_floor}
