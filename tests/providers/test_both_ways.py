"""A provider changes by a file and by its admins in one way: row, record, and what follows for the people there.

Each setting is changed once by a mutation of the operator's and once by a declaration, at two providers that are alike.
"""

import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from identity_api.config import Secret
from identity_api.db import providers
from identity_api.db.providers import Provider
from identity_api.errors import ConfigurationError
from identity_api.providers import activation, administration
from identity_api.providers.declaration import ProviderDeclaration
from identity_api.providers.secrets import NewSecret
from identity_api.tenants.apply import Applier, apply_tenant
from identity_api.tenants.declaration import TenantDeclaration
from tests.providers.office import Office
from tests.providers.test_switching import session_of

pytestmark = pytest.mark.asyncio

SECRET = "correct-horse-battery-staple-0000"
OIDC: dict[str, Any] = {"issuer": "https://sso.acme.example/realms/acme", "client_id": "identity-api"}
OAUTH2: dict[str, Any] = {
    **OIDC,
    "protocol": "oauth2",
    "scopes": ("read:user",),
    "anchor_claim": "userinfo / id",
    "username_claim": "userinfo / login",
    "display_claim": "userinfo / name",
    "email_claim": "userinfo / email",
    "groups_claim": "userinfo / groups",
    "endpoints": {name: f"https://acme.example/{name}" for name in ("authorization", "token", "userinfo")},
    "sync": "ACCESS_TOKEN",
}
ENTRA: dict[str, Any] = {
    **OIDC,
    "issuer": "https://login.microsoftonline.com/{tenantid}/v2.0",
    "discovery_url": "https://login.microsoftonline.com/organizations/v2.0/.well-known/openid-configuration",
    "allowed_directories": ("72f988bf-86f1-41af-91ab-2d7cd011db47", "9188040d-6c67-4c5b-b112-36a304b66dad"),
}
APPLE_KEYS = ("apple_team_id", "apple_key_id")
CHANGES: dict[str, tuple[dict[str, Any], Any]] = {
    "label": (OIDC, "Acme"),
    "issuer": (OIDC, "https://other.example"),
    "endpoints": (OAUTH2, {**OAUTH2["endpoints"], "token": "https://other.example/token"}),
    "discovery_url": (OIDC, "https://sso.acme.example/elsewhere"),
    "client_id": (OIDC, "another-client"),
    "client_authentication": (OIDC, "client_secret_basic"),
    "signing_algorithm": ({**OIDC, "client_authentication": "private_key_jwt"}, "ES256"),
    "assertion_audience": ({**OIDC, "client_authentication": "private_key_jwt"}, "TOKEN_ENDPOINT"),
    "dpop": (OIDC, True),
    "encrypted_id_tokens": (OIDC, True),
    "signed_userinfo": (OIDC, True),
    "accept_without_iss": (OIDC, True),
    "pkce": (OIDC, "OFF"),
    "missing_nonce": (OIDC, "ACCEPTED"),
    "redirect_url": (OIDC, None),
    "scopes": (OIDC, ("openid", "email")),
    "authorization_parameters": (OIDC, {"hd": "acme.example"}),
    "allowed_directories": (ENTRA, ENTRA["allowed_directories"][:1]),
    "anchor_claim": (OIDC, ("id_token / oid",)),
    "username_claim": (OIDC, ("id_token / upn",)),
    "display_claim": (OIDC, ("id_token / display",)),
    "email_claim": (OIDC, ("id_token / mail",)),
    "groups_claim": (OIDC, ("id_token / roles",)),
    "absent_groups": (OIDC, "EMPTY"),
    "userinfo_method": (OIDC, "POST"),
    "group_source": (OIDC, "okta"),
    "name_in_callback": (OIDC, True),
    "provisioning": (OIDC, "KNOWN_USERS"),
    "adopt_by_name": (OIDC, True),
    "deny_unmapped": (OIDC, True),
    "email_verified_rule": (OIDC, "TRUSTED"),
    "sync": (OIDC, "OFF"),
    "sync_mode": (OIDC, "NONE"),
    "sync_interval_seconds": (OIDC, 240),
    "outage_grace_seconds": (OIDC, 7_200),
    "unsynced_lease_seconds": (OIDC, 43_200),
    "max_rate": (OIDC, 50),
    "max_concurrent": (OIDC, 5),
    "reauthentication": (OIDC, True),
    "logout_page_url": (OIDC, "https://acme.example/bye"),
    "sign_out_at_provider": (OIDC, False),
    "end_session_parameters": (OIDC, {"logout_uri": "https://acme.example/"}),
    "icon": (OIDC, "google"),
    "position": (OIDC, 7),
    "enabled": (OIDC, False),
    "client_secret": (OIDC, "a-new-secret-for-the-same-client-1"),
}
ENDING = ("issuer", "endpoints", "discovery_url", "enabled")
"""What ends the session of somebody who came from there; removed directories end their own people's (`test_directories`)."""
OTHERWISE = {
    "slug": "names the provider, and is never changed",
    "protocol": "never changed",
    "preset": "never changed",
    "client_secret_env": "a form of `client_secret`",
    "client_secret_file": "a form of `client_secret`",
    "client_secret_stored": "a file's word that there is one",
    "client_secret_overlap_seconds": "of files alone: an admin sets a second secret",
    "ca_file": "a form of `ca_certificate_pem`",
    "ca_certificate_pem": "a certificate: `test_client_keys`, `agreed/test_client_authentication`",
    "apple_team_id": "with a key of Apple's: `test_create_and_update`",
    "apple_key_id": "with a key of Apple's: `test_create_and_update`",
    "tls_client_certificate_file": "the operator's machine: files alone",
    "tls_client_key_file": "the operator's machine: files alone",
    "tls_client_certificate_stored": "a file's word that there is one",
}


