"""Test that the UserInfo endpoint answers, and refuses an invented access token (Core 5.3)."""

from datetime import datetime
from typing import Final, Literal

from identity_api.diagnostics.findings import Finding, fail, ok, shown_url
from identity_api.ids import new_token
from identity_api.oidc.discovery import ProviderMetadata
from identity_api.oidc.errors import AccessTokenRefused, InvalidUserInfo, UserInfoError, UserInfoUnavailable
from identity_api.oidc.userinfo import read_profile, userinfo_request
from identity_api.providers.self_test.probe import Probe, unreached
from identity_api.upstream.errors import UpstreamError

STEP: Final = "UserInfo"


async def examine_userinfo(
    probe: Probe, metadata: ProviderMetadata, now: datetime, *, method: Literal["GET", "POST"] = "GET"
) -> Finding:
    """Ask with a made-up access token, as the provider's settings say."""
    if metadata.userinfo_endpoint is None:
        return ok(STEP, "The provider has no UserInfo endpoint; claims come in the ID Token.")
    place = shown_url(metadata.userinfo_endpoint)
    try:
        answer = await probe.send(userinfo_request(metadata.userinfo_endpoint, new_token("selftest"), method=method))
        read_profile(answer, now)
    except UpstreamError as error:
        return unreached(STEP, "the UserInfo endpoint", error)
    except AccessTokenRefused:
        return ok(STEP, "It answers, and refuses a made-up token.")
    except UserInfoUnavailable as error:
        return fail(STEP, error.code, f"The UserInfo endpoint answers with status {error.status}.", found=place)
    except InvalidUserInfo as error:
        return fail(STEP, error.code, f"{error.message} Is this the UserInfo endpoint?", found=place)
    except UserInfoError as error:
        if error.status == 404:
            return fail(STEP, error.code, "There is nothing at the address of the UserInfo endpoint.", found=place)
        return ok(STEP, f"It answers, and refuses a made-up token with status {error.status}.")
    return fail(STEP, "TOKEN_NOT_CHECKED", "The UserInfo endpoint answers to a made-up access token.", found=place)
