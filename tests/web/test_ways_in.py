"""Who may become whom, played from outside: GraphQL, real logins at a real provider, and a link for a password.

Each story is an attack by somebody with a few rights over users or providers on somebody whose groups give more. It stands
beside the same steps by somebody who may give all of it, for whom they work.
"""

from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio

from identity_api.accounts.linking import unlink_identity
from identity_api.claims import MatchKind
from identity_api.db import grants, user_read_model
from identity_api.graphql.ids import global_id
from identity_api.group_mappings import edit
from identity_api.group_mappings.rules import Rule
from identity_api.permissions.delegation import Actor
from identity_api.permissions.service import (
    GRANTS_WRITE,
    MAPPINGS_WRITE,
    PROVIDERS_READ,
    PROVIDERS_WRITE,
    SERVICE_PERMISSIONS,
    USERS_READ,
    USERS_WRITE,
)
from tests import factories as make
from tests.accounts.local_world import PASSWORD
from tests.web.local_site import from_page, signed_in, submit, with_passwords
from tests.web.site import Site

pytestmark = pytest.mark.asyncio
OUTCOME = "{ __typename ... on Problem { code message } %s }"
CHANGED = "... on UserChanged { user { id } }"
SAVED = "... on ProviderSaved { provider { version } }"


class Tenant:
    """The site's tenant with a catalogue, passwords, and one group whose people administer it."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.permissions: dict[str, UUID] = {}

    @classmethod
    async def made(cls, site: Site) -> "Tenant":
        self = cls(site)
        await with_passwords(site)
        async with site.database.transaction() as connection:
            for name in (*SERVICE_PERMISSIONS, "billing:admin"):
                self.permissions[name] = await make.make_permission(
                    connection, site.tenant.id, name, delegable=name.startswith("identity:")
                )
        return self

    async def map_group(self, group: str, *names: str) -> None:
        """Let a group of the provider give these, as the operator does."""
        rule = Rule(self.site.provider.id, group, MatchKind.EXACT, tuple([self.permissions[name] for name in names]))
        await edit.make(self.site.database, self.operator, rule)

    @property
    def operator(self) -> Actor:
        return Actor(self.site.tenant.id, None, "operator:root", frozenset())

    async def user(self, username: str, *names: str) -> UUID:
        """An account that waits, with these permissions by hand."""
        async with self.site.database.transaction() as connection:
            user_id = await make.make_user(connection, self.site.tenant.id, username=username)
            for name in names:
                row_id = self.permissions[name]
                await grants.open_manual_grant(connection, self.site.tenant.id, user_id, row_id, "operator:root")
            await user_read_model.refresh(connection, self.site.tenant.id, [user_id])
        return user_id

    async def admin(self, username: str, *names: str) -> httpx.AsyncClient:
        """Somebody with a password and these permissions, who has just signed in."""
        user_id = await self.user(username, *names)
        world = await with_passwords(self.site)
        await world.execute(
            "update app_user set password_hash = $2 where id = $1",
            user_id,
            await world.passwords.hash(PASSWORD.encode()),
        )
        return await signed_in(self.site, username)

    async def ask(self, client: httpx.AsyncClient, query: str, **variables: Any) -> Any:
        headers = {"origin": self.site.origin, "identity-request": "1", "sec-fetch-site": "same-origin"}
        answer = await client.post("/graphql", json={"query": query, "variables": variables}, headers=headers)
        return answer.json()

    async def change(self, client: httpx.AsyncClient, mutation: str, shown: str = CHANGED, **given: Any) -> Any:
        """The payload of a mutation."""
        kind = f"{mutation[0].upper()}{mutation[1:]}Input"
        query = f"mutation ($input: {kind}!) {{ {mutation}(input: $input) {OUTCOME % shown} }}"
        return (await self.ask(client, query, input=given))["data"][mutation]

    async def at_provider(self, person: str, status: int = 303) -> httpx.AsyncClient:
        """The browser of somebody who has signed in at the provider, or has been refused."""
        client = self.site.client()
        ended = await self.site.sign_in(client, person, "/auth/oidc/sso/login")
        assert ended.status_code == status, ended.text
        return client

    async def holds(self, client: httpx.AsyncClient) -> set[str]:
        """What the browser's session may do; empty without one."""
        answer = await self.ask(client, "{ viewer { permissions { name } } }")
        return {one["name"] for one in answer["data"]["viewer"]["permissions"]} if answer.get("data") else set()

    async def password(self, actor: httpx.AsyncClient, user: str) -> str:
        """Make a link for an account and use it: the code of the outcome."""
        made = await self.change(actor, "createPasswordToken", "... on PasswordTokenCreated { url }", id=user)
        if "url" not in made:
            return str(made["code"])
        client = self.site.client()
        await client.get(made["url"])
        form = {"password": PASSWORD, "repeated": PASSWORD}
        chosen = await client.post("/auth/password", data=form, headers=from_page(self.site))
        assert chosen.status_code == 303, chosen.text
        return "OK"

    async def puppet(self, actor: httpx.AsyncClient, name: str = "puppet") -> str:
        made = await self.change(actor, "createUser", username=name)
        return str(made["user"]["id"])

    async def link(self, actor: httpx.AsyncClient, user: str, anchor: str) -> str:
        given = {"user": user, "provider": global_id("Provider", self.site.provider.id), "anchor": anchor}
        linked = await self.change(actor, "linkIdentity", "... on IdentityLinked { identityId }", **given)
        return str(linked.get("code", "OK"))


