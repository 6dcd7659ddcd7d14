"""Coming in with an invitation, through the real routes: by a password, and by a login at a provider."""

from typing import Any

import httpx
import pytest

from identity_api.accounts import invitations
from identity_api.accounts.invitations import Guest, Invited, invite
from identity_api.db import attempts
from identity_api.permissions.delegation import Actor
from tests.accounts.local_world import PASSWORD
from tests.web.local_site import PAGE, from_page, submit, with_passwords
from tests.web.site import Site, come_back, make_site

pytestmark = pytest.mark.asyncio


def operator(site: Site) -> Actor:
    return Actor(site.tenant.id, None, "operator:root", frozenset())


async def invited(site: Site, username: str = "ada", **guest: Any) -> Invited:
    return await invite(site.database, operator(site), Guest(username=username, **guest))


async def opened(site: Site, made: Invited) -> httpx.AsyncClient:
    """A browser in which somebody followed the link."""
    client = site.client()
    answer = await client.get(f"/invitation/{made.token}", headers=PAGE)
    assert (answer.status_code, answer.headers["location"]) == (303, "/invitation")
    return client


async def come_in(site: Site, client: httpx.AsyncClient, person: str = "alice") -> httpx.Response:
    """Go on from the invitation's page to the provider, and back."""
    return await site.sign_in(client, person, "/invitation/login")


async def user_of(site: Site, client: httpx.AsyncClient) -> str:
    answer = await client.get("/v1/me")
    return str(answer.json()["user"]["username"]) if answer.status_code == 200 else answer.text


async def test_somebody_chooses_a_password_and_signs_in_with_it(site: Site) -> None:
    await with_passwords(site)
    made = await invited(site)
    client = await opened(site, made)
    page = await client.get("/invitation", headers=PAGE)
    assert (page.status_code, 'value="ada"' in page.text) == (200, True)
    assert made.token not in page.text
    assert "<script" not in page.text
    form = {"password": PASSWORD, "repeated": PASSWORD}
    differ = await client.post("/invitation/password", data={**form, "repeated": "x"}, headers=from_page(site))
    assert differ.status_code == 400
    foreign = await client.post("/invitation/password", data=form, headers={"origin": "https://evil.example"})
    assert foreign.status_code == 403
    done = await client.post("/invitation/password", data=form, headers=from_page(site))
    assert (done.status_code, done.headers["location"]) == (303, "/login?password_set=1")
    assert "__Host-invitation" not in client.cookies
    assert (await submit(site, client)).status_code == 303
    late = await opened(site, made)
    again = await late.get("/invitation", headers=PAGE)
    assert (again.status_code, "INVITATION_UNKNOWN" in again.text) == (404, True)
    assert await site.events("invitation.accepted") == 1


async def test_a_form_that_was_shown_for_another_invitation_accepts_none(site: Site) -> None:
    await with_passwords(site)
    client = await opened(site, await invited(site))
    await client.get(f"/invitation/{(await invited(site, 'bob')).token}", headers=PAGE)
    form = {"password": PASSWORD, "repeated": PASSWORD}
    refused = await client.post("/invitation/password", data={**form, "shown_for": "ada"}, headers=from_page(site))
    assert (refused.status_code, "LINK_REPLACED" in refused.text) == (409, True)
    assert await site.events("invitation.accepted") == 0
    assert '<input type="hidden" name="shown_for" value="bob">' in (await client.get("/invitation", headers=PAGE)).text
    typed_over = {**form, "shown_for": "bob", "username": "bob@home.example"}
    done = await client.post("/invitation/password", data=typed_over, headers=from_page(site))
    assert done.status_code == 303
    assert await site.events("invitation.accepted") == 1


async def test_a_person_of_the_provider_becomes_the_invited_user_whatever_the_policy_says(site: Site) -> None:
    await site.execute("update provider set provisioning = 'LINKED_ONLY' where id = $1", site.provider.id)
    assert (await site.sign_in(site.client())).status_code == 403
    made = await invited(site, provider_id=site.provider.id)
    client = await opened(site, made)
    page = await client.get("/invitation", headers=PAGE)
    assert f'href="/invitation/login?invitation={made.invitation.id}"' in page.text
    assert "password" not in page.text.lower().replace("never on this page", "")
    assert (await come_in(site, client)).status_code == 303
    owner = "select user_id from identity where tenant_id = $1"
    assert await site.fetchval(owner, site.tenant.id) == made.invitation.user_id
    assert (await client.get("/account")).status_code == 200
    assert (await site.sign_in(site.client())).status_code == 303, "from now on without it"
    [used] = await invitations.list_invitations(site.database, site.tenant.id)
    assert used.state == "USED"


async def test_somebody_who_is_here_already_stays_who_they_are(site: Site) -> None:
    await site.signed_in("alice")
    before = await site.fetchval("select user_id from identity where tenant_id = $1", site.tenant.id)
    made = await invited(site, provider_id=site.provider.id)
    assert (await come_in(site, await opened(site, made))).status_code == 303
    assert await site.fetchval("select user_id from identity where tenant_id = $1", site.tenant.id) == before
    [waiting] = await invitations.list_invitations(site.database, site.tenant.id)
    assert waiting.state == "LIVE"
    assert (await come_in(site, await opened(site, made), "bob")).status_code == 303
    owners = "select array_agg(user_id order by id) from identity where tenant_id = $1"
    assert await site.fetchval(owners, site.tenant.id) == [before, made.invitation.user_id]


