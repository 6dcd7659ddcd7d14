"""What a set-up link does not open, and what it cannot be used for; each refusal beside what is accepted."""

import asyncio
from typing import Any
from uuid import UUID

import httpx
import msgspec
import pytest

from identity_api.config import Secret
from identity_api.db import attempts, provider_changes, provider_tests
from identity_api.db import providers as rows
from identity_api.db.database import Connection, Database
from identity_api.db.providers import Provider
from identity_api.errors import BadInput, Conflict, Refused
from identity_api.permissions.delegation import Actor
from identity_api.permissions.service import MAPPINGS_WRITE, PROVIDERS_WRITE
from identity_api.providers import activation, administration, secrets
from identity_api.providers.change import ProviderChange, change_provider
from identity_api.providers.secrets import NewSecret
from identity_api.setup.links import MOST_LIVE, MadeLink, Wish, create_link, list_links, revoke_link
from tests import factories as make
from tests.blocking import blocked_or_done
from tests.builder import build_tenant
from tests.web.console.visitor import give, words
from tests.web.local_site import PAGE, from_page
from tests.web.setup.customer import READ, SECRET, SLUG, Customer, customer_at
from tests.web.site import Site, fresh_address

pytestmark = pytest.mark.asyncio
ENDED = "This link does not work"


def is_ended(answer: httpx.Response) -> bool:
    return answer.status_code == 404 and ENDED in words(answer) and "SETUP_LINK_ENDED" in answer.text


async def maker_at(site: Site, *held: str) -> Actor:
    """An admin who holds these."""
    async with site.database.transaction() as connection:
        user_id = await make.make_user(connection, site.tenant.id, password_hash="x")
    await give(site, user_id, held)
    return Actor(site.tenant.id, user_id, f"user:{user_id}", frozenset(held))


def operator(site: Site) -> Actor:
    return Actor(site.tenant.id, None, "operator:root", frozenset())


async def wish(site: Site, actor: Actor, **more: Any) -> MadeLink:
    given: dict[str, Any] = {"slug": SLUG, "label": "L", **more}
    return await create_link(site.database, actor, Wish(**given), public_url="https://id.example")


async def test_a_revoked_link_opens_nothing_not_even_the_page_that_was_open(site: Site) -> None:
    it = await customer_at(site)
    assert (await it.open()).status_code == 200
    await revoke_link(site.database, operator(site), it.link_id)
    assert is_ended(await it.post("vendor", vendor="other"))
    assert is_ended(await it.open())


async def test_an_expired_link_opens_nothing(site: Site) -> None:
    it = await customer_at(site)
    await it.connected()
    await site.execute("update setup_link set expires_at = now() where id = $1", it.link_id)
    assert is_ended(await it.get())
    assert is_ended(await it.post("test"))


async def test_a_link_is_used_up_by_enabling_the_provider_and_of_two_browsers_one_does_it(site: Site) -> None:
    it = await customer_at(site)
    await it.connected()
    await it.test()
    await it.go("tested")
    await it.go("groups", place="id_token / groups")
    await it.go("mapped")
    other = Customer(site, it.link_id, it.url, site.client())
    await other.open()
    assert (await it.post("enable")).status_code == 303
    assert is_ended(await other.post("enable"))
    assert is_ended(await it.open())


async def test_a_link_opens_nothing_at_another_tenant_and_no_other_page(site: Site) -> None:
    it = await customer_at(site)
    other = (await build_tenant(site.database, has_host=True)).tenant
    async with site.client(base_url=f"https://{other.slug}.example") as browser:
        await browser.get(it.url.replace(site.origin, ""), headers=PAGE)
        assert is_ended(await browser.get("/setup", headers=PAGE))
    await it.open()
    assert (await it.client.get("/v1/me")).status_code == 401
    assert (await it.get("/console/providers")).status_code == 303
    bearer = {"authorization": f"Bearer {it.url.rpartition('/')[2]}"}
    assert (await site.client().get("/v1/me", headers=bearer)).status_code == 401
    assert (await it.get()).status_code == 200


async def test_wrong_links_are_counted_like_wrong_passwords(site: Site) -> None:
    browser = site.client(address=fresh_address(), cookies={"__Host-setup": "isl_" + "x" * 60})
    answers = [(await browser.get("/setup", headers=PAGE)) for _ in range(31)]
    assert is_ended(answers[0])
    assert answers[-1].status_code == 429


@pytest.mark.parametrize("path", ["/setup", "/setup/first", "/auth/password"])
async def test_a_page_elsewhere_cannot_use_up_the_tries_of_its_visitors_address(site: Site, path: str) -> None:
    """It can make a browser ask, as for an image, and not with a cookie of ours."""
    browser = site.client(address=fresh_address())
    image = {"sec-fetch-site": "cross-site", "sec-fetch-dest": "image", "sec-fetch-mode": "no-cors"}
    answers = [await browser.get(path, headers=image) for _ in range(40)]
    assert {one.status_code for one in answers} == {404}


