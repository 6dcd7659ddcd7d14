"""Test that ID Tokens of this provider can be verified: algorithms and keys (Core 3.1.3.7 steps 6 to 8, 10.1)."""

from typing import Final

from identity_api.diagnostics.findings import Finding, fail, listed, ok, shown_url
from identity_api.oidc.discovery import ProviderMetadata
from identity_api.oidc.errors import InvalidKeySet
from identity_api.oidc.jwks import ALLOWED_ALGORITHMS, KeySet, allowed_algorithms, parse_key_set
from identity_api.providers.self_test.probe import Probe, unreached
from identity_api.upstream.errors import UpstreamError

ALGORITHMS: Final = "algorithms"
STEP: Final = "keys"


def examine_algorithms(metadata: ProviderMetadata) -> Finding:
    """Whether the provider signs with anything that we accept."""
    accepted = allowed_algorithms(metadata.id_token_algorithms)
    if accepted:
        return ok(ALGORITHMS, f"ID Tokens may be signed with {listed(sorted(accepted))}.")
    message = "The provider announces no signature algorithm that is accepted here: only asymmetric ones are."
    expected = listed(sorted(ALLOWED_ALGORITHMS))
    return fail(
        ALGORITHMS, "ALGORITHMS_REFUSED", message, expected=expected, found=listed(metadata.id_token_algorithms)
    )


async def examine_keys(probe: Probe, metadata: ProviderMetadata) -> Finding:
    """Whether the key set is there, and has a key for an algorithm that is announced and accepted."""
    try:
        answer = await probe.get(metadata.jwks_uri)
    except UpstreamError as error:
        return unreached(STEP, "the key set", error)
    place = shown_url(metadata.jwks_uri)
    if answer.status != 200:
        message = f"At the address of the key set the answer is status {answer.status}, not a document."
        return fail(STEP, "KEY_SET_STATUS", message, expected=place, found=str(answer.status))
    try:
        return _judge(parse_key_set(answer.body), metadata, place)
    except InvalidKeySet as error:
        return fail(STEP, error.code, error.message, expected=place)


def _judge(keys: KeySet, metadata: ProviderMetadata, place: str) -> Finding:
    if not keys.keys:
        ignored = listed(sorted({one.reason for one in keys.ignored}))
        told = f"{len(keys.ignored)} not usable: {ignored}" if ignored else "an empty list"
        message = "The provider's key set has no key that could verify a signature."
        return fail(STEP, "NO_USABLE_KEY", message, expected=place, found=told)
    announced = allowed_algorithms(metadata.id_token_algorithms)
    fitting = announced.intersection(*[frozenset().union(*[key.algorithms for key in keys.keys])])
    if announced and not fitting:
        message = "No key of the provider's key set fits a signature algorithm that it announces."
        has = listed(sorted({algorithm for key in keys.keys for algorithm in key.algorithms}))
        return fail(STEP, "NO_KEY_FOR_ALGORITHMS", message, expected=listed(sorted(announced)), found=has)
    return ok(STEP, f"The key set has {len(keys.keys)} usable key(s).")
