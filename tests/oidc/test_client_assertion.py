"""JWTs with which the client proves itself. Core 9, RFC 7523; what a provider checks is checked here."""

import json
from typing import Any
from urllib.parse import parse_qs

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from identity_api.errors import BadInput
from identity_api.oidc.client_assertion import (
    LIFETIME_SECONDS,
    apple_client_secret,
    client_secret_jwt,
    private_key_jwt,
)
from identity_api.oidc.client_auth import ClientAuthentication, authenticate
from identity_api.oidc.jwks import parse_key_set
from identity_api.oidc.own_keys import OwnKeys, public_key_set
from identity_api.oidc.signed_token import SignedClaims, verify_signature
from identity_api.oidc.token_endpoint import code_request, refresh_request
from tests.oidc.own import own_key
from tests.oidc.tokens import CLIENT_ID, ISSUER, NOW, SECONDS

SECRET = "a-secret-of-more-than-32-characters"
ARGUMENTS: dict[str, Any] = {"client_id": CLIENT_ID, "audience": ISSUER, "now": NOW}
KEY_CLIENT = ClientAuthentication(method="private_key_jwt", client_id=CLIENT_ID, signing_key=own_key(), audience=ISSUER)


def verified(token: str) -> SignedClaims:
    keys = parse_key_set(json.dumps(public_key_set(OwnKeys(keys=(own_key(),)))).encode())
    return verify_signature(token, keys, ["ES256"])


def test_private_key_jwt_says_who_asks_whom_and_for_how_long() -> None:
    signed = verified(private_key_jwt(own_key(), **ARGUMENTS))
    assert signed.key_id == own_key().key_id
    claims = dict(signed.claims)
    assert len(claims.pop("jti")) > 43
    assert claims == {
        "iss": CLIENT_ID,
        "sub": CLIENT_ID,
        "aud": ISSUER,
        "iat": SECONDS,
        "exp": SECONDS + LIFETIME_SECONDS,
    }


def test_client_secret_jwt_is_verified_with_the_secret_and_with_no_other() -> None:
    token = client_secret_jwt(SECRET, **ARGUMENTS)
    decoded = jwt.decode(token, OctKey.import_key(SECRET), algorithms=["HS256"])
    assert decoded.claims["sub"] == CLIENT_ID
    assert decoded.header == {"alg": "HS256", "typ": "JWT"}
    with pytest.raises(Exception, match="bad_signature"):
        jwt.decode(token, OctKey.import_key(SECRET + "x"), algorithms=["HS256"])


def test_no_two_assertions_have_the_same_id() -> None:
    ids = {verified(private_key_jwt(own_key(), **ARGUMENTS)).claims["jti"] for _ in range(100)}
    assert len(ids) == 100


@pytest.mark.parametrize(
    "client",
    [
        KEY_CLIENT,
        ClientAuthentication(method="client_secret_jwt", client_id=CLIENT_ID, client_secret=SECRET, audience=ISSUER),
    ],
)
def test_an_assertion_is_in_the_form_and_the_secret_is_not(client: ClientAuthentication) -> None:
    parameters: dict[str, str] = {}
    headers: dict[str, str] = {}
    authenticate(client, parameters, headers, now=NOW)
    assert set(parameters) == {"client_id", "client_assertion", "client_assertion_type"}
    assert parameters["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    assert headers == {}
    assert SECRET not in json.dumps(parameters) + repr(client)


def test_code_and_refresh_requests_carry_an_assertion() -> None:
    code = code_request(
        f"{ISSUER}/token", client=KEY_CLIENT, code="c", redirect_uri="https://x", code_verifier="v", now=NOW
    )
    refresh = refresh_request(f"{ISSUER}/token", client=KEY_CLIENT, refresh_token="r", now=NOW)
    assertions = [parse_qs(request.body.decode())["client_assertion"][0] for request in (code, refresh)]
    assert [verified(assertion).claims["aud"] for assertion in assertions] == [ISSUER, ISSUER]
    assert len(set(assertions)) == 2


def test_an_assertion_without_the_time_is_refused() -> None:
    with pytest.raises(BadInput) as caught:
        refresh_request(f"{ISSUER}/token", client=KEY_CLIENT, refresh_token="r")
    assert caught.value.field == "now"


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"method": "private_key_jwt", "signing_key": None}, "signing_key"),
        ({"method": "private_key_jwt", "client_secret": SECRET}, "client_secret"),
        ({"method": "private_key_jwt", "audience": None}, "audience"),
        ({"method": "client_secret_jwt", "signing_key": None}, "client_secret"),
        ({"method": "client_secret_jwt", "client_secret": SECRET}, "signing_key"),
        ({"method": "client_secret_jwt", "signing_key": None, "client_secret": "x" * 31}, "client_secret"),
        ({"method": "client_secret_jwt", "signing_key": None, "client_secret": SECRET, "audience": ""}, "audience"),
        ({"method": "client_secret_basic", "client_secret": SECRET}, "signing_key"),
        ({"method": "none"}, "signing_key"),
    ],
)
def test_a_method_and_its_means_must_fit(members: dict[str, Any], field: str) -> None:
    valid = {"method": "private_key_jwt", "client_id": CLIENT_ID, "signing_key": own_key(), "audience": ISSUER}
    assert ClientAuthentication(**valid)
    with pytest.raises(BadInput) as caught:
        ClientAuthentication(**{**valid, **members})
    assert caught.value.field == field


APPLE = ClientAuthentication(
    method="apple_client_secret", client_id=CLIENT_ID, signing_key=own_key(), audience=ISSUER, team_id="DEF123GHIJ"
)


def test_apples_client_secret_is_issued_by_the_team_about_the_client() -> None:
    """https://developer.apple.com/documentation/accountorganizationaldatasharing/creating-a-client-secret"""
    signed = verified(apple_client_secret(own_key(), team_id="DEF123GHIJ", **ARGUMENTS))
    assert signed.key_id == own_key().key_id
    assert dict(signed.claims) == {
        "iss": "DEF123GHIJ",
        "iat": SECONDS,
        "exp": SECONDS + LIFETIME_SECONDS,
        "aud": ISSUER,
        "sub": CLIENT_ID,
    }


def test_apples_client_secret_is_sent_where_a_secret_is() -> None:
    parameters: dict[str, str] = {}
    headers: dict[str, str] = {}
    authenticate(APPLE, parameters, headers, now=NOW)
    assert parameters.keys() == {"client_id", "client_secret"}
    assert headers == {}
    assert verified(parameters["client_secret"]).claims["sub"] == CLIENT_ID


@pytest.mark.parametrize(
    "change", [{"team_id": None}, {"signing_key": None}, {"audience": None}, {"client_secret": "s"}, {"method": "none"}]
)
def test_apples_client_secret_needs_key_team_and_audience_and_no_secret(change: dict[str, Any]) -> None:
    members = {"method": APPLE.method, "client_id": CLIENT_ID, "signing_key": own_key(), "audience": ISSUER}
    assert ClientAuthentication(**members, team_id="DEF123GHIJ")
    with pytest.raises(BadInput):
        ClientAuthentication(**{**members, "team_id": "DEF123GHIJ", **change})
