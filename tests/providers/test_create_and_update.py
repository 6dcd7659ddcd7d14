"""Providers made and changed by a tenant's own admins (S0-04, S0-46 to S0-53, S1-05 to S1-09, S3-04 to S3-14, S4-07 to S4-12)."""

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from identity_api.config import Secret
from identity_api.db.providers import Provider
from identity_api.errors import BadInput, Conflict, NotFound, Refused
from identity_api.providers import activation, administration
from identity_api.providers.declaration import ProviderDeclaration
from identity_api.providers.provider_row import Defaults, Owner, declaration_of, provider_row
from identity_api.providers.secrets import NewSecret
from tests.providers.office import FIELDS, SECRET, Office


async def changed(office: Office, provider: Provider, secret: NewSecret | None = None, **patch: Any) -> Provider:
    return await administration.update(
        office.deps, office.actor, provider.id, patch, expected_version=provider.version, secret=secret
    )


@pytest.mark.asyncio
async def test_an_admin_makes_a_provider_that_is_stored_as_a_file_would_have_it(office: Office) -> None:
    """S0-04, S0-45 to S0-48."""
    made = await office.provider(groups_claim=["id_token / roles"], sync_mode="ADDITIVE")
    assert await office.stored(made) == made
    assert (made.managed_by, made.version, made.client_authentication) == ("API", 1, "client_secret_post")
    assert made.redirect_url == f"https://{office.slug}.example.com/auth/oidc/keycloak/callback"
    assert made.claims.groups == ("id_token / roles",)
    assert made.sync_interval_seconds == 300
    assert await office.secrets(made) == ["correct-horse"]
    [(action, payload)] = await office.events()
    assert action == "provider.created"
    assert payload == {"fields": ["client_id", "groups_claim", "issuer", "label", "slug", "sync_mode"]}


@pytest.mark.asyncio
async def test_a_preset_fills_in_what_was_not_said(office: Office) -> None:
    """S2-04, S2-05: Google needs a client id and a secret only."""
    made = await administration.create(
        office.deps, office.actor, {"slug": "google", "preset": "google", "client_id": "app"}, secret=SECRET
    )
    assert (made.preset, made.issuer) == ("google", "https://accounts.google.com")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("public_url", "is_refused"),
    [("http://id.example.com", True), ("http://localhost:8000", False), ("https://id.example.com", False)],
)
async def test_a_redirect_url_that_would_be_plain_http_on_another_machine_is_refused(
    office: Office, public_url: str, is_refused: bool
) -> None:
    deps = msgspec.structs.replace(office.deps, defaults=Defaults(public_url, 300, 14_400, 86_400))
    async with office.deps.database.transaction() as connection:
        await connection.execute("delete from tenant_host where tenant_id = $1", office.actor.tenant_id)
    fields = {**FIELDS, "slug": "plain"}
    if not is_refused:
        made = await administration.create(deps, office.actor, fields, secret=SECRET)
        assert made.redirect_url.startswith(public_url)
        return
    with pytest.raises(BadInput, match="not https") as refused:
        await administration.create(deps, office.actor, fields, secret=SECRET)
    assert (refused.value.code, refused.value.field) == ("PROVIDER_INVALID", "redirect_url")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("field", "fits", "is_too_much"),
    [
        ("scopes", ["openid", *[f"s{n}" for n in range(49)]], ["openid", *[f"s{n}" for n in range(50)]]),
        ("username_claim", [f"id_token / {'x' * 100}"], [f"id_token / {'x' * 2_048}"]),
        ("authorization_parameters", {"hint": "x" * 1_024}, {"hint": "x" * 2_049}),
    ],
)
async def test_lists_and_tables_of_settings_are_bounded(
    office: Office, field: str, fits: Any, is_too_much: Any
) -> None:
    with pytest.raises(BadInput, match="one line of at most") as caught:
        await office.provider(**{field: is_too_much})
    assert caught.value.field == field
    assert (await office.provider(**{field: fits})).enabled is not None