async def test_forms_are_accepted_from_these_pages_alone(site: Site) -> None:
    it = await customer_at(site)
    await it.open()
    for headers in ({"origin": "https://elsewhere.example"}, {}):
        sent = await it.client.post("/setup/vendor", data={"vendor": "other"}, headers={**PAGE, **headers})
        assert sent.status_code == 403
    assert (await it.post("vendor", vendor="other")).status_code == 303


async def test_no_step_can_be_passed_over(site: Site) -> None:
    it = await customer_at(site)
    await it.open()
    typed = {"issuer": site.idp.issuer, "client_id": "c", "client_secret": SECRET}
    for form, fields in (("connect", typed), ("test", {}), ("groups", {"place": "none"}), ("enable", {})):
        answer = await it.post(form, **fields)
        assert (answer.status_code, "SETUP_" in answer.text) == (403, True), form
    mapped = await it.post("mappings", group="g", permission=READ, action="save")
    assert mapped.status_code == 403
    await it.connected()
    assert (await it.post("tested")).status_code == 403
    untested = await it.post("enable")
    assert (untested.status_code, "SETUP_NOT_TESTED" in untested.text) == (403, True)
    assert (
        await site.fetchval("select enabled from provider where slug = $1 and tenant_id = $2", SLUG, site.tenant.id)
        is False
    )


async def test_a_link_gives_what_its_maker_named_and_nothing_else(site: Site) -> None:
    it = await customer_at(site, READ)
    async with site.database.transaction() as connection:
        await make.make_permission(connection, site.tenant.id, "vault:open")
    await it.connected()
    for name in ("vault:open", PROVIDERS_WRITE, "nothing:here"):
        refused = await it.post("mappings", group="g", permission=name, action="save")
        assert (refused.status_code, f"may not give {name}" in refused.text) == (403, True), name
    assert (await it.post("mappings", group="g", permission=READ, action="save")).status_code == 303
    mapping = await site.fetchval("select id from group_mapping where tenant_id = $1", site.tenant.id)
    assert (await it.post("mappings/remove", mapping=str(mapping))).status_code == 303


async def test_mappings_of_other_providers_are_neither_shown_nor_removed(site: Site) -> None:
    it = await customer_at(site, READ)
    async with site.database.transaction() as connection:
        given = await make.make_permission(connection, site.tenant.id, "sales:read")
        mapping = await make.make_mapping(connection, site.tenant.id, "sales", [given], provider_id=site.provider.id)
    await it.connected()
    await it.test()
    await it.go("tested")
    page = await it.go("groups", place="id_token / groups")
    assert "sales" not in page.text
    assert (await it.post("mappings/remove", mapping=str(mapping))).status_code == 404


async def test_a_maker_names_only_what_they_may_pass_on(site: Site) -> None:
    maker = await maker_at(site, PROVIDERS_WRITE, MAPPINGS_WRITE)
    clerk = await maker_at(site, PROVIDERS_WRITE)
    async with site.database.transaction() as connection:
        await make.make_permission(connection, site.tenant.id, READ)
        await make.make_permission(connection, site.tenant.id, "vault:open", delegable=False)
    for actor, name in ((maker, "vault:open"), (maker, PROVIDERS_WRITE), (clerk, READ)):
        with pytest.raises(Refused):
            await wish(site, actor, permissions=(name,))
    await wish(site, maker, permissions=(READ,))
    await wish(site, clerk)
    await wish(site, operator(site), permissions=("vault:open", PROVIDERS_WRITE))


async def test_what_mappings_for_every_provider_give_has_to_be_named(site: Site) -> None:
    async with site.database.transaction() as connection:
        read = await make.make_permission(connection, site.tenant.id, READ)
        await make.make_mapping(connection, site.tenant.id, "everybody", [read])
    with pytest.raises(BadInput) as refused:
        await wish(site, operator(site))
    assert refused.value.code == "PERMISSIONS_NOT_NAMED"
    it = await customer_at(site, READ)
    assert "Check the connection" in words(await it.connected())


async def test_a_mapping_for_every_provider_that_came_later_keeps_the_provider_from_being_made(site: Site) -> None:
    it = await customer_at(site)
    await it.open()
    await it.go("vendor", vendor="other")
    await it.go("registered")
    async with site.database.transaction() as connection:
        read = await make.make_permission(connection, site.tenant.id, READ)
        await make.make_mapping(connection, site.tenant.id, "everybody", [read])
    refused = await it.post("connect", issuer=site.idp.issuer, client_id="c", client_secret=SECRET)
    assert (refused.status_code, READ in refused.text) == (403, True)


