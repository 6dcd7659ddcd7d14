"""Microsoft Entra ID as its preset sets it up, at a provider that behaves as Entra is documented to.

Entra announces no PKCE and honours it, says nothing of `email_verified`, and gives the ID Token for the code alone.
"""

import contextlib
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from identity_api.providers.declaration import ProviderDeclaration
from identity_api.providers.presets import apply_preset
from tests.openid_provider import Fault
from tests.web.site import Site, come_back

pytestmark = pytest.mark.asyncio

DIRECTORY = "8eaef023-2b34-4da1-9baa-8bc8c9d6a490"


async def add_entra(site: Site, *alternatives: str, **fields: object) -> ProviderDeclaration:
    """The preset's provider, at the running one instead of Microsoft's address."""
    values = {"directory": DIRECTORY}
    given = {"slug": "entra", "preset": "entra", "preset_values": values, "client_id": "c", **fields}
    declared: ProviderDeclaration = msgspec.convert(
        apply_preset({**given, "preset_alternatives": list(alternatives)}), ProviderDeclaration
    )
    await site.add_provider(
        "entra", scopes=declared.scopes, claims=declared.claim_settings(), absent_groups=declared.absent_groups
    )
    return declared


@contextlib.contextmanager
def as_entra_does(site: Site) -> Iterator[None]:
    """What Entra leaves out."""
    with site.idp.fault(Fault.PKCE_NOT_ANNOUNCED), site.idp.fault(Fault.NO_EMAIL_VERIFIED):
        yield


async def test_pkce_is_sent_where_the_provider_says_nothing_of_it(site: Site) -> None:
    """S4-37: the metadata does not announce it; the challenge goes out all the same, and its verifier with the code."""
    await add_entra(site)
    client = site.client()
    site.idp.log.clear()
    with as_entra_does(site):
        begun = await client.get("/auth/oidc/entra/login")
        asked = parse_qs(urlsplit(begun.headers["location"]).query)
        assert (asked["code_challenge_method"], len(asked["code_challenge"][0])) == (["S256"], 43)
        ended = await come_back(client, await site.at_provider(begun.headers["location"]))
    assert ended.status_code == 303, ended.text
    # The imitation gives nothing for a code without the verifier of its challenge.
    assert [one.status for one in site.idp.log.find("/token", grant_type="authorization_code")] == [200]


@pytest.mark.parametrize("scopes", [None, ["openid"]])
async def test_the_id_token_comes_for_the_code_and_never_through_the_browser(
    site: Site, scopes: list[str] | None
) -> None:
    """S4-22, S4-26, S4-38: `openid` and a code are enough; the implicit grant stays off."""
    await add_entra(site, **({"scopes": scopes} if scopes else {}))
    client = site.client()
    with as_entra_does(site):
        begun = await client.get("/auth/oidc/entra/login")
        asked = parse_qs(urlsplit(begun.headers["location"]).query)
        assert asked["response_type"] == ["code"]
        assert "openid" in asked["scope"][0].split()
        arrival = await site.at_provider(begun.headers["location"])
        assert "code" in arrival.parameters
        assert {"id_token", "access_token"}.isdisjoint(arrival.parameters)
        ended = await come_back(client, arrival)
    assert ended.status_code == 303, ended.text
    assert (await client.get("/v1/me")).json()["subject"] == site.idp.people["alice"].subject
