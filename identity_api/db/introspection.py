"""A service client and the token that it asks about, read with one statement."""

import msgspec

from identity_api.db.clients import CLIENT, CLIENT_IS_LIVE, ServiceClient, client_of, service_client
from identity_api.db.database import Connection
from identity_api.db.sessions import (
    API_TOKEN,
    API_TOKEN_DURING_EDIT,
    SESSION,
    SESSION_DURING_EDIT,
    Token,
    api_token_of,
    session_of,
)
from identity_api.ids import TokenKey


class Asked(msgspec.Struct, frozen=True):
    """Who asks, by name alone, and about what: the secret is compared by the caller."""

    client: ServiceClient
    secret_hash: bytes
    token: Token | None = None


def _beside(token: str, name: str) -> str:
    """The client with that name, beside the token if there is one: whoever is refused is told nothing of the token."""
    return f"""
        select {CLIENT}, o.*
        from service_client c left join lateral ({token}) o on true
        where c.name = {name} and {CLIENT_IS_LIVE}
    """


_BESIDE_SESSION, _BESIDE_API_TOKEN = _beside(SESSION, "$4"), _beside(API_TOKEN, "$3")
_BESIDE_SESSION_DURING_EDIT = _beside(SESSION_DURING_EDIT, "$4")
_BESIDE_API_TOKEN_DURING_EDIT = _beside(API_TOKEN_DURING_EDIT, "$3")


async def about_session(connection: Connection, name: str, key: TokenKey, *, idle_seconds: int) -> Asked | None:
    """The client with that name, with the live session of this key; None without a client."""
    row = await connection.fetchrow(_BESIDE_SESSION, *key, float(idle_seconds), name)
    if row is not None and row["is_edited"]:
        row = await connection.fetchrow(_BESIDE_SESSION_DURING_EDIT, *key, float(idle_seconds), name)
    if row is None:
        return None
    return Asked(client_of(row), row["secret_hash"], None if row["token_id"] is None else session_of(row))


async def about_api_token(connection: Connection, name: str, key: TokenKey) -> Asked | None:
    """The client with that name, with the live API token of this key; None without a client."""
    row = await connection.fetchrow(_BESIDE_API_TOKEN, *key, name)
    if row is not None and row["is_edited"]:
        row = await connection.fetchrow(_BESIDE_API_TOKEN_DURING_EDIT, *key, name)
    if row is None:
        return None
    return Asked(client_of(row), row["secret_hash"], None if row["token_id"] is None else api_token_of(row))


async def about_nothing(connection: Connection, name: str) -> Asked | None:
    """The client with that name, for what cannot be a token."""
    found = await service_client(connection, name)
    return None if found is None else Asked(*found)
