"""Providers as their tenant configured them, and their sealed client secrets."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec
from asyncpg import Record

from identity_api.db.database import Connection

SyncMode = Literal["STRICT", "ADDITIVE", "NONE"]
Sync = Literal["REFRESH_TOKEN", "ACCESS_TOKEN", "OFF"]
Provisioning = Literal["JIT", "KNOWN_USERS", "LINKED_ONLY"]
GroupSource = Literal["entra", "github", "google", "okta"]


class ClaimSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where each claim is looked for, in order, as claim sources are written (`claims.location`), and who may enter.

    `directories` are the values of `tid` that may sign in where the issuer is Entra's template; else empty. With
    `deny_unmapped` nobody signs in whom complete groups give nothing. `userinfo_method` is how UserInfo is asked; OpenID
    Providers answer both ways (Core 5.3.1), some OAuth 2.0 servers only one. `group_source` is the vendor's interface that
    lists groups where claims do not (`relying_party.group_sources`). With `name_in_callback` what to call somebody is read from
    the callback's field `user` where no claim says it: Apple's way, unsigned, and shown only (`sessions.login.callback_name`).
    """

    anchor: tuple[str, ...] = ("sub",)
    username: tuple[str, ...] = ("preferred_username",)
    display: tuple[str, ...] = ("name", "preferred_username")
    email: tuple[str, ...] = ("email",)
    groups: tuple[str, ...] = ("groups",)
    directories: tuple[str, ...] = ()
    deny_unmapped: bool = False
    userinfo_method: Literal["GET", "POST"] = "GET"
    group_source: GroupSource | None = None
    name_in_callback: bool = False


class ClientSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What was agreed on with the provider beyond the ordinary, each exactly as registered there.

    `signing_algorithm` is that of our keys and `assertion_audience` whom our JWTs address (both for methods with a JWT).
    With `dpop` new logins are bound to a key of their own. With `encrypted_id_tokens` and `signed_userinfo` nothing else
    is accepted. `ca_certificate_pem` are the only authorities trusted for this provider. `accept_without_iss` is the
    operator's word that this provider may be shown the codes of every other one at its redirect URL
    (`docs/decisions/0004-shared-redirect-urls.md`). `apple_team_id` and `apple_key_id` are Apple's names of the account and
    of the key, for the client authentication `apple_client_secret`. `pkce` and `missing_nonce` are the operator's
    exceptions for a provider that refuses PKCE, or whose ID Tokens do not repeat the nonce (`providers.waived_checks`). Without
    `sign_out_at_provider` only our own session ends; `end_session_parameters` are sent to the end-session endpoint besides.
    """

    signing_algorithm: Literal["RS256", "PS256", "ES256"] = "RS256"
    assertion_audience: Literal["ISSUER", "TOKEN_ENDPOINT"] = "ISSUER"
    dpop: bool = False
    encrypted_id_tokens: bool = False
    signed_userinfo: bool = False
    ca_certificate_pem: str | None = None
    accept_without_iss: bool = False
    apple_team_id: str | None = None
    apple_key_id: str | None = None
    pkce: Literal["S256", "OFF"] = "S256"
    missing_nonce: Literal["REFUSED", "ACCEPTED"] = "REFUSED"
    sign_out_at_provider: bool = True
    end_session_parameters: dict[str, str] = {}


_ORDINARY = ClientSettings()


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `provider`; see `db.tables.providers.Provider` for what the columns mean."""

    id: UUID
    tenant_id: UUID
    slug: str
    protocol: Literal["oidc", "oauth2"] = "oidc"
    preset: str | None = None
    label: str
    icon: str | None = None
    position: int = 0
    enabled: bool = True
    issuer: str
    discovery_url: str | None = None
    client_id: str
    client_authentication: str = "client_secret_post"
    redirect_url: str
    scopes: tuple[str, ...] = ("openid", "profile", "email", "offline_access")
    authorization_parameters: dict[str, str] = msgspec.field(default_factory=dict)
    endpoints: dict[str, str] = msgspec.field(default_factory=dict)
    claims: ClaimSettings = ClaimSettings()
    client_settings: ClientSettings = _ORDINARY
    provisioning: Provisioning = "JIT"
    adopt_by_name: bool = False
    email_verified_rule: str = "IGNORE"
    absent_groups: Literal["EMPTY", "UNKNOWN"] = "UNKNOWN"
    sync_mode: SyncMode = "STRICT"
    sync: Sync = "REFRESH_TOKEN"
    sync_interval_seconds: int = 300
    outage_grace_seconds: int = 14_400
    unsynced_lease_seconds: int = 86_400
    max_rate: int | None = None
    max_concurrent: int = 100
    reauthentication: bool = False
    delivery: str | None = None
    logout_page_url: str | None = None
    managed_by: Literal["FILE", "API"] = "API"
    version: int = 1
    created_at: datetime
    updated_at: datetime

    @property
    def place(self) -> tuple[str, str | None, dict[str, str]]:
        """The settings that say where the provider is called. If they change, another party may answer."""
        return self.issuer, self.discovery_url, self.endpoints

    @property
    def lease_seconds(self) -> int:
        """How long a verified answer of this provider counts if no newer one comes.

        At least two intervals, so that a grace of zero does not take permissions away between two syncs.
        """
        if self.sync == "OFF":
            return self.unsynced_lease_seconds
        return max(self.outage_grace_seconds, 2 * self.sync_interval_seconds)


