"""A provider that moves: what the old place was told or issued never reaches the new one (S0-45, I3)."""

import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from identity_api.config import Secret
from identity_api.db.database import Database
from identity_api.errors import BadInput
from identity_api.permissions.delegation import Actor
from identity_api.providers import administration
from identity_api.providers.deps import ProviderDeps
from identity_api.providers.metadata import refresh_metadata
from identity_api.providers.provider_row import Defaults
from identity_api.providers.secrets import NewSecret
from identity_api.relying_party import refresh_tokens
from identity_api.relying_party.refresh_tokens import LoginTokens
from identity_api.upstream.addresses import AllowList
from identity_api.upstream.exchange import Upstream
from tests.openid_provider import RunningProvider
from tests.openid_provider.http_server import ThreadedServer
from tests.sync.world import Person, World, make_vault, make_world


class Listener:
    """A host that answers as a provider would, and keeps every byte that it is sent.

    It refuses every client: whoever has another secret left tries that one too.
    """

    def __init__(self) -> None:
        self._server = ThreadedServer()
        self.address = f"http://127.0.0.1:{self._server.port}"
        self.heard: list[str] = []
        self.paths: list[str] = []
        self.issuer = self.address

    def __enter__(self) -> "Listener":
        self._server.start(self._answer)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()

    @property
    def port(self) -> int:
        return self._server.port

    @property
    def metadata(self) -> dict[str, Any]:
        places = {
            "authorization_endpoint": "/authorize", "token_endpoint": "/token", "userinfo_endpoint": "/userinfo",
            "jwks_uri": "/jwks",
        }  # fmt: skip
        return {
            "issuer": self.issuer,
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            **{name: f"{self.address}{path}" for name, path in places.items()},
        }

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        self.paths.append(scope["path"])
        self.heard.append(f"{scope['path']} {scope.get('query_string', b'')!r} {scope['headers']!r} {body!r}")
        is_known = scope["path"].startswith("/.well-known")
        answer: dict[str, Any] = (
            self.metadata if is_known else {"keys": []} if scope["path"] == "/jwks" else {"error": "invalid_client"}
        )
        status = 200 if is_known or scope["path"] == "/jwks" else 401
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": msgspec.json.encode(answer)})


class Move(msgspec.Struct, frozen=True):
    """A provider with somebody signed in, and where it could move to."""

    world: World
    deps: ProviderDeps
    person: Person
    refresh_token: str
    listener: Listener
    actor: Actor


@pytest.fixture
def issuer() -> Iterator[RunningProvider]:
    with RunningProvider() as running:
        yield running


@pytest.fixture
def listener() -> Iterator[Listener]:
    with Listener() as listening:
        yield listening


@pytest_asyncio.fixture
async def move(database: Database, issuer: RunningProvider, listener: Listener) -> AsyncIterator[Move]:
    allow = AllowList.parse([f"127.0.0.1:{issuer.port}", f"127.0.0.1:{listener.port}"])
    upstream, vault = Upstream(allow=allow), make_vault()
    world = await make_world(database, vault, upstream, issuer)
    person = await world.sign_in("alice")
    row = await world.token(person)
    deps = ProviderDeps(
        database=database,
        vault=vault,
        documents=world.deps.documents,
        allow=allow,
        defaults=Defaults("https://id.example.com", 300, 14_400, 86_400),
    )
    opened = refresh_tokens.open_sealed(vault, world.tenant_id, row["id"], row["sealed"])
    actor = Actor(world.tenant_id, None, "operator:root", frozenset())
    yield Move(world, deps, person, opened.refresh_token, listener, actor)
    with contextlib.suppress(Exception):
        await upstream.aclose()


def places(move: Move) -> list[dict[str, Any]]:
    document = f"{move.listener.address}/.well-known/openid-configuration"
    return [{"issuer": move.listener.address}, {"discovery_url": document}]


