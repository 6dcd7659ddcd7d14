"""What a test says of a login that ended without a session."""

import httpx

from tests.web.site import Site, cookies_set

PAGE = {"accept": "text/html"}
CANARY = "<script>canary</script>"


def failed(answer: httpx.Response, status: int, code: str) -> None:
    """A page with a code, a request id and a way to begin again; no session."""
    assert answer.status_code == status, answer.text
    assert code in answer.text
    assert answer.headers["x-request-id"] in answer.text
    assert "/login?choose=1" in answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert not any("session" in name for name in cookies_set(answer))


async def come_back_changed(site: Site, **change: str | None) -> httpx.Response:
    """A callback with parameters of the provider's answer changed; None leaves one out."""
    client = site.client()
    begun = await client.get("/login")
    arrival = await site.at_provider(begun.headers["location"])
    parameters = {name: value for name, value in {**arrival.parameters, **change}.items() if value is not None}
    answer = await client.get("/auth/oidc/sso/callback", params=parameters, headers=PAGE)
    assert "canary" not in answer.text
    assert "aaaa" not in answer.text
    return answer


async def security_events(site: Site) -> list[tuple[str, str | None]]:
    """Code and reason of the failures that the tenant's admins can find."""
    query = "select payload->>'code' as code, payload->>'reason' as reason from audit_event"
    async with site.database.reading() as connection:
        rows = await connection.fetch(
            f"{query} where tenant_id = $1 and action = 'login.failed' order by id", site.tenant.id
        )
    return [(row["code"], row["reason"]) for row in rows]