_JSON = frozenset({"authorization_parameters", "endpoints", "claims", "client_settings"})
COLUMNS = ", ".join([f"p.{name}" for name in Provider.__struct_fields__])
"""What a statement selects from `provider p` for `from_row`."""
_SELECT = f"select {COLUMNS} from provider p"


def from_row(row: Record, *, prefix: str = "") -> Provider:
    """The provider in a row that has at least `COLUMNS`, each with this before its name."""
    values = {name: row[prefix + name] for name in Provider.__struct_fields__}
    values |= {name: msgspec.json.decode(values[name]) for name in _JSON if values[name]}
    values["client_settings"] = values["client_settings"] or {}
    return msgspec.convert(values, Provider, str_keys=False)


async def get(connection: Connection, tenant_id: UUID, provider_id: UUID) -> Provider | None:
    """The provider, if it is this tenant's."""
    row = await connection.fetchrow(f"{_SELECT} where p.tenant_id = $1 and p.id = $2", tenant_id, provider_id)
    return from_row(row) if row else None


async def hold(connection: Connection, tenant_id: UUID, provider_id: UUID) -> Provider | None:
    """Lock (shared) and return the provider until the transaction ends. Taken after the tenant's mappings."""
    statement = f"{_SELECT} where p.tenant_id = $1 and p.id = $2 for share of p"
    row = await connection.fetchrow(statement, tenant_id, provider_id)
    return from_row(row) if row else None


async def hold_for_login(
    connection: Connection, tenant_id: UUID, provider_id: UUID, ended_hashes: Sequence[bytes], begun_at: datetime | None
) -> tuple[Provider | None, bool]:
    """The same, and whether a logout for one of these hashes came since a login began (by the database's clock)."""
    row = await connection.fetchrow(
        f"""
        select {COLUMNS}, exists (
            select from logout_token_seen
            where tenant_id = $1 and provider_id = $2 and ended_hash = any($3::bytea[]) and seen_at >= $4) as was_ended
        from provider p where p.tenant_id = $1 and p.id = $2 for share of p
        """,
        tenant_id,
        provider_id,
        list(ended_hashes),
        begun_at,
    )
    return (from_row(row), row["was_ended"]) if row else (None, False)


async def by_slug(connection: Connection, tenant_id: UUID, slug: str) -> Provider | None:
    """The tenant's provider with that slug."""
    row = await connection.fetchrow(f"{_SELECT} where p.tenant_id = $1 and p.slug = $2", tenant_id, slug)
    return from_row(row) if row else None


async def of_tenant(connection: Connection, tenant_id: UUID) -> list[Provider]:
    """All providers of the tenant, in the order of the login page."""
    rows = await connection.fetch(f"{_SELECT} where p.tenant_id = $1 order by p.position, p.slug", tenant_id)
    return [from_row(row) for row in rows]


class Position(msgspec.Struct, frozen=True, array_like=True):
    """Where a page of providers begins: strictly after this one, in the order of the login page."""

    position: int
    slug: str


# Host and path, which is all that an arriving callback is matched on.
_PLACE = (
    r"(lower(substring(redirect_url from '^https?://(\[[^]]*\]|[^/:?#]+)'))"
    r" || coalesce(substring(redirect_url from '^https?://[^/?#]+(/[^?#]*)'), '/'))"
)
_PLACE_OF_OTHER = _PLACE.replace("redirect_url", "other.redirect_url")


async def at_one_place(
    connection: Connection, tenant_id: UUID, *, across_tenants: bool
) -> list[tuple[Provider, Provider]]:
    """Pairs of a provider of the tenant and another one, of any tenant, that have the place of their callback in common:
    at least all those of which one is a public client, or one would accept the other's `iss`.

    Args:
        across_tenants: and all of different tenants.
    """
    columns = ", ".join([f"other.{name}" for name in Provider.__struct_fields__])
    rows = await connection.fetch(
        f"""
        with place as (
            select *, client_authentication = 'none' as is_public, {_PLACE} as place,
                regexp_replace(issuer, '/?([.]well-known/openid-configuration)?$', '') as word,
                issuer ~ '[{{]tenantid[}}]|/(common|organizations)/' as is_collective
            from provider
        )
        select mine.id as mine_id, {columns} from place mine
        join place other on other.place = mine.place and other.id <> mine.id
        where mine.tenant_id = $1 and (mine.is_public or other.is_public or mine.word = other.word
            or mine.is_collective or other.is_collective or ($2 and other.tenant_id <> mine.tenant_id))
        order by mine.slug, other.id
        """,
        tenant_id,
        across_tenants,
    )
    own = {one.id: one for one in await of_tenant(connection, tenant_id)} if rows else {}
    return [(own[row["mine_id"]], from_row(row)) for row in rows]


