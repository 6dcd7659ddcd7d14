"""The exact issuer is asked of the document whose address a form gives (S1-05, S1-06, S2-08, S3-13)."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from identity_api.errors import ConfigurationError
from identity_api.tenants.importing import Imported, read_federated_directory
from identity_api.tenants.importing.exact_issuers import with_exact_issuers
from identity_api.upstream.addresses import AllowList
from identity_api.upstream.exchange import Upstream
from tests.openid_provider.bent import BentProvider
from tests.tenants.importing.test_small_forms import DIRECTORY

pytestmark = pytest.mark.asyncio
WELL_KNOWN = "/.well-known/openid-configuration"


@pytest.fixture
def idp() -> Iterator[BentProvider]:
    with BentProvider(redirect_uris=["https://sales.example.com/auth/oidc/oidc/callback"]) as running:
        yield running


@pytest_asyncio.fixture
async def upstream(idp: BentProvider) -> AsyncIterator[Upstream]:
    made = Upstream(allow=AllowList.parse([f"127.0.0.1:{idp.port}"]))
    yield made
    await made.aclose()


def form(address: str, more: str = "") -> Imported:
    old = "https://sso.example.com/.well-known/openid-configuration"
    return read_federated_directory(DIRECTORY.replace(f'"{old}"', f'"{address}"\n{more}').encode())


def where(imported: Imported) -> tuple[str, str | None]:
    [provider] = imported.tenants[0].providers
    return provider.issuer, provider.discovery_url


async def test_an_issuer_with_a_closing_slash_is_found_out(idp: BentProvider, upstream: Upstream) -> None:
    """authentik and Auth0's own domains write one; the address of the document does not show it."""
    idp.announce(issuer=f"{idp.issuer}/")
    found = await with_exact_issuers(upstream, form(f"{idp.issuer}{WELL_KNOWN}"))
    assert where(found) == (f"{idp.issuer}/", f"{idp.issuer}{WELL_KNOWN}")
    assert any(f"the issuer is {idp.issuer}/," in notice for notice in found.notices)


async def test_a_document_with_another_name_is_asked_at_exactly_its_address(
    idp: BentProvider, upstream: Upstream
) -> None:
    idp.aliases["/oidc/config.json"] = WELL_KNOWN
    found = await with_exact_issuers(upstream, form(f"{idp.issuer}/oidc/config.json"))
    assert where(found) == (idp.issuer, f"{idp.issuer}/oidc/config.json")


async def test_what_the_form_says_itself_is_asked_of_nobody() -> None:
    imported = form("https://sso.example.com/config.json", 'issuer = "https://sso.example.com/"')
    assert imported.guesses == ()
    assert where(await with_exact_issuers(None, imported)) == (
        "https://sso.example.com/",
        "https://sso.example.com/config.json",
    )


@pytest.mark.parametrize(("written", "announced"), [("", "/"), ("/", "")])
@pytest.mark.parametrize("is_beside", [True, False])
async def test_an_issuer_that_differs_in_its_slash_is_a_problem_with_both_spellings(
    idp: BentProvider, upstream: Upstream, written: str, announced: str, is_beside: bool
) -> None:
    issuer, right = f"{idp.issuer}{written}", f"{idp.issuer}{announced}"
    idp.announce(issuer=right)
    imported = form(f"{idp.issuer}{WELL_KNOWN}", f'issuer = "{issuer}"') if is_beside else form(issuer)
    with pytest.raises(ConfigurationError) as refused:
        await with_exact_issuers(upstream, imported)
    [problem] = refused.value.problems
    key = "issuer" if is_beside else "configuration_url"
    assert problem.startswith(f"federated_directory[0].{key}: is {issuer}, and the provider's document says {right}: ")
    assert problem.endswith(f"Enter {right}.")


async def test_the_issuer_of_the_document_is_taken_without_a_word(idp: BentProvider, upstream: Upstream) -> None:
    imported = form(idp.issuer)
    assert await with_exact_issuers(upstream, imported) == imported


async def test_an_issuer_of_another_path_is_a_notice(idp: BentProvider, upstream: Upstream) -> None:
    idp.announce(issuer=f"{idp.issuer}/realms/acme")
    found = await with_exact_issuers(upstream, form(idp.issuer))
    assert where(found) == (idp.issuer, None)
    assert f"says {idp.issuer}/realms/acme; nobody can sign in so." in found.notices[-1]


async def test_a_stated_issuer_whose_document_is_not_to_be_had_stays(upstream: Upstream) -> None:
    found = await with_exact_issuers(upstream, form("https://nobody.invalid"))
    assert where(found) == ("https://nobody.invalid", None)


async def test_a_document_that_is_not_to_be_had_leaves_the_likely_issuer_with_a_notice(
    idp: BentProvider, upstream: Upstream
) -> None:
    found = await with_exact_issuers(upstream, form(f"https://nobody.invalid{WELL_KNOWN}"))
    assert where(found)[0] == "https://nobody.invalid"
    assert any("taken to be https://nobody.invalid" in notice for notice in found.notices)


@pytest.mark.parametrize("address", [f"https://nobody.invalid{WELL_KNOWN}", "https://nobody.invalid/config.json"])
@pytest.mark.parametrize("is_asked", [True, False])
async def test_a_provider_that_does_not_answer_keeps_the_issuer_that_was_found_out_before(
    upstream: Upstream, address: str, is_asked: bool
) -> None:
    imported = form(address)
    [guess] = imported.guesses
    known = {(guess.tenant, guess.provider, address): "https://nobody.invalid/"}
    found = await with_exact_issuers(upstream if is_asked else None, imported, known)
    assert where(found) == ("https://nobody.invalid/", address)
    assert any("the issuer stays https://nobody.invalid/;" in notice for notice in found.notices)


async def test_without_the_document_an_unlikely_issuer_is_a_problem(idp: BentProvider, upstream: Upstream) -> None:
    with pytest.raises(ConfigurationError) as refused:
        await with_exact_issuers(upstream, form("https://nobody.invalid/config.json"))
    assert "Say it as `issuer`" in refused.value.problems[0]
