"""Providers through GraphQL: administered by a tenant's own admins (S0-04), and shown without a secret (S0-45)."""

from typing import Any

import msgspec
import pytest

from identity_api.db import providers
from identity_api.graphql.ids import global_id
from identity_api.permissions.service import PROVIDERS_READ, PROVIDERS_WRITE
from tests.graphql.documents import everything
from tests.graphql.test_mutations import PROBLEM
from tests.graphql.world import Client, World

SAVED = "... on ProviderSaved { provider { id slug version enabled clientAuthentication managedBy secrets { id expiresAt } } }"
VALUE = "the-client-secret-itself"
NEW = {"slug": "keycloak", "issuer": "https://sso.acme.example/realms/acme", "clientId": "app", "clientSecret": VALUE}


async def change(client: Client, name: str, /, **given: Any) -> dict[str, Any]:
    """The payload of one mutation."""
    success = "... on ProviderDeleted { deletedId }" if name == "deleteProvider" else SAVED
    text = f"mutation ($input: {name[0].upper()}{name[1:]}Input!) {{ {name}(input: $input) "
    text += f"{{ __typename {success} {PROBLEM} }} }}"
    payload: dict[str, Any] = (await client.data(text, input=given))[name]
    return payload


HISTORY = frozenset({"Provider.history"})
"""For who may read the audit, and a statement of its own."""


async def settings(client: Client, row_id: str) -> dict[str, Any]:
    """Everything that the schema shows of a provider, without its history."""
    text = f"query ($id: ID!) {{ node(id: $id) {{ ... on Provider {everything('Provider', without=HISTORY)} }} }}"
    shown: dict[str, Any] = (await client.data(text, id=row_id))["node"]
    return shown


@pytest.mark.asyncio
async def test_every_setting_that_is_entered_is_shown_and_no_secret_is(world: World) -> None:
    """S0-46 to S0-53, S1-05 to S1-09, S2-13, S3-10 to S3-14, S4-08 to S4-12."""
    entered = {
        "label": "Acme SSO", "icon": "mdi:key", "position": 3,
        "discoveryUrl": "https://sso.acme.example/metadata", "clientAuthentication": "CLIENT_SECRET_BASIC",
        "redirectUrl": f"https://id.example/login/oidc/{world.tenant.hex}/callback", "scopes": ["openid", "roles"],
        "absentGroups": "EMPTY", "provisioning": "LINKED_ONLY", "adoptByName": False, "emailVerifiedRule": "REQUIRED",
        "sync": "OFF", "syncMode": "ADDITIVE", "syncIntervalSeconds": 120, "outageGraceSeconds": 600,
        "unsyncedLeaseSeconds": 3600, "maxRate": 50, "maxConcurrent": 7,
        "reauthentication": True,
        "logoutPageUrl": "https://acme.example/bye",
    }  # fmt: skip
    tables = {"authorizationParameters": [{"name": "prompt", "value": "consent"}]}
    claims = {name: [f"id_token / {name}"] for name in ("anchor", "username", "display", "email", "groups")}
    claims["groups"] = ["access_token / resource_access / app / roles"]
    agreed = {"dpop": True, "signingAlgorithm": "ES256", "assertionAudience": "TOKEN_ENDPOINT", "signedUserinfo": True}
    given: dict[str, Any] = {f"{name}Claim": value for name, value in claims.items()} | agreed | entered | tables
    made = await change(
        world.admin, "createProvider", **given, **NEW, clientSecretExpiresAt="2046-01-01T00:00:00+00:00",
        denyUnmapped=True, userinfoMethod="POST", groupSource="OKTA",
    )  # fmt: skip
    assert made["__typename"] == "ProviderSaved", made
    reader = await world.client(PROVIDERS_READ)
    shown = await settings(reader, made["provider"]["id"])
    assert {name: shown[name] for name in entered} == entered
    assert {name: shown["claims"][name] for name in claims} == claims
    assert {name: shown["claims"][name] for name in ("denyUnmapped", "userinfoMethod", "groupSource")} == {
        "denyUnmapped": True, "userinfoMethod": "POST", "groupSource": "OKTA",
    }  # fmt: skip
    assert {name: shown["clientSettings"][name] for name in agreed} == agreed
    [parameter] = shown["authorizationParameters"]
    assert (parameter["name"], parameter["value"]) == ("prompt", "consent")
    [secret] = shown["secrets"]
    assert set(secret) == {"__typename", "id", "createdAt", "expiresAt"}
    assert secret["expiresAt"] == "2046-01-01T00:00:00+00:00"
    assert (shown["issuer"], shown["managedBy"], shown["version"]) == (NEW["issuer"], "API", 1)
    assert VALUE not in msgspec.json.encode([made, shown]).decode()
    assert VALUE not in str(await world.events("provider.created"))


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("setting", "written"),
    [("clientAuthentication", "client_secret_post"), ("groupSource", "okta"), ("protocol", "oidc")],
)
async def test_settings_with_few_values_are_named_as_the_schema_has_them(
    world: World, setting: str, written: str
) -> None:
    text = "mutation ($input: CreateProviderInput!) { createProvider(input: $input) { __typename } }"
    refused = await world.admin.ask(text, input={**NEW, setting: written})
    assert written in refused.errors[0]["message"]
    made = await change(world.admin, "createProvider", **NEW, **{setting: written.upper()})
    assert made["__typename"] == "ProviderSaved", made