async def at_places(connection: Connection, redirect_urls: Sequence[str]) -> list[Provider]:
    """Every tenant's enabled providers whose callbacks arrive at one of these addresses."""
    rows = await connection.fetch(
        f"""
        select {COLUMNS} from provider p
        where p.enabled and {_PLACE.replace("redirect_url", "p.redirect_url")}
            in (select {_PLACE} from unnest($1::text[]) as asked (redirect_url))
        order by p.tenant_id, p.slug
        """,
        redirect_urls,
    )
    return [from_row(row) for row in rows]


async def shares_place(connection: Connection, provider: Provider) -> bool:
    """Whether another enabled provider, with other endpoints, has its callbacks at the same address as this one.

    Looks at every tenant's rows, as `at_one_place` does. An issuer's name is not enough to be the same provider:
    a row may name one and have its endpoints elsewhere.
    """
    return bool(
        await connection.fetchval(
            f"""
            select exists (
                select 1 from provider other
                join (select *, {_PLACE} as place from provider where tenant_id = $1 and id = $2) mine
                    on {_PLACE_OF_OTHER} = mine.place and other.id <> mine.id
                where other.enabled and (other.protocol, other.issuer, coalesce(other.discovery_url, ''), other.endpoints)
                    <> (mine.protocol, mine.issuer, coalesce(mine.discovery_url, ''), mine.endpoints))
            """,
            provider.tenant_id,
            provider.id,
        )
    )


async def called_back_at(connection: Connection, tenant_id: UUID, host: str, path: str) -> UUID | None:
    """The tenant's provider whose redirect URL has this host and path; None if there is none, or more than one."""
    statement = f"select id from provider where tenant_id = $1 and {_PLACE} = $2 limit 2"
    rows = await connection.fetch(statement, tenant_id, f"{host.lower()}{path or '/'}")
    return rows[0]["id"] if len(rows) == 1 else None


async def write(connection: Connection, provider: Provider) -> None:
    """Insert the provider, or overwrite the row of the same id. The slug of a row is never changed."""
    values = {name: getattr(provider, name) for name in Provider.__struct_fields__}
    for name in _JSON:
        values[name] = None if values[name] == _ORDINARY else msgspec.json.encode(values[name]).decode()
    names = list(values)
    places = ", ".join([f"${place}::jsonb" if name in _JSON else f"${place}" for place, name in enumerate(names, 1)])
    kept = ("id", "tenant_id", "slug", "created_at")
    updates = ", ".join([f"{name} = excluded.{name}" for name in names if name not in kept])
    await connection.execute(
        f"insert into provider ({', '.join(names)}) values ({places})"
        f" on conflict (tenant_id, id) do update set {updates}",
        *values.values(),
    )


class SealedSecret(msgspec.Struct, frozen=True):
    """A sealed client secret; `vault` opens it with table `provider_secret`, column `sealed`."""

    id: UUID
    sealed: bytes
    expires_at: datetime | None


async def secrets(connection: Connection, tenant_id: UUID, provider_id: UUID) -> list[SealedSecret]:
    """The client secrets that have not expired, newest first."""
    rows = await connection.fetch(
        """
        select id, sealed, expires_at from provider_secret
        where tenant_id = $1 and provider_id = $2 and (expires_at is null or expires_at > now()) order by created_at desc
        """,
        tenant_id,
        provider_id,
    )
    return [SealedSecret(row["id"], row["sealed"], row["expires_at"]) for row in rows]


async def replace_secrets(
    connection: Connection, tenant_id: UUID, provider_id: UUID, secrets: Sequence[SealedSecret]
) -> None:
    """Replace the provider's secrets with these."""
    await connection.execute(
        "delete from provider_secret where tenant_id = $1 and provider_id = $2", tenant_id, provider_id
    )
    for secret in secrets:
        await connection.execute(
            """
            insert into provider_secret (id, tenant_id, provider_id, sealed, created_at, expires_at)
            values ($1, $2, $3, $4, clock_timestamp(), $5)
            """,
            secret.id,
            tenant_id,
            provider_id,
            secret.sealed,
            secret.expires_at,
        )
