"""The provider guides: what they tell people to paste is accepted, and they keep up with the presets (S0-28, S4-01, S4-64)."""

import pytest

from identity_api.providers.presets import PRESETS
from identity_api.tenants.declaration import TenantDeclaration
from identity_api.tenants.toml_reader import parse
from tests.docs.pages import blocks, in_one_line, pages, text_of

GUIDES = pages("docs/providers/*.md")
HOST = "login.acme.example"


def declared(page: str) -> list[list[TenantDeclaration]]:
    return [parse(block.encode()) for block in blocks(page, "toml")]


@pytest.mark.parametrize("page", [*GUIDES, "README.md"])
def test_every_declaration_shown_is_accepted(page: str) -> None:
    assert declared(page)


def test_every_preset_has_a_guide_and_every_guide_a_preset() -> None:
    assert {page.rpartition("/")[2] for page in GUIDES} == {f"{name}.md" for name in PRESETS} | {"README.md"}


@pytest.mark.parametrize("name", PRESETS)
def test_a_guide_declares_its_own_provider(name: str) -> None:
    """With the preset, and a secret that is not in the file."""
    for [tenant] in declared(f"docs/providers/{name}.md"):
        [provider] = tenant.providers
        assert (provider.preset, provider.slug) == (name, name)
        assert provider.client_secret is None
        assert provider.client_secret_env or provider.client_secret_file


@pytest.mark.parametrize("name", PRESETS)
def test_a_guide_says_how_its_declaration_is_applied_and_tested(name: str) -> None:
    """Whoever has this page alone gets to a provider that was tested, with the secret where the declaration looks for it."""
    page = f"docs/providers/{name}.md"
    [tenant], [commands, *_] = declared(page)[0], blocks(page, "sh")
    [provider] = tenant.providers
    lines = commands.splitlines()
    assert [line for line in lines if line.startswith("identity-api apply tenants.toml")]
    assert f"identity-api provider test {tenant.slug} {name}" in lines
    if secret := provider.client_secret_env:
        assert f"read -rs {secret} && export {secret}" in lines


@pytest.mark.parametrize("name", PRESETS)
def test_a_guide_says_exactly_which_redirect_uri_to_register(name: str) -> None:
    """S4-19: the address that a provider of that slug gets on the tenant's host."""
    text = text_of(f"docs/providers/{name}.md")
    [tenant] = declared(f"docs/providers/{name}.md")[0]
    assert tenant.hosts == (HOST,)
    [provider] = tenant.providers
    assert f"`https://{HOST}/auth/{provider.protocol}/{name}/callback`" in text


@pytest.mark.parametrize("name", PRESETS)
def test_a_guide_says_what_its_preset_knows_and_what_was_never_tried(name: str) -> None:
    preset, text = PRESETS[name], in_one_line(text_of(f"docs/providers/{name}.md"))
    assert preset.register_redirect_at in text
    assert preset.documentation in text
    for sentence in preset.unverified:
        assert f"- {sentence}" in text
    for parameter in preset.parameters:
        assert f"`{parameter.name}`" in text
    for alternative in preset.alternatives:
        assert f"`{alternative.name}`" in text


def test_the_overview_lists_every_preset() -> None:
    text = text_of("docs/providers/README.md")
    for name in PRESETS:
        assert f"]({name}.md) | `{name}` |" in text


def test_a_declaration_with_a_mistake_would_be_noticed() -> None:
    """So that the tests above can fail."""
    good = blocks("docs/providers/keycloak.md", "toml")[0]
    assert parse(good.encode())
    with pytest.raises(Exception, match="preset_values"):
        parse(good.replace("realm = ", "relam = ").encode())
