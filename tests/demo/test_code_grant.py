"""Authorization codes at the token endpoint: Core section 3.1.3, RFC 6749 sections 4.1.3 and 5.2, RFC 7636."""

import asyncio
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from urllib.parse import quote_plus

import httpx
import pytest

from tests.demo.relying_party import RelyingParty, assert_oauth_error
from tests.openid_provider import Client, RunningProvider
from tests.openid_provider.running import REDIRECT_URI


def basic(client_id: str, secret: str) -> dict[str, str]:
    pair = f"{quote_plus(client_id)}:{quote_plus(secret)}"
    return {"Authorization": "Basic " + b64encode(pair.encode()).decode()}


@pytest.mark.asyncio
async def test_a_code_becomes_tokens(party: RelyingParty) -> None:
    answer = await party.redeem((await party.sign_in("alice"))["code"])
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    said = answer.json()
    assert set(said) == {"access_token", "token_type", "expires_in", "scope", "id_token", "refresh_token"}
    assert (said["token_type"], said["scope"]) == ("Bearer", "openid profile email offline_access")


@pytest.mark.asyncio
async def test_without_offline_access_there_is_no_refresh_token(party: RelyingParty) -> None:
    assert "refresh_token" not in await party.tokens("alice", scope="openid profile")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"grant_type": None}, "invalid_request"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"code": None}, "invalid_request"),
        ({"code": "code_unknown"}, "invalid_grant"),
        ({"redirect_uri": None}, "invalid_grant"),
        ({"redirect_uri": REDIRECT_URI + "/"}, "invalid_grant"),
        ({"code_verifier": None}, "invalid_grant"),
        ({"code_verifier": "x" * 64}, "invalid_grant"),
        ({"code_verifier": "short"}, "invalid_grant"),
    ],
)
async def test_a_code_request_with_one_thing_wrong_is_refused(
    party: RelyingParty, changes: dict[str, str | None], error: str
) -> None:
    code = (await party.sign_in("alice"))["code"]
    assert_oauth_error(await party.redeem(code, **changes), error)


@pytest.mark.asyncio
async def test_a_code_counts_once_and_its_reuse_revokes_what_it_issued(party: RelyingParty) -> None:
    code = (await party.sign_in("alice"))["code"]
    tokens = (await party.redeem(code)).json()
    assert (await party.userinfo(tokens["access_token"])).status_code == 200
    assert_oauth_error(await party.redeem(code), "invalid_grant")
    assert (await party.userinfo(tokens["access_token"])).status_code == 401
    assert_oauth_error(await party.refresh(tokens["refresh_token"]), "invalid_grant")


@pytest.mark.asyncio
async def test_reuse_of_a_code_leaves_other_logins_alone(party: RelyingParty) -> None:
    other = await party.tokens("alice")
    code = (await party.sign_in("alice"))["code"]
    await party.redeem(code)
    await party.redeem(code)
    assert (await party.refresh(other["refresh_token"])).status_code == 200