@pytest.mark.asyncio
async def test_a_slug_is_given_once(office: Office) -> None:
    """S3-04 to S3-06."""
    made = await office.provider()
    with pytest.raises(Conflict) as refused:
        await office.provider(issuer="https://other.example")
    assert refused.value.code == "PROVIDER_EXISTS"
    with pytest.raises(BadInput) as fixed:
        await changed(office, made, slug="sso")
    assert (fixed.value.code, fixed.value.field) == ("PROVIDER_INVALID", "slug")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"slug": "Key cloak"}, "slug"),
        ({"issuer": "sso.acme.example"}, "issuer"),
        ({"issuer": "https://user:pass@sso.acme.example"}, "issuer"),
        ({"scopes": ["profile"]}, "scopes"),
        ({"groups_claim": ["access_token / "]}, "groups_claim"),
        ({"authorization_parameters": {"state": "mine"}}, "authorization_parameters"),
        ({"sync_interval_seconds": 5}, "sync_interval_seconds"),
        ({"endpoints": {"token": "https://sso.acme.example/token"}}, "endpoints"),
        ({"client_id": ""}, "client_id"),
        ({"label": "two\nlines"}, "label"),
        ({"preset": "unheard-of"}, "preset"),
        ({"client_secret": "in the wrong place"}, "client_secret"),
        ({"client_secret_file": "/etc/passwd"}, "client_secret_file"),
        ({"client_secret_env": "IDENTITY_SECRET_KEYS"}, "client_secret_env"),
        ({"ca_file": "/etc/passwd"}, "ca_file"),
    ],
)
async def test_what_a_file_may_not_say_is_refused_by_the_field(
    office: Office, given: dict[str, Any], field: str
) -> None:
    """S0-48, S4-44: one validation for files and administration. Files of the operator's machine are nobody else's."""
    with pytest.raises(BadInput) as refused:
        await office.provider(**given)
    assert (refused.value.code, refused.value.field) == ("PROVIDER_INVALID", field)
    assert "wrong place" not in refused.value.message
    assert await office.fetch("select from provider where tenant_id = $1", office.tenant_id) == []
    await office.provider()


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "issuer",
    [
        "http://sso.acme.example", "http://127.0.0.1:8080", "https://127.0.0.1", "https://10.0.0.1", "https://[::1]",
        "https://169.254.169.254", "https://8.8.8.8", "https://localhost", "https://keycloak", "https://127.1",
        "https://sso.localhost", "http://listed.internal:8080",
    ],
)  # fmt: skip
async def test_an_address_inside_is_refused_without_a_connection(office: Office, issuer: str) -> None:
    """S0-48: one answer for all of them, so that nobody maps the network by trying. The operator may."""
    with pytest.raises(BadInput) as refused:
        await office.provider(issuer=issuer)
    assert (refused.value.code, refused.value.field) == ("PROVIDER_INVALID", "issuer")
    listed = await office.provider(issuer="https://listed.internal:8443")
    for patch in ({"discovery_url": issuer}, {"issuer": issuer}):
        with pytest.raises(BadInput) as again:
            await changed(office, listed, SECRET, **patch)
        assert again.value.code == "PROVIDER_INVALID"


@pytest.mark.asyncio
async def test_codes_are_sent_to_hosts_of_the_tenant_only(office: Office) -> None:
    """S4-11: the redirect URL may be another one of ours."""
    with pytest.raises(BadInput) as refused:
        await office.provider(redirect_url="https://evil.example/auth/oidc/keycloak/callback")
    assert refused.value.field == "redirect_url"
    legacy = f"https://{office.slug}.example.com/v1/auth/oidc/callback"
    assert (await office.provider(redirect_url=legacy)).redirect_url == legacy


@pytest.mark.asyncio
async def test_a_public_client_shares_its_redirect_url_with_nobody_and_nobody_is_stuck_by_it(office: Office) -> None:
    """A callback there would not say whose code it brings."""
    legacy = f"https://{office.slug}.example.com/v1/auth/oidc/callback"
    first = await office.provider(redirect_url=legacy)
    second = await office.provider(slug="second", redirect_url=legacy)
    with pytest.raises(BadInput) as refused:
        await changed(office, second, client_authentication="none")
    assert (refused.value.code, refused.value.field) == ("REDIRECT_URL_SHARED", "redirect_url")
    await office.fetch("update provider set client_authentication = 'none' where id = $1", second.id)
    assert (await changed(office, first, label="New")).version == 2
    assert not (await activation.disable(office.deps, office.actor, first.id)).enabled