@pytest_asyncio.fixture
async def tenant(site: Site) -> Tenant:
    return await Tenant.made(site)


ADMINS = tuple(SERVICE_PERMISSIONS)
CLERK = (USERS_READ, USERS_WRITE)


# An identity linked to an account that somebody else has a way into


@pytest.mark.parametrize("signs_in_before", [True, False])
async def test_an_identity_is_not_linked_to_an_account_that_somebody_else_can_enter(
    tenant: Tenant, signs_in_before: bool
) -> None:
    """The victim would sign in as every day, and the attacker's password would hold what the victim's groups give."""
    site = tenant.site
    await tenant.map_group("admins", *ADMINS)
    victim = site.idp.add_person("victoria", ["admins"])
    attacker = await tenant.admin("mallory", *CLERK)
    if signs_in_before:
        await tenant.at_provider("victoria")
        identity = await site.fetchval("select id from identity where tenant_id = $1", site.tenant.id)
        taken = await tenant.change(attacker, "unlinkIdentity", id=global_id("Identity", identity))
        assert taken["code"] == "FORBIDDEN", "victoria administers, which mallory does not"
        await unlink_identity(site.database, tenant.operator, identity)
    puppet = await tenant.puppet(attacker)
    assert await tenant.password(attacker, puppet) == "OK", "there is nothing in it"
    assert await tenant.link(attacker, puppet, victim.subject) == "FORBIDDEN"
    assert await tenant.holds(await tenant.at_provider("victoria")) == set(ADMINS)
    assert await tenant.holds(await signed_in(site, "puppet")) == set()


async def test_no_password_is_made_for_an_account_whose_identity_can_bring_more(tenant: Tenant) -> None:
    """The other order: first the identity, which waits for its person, then the password."""
    await tenant.map_group("admins", *ADMINS)
    victim = tenant.site.idp.add_person("victoria", ["admins"])
    attacker = await tenant.admin("mallory", *CLERK)
    puppet = await tenant.puppet(attacker)
    assert await tenant.link(attacker, puppet, victim.subject) == "OK", "only victoria can enter it"
    assert await tenant.password(attacker, puppet) == "FORBIDDEN"
    assert await tenant.holds(await tenant.at_provider("victoria")) == set(ADMINS)
    assert await tenant.password(attacker, puppet) == "FORBIDDEN"


async def test_whoever_may_give_all_of_it_links_and_makes_passwords_in_any_order(tenant: Tenant) -> None:
    """The person's first login still ends the password: the account is theirs from then on."""
    site = tenant.site
    await tenant.map_group("admins", *ADMINS)
    victim = site.idp.add_person("victoria", ["admins"])
    above = await tenant.admin("root", *ADMINS)
    puppet = await tenant.puppet(above)
    assert await tenant.password(above, puppet) == "OK"
    assert await tenant.link(above, puppet, victim.subject) == "OK"
    earlier = await signed_in(site, "puppet")
    assert await tenant.holds(await tenant.at_provider("victoria")) == set(ADMINS)
    assert await tenant.holds(earlier) == set()
    assert (await submit(site, site.client(), "puppet")).status_code == 400
    assert await tenant.password(above, puppet) == "OK", "and may be given a new one"


# An account that waits for somebody, with a way in already


@pytest.mark.parametrize(
    ("provisioning", "adopts"), [("KNOWN_USERS", False), ("JIT", True)], ids=["matched", "adopted"]
)
async def test_a_match_by_name_ends_every_older_way_in(tenant: Tenant, provisioning: str, adopts: bool) -> None:
    """The attacker made the account that waits for the victim, with a password, a session and a link left over."""
    site = tenant.site
    await site.execute(
        "update provider set provisioning = $2, adopt_by_name = $3 where id = $1",
        site.provider.id,
        provisioning,
        adopts,
    )
    await tenant.map_group("admins", *ADMINS)
    site.idp.add_person("victoria", ["admins"])
    attacker = await tenant.admin("mallory", *CLERK)
    waiting = await tenant.puppet(attacker, "victoria")
    assert await tenant.password(attacker, waiting) == "OK"
    earlier = await signed_in(site, "victoria")
    link = await tenant.change(attacker, "createPasswordToken", "... on PasswordTokenCreated { url }", id=waiting)
    assert await tenant.holds(await tenant.at_provider("victoria")) == set(ADMINS)
    assert await tenant.holds(earlier) == set()
    assert (await submit(site, site.client(), "victoria")).status_code == 400
    opened = site.client()
    await opened.get(link["url"])
    assert (await opened.get("/auth/password")).status_code == 404
    assert await site.events("user.older_ways_in_ended") == 1
    assert await tenant.password(attacker, waiting) == "FORBIDDEN"