@pytest.mark.asyncio
async def test_a_redirect_url_is_shared_only_where_iss_can_tell_whose_a_callback_is(world: World, other: World) -> None:
    """Promise 8: a liar about its issuer, and another tenant, are refused when they are entered; others may share."""
    address = f"https://id.example/login/oidc/{world.tenant.hex}/callback"
    first = await change(world.admin, "createProvider", **NEW, redirectUrl=address)
    assert first["__typename"] == "ProviderSaved", first
    liar = {**NEW, "slug": "second", "discoveryUrl": "https://evil.example/metadata"}
    honest = {**NEW, "slug": "second", "issuer": "https://other.example"}
    for client, given in ((world.admin, liar), (other.admin, {**honest, "slug": "keycloak"})):
        refused = await change(client, "createProvider", **given, redirectUrl=address)
        assert (refused["__typename"], refused["code"], refused["field"]) == (
            "InvalidInput", "REDIRECT_URL_SHARED", "redirectUrl",
        )  # fmt: skip
    own = await change(other.admin, "createProvider", **{**honest, "slug": "keycloak"})
    moved = await change(other.admin, "updateProvider", id=own["provider"]["id"], version=1, redirectUrl=address)
    assert (moved["__typename"], moved["code"]) == ("InvalidInput", "REDIRECT_URL_SHARED")
    made = await change(world.admin, "createProvider", **honest, redirectUrl=address)
    assert made["__typename"] == "ProviderSaved", made
    renamed = {"issuer": NEW["issuer"], "discoveryUrl": "https://evil.example/metadata", "clientSecret": VALUE}
    turned = await change(world.admin, "updateProvider", id=made["provider"]["id"], version=1, **renamed)
    assert (turned["__typename"], turned["code"]) == ("InvalidInput", "REDIRECT_URL_SHARED")
    alone = await change(world.admin, "createProvider", **{**liar, "slug": "third"})
    assert alone["__typename"] == "ProviderSaved", alone


@pytest.mark.asyncio
async def test_the_addresses_to_register_are_shown(world: World) -> None:
    made = await change(world.admin, "createProvider", **NEW)
    shown = await settings(world.admin, made["provider"]["id"])
    async with world.database.reading() as connection:
        row = await providers.by_slug(connection, world.tenant, "keycloak")
    assert row
    urls = shown["urls"]
    assert urls["redirect"] == shown["redirectUrl"] == row.redirect_url
    assert urls["backchannelLogout"].endswith(f"/auth/providers/{row.id}/backchannel-logout")
    assert urls["initiateLogin"].startswith("https://id.example/t/")
    assert [one.endswith("/auth/logout/return") for one in urls["postLogoutRedirects"]] == [True]


@pytest.mark.asyncio
async def test_a_preset_needs_what_it_asks_for(world: World) -> None:
    """S2-04."""
    given = {"slug": "entra", "preset": "entra", "clientId": "app", "clientSecret": VALUE}
    refused = await change(world.admin, "createProvider", **given)
    assert (refused["__typename"], refused["code"], refused["field"]) == (
        "InvalidInput", "PROVIDER_INVALID", "presetValues",
    )  # fmt: skip
    value = "8eaef023-2b34-4da1-9baa-8bc8c9d6a490"
    made = await change(world.admin, "createProvider", **given, presetValues=[{"name": "directory", "value": value}])
    shown = await settings(world.admin, made["provider"]["id"])
    assert (shown["preset"], shown["issuer"]) == ("entra", f"https://login.microsoftonline.com/{value}/v2.0")