@pytest.mark.asyncio
async def test_a_row_that_names_anothers_issuer_does_not_share_its_redirect_url(office: Office) -> None:
    """Promise 8: `iss` would fit both, so nothing could tell whose callback it is. Neither when made, nor by a change."""
    legacy = f"https://{office.slug}.example.com/v1/auth/oidc/callback"
    honest = await office.provider(redirect_url=legacy)
    elsewhere = {"slug": "second", "discovery_url": "https://evil.example/metadata"}
    with pytest.raises(BadInput) as refused:
        await office.provider(**elsewhere, redirect_url=legacy)
    assert (refused.value.code, refused.value.field) == ("REDIRECT_URL_SHARED", "redirect_url")
    second = await office.provider(**elsewhere)
    with pytest.raises(BadInput) as moved:
        await changed(office, second, redirect_url=legacy)
    assert moved.value.code == "REDIRECT_URL_SHARED"
    assert await office.stored(second) == second
    second = await changed(office, second, SECRET, issuer="https://other.example", redirect_url=legacy)
    with pytest.raises(BadInput) as renamed:
        await changed(office, second, SECRET, issuer=honest.issuer)
    assert renamed.value.code == "REDIRECT_URL_SHARED"
    for actor in (office.actor, office.operator):
        with pytest.raises(BadInput) as again:
            await administration.update(
                office.deps,
                actor,
                second.id,
                {"issuer": honest.issuer},
                expected_version=second.version,
                secret=SECRET,
            )
        assert again.value.code == "REDIRECT_URL_SHARED"
    same = await office.provider(slug="third", redirect_url=legacy)
    assert (await changed(office, same, label="The same provider, another client")).version == 2


@pytest.mark.asyncio
async def test_tenants_share_a_redirect_url_only_if_the_operator_says_so(office: Office, neighbour: Office) -> None:
    """I2, promise 8: who joins decides for the logins of who was there, which are refused from then on without `iss`."""
    address = f"https://id.example.com/login/oidc/{office.slug}/callback"
    first = await office.provider(redirect_url=address)
    other = {"issuer": "https://other.example", "redirect_url": address}
    with pytest.raises(BadInput) as refused:
        await neighbour.provider(**other)
    assert (refused.value.code, refused.value.field) == ("REDIRECT_URL_SHARED", "redirect_url")
    assert office.slug not in refused.value.message.replace(address, "")
    assert await neighbour.fetch("select from provider where tenant_id = $1", neighbour.tenant_id) == []
    own = await neighbour.provider(issuer="https://other.example")
    with pytest.raises(BadInput) as moved:
        await changed(neighbour, own, redirect_url=address)
    assert moved.value.code == "REDIRECT_URL_SHARED"
    shared = await administration.update(
        neighbour.deps, neighbour.operator, own.id, {"redirect_url": address}, expected_version=own.version
    )
    assert shared.redirect_url == first.redirect_url
    # What is shared already keeps nobody from anything else.
    assert (await changed(neighbour, shared, label="New")).label == "New"
    assert (await changed(office, first, label="New")).label == "New"


@pytest.mark.asyncio
async def test_an_address_below_another_tenants_path_is_nobody_elses(office: Office, neighbour: Office) -> None:
    """I2: or an admin could take the address that another tenant's provider gets by default."""
    path = "auth/oidc/keycloak/callback"
    with pytest.raises(BadInput) as refused:
        await office.provider(redirect_url=f"https://id.example.com/t/{neighbour.slug}/{path}")
    assert (refused.value.code, refused.value.field) == ("PROVIDER_INVALID", "redirect_url")
    own = f"https://id.example.com/t/{office.slug}/{path}"
    assert (await office.provider(redirect_url=own)).redirect_url == own


@pytest.mark.asyncio
async def test_of_two_that_take_an_address_at_once_one_is_refused(office: Office, neighbour: Office) -> None:
    """Each would look before the other is there."""
    address = f"https://id.example.com/login/oidc/{office.slug}/callback"
    made = await asyncio.gather(
        office.provider(redirect_url=address),
        neighbour.provider(redirect_url=address, issuer="https://other.example"),
        return_exceptions=True,
    )
    refused = [one for one in made if isinstance(one, BaseException)]
    assert [getattr(one, "code", one) for one in refused] == ["REDIRECT_URL_SHARED"]


@pytest.mark.asyncio
async def test_an_update_changes_what_it_names_and_nothing_else(office: Office) -> None:
    before = await office.provider(groups_claim=["id_token / roles"], logout_page_url="https://acme.example/bye")
    after = await changed(office, before, label="Single sign-on", logout_page_url=None)
    expected = msgspec.structs.replace(
        before, label="Single sign-on", logout_page_url=None, version=2, updated_at=after.updated_at
    )
    assert after == await office.stored(before) == expected
    assert (await office.events())[-1] == (
        "provider.updated", {"fields": ["label", "logout_page_url"], "version": 2},
    )  # fmt: skip
    assert await office.secrets(before) == ["correct-horse"]


@pytest.mark.asyncio
async def test_a_stored_value_that_nobody_could_enter_does_not_keep_the_rest_from_being_changed(office: Office) -> None:
    """The demo's provider syncs every five seconds, and its admins may change its label."""
    made = await office.provider()
    await office.fetch("update provider set sync_interval_seconds = 5 where id = $1", made.id)
    after = await changed(office, made, label="Renamed")
    assert (after.label, after.sync_interval_seconds) == ("Renamed", 5)
    with pytest.raises(BadInput) as refused:
        await changed(office, after, sync_interval_seconds=6)
    assert refused.value.field == "sync_interval_seconds"


