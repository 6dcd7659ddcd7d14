"""What is so of the whole product rather than of one request."""

import tomllib
from importlib.metadata import metadata
from pathlib import Path

import pytest

from identity_api.errors import ConfigurationError
from identity_api.tenants.toml_reader import parse

ROOT = Path(__file__).parents[2]

DECLARED = """
[[tenants]]
slug = "acme"
name = "Acme"

[[tenants.providers]]
slug = "sso"
protocol = "{protocol}"
label = "Acme SSO"
issuer = "https://sso.acme.example"
client_id = "identity-api"
client_secret_env = "ACME_SECRET"
"""


def test_sso_is_openid_connect_and_never_saml() -> None:
    """S0-03."""
    assert parse(DECLARED.format(protocol="oidc").encode())[0].providers[0].protocol == "oidc"
    with pytest.raises(ConfigurationError) as refused:
        parse(DECLARED.format(protocol="saml").encode())
    assert any("protocol" in one for one in refused.value.problems)


def test_single_sign_on_is_in_the_one_edition_there_is() -> None:
    """S3-01: the whole of it has an open licence; OpenID Connect needs no extra package beside it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["license"] == metadata("identity-api")["License-Expression"] == "Apache-2.0"
    assert not any("oidc" in one or "sso" in one for one in project["optional-dependencies"])
    assert "Apache License" in (ROOT / "LICENSE").read_text("utf-8")