@pytest.mark.asyncio
async def test_how_signing_out_ends_is_entered_and_what_the_operator_accepted_is_shown(world: World) -> None:
    """What weakens a login is no field here: a tenant's admins read it, with what is lost."""
    parameters = [{"name": "logout_uri", "value": "{return_url}"}]
    made = await change(world.admin, "createProvider", **NEW, endSessionParameters=parameters)
    row_id = made["provider"]["id"]
    shown = (await settings(world.admin, row_id))["clientSettings"]
    assert [(one["name"], one["value"]) for one in shown["endSessionParameters"]] == [("logout_uri", "{return_url}")]
    assert (shown["signOutAtProvider"], shown["exceptions"]) == (True, [])
    refused = await change(world.admin, "updateProvider", id=row_id, version=1, signOutAtProvider=False)
    assert (refused["code"], refused["field"]) == ("PROVIDER_INVALID", "endSessionParameters")
    given = {"signOutAtProvider": False, "endSessionParameters": []}
    assert (await change(world.admin, "updateProvider", id=row_id, version=1, **given))["__typename"] == "ProviderSaved"
    async with world.database.transaction() as connection:
        await connection.execute(
            'update provider set client_settings = \'{"pkce": "OFF"}\' where tenant_id = $1 and slug = $2',
            world.tenant,
            NEW["slug"],
        )
    [told] = (await settings(world.admin, row_id))["clientSettings"]["exceptions"]
    assert told.startswith('pkce = "OFF": a code that is stolen')


@pytest.mark.asyncio
async def test_an_update_changes_what_is_named_and_null_empties_what_may_be_empty(world: World) -> None:
    made = await change(world.admin, "createProvider", **NEW, icon="mdi:key", label="Acme SSO")
    row_id = made["provider"]["id"]
    before = await settings(world.admin, row_id)
    for version, given, expected in (
        (1, {"icon": None, "label": None}, {"icon": None}),
        (2, {"syncMode": "NONE"}, {"syncMode": "NONE"}),
        (3, {"scopes": ["openid"]}, {"scopes": ["openid"]}),
    ):
        saved = await change(world.admin, "updateProvider", id=row_id, version=version, **given)
        assert saved["__typename"] == "ProviderSaved", saved
        shown = await settings(world.admin, row_id)
        assert {name for name in shown if shown[name] != before[name]} == {*expected, "version", "updatedAt"}
        assert {name: shown[name] for name in expected} == expected
        before = shown
    late = await change(world.admin, "updateProvider", id=row_id, version=1, label="Late")
    assert (late["__typename"], late["code"], late["currentVersion"]) == ("ConflictError", "CONFLICT", 4)


@pytest.mark.asyncio
async def test_a_move_needs_the_secret_in_the_same_call(world: World) -> None:
    made = await change(world.admin, "createProvider", **NEW)
    row_id, moved = made["provider"]["id"], {"issuer": "https://new.acme.example"}
    refused = await change(world.admin, "updateProvider", id=row_id, version=1, **moved)
    assert (refused["code"], refused["field"]) == ("SECRET_REQUIRED", "clientSecret")
    saved = await change(world.admin, "updateProvider", id=row_id, version=1, **moved, clientSecret="another")
    [secret] = saved["provider"]["secrets"]
    assert secret["id"] != made["provider"]["secrets"][0]["id"]


@pytest.mark.asyncio
async def test_secrets_overlap_and_are_removed_one_by_one(world: World) -> None:
    """S4-28."""
    row_id = (await change(world.admin, "createProvider", **NEW))["provider"]["id"]
    expiry = "2046-01-01T00:00:00+00:00"
    added = await change(world.admin, "setProviderSecret", id=row_id, clientSecret="next", expiresAt=expiry)
    new, old = added["provider"]["secrets"]
    assert (new["expiresAt"], old["expiresAt"]) == (expiry, None)
    full = await change(world.admin, "setProviderSecret", id=row_id, clientSecret="third")
    assert (full["__typename"], full["code"]) == ("ConflictError", "TOO_MANY_SECRETS")
    removed = await change(world.admin, "removeProviderSecret", id=row_id, secretId=old["id"])
    assert removed["provider"]["secrets"] == [new]
    for secret_id in ("nonsense", str(world.tenant)):
        absent = await change(world.admin, "removeProviderSecret", id=row_id, secretId=secret_id)
        assert absent["__typename"] == "NotFoundError"


