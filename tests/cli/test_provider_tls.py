"""`apply` with a certificate of ours, and `provider test` with it and without it, on the real script (S4-08, RFC 8705)."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.openid_provider.agreed import AgreedProvider
from tests.upstream.certificates import issue, server_context

REDIRECT = "https://sso.acme.example/auth/oidc/sso/callback"
CERTIFICATE = 'tls_client_certificate_file = "client.pem"'
DECLARATION = """
[[tenants]]
slug = "acme"
name = "Acme"
hosts = ["sso.acme.example"]

[[tenants.providers]]
slug = "sso"
issuer = "{issuer}"
client_id = "{client_id}"
client_secret_env = "ACME_SECRET"
ca_file = "ca.pem"
"""


@pytest.fixture
def idp(tmp_path: Path) -> Iterator[AgreedProvider]:
    """Takes no connection without a certificate of its authority; one of ours is beside the declaration."""
    authority = issue("Acme")
    (tmp_path / "ca.pem").write_text(authority.pem, "utf-8")
    issue("client", by=authority).save(tmp_path / "client.pem")
    server = issue("server", by=authority, hosts=("localhost",)).save(tmp_path / "server.pem")
    front = server_context(server, ca_pem=authority.pem)
    with AgreedProvider(front=front, origin="https://localhost", redirect_uris=[REDIRECT]) as running:
        yield running


def test_the_self_test_fails_without_the_certificate_and_succeeds_with_it(
    command: Command, idp: AgreedProvider, tmp_path: Path
) -> None:
    command.env |= {"IDENTITY_OUTBOUND_ALLOW": f"localhost:{idp.port}", "ACME_SECRET": idp.client_secret}
    declared = DECLARATION.format(issuer=idp.issuer, client_id=idp.client_id)
    file = tmp_path / "acme.toml"
    for own, code, said in (("", 1, "CLIENT_CERTIFICATE_REQUIRED"), (CERTIFICATE, 0, None)):
        file.write_text(f"{declared}{own}\n", "utf-8")
        applied = command("apply", file)
        assert applied.returncode == 0, applied.stderr
        told = command("provider", "test", "acme", "sso", "--json")
        found = json.loads(told.stdout)
        codes = [one["code"] for one in found["findings"] if one["status"] == "fail"]
        assert (told.returncode, codes) == (code, [said] if said else []), told.stdout
        assert ("TLS client certificate" in command("provider", "test", "acme", "sso").stdout) == (said is not None)