async def test_a_link_is_worth_what_its_maker_is_worth_now(site: Site) -> None:
    maker = await maker_at(site, PROVIDERS_WRITE, MAPPINGS_WRITE)
    it = await customer_at(site, READ, maker=maker)
    await it.connected()
    assert (await it.post("mappings", group="g", permission=READ, action="preview")).status_code == 200
    await take(site.database, maker.user_id, MAPPINGS_WRITE)
    assert (await it.post("mappings", group="g", permission=READ, action="preview")).status_code == 403
    await take(site.database, maker.user_id, PROVIDERS_WRITE)
    assert is_ended(await it.get())


async def take(database: Database, user_id: UUID | None, name: str) -> None:
    async with database.transaction() as connection:
        await connection.execute(
            """
            update permission_grant g set revoked_at = now(), revoked_by = 'test', revoked_reason = 'revoked_by_hand'
            from permission p where p.id = g.permission_id and g.user_id = $1 and p.name = $2
            """,
            user_id,
            name,
        )


async def test_a_provider_that_is_enabled_is_not_changed_any_more(site: Site) -> None:
    it = await customer_at(site)
    await it.connected()
    await site.execute("update provider set enabled = true where tenant_id = $1 and slug = $2", site.tenant.id, SLUG)
    typed = {"issuer": "https://evil.example", "client_id": "c", "client_secret": SECRET}
    for form, fields in (("connect", typed), ("vendor", {"vendor": "okta"}), ("groups", {"place": "none"})):
        refused = await it.post(form, **fields)
        assert (refused.status_code, "SETUP_PROVIDER_ENABLED" in refused.text) == (403, True), form
    assert (await it.post("enable")).status_code == 303, "an admin was faster: the link ends"


async def test_an_issuer_inside_the_network_is_refused_also_to_a_link_of_the_operator(site: Site) -> None:
    it = await customer_at(site)
    await it.open()
    await it.go("vendor", vendor="other")
    await it.go("registered")
    refused = await it.post("connect", issuer="https://10.0.0.1", client_id="c", client_secret=SECRET)
    assert (refused.status_code, "PROVIDER_INVALID" in refused.text) == (400, True)


async def test_only_so_many_links_work_at_a_time_and_a_taken_name_is_told(site: Site) -> None:
    with pytest.raises(Conflict) as taken:
        await wish(site, operator(site), slug="sso")
    assert taken.value.code == "PROVIDER_EXISTS"
    for number in range(MOST_LIVE):
        await wish(site, operator(site), slug=f"p{number}")
    with pytest.raises(Conflict) as many:
        await wish(site, operator(site))
    assert many.value.code == "TOO_MANY_SETUP_LINKS"


async def test_what_works_is_listed_before_what_has_ended(site: Site) -> None:
    made = [await wish(site, operator(site), slug=f"p{number}") for number in range(3)]
    await revoke_link(site.database, operator(site), made[2].link.id)
    assert [one.slug for one in await list_links(site.database, site.tenant.id)] == ["p1", "p0", "p2"]


@pytest.mark.parametrize(
    ("value", "field"),
    [({"slug": "Not"}, "slug"), ({"label": ""}, "label"), ({"days": 31}, "days"), ({"days": 0}, "days")],
)
async def test_a_link_with_unusable_values_is_not_made(site: Site, value: dict[str, Any], field: str) -> None:
    with pytest.raises(BadInput) as refused:
        await wish(site, operator(site), **value)
    assert refused.value.field == field


async def test_the_audit_names_who_made_the_link_and_what_was_done_with_it(site: Site) -> None:
    maker = await maker_at(site, PROVIDERS_WRITE)
    it = await customer_at(site, maker=maker)
    await it.connected()
    rows = "select action || ' ' || actor from audit_event where tenant_id = $1 and action = $2"
    assert await site.fetchval(rows, site.tenant.id, "setup_link.created") == f"setup_link.created {maker.name}"
    made = await site.fetchval(rows, site.tenant.id, "provider.created")
    assert made == f"provider.created setup_link:{it.link_id}"
    written = "select string_agg(to_jsonb(e)::text, '') from audit_event e where tenant_id = $1"
    assert it.url.rpartition("/")[2] not in await site.fetchval(written, site.tenant.id)


async def test_the_form_of_a_page_is_framed_by_nobody_and_runs_no_inline_script(site: Site) -> None:
    it = await customer_at(site)
    page = await it.open()
    policy = page.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert "script-src 'self'" in policy
    assert page.headers["cache-control"] == "no-store"
    assert from_page(site)["origin"] == site.origin


