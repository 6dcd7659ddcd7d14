"""Aggregated and distributed claims are recognised, and never followed. OIDC Core 5.6.2."""

import contextlib
from typing import Any

import pytest
from hypothesis import given

from identity_api.oidc.claim_sources import ClaimSource, external_claims
from identity_api.oidc.errors import InvalidClaim
from tests.oidc.strategies import json_values, objects, on_a_shared_machine

AGGREGATED = {"_claim_names": {"address": "src1", "phone": "src1"}, "_claim_sources": {"src1": {"JWT": "a.b.c"}}}
ENTRA = {
    "_claim_names": {"groups": "src1"},
    "_claim_sources": {"src1": {"endpoint": "https://graph.windows.net/x/users/y/getMemberObjects"}},
}


def test_a_token_without_them_has_none() -> None:
    assert external_claims({"sub": "x", "_claim_names": None}) == {}


def test_aggregated_claims_are_recognised() -> None:
    source = ClaimSource(name="src1", kind="aggregated")
    assert external_claims(AGGREGATED) == {"address": source, "phone": source}


def test_distributed_claims_are_recognised() -> None:
    assert external_claims(ENTRA) == {"groups": ClaimSource(name="src1", kind="distributed")}


@pytest.mark.parametrize("sources", [None, {}, {"src2": {"JWT": "a.b.c"}}, {"src1": {}}, {"src1": {"endpoint": 1}}])
def test_a_claim_whose_source_is_not_described_is_elsewhere_all_the_same(sources: object) -> None:
    """ "Not here" must not be read as "none"."""
    found = external_claims({"_claim_names": {"groups": "src1"}, "_claim_sources": sources})
    assert found == {"groups": ClaimSource(name="src1", kind="unresolved")}


@pytest.mark.parametrize(
    ("changes", "claim"),
    [
        ({"_claim_names": ["groups"]}, "_claim_names"),
        ({"_claim_names": {"groups": 1}}, "_claim_names"),
        ({"_claim_names": {"groups": "s" * 256}}, "_claim_names"),
        ({"_claim_names": {str(number): "src1" for number in range(201)}}, "_claim_names"),
        ({"_claim_sources": "src1"}, "_claim_sources"),
        ({"_claim_sources": {"src1": "a.b.c"}}, "_claim_sources"),
    ],
)
def test_another_shape_is_refused(changes: dict[str, Any], claim: str) -> None:
    assert external_claims(AGGREGATED)
    with pytest.raises(InvalidClaim) as caught:
        external_claims({**AGGREGATED, **changes})
    assert caught.value.claim == claim


@on_a_shared_machine
@given(objects("_claim_names", "_claim_sources", "groups"), json_values)
def test_any_claims_give_sources_or_our_error(claims: dict[str, Any], source: object) -> None:
    with contextlib.suppress(InvalidClaim):
        external_claims(claims)
    with contextlib.suppress(InvalidClaim):
        assert set(external_claims({**AGGREGATED, "_claim_sources": {"src1": source}})) == {"address", "phone"}
