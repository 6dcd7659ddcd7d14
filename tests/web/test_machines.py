"""What machines ask: health, metrics, introspection, static files; and what happens when a part is down."""

import asyncio
from typing import Any

import httpx
import pytest

from identity_api.app import build_api
from identity_api.config import load_settings
from identity_api.db import database
from identity_api.errors import ConfigurationError
from identity_api.ids import new_token, token_hash, uuid7
from identity_api.web.pages.rendering import STYLE, STYLE_VERSION
from identity_api.web.routes import health
from tests.web.site import PUBLIC_URL, Site, running

FORM = {"content-type": "application/x-www-form-urlencoded"}


def local(app: Any) -> httpx.AsyncClient:
    """A probe from the same machine, which knows an address and no name."""
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app, client=("127.0.0.1", 1)), base_url="http://127.0.0.1:80"
    )


# Health


@pytest.mark.asyncio
async def test_a_service_that_can_write_is_ready(site: Site) -> None:
    answer = await local(site.app).get("/health/ready")
    assert answer.status_code == 200
    assert answer.json() | {"notices": []} == {"status": "ready", "database": "ok", "queue": "ok", "notices": []}


@pytest.mark.asyncio
async def test_strangers_hear_no_details(site: Site) -> None:
    answer = await site.client(base_url=PUBLIC_URL).get("/health/ready")
    assert answer.json() == {"status": "ready", "database": "ok"}


@pytest.mark.asyncio
async def test_a_database_that_only_reads_is_not_ready(environ: dict[str, str]) -> None:
    """Promise 53: an old primary after a failover."""
    url = environ["IDENTITY_DATABASE_URL"]
    read_only = f"{url}{'&' if '?' in url else '?'}options=-c%20default_transaction_read_only%3Don"
    app = build_api(load_settings({**environ, "IDENTITY_DATABASE_URL": read_only}))
    async with running(app):
        answer = await local(app).get("/health/ready")
        live = await local(app).get("/health/live")
    assert (answer.status_code, answer.json()["database"], live.status_code) == (503, "read_only", 200)
    assert answer.headers["retry-after"] == "1"


@pytest.mark.asyncio
async def test_without_a_database_the_service_starts_and_refuses_quickly(environ: dict[str, str]) -> None:
    """Bad input 71 and promise 54: alive, unready, 503 with Retry-After, and no waiting."""
    down = {**environ, "IDENTITY_DATABASE_URL": "postgresql://app@127.0.0.1:9/identity"}
    app = build_api(load_settings(down))
    async with running(app), asyncio.timeout(60):
        assert (await local(app).get("/health/live")).status_code == 200
        ready = await local(app).get("/health/ready")
        assert (ready.status_code, ready.json()["database"]) == (503, "unavailable")
        for host in (PUBLIC_URL, "https://acme.example"):
            client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=host)
            answer = await client.get("/login")
            assert (answer.status_code, answer.json()["code"]) == (503, "DATABASE_UNAVAILABLE")
            assert answer.headers["retry-after"] == "1"


@pytest.mark.asyncio
async def test_a_pool_without_a_free_connection_is_busy_and_not_a_database_that_does_not_answer(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "ACQUIRE_TIMEOUT_SECONDS", 0.2)
    monkeypatch.setattr(health, "READY_SECONDS", 0.4)
    app = build_api(load_settings({**environ, "IDENTITY_DATABASE_POOL_SIZE": "2"}))
    async with running(app):
        async with app._deps.database.reading(), app._deps.database.reading():
            ready = await local(app).get("/health/ready")
            asked = await httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=PUBLIC_URL).get(
                "/t/acme/login"
            )
        assert (ready.status_code, ready.json()["database"]) == (503, "busy")
        assert (asked.status_code, asked.json()["code"], asked.headers["retry-after"]) == (503, "OVERLOADED", "1")
        assert (await local(app).get("/health/ready")).json()["database"] == "ok"


