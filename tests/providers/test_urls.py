"""What has to be registered at a provider. That the addresses answer is shown in `tests.web`."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from identity_api.db.providers import Provider
from identity_api.db.tenants import Tenant
from identity_api.providers.urls import is_callback, provider_urls
from identity_api.sessions.logout.logout import RETURN_PATH

PUBLIC = "https://id.example"
TENANT = Tenant(UUID(int=1), "acme", "Acme", None, 0)
ID = UUID(int=2)


def provider(**changes: Any) -> Provider:
    known: dict[str, Any] = {
        "id": ID,
        "tenant_id": TENANT.id,
        "slug": "sso",
        "label": "SSO",
        "issuer": "https://op.example",
        "client_id": "client",
        "redirect_url": "https://login.acme.example/auth/oidc/sso/callback",
        "created_at": datetime.now(UTC),
        "updated_at": datetime.now(UTC),
    }
    return Provider(**{**known, **changes})


def test_a_tenant_without_a_host_is_reached_under_its_prefix() -> None:
    urls = provider_urls(provider(), TENANT, hosts=[], public_url=PUBLIC)
    assert urls.redirect == "https://login.acme.example/auth/oidc/sso/callback"
    assert urls.backchannel_logout == f"{PUBLIC}/t/acme/auth/providers/{ID}/backchannel-logout"
    assert urls.frontchannel_logout == f"{PUBLIC}/t/acme/auth/providers/{ID}/frontchannel-logout"
    assert urls.post_logout_redirects == (f"{PUBLIC}/t/acme{RETURN_PATH}",)
    assert urls.initiate_login == f"{PUBLIC}/t/acme/auth/initiate"


@pytest.mark.parametrize(
    ("redirect_host", "door"),
    [
        ("login.acme.example", "login.acme.example"),
        ("www.acme.example", "www.acme.example"),
        ("id.example", "a.example"),
    ],
)
def test_the_host_of_the_redirect_url_is_preferred_if_it_is_the_tenants(redirect_host: str, door: str) -> None:
    hosts = ["a.example", "login.acme.example", "www.acme.example"]
    one = provider(redirect_url=f"https://{redirect_host}/auth/oidc/sso/callback")
    urls = provider_urls(one, TENANT, hosts=hosts, public_url=PUBLIC)
    assert urls.initiate_login == f"https://{door}/auth/initiate"


def test_people_come_back_to_the_host_that_they_signed_out_on() -> None:
    urls = provider_urls(provider(), TENANT, hosts=["login.acme.example", "b.example"], public_url=PUBLIC)
    assert urls.post_logout_redirects == (
        f"https://login.acme.example{RETURN_PATH}",
        f"https://b.example{RETURN_PATH}",
        f"{PUBLIC}/t/acme{RETURN_PATH}",
    )


def test_scheme_and_port_are_the_public_ones() -> None:
    urls = provider_urls(provider(), TENANT, hosts=["localhost"], public_url="http://127.0.0.1:8000")
    assert urls.initiate_login == "http://localhost:8000/auth/initiate"
    assert urls.post_logout_redirects[-1] == f"http://127.0.0.1:8000/t/acme{RETURN_PATH}"


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize(
    "path",
    [
        "",
        "/auth/oidc/sso/callback",
        "/auth/oauth2/sso/callback",
        "/login/oidc/sso/callback",
        "/v1/auth/oidc/callback",
        "/t/acme",
        "/t/acme/auth/oidc/sso/callback",
    ],
)
def test_every_shape_of_callback_is_one(path: str, slash: str) -> None:
    """S0-32, S2-24, S3-03, S4-06, S4-19."""
    assert is_callback(f"https://login.acme.example{path}{slash}")


@pytest.mark.parametrize(
    "path",
    [
        "/callback",
        "/auth/sso/callback",
        "/auth/oidc/sso/callback/more",
        "//",
        "/login",
        "/AUTH/oidc/sso/callback",
        "/t",
    ],
)
def test_another_path_is_none(path: str) -> None:
    assert not is_callback(f"https://login.acme.example{path}")


def test_plain_oauth_has_a_redirect_url_and_nothing_else() -> None:
    urls = provider_urls(provider(protocol="oauth2"), TENANT, hosts=[], public_url=PUBLIC)
    assert (urls.backchannel_logout, urls.frontchannel_logout, urls.initiate_login) == (None, None, None)
    assert urls.post_logout_redirects == ()
    assert urls.redirect
