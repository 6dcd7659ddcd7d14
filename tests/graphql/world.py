"""A tenant with people, groups, mappings, grants and sessions, and clients that ask its GraphQL schema as somebody."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from identity_api.accounts.deps import AccountDeps
from identity_api.accounts.passwords import Passwords
from identity_api.change_sets import stored
from identity_api.change_sets.changes import CreatePermission
from identity_api.clock import system_clock
from identity_api.config import KeyRing
from identity_api.db import grants, proposals, tenants, user_read_model, webhooks
from identity_api.db.database import Connection, Database
from identity_api.db.providers import Provider
from identity_api.db.tenants import Frontend
from identity_api.db.webhooks import NewWebhook
from identity_api.graphql import engine
from identity_api.graphql.context import Context, GraphQLDeps, build_context
from identity_api.graphql.ids import Kind, global_id
from identity_api.graphql.schema import build
from identity_api.group_mappings.apply import apply_changes
from identity_api.group_mappings.findings import AccessFindings
from identity_api.http import HTTPRequest
from identity_api.ids import uuid7
from identity_api.limits import Limiter
from identity_api.permissions import service
from identity_api.permissions.delegation import Actor
from identity_api.permissions.service import SERVICE_PERMISSIONS, USERS_READ
from identity_api.providers.deps import ProviderDeps
from identity_api.providers.provider_row import Defaults
from identity_api.sessions.authenticate import authenticate
from identity_api.sessions.clients import create_tenant_client
from identity_api.sessions.login.deps import LoginDeps
from identity_api.upstream.addresses import AllowList
from identity_api.upstream.exchange import Upstream
from identity_api.upstream.keys import provider_documents
from identity_api.vault import Vault
from identity_api.web.http.limits import EdgeLimits
from tests import factories as make
from tests.accounts.local_world import QUICK
from tests.builder import build_tenant

SCHEMA = build()
VAULT = Vault(KeyRing([("tests", os.urandom(32))]))
PASSWORDS = Passwords(QUICK)
EVERYTHING = tuple(SERVICE_PERMISSIONS)


class CountingDatabase(Database):
    """The same pool, noting every statement that is sent over it. `begin` and `commit` are statements too."""

    def __init__(self, database: Database) -> None:
        self._inner = database
        self.limits, self.is_distributed = database.limits, database.is_distributed
        self._shares = database._shares
        self._is_lent = database._is_lent
        self.statements: list[str] = []
        self.at_once = self.most_at_once = 0

    @asynccontextmanager
    async def _acquired(self) -> AsyncIterator[Connection]:
        async with self._inner._acquired() as connection:
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            connection.add_query_logger(self._note)
            try:
                yield connection
            finally:
                self.at_once -= 1
                await asyncio.sleep(0)  # asyncpg tells its loggers in the next step of the loop
                connection.remove_query_logger(self._note)

    def _note(self, record: Any) -> None:
        self.statements.append(record.query)


class Answer(msgspec.Struct):
    """A decoded answer."""

    status: int
    data: dict[str, Any] | None
    errors: list[dict[str, Any]]

    @property
    def codes(self) -> list[str]:
        return [error["extensions"]["code"] for error in self.errors]

    @property
    def code(self) -> str:
        """The only error's."""
        [code] = self.codes
        return code


class Client:
    """Somebody with a session."""

    def __init__(self, world: "World", token: str, user_id: UUID, session_id: UUID) -> None:
        self.world = world
        self.token = token
        self.user_id = user_id
        self.session_id = session_id

    async def ask(self, query: str, **variables: Any) -> Answer:
        """Authenticate and execute, as the web does; statements are counted for the execution alone."""
        return await self.ask_of(SCHEMA, query, **variables)

    async def ask_of(self, schema: engine.EngineSchema, query: str, **variables: Any) -> Answer:
        """The same of another schema than the product's own."""
        world = self.world

        async def context(wanted: Any) -> Context:
            async with world.database.reading() as connection:
                authenticated = await authenticate(connection, self.token, idle_seconds=3_600, wanted=wanted)
            assert authenticated is not None
            world.statements.clear()
            return build_context(authenticated, world.deps, "request-1")

        body = msgspec.json.encode({"query": query, "variables": variables})
        request = HTTPRequest(method="POST", request_id="request-1", content_type="application/json", body=body)
        answer = await engine.handle(schema, request, context)
        decoded = msgspec.json.decode(answer.body)
        return Answer(answer.status, decoded.get("data"), decoded.get("errors", []))

    async def data(self, query: str, **variables: Any) -> Any:
        """The data of an answer without errors."""
        answer = await self.ask(query, **variables)
        assert answer.errors == [], answer.errors
        return answer.data


