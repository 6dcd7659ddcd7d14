"""The console's pages of what programs use: API tokens, frontends and service clients. A value is shown once."""

import pytest

from identity_api.graphql.ids import global_id
from tests.web.console.visitor import admin_at, user_at, words
from tests.web.site import Site

pytestmark = pytest.mark.asyncio
TOKENS = "/console/tokens"
FRONTENDS = "/console/frontends"
CLIENTS = "/console/service-clients"


def value_of(page: str) -> str:
    """What is shown once."""
    return page.split('id="secret"')[1].split("<code>")[1].split("</code>")[0]


async def test_a_token_of_a_user_is_made_exchanged_and_revoked(site: Site) -> None:
    admin = await admin_at(site)
    await site.signed_in("bob")
    bob = global_id("User", await user_at(site, "bob"))
    page = await admin.get(f"{TOKENS}?user={bob}")
    permission = page.text.split('name="permissions" value="')[1].split('"')[0]
    made = await admin.post(TOKENS, user=bob, name="nightly", days="30", permissions=[permission])
    assert "Token nightly of bob" in words(made)
    value = value_of(made.text)
    listed = await admin.get(TOKENS)
    assert value not in listed.text
    assert "nightly bob works" in words(listed)
    token = listed.text.split('name="token" value="')[1].split('"')[0]
    other = await admin.post(f"{TOKENS}/rotate", token=token, days="30")
    assert value_of(other.text) != value
    token = (await admin.get(TOKENS)).text.split('name="token" value="')[1].split('"')[0]
    assert "The token is revoked." in words(await admin.follow(await admin.post(f"{TOKENS}/revoke", token=token)))
    assert "Nothing was found" in words(await admin.get(TOKENS))
    assert "nightly bob over revoked" in words(await admin.get(f"{TOKENS}?state=all"))


async def test_a_token_that_cannot_be_is_told_and_what_was_typed_is_kept(site: Site) -> None:
    admin = await admin_at(site)
    refused = await admin.post(TOKENS, user=global_id("User", admin.user_id), name="kept", days="999")
    assert refused.status_code == 400
    assert 'value="kept"' in refused.text


async def test_a_service_client_is_made_exchanged_and_revoked(site: Site) -> None:
    admin = await admin_at(site)
    made = await admin.post(CLIENTS, name="docs")
    assert made.status_code == 200, made.text
    secret = value_of(made.text)
    listed = await admin.get(CLIENTS)
    assert secret not in listed.text
    client = listed.text.split('name="client" value="')[1].split('"')[0]
    assert value_of((await admin.post(f"{CLIENTS}/rotate", client=client)).text) != secret
    done = await admin.follow(await admin.post(f"{CLIENTS}/revoke", client=client))
    assert "The service client is revoked." in words(done)


async def test_a_service_client_shows_until_when_its_secret_works(site: Site) -> None:
    admin = await admin_at(site)
    assert (await admin.post(CLIENTS, name="short", days="30")).status_code == 200
    assert "until 20" in words(await admin.get(CLIENTS))
    async with site.database.transaction() as connection:
        await connection.execute("update service_client set expires_at = now() where owner_id = $1", site.tenant.id)
    listed = await admin.get(CLIENTS)
    assert "expired 20" in words(listed)
    client = listed.text.split('name="client" value="')[1].split('"')[0]
    assert "Say how many days" in words(await admin.post(f"{CLIENTS}/rotate", client=client))
    assert (await admin.post(f"{CLIENTS}/rotate", client=client, days="7")).status_code == 200
    assert "expired" not in words(await admin.get(CLIENTS)).replace("until", "")


async def test_a_frontend_is_made_changed_and_deleted(site: Site) -> None:
    admin = await admin_at(site)
    wrong = await admin.post(FRONTENDS, slug="app", return_urls="nonsense")
    assert wrong.status_code == 400
    assert ">nonsense</textarea>" in wrong.text
    made = await admin.follow(await admin.post(FRONTENDS, slug="shop", return_urls="https://app.example/done"))
    assert "as a code (PKCE)" in words(made)
    address = FRONTENDS + "/" + made.text.split(">shop</a>")[0].rpartition(f"{FRONTENDS}/")[2].split('"')[0]
    fields = {"return_urls": "https://app.example/done\nhttps://app.example/two", "origins": "https://app.example"}
    saved = await admin.follow(await admin.post(address, **fields, deliveries=["CODE", "FRAGMENT"]))
    assert "in the fragment of the address" in words(saved)
    assert "https://app.example/two" in words(saved)
    assert "The frontend is deleted." in words(await admin.follow(await admin.post(f"{address}/delete")))
    assert (await admin.get(address)).status_code == 404


async def test_who_may_not_change_them_sees_no_form(site: Site) -> None:
    reader = await admin_at(site, "bob", ("identity:users:read", "identity:clients:read"))
    for address in (TOKENS, FRONTENDS, CLIENTS):
        assert (await reader.get(address)).text.count('method="post"') == 1, "the language alone"
        refused = await reader.post(address, user=global_id("User", reader.user_id), name="x", days="1")
        assert refused.status_code == 403, address