@pytest.mark.asyncio
async def test_on_a_full_disk_a_change_is_503_with_a_time_and_reading_goes_on(site: Site) -> None:
    """PostgreSQL's own answer (SQLSTATE 53100), to this tenant alone."""
    person = await site.signed_in()
    await site.execute(
        f"""
        create function full_{site.tenant.id.hex}() returns trigger language plpgsql as
            $$ begin raise exception 'could not extend file' using errcode = 'disk_full'; end $$;
        create trigger full_{site.tenant.id.hex} before insert on login_attempt for each row
            when (new.tenant_id = '{site.tenant.id}') execute function full_{site.tenant.id.hex}();
        """
    )
    try:
        refused = await site.client().get("/login")
        assert (refused.status_code, refused.json()["code"]) == (503, "DATABASE_CANNOT_WRITE")
        assert refused.headers["retry-after"] == "10"
        page = await site.client().get("/login", headers={"accept": "text/html"})
        assert (page.status_code, "Nothing can be changed at the moment" in page.text) == (503, True)
        assert (await person.get("/account")).status_code == 200
    finally:
        await site.execute(f"drop function full_{site.tenant.id.hex} cascade")
    assert (await site.client().get("/login")).status_code == 303


@pytest.mark.asyncio
async def test_a_database_that_comes_up_later_is_found(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("identity_api.app.REOPEN_SECONDS", 0.01)
    app = build_api(load_settings(environ))
    database = app._deps.database
    right_url, database._url = database._url, "postgresql://app@127.0.0.1:9/identity"
    async with running(app), asyncio.timeout(60):
        assert (await local(app).get("/health/ready")).status_code == 503
        database._url = right_url
        for _ in range(400):
            if (answer := await local(app).get("/health/ready")).status_code == 200:
                break
            await asyncio.sleep(0.01)
        assert answer.status_code == 200


@pytest.mark.asyncio
async def test_without_redis_logins_go_on(environ: dict[str, str], site: Site) -> None:
    """Promise 55: Redis down is a detail, and limits are counted in the process."""
    app = build_api(load_settings({**environ, "IDENTITY_REDIS_URL": "redis://127.0.0.1:9/0"}))
    async with running(app):
        ready = await local(app).get("/health/ready")
        assert (ready.status_code, ready.json()["queue"]) == (200, "unavailable")
        site.app = app
        assert (await (await site.signed_in()).get("/account")).status_code == 200


def test_an_api_without_a_database_url_says_what_is_missing(environ: dict[str, str]) -> None:
    without = {name: value for name, value in environ.items() if name != "IDENTITY_DATABASE_URL"}
    with pytest.raises(ConfigurationError) as caught:
        build_api(load_settings(without))
    assert "IDENTITY_DATABASE_URL" in caught.value.problems[0]


# Metrics


@pytest.mark.asyncio
async def test_metrics_are_for_the_own_network_and_count_by_route_template(site: Site) -> None:
    await site.client().get("/auth/launch/ha_canary")
    answer = await local(site.app).get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].count("charset") == 1
    assert 'route="/auth/launch/{handle}"' in answer.text
    assert "canary" not in answer.text
    assert (await site.client(base_url=PUBLIC_URL).get("/metrics")).status_code == 404


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "name",
    ["x-forwarded-for", "x-forwarded-port", "forwarded", "via", "x-real-ip", "x-client-ip", "true-client-ip", "CF-Connecting-IP"],
)  # fmt: skip
async def test_metrics_are_for_nobody_who_comes_through_a_proxy(site: Site, name: str) -> None:
    """Whichever header it sends: each says that somebody else asks."""
    assert (await local(site.app).get("/metrics", headers={name: "198.51.100.9"})).status_code == 404


# The style file


@pytest.mark.asyncio
async def test_the_style_file_is_kept_under_its_version_only(site: Site) -> None:
    versioned = await site.client().get(f"/static/style.css?v={STYLE_VERSION}")
    assert versioned.content == STYLE
    assert versioned.headers["content-type"] == "text/css; charset=utf-8"
    assert "immutable" in versioned.headers["cache-control"]
    assert (await site.client().get("/static/style.css?v=old")).headers["cache-control"] == "no-cache"