class World:
    """One tenant. `admin` holds every service permission; `person` holds none and is in groups."""

    database: Database
    deps: GraphQLDeps
    tenant: UUID
    provider: Provider
    nudged: list[tuple[str, dict[str, Any]]]
    synced: list[tuple[UUID, UUID]]
    person: UUID
    person_identity: UUID
    local: UUID
    read: UUID
    write: UUID
    locked: UUID
    mapping: UUID
    permissions: dict[str, UUID]
    admin: Client
    nobody: Client

    @property
    def statements(self) -> list[str]:
        """Sent while the last question was executed."""
        database = self.deps.database
        assert isinstance(database, CountingDatabase)
        return database.statements

    async def client(self, *permissions: str, username: str | None = None) -> Client:
        """Somebody new, with a local password and these service permissions."""
        async with self.database.transaction() as connection:
            user_id = await make.make_holder(connection, self.tenant, *permissions, username=username)
        return await self.sign_in(user_id)

    async def sign_in(self, user_id: UUID, identity_id: UUID | None = None) -> Client:
        """A session for an existing user."""
        async with self.database.transaction() as connection:
            session_id, token = await make.make_session(connection, self.tenant, user_id, identity_id)
        return Client(self, token, user_id, session_id)

    async def execute(self, statement: str, *arguments: Any) -> None:
        """Change a row behind the product's back."""
        async with self.database.transaction() as connection:
            await connection.execute(statement, *arguments)

    async def quarantined(self) -> UUID:
        """An identity of somebody new, which waits for an admin to look."""
        async with self.database.transaction() as connection:
            user_id = await make.make_user(connection, self.tenant)
            identity_id = await make.make_identity(connection, self.provider, user_id)
            await connection.execute("update identity set state = 'QUARANTINED' where id = $1", identity_id)
        return identity_id

    async def allow_passwords(self) -> None:
        """People of the tenant may have passwords. Twice is once."""
        await self.execute(
            "insert into local_policy (tenant_id, local_sign_in, sso_managed) values ($1, true, false) on conflict do nothing",
            self.tenant,
        )

    async def group(self, name: str) -> UUID:
        """The group of that name."""
        async with self.database.reading() as connection:
            found: UUID = await connection.fetchval(
                "select id from provider_group where tenant_id = $1 and name = $2", self.tenant, name
            )
        return found

    async def ids(self) -> dict[Kind, list[str]]:
        """Every global id of the tenant, by type."""
        tables: dict[Kind, str] = {
            "User": "app_user",
            "Identity": "identity",
            "Group": "provider_group",
            "GroupMapping": "group_mapping",
            "Permission": "permission",
            "Provider": "provider",
            "Session": "session",
            "Webhook": "webhook",
            "Proposal": "proposal",
            "ApiToken": "api_token",
            "ServiceClient": "service_client",
            "Frontend": "frontend",
        }
        found: dict[Kind, list[str]] = {}
        async with self.database.reading() as connection:
            for kind, table in tables.items():
                column = "owner_id" if kind == "ServiceClient" else "tenant_id"
                rows = await connection.fetch(f"select id from {table} where {column} = $1 order by id", self.tenant)
                found[kind] = [global_id(kind, row["id"]) for row in rows]
        return found

    async def events(self, action: str) -> list[dict[str, Any]]:
        """The payloads of the tenant's audit events of this action."""
        async with self.database.reading() as connection:
            rows = await connection.fetch(
                "select payload from audit_event where tenant_id = $1 and action = $2 order by id", self.tenant, action
            )
        return [msgspec.json.decode(row["payload"]) for row in rows]

    async def apply(self) -> None:
        """What the worker does when it is nudged."""
        await apply_changes(self.database)


