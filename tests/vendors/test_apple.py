"""Apple: a client secret that is a JWT, a form with the name in its first answer, texts for booleans, nothing to refresh."""

import json
from collections.abc import Collection
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from identity_api.demo.config import Person
from identity_api.errors import ConfigurationError
from tests.openid_provider.imitation import Claims, Habits
from tests.vendors.conftest import Follow
from tests.vendors.office import Office
from tests.web.site import come_back

pytestmark = pytest.mark.asyncio

KEY = generate_private_key(SECP256R1())
P8 = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
PUBLIC = ECKey.import_key(KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
TEAM, KEY_ID, CLIENT = "DEF123GHIJ", "ABC123DEFG", "com.acme.login"
SIX_MONTHS_SECONDS = 15_777_000


def id_token(person: Person, scopes: Collection[str]) -> Claims:
    address = {"email": person.email, "email_verified": "true", "is_private_email": "false"}
    return {"nonce_supported": True, "real_user_status": 2, **(address if "email" in scopes else {})}


def is_secret(secret: str) -> bool:
    """As Apple checks it: https://developer.apple.com/documentation/accountorganizationaldatasharing/creating-a-client-secret"""
    try:
        token = jwt.decode(secret, PUBLIC, algorithms=["ES256"])
    except (JoseError, ValueError):
        return False
    claims = token.claims
    return (
        token.header["kid"] == KEY_ID
        and (claims["iss"], claims["sub"]) == (TEAM, CLIENT)
        and str(claims["aud"]).startswith("http://127.0.0.1:")
        and 0 < claims["exp"] - claims["iat"] <= SIX_MONTHS_SECONDS
    )


HABITS = Habits(
    origin="https://appleid.apple.com",
    paths={"authorize": "/auth/authorize", "token": "/auth/token", "jwks": "/auth/keys"},
    metadata={"response_modes_supported": ["query", "fragment", "form_post"], "grant_types_supported": None},
    scopes={"openid", "email", "name"},
    refresh_tokens="ALWAYS",
    methods=("client_secret_post",),
    pkce="IGNORED",
    response_mode="form_post",
    id_token=id_token,
    client_secret=is_secret,
    first_form=lambda person: {
        "user": json.dumps({"name": {"firstName": "Zo\u00eb", "lastName": "Archer"}, "email": person.email})
    },
)


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    """As it was downloaded, beside the declaration."""
    path = tmp_path / f"AuthKey_{KEY_ID}.p8"
    path.write_text(P8)
    path.chmod(0o600)
    return path


@pytest.fixture
def foreign_key_file(key_file: Path) -> None:
    """A key that Apple gave out to somebody else."""
    other = generate_private_key(SECP256R1())
    key_file.write_bytes(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


@pytest.fixture
def no_key_file(key_file: Path) -> None:
    """Something else under the name of the key."""
    key_file.write_text("a client secret, as others have")


async def known(office: Follow) -> Office:
    acme = await office("apple", HABITS)
    await acme.make_user("alice@acme.example")
    return acme


async def test_the_guide_leads_to_a_login_with_the_name_that_comes_once_and_a_sign_out(
    office: Follow, key_file: Path
) -> None:
    acme = await known(office)
    assert [one.code for one in await acme.self_test()] == ["PKCE_NOT_ANNOUNCED"]
    browser = await acme.signed_in()
    me = await acme.me(browser)
    assert (me["name"], me["email"]) == ("Zo\u00eb Archer", "alice@acme.example")
    assert await acme.sign_out(browser) == [f"{acme.origin}/login?signed_out=1"]

    again = await acme.signed_in()
    assert (await acme.me(again))["name"] == "Zo\u00eb Archer"


async def test_every_request_has_a_client_secret_of_its_own(office: Follow, key_file: Path) -> None:
    acme = await known(office)
    await acme.self_test()
    await acme.signed_in()
    secrets = [form["client_secret"] for form in acme.vendor.asked("token")]
    assert len(secrets) == 2
    assert all(map(is_secret, secrets))
    assert P8.splitlines()[1] not in str(acme.vendor.forms)


async def with_field(acme: Office, **fields: str) -> httpx.AsyncClient:
    """A browser that signs in and writes into the form what it likes."""
    browser = acme.browser()
    begun = await browser.get("/auth/oidc/apple/login")
    arrival = await acme.vendor.sign_in(begun.headers["location"], "alice")
    arrival.parameters.update(fields)
    assert (await come_back(browser, arrival)).status_code == 303
    return browser


@pytest.mark.parametrize(
    "field",
    [
        '{"name": {"firstName": "%s"}}' % ("x" * 300),
        '{"name": {"firstName": "a\\u0000b"}}',
        '{"name": {"firstName": 5}}',
        '{"name": "Alice"}',
        '{"email": "root@acme.example"}',
        "[" * 2_000,
        "no JSON",
    ],
)
async def test_a_field_that_is_no_name_is_ignored(office: Follow, key_file: Path, field: str) -> None:
    acme = await known(office)
    browser = await with_field(acme, user=field)
    assert (await acme.me(browser))["name"] == "alice@acme.example"


async def test_the_field_never_says_who_somebody_is(office: Follow, key_file: Path) -> None:
    acme = await known(office)
    await acme.make_user("root@acme.example")
    browser = await with_field(
        acme, user='{"name": {"firstName": "root@acme.example"}, "email": "root@acme.example", "sub": "root"}'
    )
    assert await acme.username(browser) == "alice@acme.example"
    assert (await acme.me(browser))["email"] == "alice@acme.example"


async def test_the_field_says_nothing_at_a_provider_that_is_not_set_up_so(office: Follow, key_file: Path) -> None:
    acme = await known(office)
    async with acme.database.transaction() as connection:
        statement = "update provider set claims = claims - 'name_in_callback' where id = $1"
        await connection.execute(statement, acme.provider.id)
    browser = await acme.signed_in()
    assert (await acme.me(browser))["name"] == "alice@acme.example"


async def test_a_key_of_another_team_is_named_by_the_self_test(office: Follow, foreign_key_file: None) -> None:
    acme = await office("apple", HABITS)
    assert "CLIENT_SECRET_WRONG" in [one.code for one in await acme.self_test()]


async def test_a_file_that_is_no_key_is_named_when_it_is_applied(office: Follow, no_key_file: None) -> None:
    with pytest.raises(ConfigurationError) as refused:
        await office("apple", HABITS)
    [problem] = refused.value.problems
    assert "AuthKey_<key id>.p8" in problem