class Seen(msgspec.Struct, frozen=True):
    """What a change left behind, without what differs from row to row."""

    settings: dict[str, Any]
    events: list[tuple[str, Any]]
    others: list[tuple[str, Any]]
    session: str | None
    token: str | None
    identity: tuple[str, str | None]
    sync: tuple[Any, ...]
    permissions: frozenset[str]
    attempts: int
    secrets: list[str | None]
    keys: list[tuple[str, str | None]]


async def by_admin(office: Office, provider: Provider, name: str, value: Any) -> None:
    if name == "enabled":
        await activation.disable(office.deps, office.operator, provider.id)
        return
    # Whoever writes a file gives the secret with it.
    moves = name in ("issuer", "endpoints", "discovery_url")
    secret = (
        NewSecret(Secret(value if name == "client_secret" else SECRET)) if moves or name == "client_secret" else None
    )
    patch = {} if name == "client_secret" else {name: value}
    await administration.update(
        office.deps, office.operator, provider.id, patch, expected_version=provider.version, secret=secret
    )


def declared(given: dict[str, Any], **changes: Any) -> ProviderDeclaration:
    settings = {"slug": "keycloak", "client_secret": SECRET, **given, **changes}
    if settings.get("client_authentication") == "private_key_jwt":
        del settings["client_secret"]
    return ProviderDeclaration(**settings)


async def by_file(office: Office, one: ProviderDeclaration) -> None:
    applier = Applier(office.deps.vault, office.deps.defaults, {}, Path(os.devnull), "operator:root")
    tenant = TenantDeclaration(slug=office.slug, name="Acme", hosts=(f"{office.slug}.example.com",), providers=(one,))
    await apply_tenant(office.database, applier, tenant)


async def someone(office: Office, provider: Provider) -> tuple[Any, Any]:
    """Somebody who has signed in there, with an API token; and a login under way."""
    user_id, identity_id = await office.person(provider, ["engineering"])
    await session_of(office, user_id, identity_id)
    await office.fetch(
        """
        insert into login_attempt (id, tenant_id, provider_id, delivery, return_to, session_origin, path_prefix,
            redirect_url, issuer, reauthentication, created_at, expires_at)
        select gen_random_uuid(), tenant_id, id, 'cookie', '/', 'https://a.example', '', redirect_url, issuer, false, now(),
            now() + interval '10 minutes' from provider where tenant_id = $1 and id = $2
        """,
        office.tenant_id,
        provider.id,
    )
    return user_id, identity_id


