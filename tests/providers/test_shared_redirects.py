"""Who may share a redirect URL: the rule itself (promise 8; RFC 9207; RFC 9700 section 4.4; decision 0004)."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity_api.providers.shared_redirects import (
    FOREIGN,
    LOOKALIKE,
    PUBLIC,
    Sharer,
    arrives_otherwise,
    objection,
    objections_among,
)
from tests.factories import EPOCH
from tests.oidc.strategies import on_a_shared_machine
from tests.relying_party.test_connection import provider

TID, OTHER_TID = "8eaef023-2b34-4da1-9baa-8bc8c9d6a490", "72f988bf-86f1-41af-91ab-2d7cd011db47"
ENTRA = "https://login.microsoftonline.com"
HONEST = Sharer(
    tenant="acme",
    protocol="oidc",
    issuer="https://honest.example",
    discovery_url=None,
    endpoints={},
    directories=(),
    is_public=False,
)
ENDPOINTS = {name: f"https://evil.example/{name}" for name in ("authorization", "token", "userinfo")}


def like(base: Sharer = HONEST, **changes: Any) -> Sharer:
    return msgspec.structs.replace(base, **changes)


def both_ways(first: Sharer, second: Sharer, *, across_tenants: bool = True) -> str | None:
    """The objection to sharing, which does not depend on who came first."""
    reason = objection(first, second, across_tenants=across_tenants)
    assert objection(second, first, across_tenants=across_tenants) == reason
    return reason


def test_two_confidential_clients_of_different_issuers_may_share() -> None:
    """Systems that move in bring such addresses; `iss` tells the two apart."""
    assert both_ways(HONEST, like(issuer="https://other.example")) is None
    assert both_ways(HONEST, like(issuer="https://other.example", tenant="umbrella")) is None


def test_two_clients_of_one_provider_may_share() -> None:
    """A callback of the one at the other's is its own provider's: nobody else is shown a code."""
    assert both_ways(HONEST, HONEST) is None
    assert both_ways(HONEST, like(tenant="umbrella"), across_tenants=False) is None
    said = like(discovery_url="https://honest.example/.well-known/openid-configuration")
    assert both_ways(HONEST, said) is None
    plain = like(protocol="oauth2", endpoints=ENDPOINTS)
    assert both_ways(plain, like(plain, endpoints={**ENDPOINTS, "groups": "https://api.example"})) is None


def test_a_public_client_shares_with_nobody() -> None:
    assert both_ways(HONEST, like(issuer="https://other.example", is_public=True)) == PUBLIC
    assert both_ways(HONEST, like(is_public=True)) == PUBLIC


@pytest.mark.parametrize(
    "lie",
    [
        {"protocol": "oauth2", "endpoints": ENDPOINTS},
        {"discovery_url": "https://evil.example/metadata"},
        {"protocol": "oauth2", "endpoints": ENDPOINTS, "issuer": "https://honest.example/"},
        {
            "discovery_url": "https://evil.example/m",
            "issuer": "https://honest.example/.well-known/openid-configuration",
        },
    ],
)
@pytest.mark.parametrize("tenant", ["acme", "umbrella"])
def test_a_row_that_names_anothers_issuer_and_answers_elsewhere_does_not_share(
    lie: dict[str, Any], tenant: str
) -> None:
    """It would defeat `iss`, which alone identifies the provider of a callback; the operator cannot allow it either."""
    assert both_ways(HONEST, like(**lie, tenant=tenant)) == LOOKALIKE
    other = like(**{**lie, "issuer": "https://other.example"}, tenant=tenant)
    assert both_ways(HONEST, other) is None


@pytest.mark.parametrize(
    "issuer",
    [
        f"{ENTRA}/{{tenantid}}/v2.0",
        f"{ENTRA}/organizations/v2.0",
        f"{ENTRA}/common/v2.0/.well-known/openid-configuration",
    ],
)
def test_an_issuer_of_many_directories_is_each_of_them(issuer: str) -> None:
    one = like(issuer=f"{ENTRA}/{TID}/v2.0")
    many = like(issuer=issuer, discovery_url="https://evil.example/metadata", directories=(TID,))
    assert both_ways(one, many) == LOOKALIKE
    assert both_ways(one, like(many, directories=(OTHER_TID,))) is None


def test_tenants_share_only_where_the_operator_lets_them() -> None:
    """Without `iss` the other tenant's logins would be refused from then on."""
    foreign = like(issuer="https://other.example", tenant="umbrella")
    assert both_ways(HONEST, foreign, across_tenants=False) == FOREIGN
    assert both_ways(HONEST, like(foreign, tenant="acme"), across_tenants=False) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"redirect_url": "https://id.example/other"},
        {"client_authentication": "none"},
        {"issuer": "https://other.example"},
        {"discovery_url": "https://idp.example/metadata"},
        {"endpoints": {"token": "https://idp.example/token"}},
    ],
)
def test_what_a_callback_means_is_asked_again_when_it_changes(changes: dict[str, Any]) -> None:
    before = provider()
    assert arrives_otherwise(None, before)
    assert arrives_otherwise(before, msgspec.structs.replace(before, **changes))
    assert not arrives_otherwise(before, msgspec.structs.replace(before, label="New", enabled=False, updated_at=EPOCH))


ISSUERS = st.sampled_from(
    ["https://a.example", "https://a.example/", "https://b.example", f"{ENTRA}/common/v2.0", f"{ENTRA}/{TID}/v2.0"]
)
SHARERS = st.builds(
    like,
    issuer=ISSUERS,
    tenant=st.sampled_from(["acme", "umbrella"]),
    protocol=st.sampled_from(["oidc", "oauth2"]),
    discovery_url=st.sampled_from([None, "https://evil.example/metadata"]),
    endpoints=st.sampled_from([ENDPOINTS, {**ENDPOINTS, "token": "https://other.example/token"}]),
    directories=st.sampled_from([(TID,), (OTHER_TID,)]),
)


@on_a_shared_machine
@given(st.lists(SHARERS, max_size=5))
def test_what_is_declared_together_is_judged_as_pairs_are(sharers: list[Sharer]) -> None:
    """Of confidential clients; a public one is to blame for itself."""
    pairs = [
        next((reason for other in sharers if (reason := objection(one, other, across_tenants=True))), None)
        for one in sharers
    ]
    assert objections_among(sharers) == pairs


def test_of_those_declared_together_a_public_client_is_to_blame() -> None:
    public = like(issuer="https://other.example", is_public=True)
    assert objections_among([HONEST, public]) == [None, PUBLIC]
    assert objections_among([public]) == [None]
