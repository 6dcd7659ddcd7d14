"""What a tenant's admin may enter as an address, before anything is connected to."""

import pytest

from identity_api.upstream.addresses import AllowList

ALLOW = AllowList.parse(["keycloak:8443", "sso.corp:8080@acme", "10.1.0.0/16:443", "192.0.2.7:8443@acme"])


@pytest.mark.parametrize(
    ("url", "tenant", "may"),
    [
        ("https://sso.example.com/realms/acme", "acme", True),
        ("http://sso.example.com", "acme", False),
        ("https://keycloak:8443/realms/acme", "acme", True),
        ("http://keycloak:8443", None, True),
        ("https://keycloak:8444", "acme", False),
        ("https://sso.corp:8080", "acme", True),
        ("http://sso.corp:8080", "other", False),
        ("https://intranet", "acme", True),  # a listed network has this port: any name may lead there
        ("https://intranet:8444", "acme", False),
        ("https://10.1.2.3", "acme", True),
        ("https://10.2.2.3", "acme", False),
        ("https://192.0.2.7:8443", "acme", True),
        ("https://192.0.2.7:8443", "other", False),
        ("https://8.8.8.8:8444", "acme", False),
        ("https://8.8.8.8", "acme", False),
        ("https://[2606:4700::1111]", "acme", False),
        ("https://127.1:9", "acme", False),
        ("https://sso.localhost:9", "acme", False),
        ("https://user@sso.example.com", "acme", False),
        ("ftp://sso.example.com", "acme", False),
        ("", "acme", False),
    ],
)
def test_public_names_and_what_is_listed_may_be_entered(url: str, tenant: str | None, may: bool) -> None:
    assert ALLOW.may_be_named(url, tenant) is may