@pytest.mark.asyncio
async def test_of_many_at_once_one_gets_the_tokens(party: RelyingParty) -> None:
    code = (await party.sign_in("alice"))["code"]
    answers = await asyncio.gather(*(party.redeem(code) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 7


@pytest.mark.asyncio
async def test_a_wrong_verifier_uses_the_code_up(party: RelyingParty) -> None:
    code = (await party.sign_in("alice"))["code"]
    await party.redeem(code, code_verifier="x" * 64)
    assert_oauth_error(await party.redeem(code), "invalid_grant")


@pytest.mark.asyncio
async def test_another_client_cannot_redeem_a_code_nor_use_it_up(party: RelyingParty) -> None:
    code = (await party.sign_in("alice"))["code"]
    assert_oauth_error(await party.redeem(code, client_id="other-client"), "invalid_grant")
    assert (await party.redeem(code)).status_code == 200


@pytest.mark.asyncio
async def test_a_code_of_somebody_removed_meanwhile_is_refused(party: RelyingParty) -> None:
    code = (await party.sign_in("alice"))["code"]
    party.provider.remove("alice")
    assert_oauth_error(await party.redeem(code), "invalid_grant")


@pytest.mark.asyncio
@pytest.mark.parametrize(("seconds", "status"), [(59, 200), (60, 400)])
async def test_a_code_lives_sixty_seconds(http: httpx.AsyncClient, seconds: int, status: int) -> None:
    now = [datetime(2030, 1, 1, tzinfo=UTC)]
    with RunningProvider(clock=lambda: now[0]) as provider:
        party = RelyingParty(provider, http)
        code = (await party.sign_in("alice"))["code"]
        now[0] += timedelta(seconds=seconds)
        assert (await party.redeem(code)).status_code == status


@pytest.mark.asyncio
async def test_client_secret_basic_is_accepted(party: RelyingParty) -> None:
    code = (await party.sign_in("alice"))["code"]
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": REDIRECT_URI,
        "code_verifier": party.verifier,
    }
    headers = basic(party.provider.client_id, party.provider.client_secret)
    assert (await party.http.post(f"{party.provider.issuer}/token", data=form, headers=headers)).status_code == 200


@pytest.mark.asyncio
async def test_basic_credentials_are_form_decoded(party: RelyingParty) -> None:
    """RFC 6749 section 2.3.1: a secret may hold characters that Basic cannot carry otherwise."""
    party.provider.register(Client(client_id="odd:id", redirect_uris=(REDIRECT_URI,), client_secret="a+b %ü:"))
    answer = await party.http.post(
        f"{party.provider.issuer}/token", data={"grant_type": "x"}, headers=basic("odd:id", "a+b %ü:")
    )
    assert_oauth_error(answer, "unsupported_grant_type")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "header",
    [
        "Basic !!!",
        "Basic " + b64encode(b"no-colon").decode(),
        "Basic " + b64encode(b"\xff\xfe:x").decode(),
        "Basic " + b64encode(b"identity-api:wrong").decode(),
        "Bearer x",
    ],
)
async def test_bad_basic_credentials_are_challenged(party: RelyingParty, header: str) -> None:
    answer = await party.http.post(
        f"{party.provider.issuer}/token", data={"grant_type": "x"}, headers={"Authorization": header}
    )
    assert_oauth_error(answer, "invalid_client", 401)
    assert answer.headers["www-authenticate"].startswith("Basic")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "changes",
    [{"client_id": None}, {"client_id": "nobody"}, {"client_secret": None}, {"client_secret": "wrong"}],
)
async def test_a_client_that_does_not_prove_itself_is_refused_and_the_code_stays_good(
    party: RelyingParty, changes: dict[str, str | None]
) -> None:
    code = (await party.sign_in("alice"))["code"]
    assert_oauth_error(await party.redeem(code, **changes), "invalid_client", 401)
    assert (await party.redeem(code)).status_code == 200


@pytest.mark.asyncio
async def test_two_ways_of_authentication_at_once_are_refused(party: RelyingParty) -> None:
    answer = await party.http.post(
        f"{party.provider.issuer}/token",
        data={"grant_type": "x", "client_secret": party.provider.client_secret},
        headers=basic(party.provider.client_id, party.provider.client_secret),
    )
    assert_oauth_error(answer, "invalid_request")


@pytest.mark.asyncio
async def test_a_client_id_other_than_the_authenticated_one_is_refused(party: RelyingParty) -> None:
    answer = await party.http.post(
        f"{party.provider.issuer}/token",
        data={"grant_type": "x", "client_id": "other-client"},
        headers=basic(party.provider.client_id, party.provider.client_secret),
    )
    assert_oauth_error(answer, "invalid_request")


@pytest.mark.asyncio
async def test_a_public_client_names_itself_and_proves_itself_by_pkce(party: RelyingParty) -> None:
    public = party.provider.public_client_id
    code = (await party.sign_in("alice", client_id=public))["code"]
    answer = await party.redeem(code, client_id=public, client_secret=None)
    assert answer.status_code == 200


@pytest.mark.asyncio
async def test_a_public_client_has_no_secret_to_send(party: RelyingParty) -> None:
    public = party.provider.public_client_id
    code = (await party.sign_in("alice", client_id=public))["code"]
    assert_oauth_error(await party.redeem(code, client_id=public, client_secret="any"), "invalid_client", 401)


@pytest.mark.asyncio
async def test_a_parameter_sent_twice_is_refused(party: RelyingParty) -> None:
    answer = await party.http.post(
        f"{party.provider.issuer}/token",
        content=b"grant_type=refresh_token&grant_type=refresh_token",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert_oauth_error(answer, "invalid_request")


@pytest.mark.asyncio
async def test_codes_and_tokens_are_never_the_same_twice(party: RelyingParty) -> None:
    first, second = await party.tokens("alice"), await party.tokens("alice")
    assert not {first["access_token"], first["refresh_token"]} & {second["access_token"], second["refresh_token"]}