@pytest.mark.asyncio
async def test_an_update_that_changes_nothing_leaves_no_trace(office: Office) -> None:
    before = await office.provider()
    assert await changed(office, before, label=before.label) == before
    assert len(await office.events()) == 1


@pytest.mark.asyncio
async def test_an_update_of_an_old_version_says_the_current_one(office: Office) -> None:
    before = await office.provider()
    await changed(office, before, label="First")
    with pytest.raises(Conflict) as refused:
        await changed(office, before, label="Second")
    assert (refused.value.code, refused.value.current_version) == ("CONFLICT", 2)
    assert (await office.stored(before)).label == "First"


@pytest.mark.asyncio
async def test_an_unusable_update_changes_nothing(office: Office) -> None:
    before = await office.provider()
    with pytest.raises(BadInput) as refused:
        await changed(office, before, label="New", scopes=[])
    assert (refused.value.code, refused.value.field) == ("PROVIDER_INVALID", "scopes")
    assert await office.stored(before) == before


@pytest.mark.asyncio
async def test_what_a_file_declares_is_changed_there(office: Office) -> None:
    made = await office.provider()
    await office.fetch("update provider set managed_by = 'FILE' where id = $1", made.id)
    for actor in (office.actor, office.operator):
        with pytest.raises(Refused) as refused:
            await administration.update(office.deps, actor, made.id, {"label": "x"}, expected_version=1)
        assert refused.value.code == "MANAGED_BY_FILE"


@pytest.mark.asyncio
async def test_a_provider_of_another_tenant_is_not_there(office: Office) -> None:
    """I2: the same answer as for none at all."""
    made = await office.provider()
    stranger = msgspec.structs.replace(office.actor, tenant_id=uuid4())
    for actor, row_id in ((stranger, made.id), (office.actor, uuid4())):
        with pytest.raises(NotFound) as refused:
            await administration.update(office.deps, actor, row_id, {"label": "x"}, expected_version=1)
        assert refused.value.message == "There is no such provider."


@pytest.mark.asyncio
async def test_a_public_client_has_no_secret_and_takes_one_up(office: Office) -> None:
    fields = {**FIELDS, "client_authentication": "none"}
    made = await administration.create(office.deps, office.actor, fields)
    with pytest.raises(BadInput):
        await changed(office, made, client_authentication="client_secret_basic")
    after = await changed(office, made, NewSecret(Secret("now-with-one")))
    assert (after.client_authentication, await office.secrets(made)) == ("client_secret_post", ["now-with-one"])
    public = await changed(office, after, client_authentication="none")
    assert (public.client_authentication, await office.secrets(made)) == ("none", ["now-with-one"])


def test_a_declaration_survives_its_row() -> None:
    """An update goes through the declaration: whatever that lost, every update would lose."""
    fields = {
        **FIELDS, "protocol": "oauth2", "icon": "mdi:key", "position": 3, "scopes": ("a", "b"), "discovery_url": None,
        "endpoints": {"token": "https://a.example/t"}, "authorization_parameters": {"audience": "x"},
        "anchor_claim": ("oid",), "username_claim": ("upn",), "display_claim": ("n",), "email_claim": ("m",),
        "groups_claim": ("roles",), "absent_groups": "EMPTY", "provisioning": "KNOWN_USERS",
        "email_verified_rule": "TRUSTED", "sync": "OFF", "sync_mode": "NONE", "sync_interval_seconds": 99,
        "outage_grace_seconds": 98, "unsynced_lease_seconds": 397, "max_rate": 50, "max_concurrent": 7, "reauthentication": True,
        "logout_page_url": "https://a.example/bye", "sign_out_at_provider": False, "pkce": "OFF",
        "missing_nonce": "ACCEPTED", "end_session_parameters": {"logout_uri": "x"},
        "client_authentication": "client_secret_basic",
        "redirect_url": "https://id.example/x", "allowed_directories": ("d",), "enabled": False,
    }  # fmt: skip
    declared = msgspec.convert(fields, ProviderDeclaration)
    row = provider_row(
        declared,
        None,
        owner=Owner(uuid4(), "acme"),
        defaults=Defaults("https://id.example.com", 1, 2, 3),
        has_secret=True,
        now=datetime(2026, 1, 1, tzinfo=UTC),
        managed_by="API",
    )
    assert msgspec.convert(declaration_of(row), ProviderDeclaration) == declared
