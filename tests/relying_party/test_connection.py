"""The line to a provider: its TLS reaches every call, and no other host's (RFC 8705; promise 51)."""

import ast
import ssl
from pathlib import Path

import pytest

import identity_api
from identity_api.db.client_keys import ClientKey, SealedClient
from identity_api.db.providers import ClientSettings, Provider
from identity_api.errors import BadInput
from identity_api.ids import uuid7
from identity_api.relying_party.connection import ProviderConnection, open_line
from identity_api.upstream.tls import verifying_context
from identity_api.vault import Vault, VaultError
from tests.factories import EPOCH
from tests.sessions.conftest import KEYS
from tests.upstream.certificates import issue

ROOT = Path(identity_api.__file__).parent
OWN = ("upstream", "relying_party/connection.py", "tenants/importing/exact_issuers.py", "webhooks/send.py", "demo")
"""What carries requests, what makes lines, an import, which has no provider yet, webhooks, whose receivers are no providers; and
the demo provider, which is another party."""
CARRYING = frozenset({"exchange", "AsyncClient", "Client", "UpstreamTransport", "httpx_client"})
FETCHING = frozenset({"metadata", "keys", "refetch_keys", "renew"})


def provider(**settings: object) -> Provider:
    values = {
        "issuer": "https://idp.example/realms/acme",
        "client_id": "c",
        "redirect_url": "https://id.example/",
        **settings,
    }
    return Provider(
        id=uuid7(), tenant_id=uuid7(), slug="sso", label="SSO", created_at=EPOCH, updated_at=EPOCH, **values
    )


def past_the_line(tree: ast.AST) -> list[int]:
    """The lines that send something, or fetch a document, without a line to the provider."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            is_documents = getattr(owner, "attr", getattr(owner, "id", "")) in ("documents", "_documents")
            if node.func.attr in CARRYING or (is_documents and node.func.attr in FETCHING):
                found.append(node.lineno)
        if not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
        if any(name.partition(".")[0] in ("aiohttp", "requests", "urllib3") for name in names):
            found.append(node.lineno)
    return found


def test_nothing_is_sent_to_a_provider_but_by_its_line() -> None:
    """So that no call can leave out the settings of its TLS."""
    sources = [path for path in ROOT.rglob("*.py") if not str(path.relative_to(ROOT)).startswith(OWN)]
    assert len(sources) > 200
    found = {str(path.relative_to(ROOT)): past_the_line(ast.parse(path.read_text("utf-8"))) for path in sources}
    assert {path: lines for path, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    "source",
    [
        "await parts.upstream.exchange(request, deadline=1)",
        "await parts.documents.keys(uri)",
        "await self._documents.metadata(issuer)",
        "await httpx.AsyncClient().get(url)",
        "from aiohttp import ClientSession",
    ],
)
def test_such_a_call_is_noticed(source: str) -> None:
    assert past_the_line(
        ast.parse(source, mode="exec") if "await" not in source else ast.parse(f"async def f():\n {source}")
    )


@pytest.mark.parametrize(
    ("settings", "address", "is_own"),
    [
        ({}, "https://idp.example/api/v1", True),
        ({}, "https://idp.example:8443/", True),
        ({}, "https://graph.microsoft.com", False),
        ({}, "https://idp.example.evil.example/", False),
        ({}, "https://other.example/@idp.example/", False),
        ({"discovery_url": "https://well.example/openid-configuration"}, "https://well.example/api", True),
        ({"endpoints": {"token": "https://git.example/token"}}, "https://git.example/api/v3", True),
        ({"endpoints": {"groups": "https://api.example"}}, "https://api.example", False),
    ],
)
def test_an_interface_gets_the_providers_tls_on_the_providers_hosts_only(
    settings: dict[str, object], address: str, is_own: bool
) -> None:
    """An address for groups is not the provider's by being configured: its host has to be."""
    tls = verifying_context(ca_pem=issue("Acme").pem)
    line = ProviderConnection(
        provider=provider(**settings), tenant="acme", sealed=SealedClient((), ()), tls=tls, shows_certificate=True
    )
    for_host = line.for_host(address)
    assert (for_host.tls, for_host.shows_certificate) == ((tls, True) if is_own else (None, False))
    assert for_host.tenant == "acme"


def certificate(vault: Vault, of: Provider, pem: str) -> SealedClient:
    """A stored certificate with its key."""
    row_id = uuid7()
    sealed = vault.seal(pem.encode(), tenant_id=of.tenant_id, table="client_key", column="sealed", row_id=row_id)
    return SealedClient((), (ClientKey(id=row_id, use="tls", key_id="k", sealed=sealed, is_known=True),))


def test_the_certificate_is_opened_for_its_provider_only(tmp_path: Path) -> None:
    vault, of = Vault(KEYS), provider()
    pem = Path(issue("client").save(tmp_path / "client.pem")).read_text("utf-8")
    sealed = certificate(vault, of, pem)
    line = open_line(vault, of, "acme", sealed)
    assert line.shows_certificate
    assert isinstance(line.tls, ssl.SSLContext)
    with pytest.raises(VaultError):
        open_line(vault, provider(), "acme", sealed)
    with pytest.raises(BadInput):
        open_line(vault, of, "acme", certificate(vault, of, "no certificate"))


def test_without_settings_the_systems_authorities_are_trusted() -> None:
    line = open_line(Vault(KEYS), provider(), "acme", SealedClient((), ()))
    assert (line.tls, line.shows_certificate) == (None, False)
    own = provider(client_settings=ClientSettings(ca_certificate_pem=issue("Acme").pem))
    private = open_line(Vault(KEYS), own, "acme", SealedClient((), ()))
    assert private.tls is not None
    assert not private.shows_certificate