def provider_deps(database: Database) -> ProviderDeps:
    """Nothing can be connected to: there is no network here, and nothing is listed."""
    allow = AllowList()
    return ProviderDeps(
        database=database,
        vault=VAULT,
        documents=provider_documents(Upstream(allow=allow), monotonic=time.monotonic),
        allow=allow,
        defaults=Defaults("https://id.example", 300, 14_400, 86_400),
    )


def login_deps(database: Database, *allow: str, vault: Vault = VAULT) -> LoginDeps:
    """Logins that reach what is listed; no name is known here, so that nothing leaves this machine."""

    async def nowhere(host: str, port: int) -> Sequence[str]:
        raise OSError("no such name")

    upstream = Upstream(allow=AllowList.parse(allow), resolve=nowhere)
    return LoginDeps(
        database=database,
        vault=vault,
        upstream=upstream,
        documents=provider_documents(upstream, monotonic=time.monotonic),
        clock=system_clock,
        public_url="https://id.example",
    )


async def make_world(database: Database) -> World:
    """A tenant with two groups, one of them mapped, four people, and an admin with every service permission."""
    world = World()
    world.database, world.nudged, world.synced = database, [], []

    async def enqueue(job_name: str, **ids: Any) -> None:
        world.nudged.append((job_name, ids))

    async def sync_user(tenant_id: UUID, user_id: UUID) -> None:
        world.synced.append((tenant_id, user_id))

    world.deps = GraphQLDeps(
        database=CountingDatabase(database),
        access_findings=AccessFindings(CountingDatabase(database)),
        is_worth_recording=EdgeLimits(Limiter(None)).is_worth_recording,
        vault=VAULT,
        accounts=AccountDeps(database=database, vault=VAULT, passwords=PASSWORDS, clock=system_clock),
        enqueue=enqueue,
        sync_user=sync_user,
        public_url="https://id.example",
        login=login_deps(database),
        providers=provider_deps(database),
        session_idle_seconds=3_600,
    )
    built = await build_tenant(
        database,
        provider={"sync_mode": "ADDITIVE"},
        permissions=(*SERVICE_PERMISSIONS, "docs:read", "docs:write"),
        undelegable=["vault:open"],
        mapped={"engineering": "docs:read"},
        people={"person": ["engineering", "platform"]},
        users={"local": None},
    )
    world.tenant, world.provider, world.mapping = built.tenant.id, built.its_provider, built.mappings["engineering"]
    world.permissions = {name: built.permissions[name] for name in SERVICE_PERMISSIONS}
    world.read, world.write, world.locked = [
        built.permissions[name] for name in ("docs:read", "docs:write", "vault:open")
    ]
    world.person, world.person_identity = built.users["person"], built.identities["person"]
    world.local = built.users["local"]
    async with database.transaction() as connection:
        hook = NewWebhook(uuid7(), "https://hooks.example/", "", ["user.updated"])
        await webhooks.insert(connection, world.tenant, hook)
        await proposals.insert(
            connection,
            world.tenant,
            uuid7(),
            changes=stored.encode([CreatePermission(name="waiting:read")]),
            needs=[service.PERMISSIONS_WRITE],
            reason="",
            proposed_by=world.local,
            seconds=3_600,
        )
        await grants.open_manual_grant(connection, world.tenant, world.local, world.write, "operator:root")
        await user_read_model.refresh(connection, world.tenant, [world.local])
        for name in ("ci", "backup"):
            await make.make_api_token(connection, world.tenant, world.person, name, [USERS_READ])
        front = Frontend(uuid7(), world.tenant, "spa", (), ("https://spa.example/",), ("code",), "API")
        await tenants.write_frontend(connection, front)
    await create_tenant_client(database, Actor(world.tenant, None, "operator:root", frozenset()), "backend")
    world.admin = await world.client(*EVERYTHING)
    world.nobody = await world.client()
    return world


async def people(world: World, names: Sequence[str], *, groups: Sequence[str] = ()) -> list[UUID]:
    """Users with an identity each."""
    found = []
    async with world.database.transaction() as connection:
        for name in names:
            user_id, _ = await make.make_person(connection, world.provider, groups, username=name, label=name)
            found.append(user_id)
    return found


def moment(text: str) -> datetime:
    """A time of an answer."""
    value = datetime.fromisoformat(text)
    assert value.utcoffset() == timedelta(0)
    return value