@pytest.mark.asyncio
async def test_graphiql_is_served_beside_the_endpoint(site: Site) -> None:
    page = await site.client().get("/graphql", headers={"accept": "text/html"})
    assert page.status_code == 200
    assert "script-src 'self'" in page.headers["content-security-policy"]
    by_get = await site.client().get("/graphql", params={"query": "{ __typename }"})
    assert (by_get.status_code, by_get.headers["allow"]) == (405, "GET, POST")


# Introspection (RFC 7662)


async def service_client(site: Site, *tenant_ids: Any, scopes: tuple[str, ...] = ("introspect",)) -> tuple[str, str]:
    name, secret = f"product-{uuid7().hex}", new_token("isc")
    await site.execute(
        "insert into service_client (id, name, secret_hash, tenant_ids, scopes, created_at) values ($1,$2,$3,$4,$5,now())",
        uuid7(),
        name,
        token_hash(secret),
        list(tenant_ids),
        list(scopes),
    )
    return name, secret


@pytest.mark.asyncio
async def test_a_service_client_learns_what_a_token_is(site: Site) -> None:
    name, secret = await service_client(site, site.tenant.id)
    client = site.client(base_url=PUBLIC_URL, auth=(name, secret))
    answer = await client.post("/v1/introspect", data={"token": await site.bearer()})
    assert answer.status_code == 200
    assert (answer.json()["active"], answer.json()["tenant_id"]) == (True, str(site.tenant.id))
    unknown = await client.post("/v1/introspect", data={"token": "ias_unknown"})
    assert unknown.json() == {"active": False}


@pytest.mark.asyncio
async def test_a_token_of_a_tenant_that_is_not_the_clients_is_inactive(site: Site) -> None:
    name, secret = await service_client(site)
    client = site.client(base_url=PUBLIC_URL, auth=(name, secret))
    assert (await client.post("/v1/introspect", data={"token": await site.bearer()})).json() == {"active": False}


@pytest.mark.asyncio
async def test_nobody_else_learns_anything(site: Site) -> None:
    name, secret = await service_client(site, site.tenant.id)
    bearer = {"authorization": f"Bearer {await site.bearer()}"}
    for options in (
        {},
        {"auth": (name, "wrong")},
        {"auth": ("nobody", secret)},
        {"headers": bearer},
        {"headers": {"authorization": "Basic !!!"}},
        {"headers": {"authorization": "Basic eA=="}},
    ):
        answer = await site.client(base_url=PUBLIC_URL).post("/v1/introspect", data={"token": "x"}, **options)
        assert answer.status_code == 401, options
        assert answer.headers["www-authenticate"].startswith("Basic ")


@pytest.mark.asyncio
async def test_introspection_wants_the_scope_a_form_and_a_token(site: Site) -> None:
    name, secret = await service_client(site, site.tenant.id, scopes=())
    unscoped = site.client(base_url=PUBLIC_URL, auth=(name, secret))
    assert (await unscoped.post("/v1/introspect", data={"token": "x"})).status_code == 403
    client = site.client(base_url=PUBLIC_URL, auth=await service_client(site, site.tenant.id))
    assert (await client.post("/v1/introspect", json={"token": "x"})).status_code == 415
    assert (await client.post("/v1/introspect", data={"other": "x"})).status_code == 400
    twice = await client.post("/v1/introspect", content="token=a&token=b", headers=FORM)
    assert (twice.status_code, twice.json()["code"]) == (400, "PARAMETERS_INVALID")


# Beginning a login for somebody else's tenant


@pytest.mark.asyncio
async def test_at_a_tenants_door_only_that_tenant_can_be_named(site: Site) -> None:
    from tests import factories as make

    async with site.database.transaction() as connection:
        other = await make.make_tenant(connection)
    for name in (other.slug, str(other.id), "nobody", str(uuid7()), "../x", ""):
        answer = await site.client().post("/v1/auth/oidc/login", json={"tenant_id": name})
        assert (answer.status_code, answer.json()["code"]) == (404, "TENANT_NOT_FOUND"), name
    own = await site.client().post("/v1/auth/oidc/login", json={"tenant_id": site.tenant.slug})
    assert own.json()["auth_url"].startswith(f"{site.origin}/auth/launch/")
