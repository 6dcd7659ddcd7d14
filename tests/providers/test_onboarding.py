"""The onboarding checklist from rows, decided without a database (S0-27, S0-56..S0-59)."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import pytest

from identity_api.db.onboarding import ProviderProgress
from identity_api.db.providers import Provider
from identity_api.db.tenants import Tenant
from identity_api.providers.onboarding import Place, steps_of
from identity_api.providers.onboarding_steps import Step
from identity_api.providers.presets import PRESETS
from identity_api.providers.urls import provider_urls

PLACE = Place(Tenant(UUID(int=1), "acme", "Acme", None, 0), ["login.acme.example"], "https://id.example")
PROVIDER = Provider(
    id=UUID(int=2),
    tenant_id=PLACE.tenant.id,
    slug="sso",
    label="SSO",
    issuer="https://op.example",
    client_id="client",
    redirect_url="https://login.acme.example/auth/oidc/sso/callback",
    created_at=datetime.now(UTC),
    updated_at=datetime.now(UTC),
)
WORKING = ProviderProgress(
    provider_id=PROVIDER.id,
    live_secrets=1,
    people=3,
    named=3,
    with_refresh_token=3,
    seen_groups=4,
    mapped_groups=2,
    permitted=2,
)
NEW = ProviderProgress(provider_id=PROVIDER.id, live_secrets=1)


def steps(progress: ProviderProgress, *, has_admin: bool = True, **settings: Any) -> dict[str, Step]:
    """By key. Every key is there once."""
    provider = msgspec.structs.replace(PROVIDER, **settings)
    found = steps_of(PLACE, [(provider, progress)], has_admin=has_admin)
    by_key = {step.key: step for step in found}
    assert len(by_key) == len(found)
    return by_key


def changed(progress: ProviderProgress, **values: Any) -> ProviderProgress:
    return msgspec.structs.replace(progress, **values)


def test_a_provider_that_works_has_every_step_done() -> None:
    assert {step.status for step in steps(WORKING).values()} == {"DONE"}


def test_steps_come_in_the_order_prepare_connect_test() -> None:
    """S0-27."""
    order = ["PREPARE", "CONNECT", "TEST"]
    phases = [order.index(step.phase) for step in steps(WORKING).values()]
    assert phases == sorted(phases)
    assert set(phases) == {0, 1, 2}


def test_a_tenant_without_a_provider_is_told_what_to_register_first() -> None:
    provider, admin = steps_of(PLACE, [], has_admin=True)
    assert (provider.key, provider.status, provider.provider) == ("provider", "OPEN", None)
    assert [one.value for one in provider.values] == ["https://login.acme.example/auth/oidc/NAME/callback"]
    assert admin.status == "DONE"


def test_before_the_first_sign_in_nothing_that_needs_it_is_done() -> None:
    found = steps(NEW)
    assert {key for key, step in found.items() if step.status != "DONE"} == {
        "client", "addresses", "redirect", "return", "refresh_tokens", "groups", "profile", "mapping", "permissions",
    }  # fmt: skip
    assert not [step for step in found.values() if step.status == "PROBLEM"]


def test_the_client_at_the_provider_is_described_with_what_is_asked_for() -> None:
    """S0-28: what has to be made there, and what it must allow; a preset knows where and how at its vendor."""
    made = steps(NEW)["client"]
    assert "confidential client" in made.detail
    assert {one.label: one.value for one in made.values} == {
        "Client ID": "client",
        "Scopes": "openid profile email offline_access",
        "Grant types": "authorization_code refresh_token",
        "Client authentication": "client_secret_post",
    }
    public = steps(NEW, client_authentication="none", sync="OFF")["client"]
    assert "public client" in public.detail
    assert {one.value for one in public.values} >= {"authorization_code", "none"}
    assert steps(WORKING)["client"].status == "DONE"


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_a_preset_says_what_is_done_in_its_vendors_console(name: str) -> None:
    """S0-27, S0-28, S4-01."""
    preset, found = PRESETS[name], steps(NEW, preset=name)
    for sentence in preset.steps:
        assert sentence in found["client"].detail
    assert preset.register_redirect_at in found["addresses"].detail
    assert preset.documentation in [one.value for one in found["client"].values]


def test_the_values_to_paste_are_those_that_this_service_answers_at() -> None:
    urls = provider_urls(PROVIDER, PLACE.tenant, hosts=PLACE.hosts, public_url=PLACE.public_url)
    shown = [one.value for one in steps(NEW)["addresses"].values]
    assert shown == [
        urls.redirect,
        *urls.post_logout_redirects,
        urls.backchannel_logout,
        urls.frontchannel_logout,
        urls.initiate_login,
    ]


def test_a_redirect_uri_on_a_host_that_is_not_ours_is_a_problem() -> None:
    """S4-20: browsers must come back to a host that leads here, and the public one does as well."""
    assert steps(NEW, redirect_url="https://id.example/v1/auth/oidc/callback")["addresses"].status == "OPEN"
    found = steps(NEW, redirect_url="https://old.example/v1/auth/oidc/callback")["addresses"]
    assert found.status == "PROBLEM"
    assert "is not this service's" in found.detail
    assert found.values[0].value == "https://old.example/v1/auth/oidc/callback"


def test_plain_oauth_has_one_address_to_register() -> None:
    assert [one.label for one in steps(NEW, protocol="oauth2")["addresses"].values] == ["Redirect URI"]


@pytest.mark.parametrize(
    ("method", "live", "ended", "status"),
    [
        ("client_secret_post", 1, 0, "DONE"),
        ("client_secret_post", 1, 1, "DONE"),
        ("client_secret_post", 0, 0, "OPEN"),
        ("client_secret_basic", 0, 1, "PROBLEM"),
        ("private_key_jwt", 0, 0, "DONE"),
        ("tls_client_auth", 0, 0, "DONE"),
        ("none", 0, 0, "DONE"),
    ],
)
def test_the_credential_is_what_the_method_needs(method: str, live: int, ended: int, status: str) -> None:
    """S0-30, S0-47."""
    found = steps(changed(NEW, live_secrets=live, ended_secrets=ended), client_authentication=method)
    assert found["secret"].status == status


def test_a_client_with_a_key_is_told_where_its_key_set_is() -> None:
    found = steps(NEW, client_authentication="private_key_jwt")["secret"]
    assert [one.value for one in found.values] == [
        f"https://login.acme.example/auth/providers/{PROVIDER.id}/jwks",
    ]


@pytest.mark.parametrize(("days", "status"), [(None, "DONE"), (30.0, "DONE"), (29.9, "PROBLEM"), (0.2, "PROBLEM")])
def test_a_secret_that_ends_within_a_month_is_a_problem(days: float | None, status: str) -> None:
    """S4-28."""
    assert steps(changed(WORKING, secret_days_left=days))["secret_end"].status == status


def test_without_a_live_secret_its_end_is_not_asked_about() -> None:
    assert "secret_end" not in steps(changed(NEW, live_secrets=0))
    assert "secret_end" not in steps(NEW, client_authentication="none")


def test_a_provider_that_is_off_is_said_to_be_off() -> None:
    assert steps(WORKING, enabled=False)["enabled"].status == "OPEN"


def test_the_first_joint_test_is_a_browser_that_went_to_the_provider() -> None:
    """S0-56."""
    before, after = steps(NEW)["redirect"], steps(changed(NEW, launched=True))["redirect"]
    assert (before.status, after.status) == ("OPEN", "DONE")
    assert [one.value for one in before.values] == [
        "https://login.acme.example/login",
        "https://login.acme.example/auth/oidc/sso/login",
    ]


def test_a_sign_in_that_could_not_start_is_a_problem_with_its_remedy() -> None:
    """S0-56, S0-60."""
    found = steps(changed(NEW, last_outcome="PROVIDER_REFUSED"))["redirect"]
    assert found.status == "PROBLEM"
    assert "PROVIDER_REFUSED" in found.detail
    assert "redirect URL" in found.detail


def test_the_second_joint_test_is_somebody_who_came_back() -> None:
    """S0-57, S0-61: a browser that never came back is told what to compare at the provider."""
    waiting = steps(changed(NEW, launched=True))["return"]
    assert waiting.status == "OPEN"
    assert "redirect URI" in waiting.detail
    assert steps(changed(NEW, launched=True, last_outcome="CLAIM_MISSING"))["return"].status == "PROBLEM"
    assert steps(WORKING)["return"].status == "DONE"


def test_one_failed_login_is_no_problem_once_people_sign_in() -> None:
    found = steps(changed(WORKING, launched=True, last_outcome="PROVIDER_REFUSED"))
    assert (found["redirect"].status, found["return"].status) == ("DONE", "DONE")


@pytest.mark.parametrize(
    ("sync", "tokens", "status", "said"),
    [
        ("REFRESH_TOKEN", 1, "DONE", "1 of 3"),
        ("REFRESH_TOKEN", 0, "PROBLEM", "offline_access"),
        ("ACCESS_TOKEN", 0, "PROBLEM", "access token"),
        ("OFF", 0, "DONE", "off"),
    ],
)
def test_missing_tokens_are_a_diagnosis(sync: str, tokens: int, status: str, said: str) -> None:
    """S0-40."""
    found = steps(changed(WORKING, with_refresh_token=tokens), sync=sync)["refresh_tokens"]
    assert found.status == status
    assert said in found.detail


def test_groups_that_are_not_complete_are_a_problem_that_names_their_place() -> None:
    """S0-63."""
    found = steps(changed(WORKING, groups_unknown=1))["groups"]
    assert found.status == "PROBLEM"
    assert "1 of 3" in found.detail
    assert "groups" in found.detail


def test_groups_are_not_asked_for_where_permissions_do_not_follow_them() -> None:
    """S0-21."""
    found = steps(changed(NEW, people=1, groups_unknown=1), sync_mode="NONE")
    assert (found["groups"].status, found["mapping"].status) == ("DONE", "DONE")


def test_the_third_joint_test_is_a_profile_with_name_and_address() -> None:
    """S0-58, S0-62: what is missing is named."""
    assert steps(WORKING)["profile"].values[0].value == "https://login.acme.example/account"
    found = steps(changed(WORKING, named=0))["profile"]
    assert found.status == "PROBLEM"
    assert "email" in found.detail


def test_a_mapping_counts_when_it_matches_a_group_that_was_seen() -> None:
    """S0-54."""
    assert steps(changed(WORKING, mapped_groups=0))["mapping"].status == "OPEN"
    assert "4 groups" in steps(changed(WORKING, mapped_groups=0))["mapping"].detail
    assert "No group" in steps(changed(WORKING, mapped_groups=0, seen_groups=0))["mapping"].detail


def test_the_fourth_joint_test_is_somebody_with_permissions() -> None:
    """S0-59."""
    assert steps(changed(WORKING, permitted=0))["permissions"].status == "OPEN"
    assert steps(WORKING)["permissions"].status == "DONE"


def test_a_tenant_whose_mappings_nobody_may_edit_is_told_who_can_change_that() -> None:
    found = steps(WORKING, has_admin=False)["admin"]
    assert (found.status, found.provider) == ("OPEN", None)
    assert "identity:mappings:write" in found.detail