# Settings that decide who is who


async def test_the_claim_that_names_people_is_not_changed_by_somebody_who_may_not_give_what_the_names_hold(
    tenant: Tenant,
) -> None:
    """`name` is what people call themselves at the provider; "treasurer" waits with `billing:admin`."""
    site = tenant.site
    await site.execute(
        "update provider set provisioning = 'KNOWN_USERS', sync_mode = 'ADDITIVE' where id = $1", site.provider.id
    )
    await tenant.user("treasurer", "billing:admin")
    site.idp.add_person("mallory", name="treasurer")
    attacker = await tenant.admin("provider-admin", PROVIDERS_READ, PROVIDERS_WRITE)
    renamed = {"id": global_id("Provider", site.provider.id), "usernameClaim": ["id_token / name"], "version": 1}
    shown = "... on ProviderSaved { provider { version } }"
    refused = await tenant.change(attacker, "updateProvider", shown, **renamed)
    assert (refused["code"], "billing:admin" in refused["message"]) == ("FORBIDDEN", True)
    await tenant.at_provider("mallory", 403)
    holder = await tenant.admin("holder", PROVIDERS_READ, PROVIDERS_WRITE, USERS_WRITE, "billing:admin")
    saved = await tenant.change(holder, "updateProvider", shown, **renamed)
    assert saved["provider"]["version"] == 2
    assert await tenant.holds(await tenant.at_provider("mallory")) == {"billing:admin"}


@pytest.mark.parametrize(
    "patch",
    [
        {"groupsClaim": ["id_token / name"]},
        {"scopes": ["openid", "profile"]},
        {"authorizationParameters": [{"name": "acr_values", "value": "other"}]},
        {"absentGroups": "EMPTY"},
        {"syncMode": "NONE", "groupsClaim": ["id_token / name"]},
    ],
    ids=lambda patch: "-".join(patch),
)
async def test_what_decides_groups_is_asked_about_while_groups_give_nothing(
    tenant: Tenant, patch: dict[str, Any]
) -> None:
    """Somebody sets another mode again, and whoever is called "admins" at the provider would get everything."""
    site = tenant.site
    await tenant.map_group("admins", *ADMINS)
    attacker = await tenant.admin("provider-admin", PROVIDERS_READ, PROVIDERS_WRITE)
    honest = await tenant.admin("root", *ADMINS)
    provider = global_id("Provider", site.provider.id)
    if "syncMode" not in patch:
        await site.execute("update provider set sync_mode = 'NONE' where id = $1", site.provider.id)
    refused = await tenant.change(attacker, "updateProvider", SAVED, id=provider, version=1, **patch)
    assert (refused.get("code"), "identity:" in refused["message"]) == ("FORBIDDEN", True)
    done = await tenant.change(honest, "updateProvider", SAVED, id=provider, version=1, **patch)
    assert done["provider"] == {"version": 2}


async def test_what_decides_names_is_asked_about_while_names_are_not_matched(tenant: Tenant) -> None:
    """Somebody sets `KNOWN_USERS` later, and whoever calls themself "treasurer" would be matched."""
    site = tenant.site
    await tenant.user("treasurer", "billing:admin")
    attacker = await tenant.admin("provider-admin", PROVIDERS_READ, PROVIDERS_WRITE)
    holder = await tenant.admin("holder", PROVIDERS_READ, PROVIDERS_WRITE, USERS_WRITE, "billing:admin")
    renamed = {"id": global_id("Provider", site.provider.id), "usernameClaim": ["id_token / name"], "version": 1}
    refused = await tenant.change(attacker, "updateProvider", SAVED, **renamed)
    assert (refused.get("code"), "billing:admin" in refused["message"]) == ("FORBIDDEN", True)
    saved = await tenant.change(holder, "updateProvider", SAVED, **renamed)
    assert saved["provider"] == {"version": 2}