async def seen(office: Office, user_id: Any, identity_id: Any, since: Any) -> Seen:
    async with office.database.reading() as connection:
        provider = await providers.by_slug(connection, office.tenant_id, "keycloak")
    assert provider is not None
    own = ("id", "tenant_id", "slug", "redirect_url", "managed_by", "created_at", "updated_at")
    settings = {name: value for name, value in msgspec.structs.asdict(provider).items() if name not in own}
    rows = await office.fetch(
        "select action, subject_kind, payload from audit_event where tenant_id = $1 and id > $2 order by id",
        office.tenant_id,
        since,
    )
    told = [(row["action"], row["subject_kind"], msgspec.json.decode(row["payload"])) for row in rows]
    mine = [(action, payload) for action, kind, payload in told if kind == "provider"]
    others = sorted([(action, sorted(payload)) for action, kind, payload in told if kind != "provider"], key=str)
    (session,) = await office.fetch("select ended_reason from session where user_id = $1", user_id)
    (token,) = await office.fetch("select ended_reason from api_token where user_id = $1", user_id)
    (identity,) = await office.fetch("select state, state_reason from identity where id = $1", identity_id)
    (sync,) = await office.fetch(
        """
        select groups_completeness, due_at is null as rests, groups_valid_until > now() as counts, generation, outcome
        from identity_sync where id = $1
        """,
        identity_id,
    )
    (open_attempts,) = await office.fetch(
        "select count(*) from login_attempt where provider_id = $1 and consumed_at is null", provider.id
    )
    keys = await office.fetch(
        "select use, public_jwk->>'alg' as alg from client_key where provider_id = $1", provider.id
    )
    return Seen(
        settings=settings,
        events=mine,
        others=others,
        session=session["ended_reason"],
        token=token["ended_reason"],
        identity=(identity["state"], identity["state_reason"]),
        sync=tuple(sync),
        permissions=await office.effective(user_id),
        attempts=open_attempts["count"],
        secrets=await office.secrets(provider),
        keys=sorted([(row["use"], row["alg"]) for row in keys], key=str),
    )


async def newest_event(office: Office) -> Any:
    (row,) = await office.fetch(
        "select max(id::text)::uuid as id from audit_event where tenant_id = $1", office.tenant_id
    )
    return row["id"]


async def test_every_setting_is_changed_both_ways_or_there_is_a_reason() -> None:
    assert set(CHANGES) | set(OTHERWISE) == set(ProviderDeclaration.__struct_fields__)
    assert not set(CHANGES) & set(OTHERWISE)


@pytest.mark.parametrize("name", CHANGES)
async def test_a_setting_has_the_same_consequences_by_a_file_and_by_a_mutation(
    office: Office, neighbour: Office, name: str
) -> None:
    given, value = CHANGES[name]
    if name == "redirect_url":
        value = f"https://{office.slug}.example.com/auth/oidc/moved/callback"
    results = []
    for one, changes_by_file in ((office, False), (neighbour, True)):
        await one.mapping("engineering", "docs:read")
        await by_file(one, declared(given))
        async with one.database.reading() as connection:
            provider = await providers.by_slug(connection, one.tenant_id, "keycloak")
        assert provider is not None
        user_id, identity_id = await someone(one, provider)
        if changes_by_file:
            mine = value.replace(office.slug, one.slug) if name == "redirect_url" else value
            since = await newest_event(one)
            await by_file(one, declared(given, **{name: mine}))
        else:
            await one.fetch("update provider set managed_by = 'API' where id = $1", provider.id)
            since = await newest_event(one)
            await by_admin(one, provider, name, value)
        results.append(await seen(one, user_id, identity_id, since))
    by_mutation, by_declaration = results
    assert by_mutation == by_declaration
    assert by_mutation.events, "the change is on record"
    assert (by_mutation.session is not None) == (name in ENDING)


async def test_a_declaration_that_changes_nothing_leaves_no_trace(office: Office) -> None:
    await by_file(office, declared(OIDC))
    since = await newest_event(office)
    await by_file(office, declared(OIDC))
    assert await office.fetch("select from audit_event where tenant_id = $1 and id > $2", office.tenant_id, since) == []


async def test_a_file_that_moves_a_provider_and_keeps_the_stored_secret_is_refused(office: Office) -> None:
    await by_file(office, declared(OIDC))
    kept = msgspec.structs.replace(declared(OIDC), client_secret=None, client_secret_stored=True)
    await by_file(office, kept)
    with pytest.raises(ConfigurationError, match="never sent to another address"):
        await by_file(office, msgspec.structs.replace(kept, issuer="https://other.example"))