@pytest.mark.asyncio
async def test_a_provider_is_disabled_and_deleted_when_nothing_hangs_on_it(world: World) -> None:
    preview = "query ($id: ID!) { previewProviderDeletion(id: $id) { identities sessions mappings } }"
    used = global_id("Provider", world.provider.id)
    counted = {"previewProviderDeletion": {"identities": 1, "sessions": 0, "mappings": 0}}
    assert await world.admin.data(preview, id=used) == counted
    assert (await change(world.admin, "deleteProvider", id=used))["code"] == "PROVIDER_ENABLED"
    disabled = await change(world.admin, "disableProvider", id=used)
    assert disabled["provider"]["enabled"] is False
    in_use = await change(world.admin, "deleteProvider", id=used)
    assert (in_use["__typename"], in_use["code"]) == ("ConflictError", "PROVIDER_IN_USE")
    assert "1 identities" in in_use["message"]
    row_id = (await change(world.admin, "createProvider", **NEW, enabled=False))["provider"]["id"]
    assert await change(world.admin, "deleteProvider", id=row_id) == {
        "__typename": "ProviderDeleted", "deletedId": row_id,
    }  # fmt: skip
    assert (await world.admin.ask(preview, id=row_id)).code == "NOT_FOUND"


@pytest.mark.asyncio
async def test_what_a_file_manages_and_addresses_inside_are_refused(world: World) -> None:
    inside = await change(world.admin, "createProvider", **{**NEW, "issuer": "https://10.0.0.1"})
    assert (inside["__typename"], inside["code"], inside["field"]) == ("InvalidInput", "PROVIDER_INVALID", "issuer")
    await world.execute("update provider set managed_by = 'FILE' where tenant_id = $1", world.tenant)
    row_id = global_id("Provider", world.provider.id)
    for name, given in (
        ("updateProvider", {"version": 1, "label": "x"}), ("setProviderSecret", {"clientSecret": "x"}),
        ("removeProviderSecret", {"secretId": str(world.tenant)}), ("disableProvider", {}), ("enableProvider", {}),
        ("deleteProvider", {}),
    ):  # fmt: skip
        refused = await change(world.admin, name, id=row_id, **given)
        assert (refused["__typename"], refused["code"]) == ("NotAllowed", "MANAGED_BY_FILE")


@pytest.mark.asyncio
async def test_nobody_gives_through_a_provider_what_they_may_not_give(world: World) -> None:
    """I8. The refusal is noted."""
    narrow = await world.client(PROVIDERS_WRITE)
    refused = await change(narrow, "createProvider", **NEW)
    assert (refused["__typename"], refused["code"]) == ("NotAllowed", "FORBIDDEN")
    assert "docs:read" in refused["message"]
    [event] = await world.events("access.refused")
    assert event == {"mutation": "createProvider", "code": "FORBIDDEN"}


@pytest.mark.asyncio
async def test_metadata_that_cannot_be_had_says_so(world: World) -> None:
    """S4-49, S4-51: nothing is connected to here, and the answer does not say why."""
    row_id = global_id("Provider", world.provider.id)
    await world.execute("update provider set issuer = 'http://127.0.0.1:9' where id = $1", world.provider.id)
    refused = await change(world.admin, "refreshProviderMetadata", id=row_id)
    assert (refused["__typename"], refused["code"]) == ("InvalidInput", "TARGET_NOT_ALLOWED")


@pytest.mark.asyncio
async def test_a_stored_secret_never_leaves_with_any_list(world: World) -> None:
    await change(world.admin, "createProvider", **NEW)
    data = await world.admin.data(f"{{ providers {everything('ProviderConnection', without=HISTORY)} }}")
    assert VALUE not in msgspec.json.encode(data).decode()
    assert len(world.statements) == 2  # the page and its count