@pytest.mark.parametrize("patch", [{"adoptByName": True}, {"provisioning": "KNOWN_USERS"}], ids=str)
async def test_names_are_matched_by_somebody_who_may_enter_users(tenant: Tenant, patch: dict[str, Any]) -> None:
    """It opens every account that somebody makes by hand later, and gives something."""
    site = tenant.site
    provider = global_id("Provider", site.provider.id)
    attacker = await tenant.admin("provider-admin", PROVIDERS_READ, PROVIDERS_WRITE)
    refused = await tenant.change(attacker, "updateProvider", SAVED, id=provider, version=1, **patch)
    assert (refused.get("code"), USERS_WRITE in refused["message"]) == ("FORBIDDEN", True)
    made = {"slug": "own", "label": "Own", "issuer": site.idp.issuer, "clientId": "own", "clientSecret": "x" * 32}
    refused = await tenant.change(attacker, "createProvider", SAVED, **made, **patch)
    assert (refused.get("code"), USERS_WRITE in refused["message"]) == ("FORBIDDEN", True)
    assert (await tenant.change(attacker, "createProvider", SAVED, **made))["provider"] == {"version": 1}
    both = await tenant.admin("both", PROVIDERS_READ, PROVIDERS_WRITE, USERS_WRITE)
    saved = await tenant.change(both, "updateProvider", SAVED, id=provider, version=1, **patch)
    assert saved["provider"] == {"version": 2}


# Taking away


async def test_nobody_shuts_out_an_admin_who_holds_more(tenant: Tenant) -> None:
    site = tenant.site
    attacker = await tenant.admin("mallory", *CLERK)
    above = await tenant.admin("root", *ADMINS)
    user_id = await site.fetchval("select id from app_user where tenant_id = $1 and username = 'root'", site.tenant.id)
    session_id = await site.fetchval("select id from session where user_id = $1", user_id)
    user, session = global_id("User", user_id), global_id("Session", session_id)
    for mutation, given in (
        ("disableUser", user),
        ("removeUserPassword", user),
        ("resetUserTotp", user),
        ("unlockUser", user),
        ("endSession", session),
    ):
        refused = await tenant.change(attacker, mutation, "", id=given)
        assert (mutation, refused.get("code")) == (mutation, "FORBIDDEN")
    assert await tenant.holds(above) == set(ADMINS)


async def test_nobody_shuts_out_somebody_who_has_not_come_yet(tenant: Tenant) -> None:
    """An account that waits for an admin's first login, disabled before it, would keep them out."""
    await tenant.map_group("admins", *ADMINS)
    victim = tenant.site.idp.add_person("victoria", ["admins"])
    attacker = await tenant.admin("mallory", *CLERK)
    puppet = await tenant.puppet(attacker)
    assert "user" in await tenant.change(attacker, "disableUser", id=puppet), "it waits for nobody"
    assert "user" in await tenant.change(attacker, "enableUser", id=puppet)
    assert await tenant.link(attacker, puppet, victim.subject) == "OK"
    assert (await tenant.change(attacker, "disableUser", id=puppet)).get("code") == "FORBIDDEN"
    assert await tenant.holds(await tenant.at_provider("victoria")) == set(ADMINS)


async def test_what_groups_could_bring_to_somebody_who_has_come_keeps_nobody_from_disabling_them(
    tenant: Tenant,
) -> None:
    await tenant.map_group("admins", *ADMINS)
    tenant.site.idp.add_person("erin", ["sales"])
    await tenant.at_provider("erin")
    clerk = await tenant.admin("clerk", *CLERK)
    erin = await tenant.site.fetchval("select user_id from identity where tenant_id = $1", tenant.site.tenant.id)
    assert "user" in await tenant.change(clerk, "disableUser", id=global_id("User", erin))


async def test_the_last_admin_keeps_a_way_in_whatever_they_do(tenant: Tenant) -> None:
    """By their own hand too: nobody but the operator could bring the tenant back."""
    site = tenant.site
    await tenant.map_group("admins", *ADMINS)
    site.idp.add_person("root", ["admins"])
    only = await tenant.at_provider("root")
    provider = global_id("Provider", site.provider.id)
    refused = await tenant.change(only, "disableProvider", "", id=provider)
    assert refused["code"] == "LAST_ADMIN"
    mapping = global_id(
        "GroupMapping", await site.fetchval("select id from group_mapping where tenant_id = $1", site.tenant.id)
    )
    for mutation, given in (
        ("deleteGroupMapping", {"id": mapping, "version": 1}),
        ("updateGroupMapping", {"id": mapping, "version": 1, "enabled": False}),
        ("updateGroupMapping", {"id": mapping, "version": 1, "pattern": "nobody"}),
    ):
        refused = await tenant.change(only, mutation, "", **given)
        assert (mutation, refused.get("code")) == (mutation, "LAST_ADMIN")
    assert await tenant.holds(only) == set(ADMINS)
    await tenant.admin("second", USERS_WRITE, GRANTS_WRITE, MAPPINGS_WRITE, PROVIDERS_WRITE)
    done = await tenant.change(only, "disableProvider", "... on ProviderSaved { provider { enabled } }", id=provider)
    assert done["provider"] == {"enabled": False}
