"""Discovery 1.0 sections 3 and 4, and the key set."""

import pytest

from tests.demo.relying_party import RelyingParty


@pytest.mark.asyncio
async def test_the_metadata_names_the_issuer_it_was_fetched_from(party: RelyingParty) -> None:
    metadata = (await party.http.get(party.provider.discovery_url)).json()
    assert metadata["issuer"] == party.provider.issuer


@pytest.mark.asyncio
async def test_the_metadata_announces_what_a_client_relies_on(party: RelyingParty) -> None:
    metadata = (await party.http.get(party.provider.discovery_url)).json()
    assert metadata["code_challenge_methods_supported"] == ["S256"]
    assert metadata["authorization_response_iss_parameter_supported"] is True
    assert metadata["response_types_supported"] == ["code"]
    assert metadata["id_token_signing_alg_values_supported"] == ["RS256"]
    assert "offline_access" in metadata["scopes_supported"]


@pytest.mark.asyncio
@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri"])
async def test_every_announced_endpoint_exists(party: RelyingParty, name: str) -> None:
    metadata = (await party.http.get(party.provider.discovery_url)).json()
    assert (await party.http.get(metadata[name])).status_code != 404


@pytest.mark.asyncio
async def test_the_key_set_holds_public_members_only(party: RelyingParty) -> None:
    (key,) = (await party.http.get(f"{party.provider.issuer}/jwks")).json()["keys"]
    assert set(key) == {"kty", "n", "e", "kid", "use", "alg"}


@pytest.mark.asyncio
async def test_a_host_name_made_to_point_here_is_refused(party: RelyingParty) -> None:
    url = party.provider.discovery_url
    assert (await party.http.get(url, headers={"Host": f"localhost:{party.provider.port}"})).status_code == 200
    assert (await party.http.get(url, headers={"Host": f"evil.example:{party.provider.port}"})).status_code == 400
