"""The migration guides: what is said to become of a form is what the import makes of it, setting by setting.

Of Re:infer (S0-46..S0-54), Federated Directory (S1-04..S1-10), Infrahub (S2-06..S2-24), SysReptor (S3-08..S3-20) and the
Inference API (S4-35, S4-43, S4-47).
"""

import msgspec
import pytest

from identity_api.config import Secret
from identity_api.providers.declaration import ProviderDeclaration
from identity_api.tenants.declaration import TenantDeclaration
from identity_api.tenants.importing import Imported, Target, read_any
from identity_api.tenants.toml_reader import parse
from tests.docs.pages import blocks, in_one_line, pages, text_of

GUIDES = [page for page in pages("docs/migrate/*.md") if not page.endswith("/README.md")]
TARGET = Target(slug="acme", name="Acme", hosts=("login.acme.example",))
"""What the guides' commands name."""


def pairs(page: str) -> list[tuple[str, str]]:
    """Each form that a guide shows, with the declaration that is said to come of it."""
    shown = blocks(page, "toml", "json", "ini")
    assert len(shown) % 2 == 0, "a form without its declaration, or the other way round"
    return list(zip(shown[::2], shown[1::2], strict=True))


def imported(form: str) -> Imported:
    names_its_tenant = any(mark in form for mark in ("tenant_id", "[[reinfer]]", "[[federated_directory]]"))
    return read_any(form.encode(), Target() if names_its_tenant else TARGET)


def comparable(tenants: list[TenantDeclaration]) -> list[TenantDeclaration]:
    """The same declarations written in one way: a single place is a list of one, and a label of its own is the slug."""

    def provider(one: ProviderDeclaration) -> ProviderDeclaration:
        claims = one.claim_settings()
        places = {
            f"{name}_claim": getattr(claims, name) for name in ("anchor", "username", "display", "email", "groups")
        }
        return msgspec.structs.replace(one, **places)

    return [msgspec.structs.replace(one, providers=tuple(provider(each) for each in one.providers)) for one in tenants]


def test_each_of_the_five_systems_has_a_guide() -> None:
    names = {page.rpartition("/")[2].removesuffix(".md") for page in GUIDES}
    assert names == {"reinfer", "federated-directory", "infrahub", "sysreptor", "inference-api"}


@pytest.mark.parametrize("page", GUIDES)
def test_a_form_becomes_what_its_guide_says(page: str) -> None:
    for form, declaration in pairs(page):
        assert comparable(imported(form).tenants) == comparable(parse(declaration.encode()))


@pytest.mark.parametrize("page", GUIDES)
def test_a_guide_with_another_declaration_would_be_noticed(page: str) -> None:
    """So that the test above can fail."""
    for form, declaration in pairs(page):
        for old, new in (("client-id-from", "another-id-from"), ('sync_mode = "NONE"', 'sync_mode = "ADDITIVE"')):
            if old in declaration:
                assert comparable(imported(form).tenants) != comparable(parse(declaration.replace(old, new).encode()))


@pytest.mark.parametrize("page", GUIDES)
def test_the_redirect_uri_of_the_form_is_in_the_overview(page: str) -> None:
    """S0-32, S2-24, S3-03, S4-06: what is registered at the provider stays."""
    overview = in_one_line(text_of("docs/migrate/README.md"))
    known = ("https://HOST`", "/auth/oidc/SLOT/callback", "/login/oidc/ID/callback", "/v1/auth/oidc/callback")
    assert all(address in overview for address in known)
    if page.endswith("federated-directory.md"):  # its redirect URI is on its own host, and cannot be kept
        return
    for form, _ in pairs(page):
        for tenant in imported(form).tenants:
            assert all(provider.redirect_url for provider in tenant.providers)


@pytest.mark.parametrize("page", GUIDES)
def test_no_notice_of_an_import_shows_a_secret(page: str) -> None:
    for form, _ in pairs(page):
        found = imported(form)
        secrets = [Secret(one.client_secret or "") for tenant in found.tenants for one in tenant.providers]
        assert secrets
        assert not any(secret.reveal() in notice for secret in secrets for notice in found.notices)