@pytest.mark.asyncio
@pytest.mark.parametrize("which", [0, 1], ids=["issuer", "discovery URL"])
async def test_a_move_asks_for_the_secret_again_and_changes_nothing_without_it(move: Move, which: int) -> None:
    provider = move.world.provider
    with pytest.raises(BadInput) as refused:
        await administration.update(
            move.deps, move.actor, provider.id, places(move)[which], expected_version=provider.version
        )
    assert (refused.value.code, refused.value.field) == ("SECRET_REQUIRED", "client_secret")
    await move.world.sync(move.person)
    assert await move.world.session_is_over(move.person) is None
    assert move.listener.heard == []


@pytest.mark.asyncio
async def test_a_move_of_an_oauth2_endpoint_asks_for_the_secret_again(move: Move) -> None:
    old = {name: f"https://old.example/{name}" for name in ("authorization", "token", "userinfo")}
    made = await administration.create(
        move.deps,
        move.actor,
        {
            "slug": "plain", "protocol": "oauth2", "issuer": "https://old.example", "client_id": "app", "endpoints": old,
            "scopes": ["user"], "sync": "ACCESS_TOKEN",
        },
        secret=NewSecret(Secret("old-secret")),
    )  # fmt: skip
    patch = {"endpoints": {**old, "token": "https://new.example/token"}}
    with pytest.raises(BadInput) as refused:
        await administration.update(move.deps, move.actor, made.id, patch, expected_version=1)
    assert refused.value.code == "SECRET_REQUIRED"
    secret = NewSecret(Secret("new-secret"))
    await administration.update(move.deps, move.actor, made.id, patch, expected_version=1, secret=secret)


@pytest.mark.asyncio
@pytest.mark.parametrize("which", [0, 1], ids=["issuer", "discovery URL"])
async def test_the_new_place_hears_the_new_secret_and_nothing_of_the_old_one(move: Move, which: int) -> None:
    provider, world = move.world.provider, move.world
    if which == 1:
        move.listener.issuer = provider.issuer
    await administration.update(
        move.deps, move.actor, provider.id, places(move)[which], expected_version=provider.version,
        secret=NewSecret(Secret("entered-for-the-new-place")),
    )  # fmt: skip
    assert await world.session_is_over(move.person) == "admin"
    assert await world.state(move.person) == ("REVOKED", "admin")
    await world.make_due(move.person)
    await world.sync(move.person)
    # A login at the new place, so that there is something to present there at all.
    async with world.database.transaction() as connection:
        await connection.execute("update identity set state = 'FRESH' where id = $1", move.person.identity_id)
        tokens = LoginTokens(refresh_token="issued by the new place")
        await refresh_tokens.keep(connection, world.vault, world.tenant_id, move.person.identity_id, tokens)
    await world.make_due(move.person)
    await world.sync(move.person)
    heard = " ".join(move.listener.heard)
    assert "/token" in move.listener.paths
    assert "entered-for-the-new-place" in heard
    assert world.issuer.client_secret not in heard
    assert move.refresh_token not in heard


@pytest.mark.asyncio
async def test_metadata_is_fetched_when_somebody_asks_and_not_again_within_half_a_minute(move: Move) -> None:
    """S4-48 to S4-51."""
    secret = NewSecret(Secret("entered-for-the-new-place"))
    made = await administration.create(
        move.deps,
        move.actor,
        {"slug": "second", "issuer": move.listener.address, "client_id": "app"},
        secret=secret,
    )
    for _ in range(2):
        await refresh_metadata(move.deps, move.actor, made.id)
    assert move.listener.paths == ["/.well-known/openid-configuration", "/jwks"]


@pytest.mark.asyncio
async def test_what_is_wrong_with_metadata_is_said(move: Move) -> None:
    """S4-51: also through the API."""
    move.listener.issuer = "https://somebody-else.example"
    made = await administration.create(
        move.deps,
        move.actor,
        {"slug": "second", "issuer": move.listener.address, "client_id": "app"},
        secret=NewSecret(Secret("s3cret")),
    )
    with pytest.raises(BadInput) as refused:
        await refresh_metadata(move.deps, move.actor, made.id)
    assert refused.value.code == "ISSUER_MISMATCH"