async def test_an_invitation_that_ends_during_the_login_makes_nobody(site: Site) -> None:
    made = await invited(site, provider_id=site.provider.id)
    client = await opened(site, made)
    begun = await client.get("/invitation/login")
    arrival = await site.at_provider(begun.headers["location"], "alice")
    await invitations.revoke(site.database, operator(site), made.invitation.id)
    ended = await come_back(client, arrival)
    assert (ended.status_code, "INVITATION_ENDED" in ended.text) == (403, True)
    assert await site.fetchval("select count(*) from identity where tenant_id = $1", site.tenant.id) == 0


@pytest.mark.parametrize("table", ["invitation", "provider"])
async def test_a_login_that_begins_while_its_invitation_goes_is_refused(
    site: Site, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its user, who is erased, or with its provider."""
    made = await invited(site, provider_id=site.provider.id)
    client = await opened(site, made)
    insert = attempts.insert

    async def inserted(*arguments: Any, **named: Any) -> None:
        await site.execute(f"delete from {table} where tenant_id = $1", site.tenant.id)
        await insert(*arguments, **named)

    monkeypatch.setattr(attempts, "insert", inserted)
    answer = await client.get("/invitation/login", headers=PAGE)
    assert (answer.status_code, "INVITATION_UNKNOWN" in answer.text) == (404, True)


async def test_a_button_that_was_shown_for_another_invitation_begins_no_login(site: Site) -> None:
    first = await invited(site, provider_id=site.provider.id)
    client = await opened(site, first)
    second = await invited(site, "bob", provider_id=site.provider.id)
    await client.get(f"/invitation/{second.token}", headers=PAGE)
    refused = await client.get(f"/invitation/login?invitation={first.invitation.id}", headers=PAGE)
    assert (refused.status_code, "LINK_REPLACED" in refused.text) == (409, True)
    begun = await client.get(f"/invitation/login?invitation={second.invitation.id}", headers=PAGE)
    assert begun.status_code == 303


async def test_an_invitation_to_another_provider_or_for_a_password_begins_no_login(site: Site) -> None:
    await with_passwords(site)
    made = await invited(site)
    answer = await (await opened(site, made)).get("/invitation/login", headers=PAGE)
    assert (answer.status_code, "INVITATION_UNKNOWN" in answer.text) == (404, True)
    elsewhere = await invited(site, "eve", provider_id=site.provider.id)
    form = {"password": PASSWORD, "repeated": PASSWORD}
    client = await opened(site, elsewhere)
    answer = await client.post("/invitation/password", data=form, headers=from_page(site))
    assert (answer.status_code, "INVITATION_UNKNOWN" in answer.text) == (404, True)


async def test_a_link_of_another_tenant_opens_nothing(site: Site) -> None:
    other = await make_site(site.app, site.database, site.vault, site.idp)
    made = await invited(other, provider_id=other.provider.id)
    answer = await (await opened(site, made)).get("/invitation", headers=PAGE)
    assert (answer.status_code, "INVITATION_UNKNOWN" in answer.text) == (404, True)
    assert (await (await opened(other, made)).get("/invitation", headers=PAGE)).status_code == 200


async def test_another_site_cannot_send_somebody_past_the_page_that_says_who_is_invited(site: Site) -> None:
    client = await opened(site, await invited(site, provider_id=site.provider.id))
    sent = await client.get("/invitation/login", headers={**PAGE, "sec-fetch-site": "cross-site"})
    assert (sent.status_code, sent.headers["location"]) == (303, "/invitation")
    own = await client.get("/invitation/login", headers={**PAGE, "sec-fetch-site": "same-origin"})
    assert "/authorize" in own.headers["location"]


async def test_neither_the_link_nor_its_page_is_kept_or_told_to_others(site: Site) -> None:
    made = await invited(site, provider_id=site.provider.id)
    client = site.client()
    for path in (f"/invitation/{made.token}", "/invitation"):
        answer = await client.get(path, headers=PAGE)
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "same-origin"


async def test_no_text_in_place_of_a_token_sets_a_cookie(site: Site) -> None:
    for text in ("inv_x%0d%0aset-cookie:%20a=b", "inv_" + "a" * 97, "ipw_" + "a" * 60, "inv_%00", "%e2%80%ae"):
        answer = await site.client().get(f"/invitation/{text}", headers=PAGE)
        assert (answer.status_code, "set-cookie" in answer.headers) == (404, False)


async def test_guesses_are_counted_like_wrong_passwords(site: Site) -> None:
    client = site.client(address="198.51.100.7")
    token = (await invited(site, provider_id=site.provider.id)).token
    wrong = token[:-4] + ("AAAA" if token[-4:] != "AAAA" else "BBBB")
    codes = []
    for _ in range(40):
        await client.get(f"/invitation/{wrong}", headers=PAGE)
        codes.append((await client.get("/invitation", headers=PAGE)).status_code)
    assert codes[0] == 404
    assert codes[-1] == 429


async def test_a_switched_off_provider_offers_no_way_in(site: Site) -> None:
    made = await invited(site, provider_id=site.provider.id)
    await site.execute("update provider set enabled = false where id = $1", site.provider.id)
    page = await (await opened(site, made)).get("/invitation", headers=PAGE)
    assert (page.status_code, "/invitation/login" in page.text) == (200, False)
