"""ID Tokens that are encrypted, and UserInfo that is signed."""

from typing import Any

import msgspec
import pytest

from identity_api.sessions.login.deps import LoginDeps
from tests.openid_provider.agreed import AgreedProvider
from tests.sessions.agreements import CLAIMED_BY_USERINFO, make_agreed, refused

pytestmark = pytest.mark.asyncio


async def test_an_id_token_is_taken_out_of_its_envelope(deps: LoginDeps, idp: AgreedProvider) -> None:
    idp.agree(encrypts=True)
    world = await make_agreed(deps, idp, settings={"encrypted_id_tokens": True})
    assert (await world.sign_in()).kind == "SESSION"


@pytest.mark.parametrize(
    ("agreement", "reason"),
    [
        ({"inner": "unsigned"}, "ALGORITHM_NOT_ALLOWED:alg"),
        ({"inner": "claims"}, "MALFORMED_TOKEN"),
        ({"encryption_kid": "of-nobody"}, "UNDECRYPTABLE_TOKEN"),
        ({"encrypts": False}, "MALFORMED_TOKEN"),
    ],
)
async def test_promise_2_an_envelope_makes_no_token_good(
    deps: LoginDeps, idp: AgreedProvider, agreement: dict[str, Any], reason: str
) -> None:
    idp.agree(**{"encrypts": True, **agreement})
    world = await make_agreed(deps, idp, settings={"encrypted_id_tokens": True})
    assert await refused(world) == ("TOKEN_REFUSED", reason)


async def test_an_envelope_that_was_not_agreed_on_is_refused(deps: LoginDeps, idp: AgreedProvider) -> None:
    idp.agree(encrypts=True)
    world = await make_agreed(deps, idp, settings={"encrypted_id_tokens": True})
    await world.change_provider(
        client_settings=msgspec.structs.replace(world.provider.client_settings, encrypted_id_tokens=False)
    )
    assert await refused(world) == ("TOKEN_REFUSED", "MALFORMED_TOKEN")


# Signed UserInfo


async def test_signed_userinfo_is_read(deps: LoginDeps, idp: AgreedProvider) -> None:
    idp.agree(signs_userinfo=True)
    world = await make_agreed(deps, idp, settings={"signed_userinfo": True}, claims=CLAIMED_BY_USERINFO)
    assert (await world.sign_in()).kind == "SESSION"
    assert (await world.events("login.succeeded"))[0]["groups"] == "COMPLETE"


@pytest.mark.parametrize(
    ("agreement", "reason"),
    [
        ({"signs_userinfo": False}, "INVALID_USERINFO"),
        ({"userinfo_by_stranger": True}, "INVALID_SIGNATURE"),
        ({"userinfo_changes": {"sub": "somebody-else"}}, "PERSON_MISMATCH:sub"),
        ({"userinfo_changes": {"aud": "another-client"}}, "CLAIM_MISMATCH:aud"),
        ({"userinfo_changes": {"iss": "https://other.example"}}, "CLAIM_MISMATCH:iss"),
        ({"userinfo_changes": {"iss": None}}, "MISSING_CLAIM:iss"),
    ],
)
async def test_userinfo_that_is_not_signed_for_us_is_refused(
    deps: LoginDeps, idp: AgreedProvider, agreement: dict[str, Any], reason: str
) -> None:
    idp.agree(**{"signs_userinfo": True, **agreement})
    world = await make_agreed(deps, idp, settings={"signed_userinfo": True}, claims=CLAIMED_BY_USERINFO)
    assert await refused(world) == ("USERINFO_REFUSED", reason)