async def ready_to_enable(site: Site, *permissions: str) -> Customer:
    """A set-up whose test login has passed."""
    it = await customer_at(site, *permissions)
    await it.connected()
    await it.test()
    await it.go("tested")
    await it.go("groups", place="id_token / groups")
    await it.go("mapped")
    return it


async def provider_of(site: Site, it: Customer) -> Provider | None:
    async with site.database.reading() as connection:
        link = await connection.fetchval("select provider_id from setup_link where id = $1", it.link_id)
        return await rows.get(connection, site.tenant.id, link)


@pytest.mark.parametrize("what", ["settings", "secret", "secret removed"])
async def test_what_somebody_else_changed_after_the_test_has_to_be_tested_again(site: Site, what: str) -> None:
    it = await ready_to_enable(site)
    deps, made = site.app._deps.setup.providers, await provider_of(site, it)
    if what == "settings":
        patch = {"groups_claim": ["id_token / roles"]}
        await administration.update(deps, operator(site), made.id, patch, expected_version=made.version)
    else:
        await secrets.set_secret(deps, operator(site), made.id, NewSecret(Secret("another one")))
    if what == "secret removed":
        await it.test()
        async with site.database.reading() as connection:
            newest = (await rows.secrets(connection, site.tenant.id, made.id))[0]
        await secrets.remove_secret(deps, operator(site), made.id, newest.id)
    refused = await it.post("enable")
    assert (refused.status_code, "SETUP_NOT_TESTED" in refused.text) == (403, True)
    assert (await provider_of(site, it)).enabled is False


async def test_a_connection_that_another_browser_changes_while_this_one_enables_is_not_enabled(site: Site) -> None:
    it = await ready_to_enable(site)
    deps, made = site.app._deps.setup.providers, await provider_of(site, it)
    async with site.database.transaction() as connection:
        await provider_changes.locked(connection, site.tenant.id, made.id)
        enabling = asyncio.create_task(it.post("enable"))
        await blocked_or_done(site.database, enabling, connection)
        changed = msgspec.structs.replace(made, client_id="another")
        await change_provider(connection, deps.vault, operator(site), ProviderChange(before=made, wanted=changed))
    refused = await enabling
    assert (refused.status_code, "CONFLICT" in refused.text) == (409, True)
    assert (await provider_of(site, it)).enabled is False


async def test_an_admin_deletes_the_provider_of_a_set_up_that_was_given_up(site: Site) -> None:
    it = await ready_to_enable(site)
    made = await provider_of(site, it)
    await activation.delete(site.app._deps.setup.providers, operator(site), made.id)
    assert await provider_of(site, it) is None
    assert "SETUP_STEP_MISSING" in (await it.post("enable")).text


async def test_an_issuer_inside_the_network_is_refused_in_the_place_of_a_public_one_too(site: Site) -> None:
    it = await ready_to_enable(site)
    typed = {"issuer": "https://169.254.169.254", "client_id": "c", "client_secret": SECRET}
    refused = await it.post("connect", **typed)
    assert (refused.status_code, "PROVIDER_INVALID" in refused.text) == (400, True)
    assert (await it.post("enable")).status_code == 303, "what was tested is what is there"


async def test_another_issuer_does_not_get_the_secret_that_was_typed_for_the_first(site: Site) -> None:
    """Also not by somebody who has the link, and did not type it."""
    it = await ready_to_enable(site)
    refused = await it.post("connect", issuer="https://evil.example", client_id=it.client_id, client_secret="")
    assert (refused.status_code, "SECRET_REQUIRED" in refused.text) == (400, True)


@pytest.mark.parametrize("secret", [SECRET, "another secret than the registered one"])
async def test_a_test_login_ends_while_its_settings_are_changed(
    site: Site, monkeypatch: pytest.MonkeyPatch, secret: str
) -> None:
    """Whether it worked or not; neither waits for the other in a circle."""
    it = await customer_at(site)
    await it.connected(secret=secret)
    made, set_outcome = await provider_of(site, it), attempts.set_outcome
    assert made is not None
    forgetting: list[asyncio.Task[None]] = []

    async def forget() -> None:
        async with site.database.transaction() as connection:
            await provider_tests.forget_of_links(connection, site.tenant.id, made.id)

    async def beside(connection: Connection, *given: Any) -> None:
        await set_outcome(connection, *given)
        forgetting.append(asyncio.create_task(forget()))
        await blocked_or_done(site.database, forgetting[0], connection)

    monkeypatch.setattr(attempts, "set_outcome", beside)
    await it.test()
    await forgetting[0]
    assert await site.fetchval("select count(*) from provider_test where tenant_id = $1", site.tenant.id) == 0
