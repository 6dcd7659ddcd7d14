"""The Inference API's own frontend against its imported tenant: the calls that it makes, and the one line it changes.

It asks `POST /v1/auth/oidc/login` with nothing but the tenant's id, opens what is answered, and reads the token behind the
`#` of `frontend_url` (S4-52 to S4-55). One thing of that is not safe: whoever gets such an address opened in somebody's
browser makes it signed in as themself (login CSRF), and the frontend cannot tell, because nothing in the address is its
own. So a `state` is asked for; everything else is as it was.
"""

from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import pytest_asyncio

from identity_api.db.database import Database
from tests.flows.five_systems import APP, FORMS, PUBLIC_HOST, Deployment, deployed, sign_in
from tests.openid_provider import RunningProvider

pytestmark = pytest.mark.xdist_group("flows")
ORIGIN = APP.rstrip("/")
LOGIN = f"https://{PUBLIC_HOST}/v1/auth/oidc/login"
PAGE = {"origin": ORIGIN, "sec-fetch-site": "cross-site", "sec-fetch-mode": "cors"}
"""What a browser says of a page whose script asks."""


@pytest_asyncio.fixture(scope="module")
async def deployment(
    database: Database, database_url: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Deployment]:
    services = {"IDENTITY_DATABASE_URL": database_url, "IDENTITY_REDIS_URL": redis_url}
    with RunningProvider() as idp:
        async with deployed(database, dict.fromkeys(FORMS, idp), services, tmp_path_factory.mktemp("api")) as running:
            yield running


async def call(deployment: Deployment, page: dict[str, str] = PAGE, **more: str) -> httpx.Response:
    """The login call, as the page's script or as a server makes it."""
    body = {"tenant_id": deployment.slugs["inference"], **more}
    return await deployment.browser().post(LOGIN, json=body, headers=page)


@pytest.mark.asyncio
async def test_the_bare_call_is_told_in_one_line_what_to_add(deployment: Deployment) -> None:
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "content-type"}
    preflight = await deployment.browser().options(LOGIN, headers={"origin": ORIGIN, **asked})
    assert preflight.headers["access-control-allow-origin"] == ORIGIN
    refused = await call(deployment)
    assert (refused.status_code, refused.json()["code"]) == (400, "CLIENT_STATE_REQUIRED")
    assert 'add "state", such as "state": "' in refused.json()["message"]
    # Its script may read that, or nobody would ever see it.
    assert refused.headers["access-control-allow-origin"] == ORIGIN


@pytest.mark.asyncio
async def test_with_a_state_more_it_gets_its_token_where_it_always_did(deployment: Deployment) -> None:
    """S4-52 to S4-55. Neither frontend nor delivery is named: the page that asks is the imported frontend's."""
    begun = await call(deployment, state="made-by-this-page")
    assert begun.status_code == 200, begun.text
    assert begun.json().keys() == {"auth_url"}
    ended = await sign_in(deployment, "inference", "bob", begin_at=begun.json()["auth_url"])
    address = ended.answer.headers["location"]
    assert address.startswith(f"{APP}#")
    given = {name: value for name, [value] in parse_qs(urlsplit(address).fragment).items()}
    assert given["state"] == "made-by-this-page"
    headers = {"authorization": f"Bearer {given['access_token']}"}
    me = await deployment.browser().get(f"https://{PUBLIC_HOST}/v1/me", headers=headers)
    assert me.json()["tenant_id"] == str(deployment.ids["inference"])
    assert (me.json()["is_sso"], me.json()["email"]) == (True, "bob@demo.example")


@pytest.mark.asyncio
@pytest.mark.parametrize("page", [{}, {"origin": "https://elsewhere.example"}, {"origin": "null"}])
async def test_a_call_from_no_page_of_the_frontend_ends_on_our_own(
    deployment: Deployment, page: dict[str, str]
) -> None:
    """A server says which frontend it asks for; a page of somebody else's cannot have the token sent anywhere."""
    begun = await call(deployment, page, state="mine")
    assert "access-control-allow-origin" not in begun.headers
    ended = await sign_in(deployment, "inference", "bob", begin_at=begun.json()["auth_url"])
    assert ended.answer.headers["location"] == f"{deployment.origin('inference')}/account"
    named = await call(deployment, page, state="mine", frontend="frontend")
    ended = await sign_in(deployment, "inference", "bob", begin_at=named.json()["auth_url"])
    assert ended.answer.headers["location"].startswith(f"{APP}#")


@pytest.mark.asyncio
async def test_what_the_page_asks_for_itself_is_not_overruled(deployment: Deployment) -> None:
    """A path of ours, and another delivery."""
    begun = await call(deployment, return_to="/account?tab=1")
    ended = await sign_in(deployment, "inference", "bob", begin_at=begun.json()["auth_url"])
    assert ended.answer.headers["location"].endswith("/account?tab=1")
    refused = await call(deployment, delivery="code", state="mine")
    assert (refused.status_code, refused.json()["code"]) == (400, "CLIENT_CHALLENGE_REQUIRED")
    assert 'add "code_challenge"' in refused.json()["message"]
    assert (await call(deployment, frontend="other")).json()["code"] == "FRONTEND_UNKNOWN"
