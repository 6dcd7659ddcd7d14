"""RFC 6238: its own vectors, and what is accepted around now."""

import base64
from datetime import UTC, datetime
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity_api.accounts import totp

SECRET = b"12345678901234567890"
# RFC 6238 appendix B, the SHA-1 rows; the table has eight digits, of which six are the last ones.
VECTORS = {
    59: "94287082",
    1111111109: "07081804",
    1111111111: "14050471",
    1234567890: "89005924",
    2000000000: "69279037",
    20000000000: "65353130",
}


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


@pytest.mark.parametrize(("seconds", "code"), VECTORS.items())
def test_the_codes_of_the_specification(seconds: int, code: str) -> None:
    assert totp.code_at(SECRET, seconds // 30) == code[-6:].encode()
    assert totp.matching_step(SECRET, code[-6:], at(seconds)) == seconds // 30


def test_a_code_is_accepted_one_step_early_or_late_and_no_further() -> None:
    """RFC 6238 section 5.2."""
    code = totp.code_at(SECRET, 1000).decode()
    accepted = [step for step in range(995, 1006) if totp.matching_step(SECRET, code, at(step * 30)) is not None]
    assert accepted == [999, 1000, 1001]
    assert totp.matching_step(SECRET, code, at(1001 * 30)) == 1000


def test_a_code_may_be_typed_with_a_space() -> None:
    code = totp.code_at(SECRET, 1000).decode()
    assert totp.matching_step(SECRET, f"{code[:3]} {code[3:]}", at(30_000)) == 1000


@pytest.mark.parametrize(
    "change", [lambda code: code[:-1], lambda code: f"0{code}", lambda code: "", lambda code: "١٢٣٤٥٦"]
)
def test_anything_but_six_digits_is_no_code(change: object) -> None:
    code = totp.code_at(SECRET, 1000).decode()
    assert totp.matching_step(SECRET, change(code), at(30_000)) is None


@given(st.text())
def test_any_text_is_a_code_or_none(text: str) -> None:
    step = totp.matching_step(SECRET, text, at(30_000))
    assert step in (None, 999, 1000, 1001)


def test_a_code_of_another_secret_is_refused() -> None:
    code = totp.code_at(b"09876543210987654321", 1000).decode()
    assert totp.matching_step(SECRET, code, at(30_000)) is None


def test_the_uri_carries_what_an_authenticator_needs() -> None:
    uri = urlsplit(totp.provisioning_uri(SECRET, username="ada@example.com", issuer="Acme & Söhne"))
    assert (uri.scheme, uri.netloc, unquote(uri.path)) == ("otpauth", "totp", "/Acme & Söhne:ada@example.com")
    assert parse_qs(uri.query) == {
        "secret": ["GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"],
        "issuer": ["Acme & Söhne"],
        "algorithm": ["SHA1"],
        "digits": ["6"],
        "period": ["30"],
    }


def test_no_app_shows_a_plus_for_the_space_of_a_name() -> None:
    uri = totp.provisioning_uri(SECRET, username="ada+1@example.com", issuer="Acme + Co")
    assert "+" not in uri
    assert unquote(urlsplit(uri).path) == "/Acme + Co:ada+1@example.com"
    assert parse_qs(urlsplit(uri).query)["issuer"] == ["Acme + Co"]


def test_a_new_secret_is_as_long_as_the_hash_and_never_the_same() -> None:
    """RFC 4226 section 4, R6."""
    first, second = totp.new_secret(), totp.new_secret()
    assert len(first) == 20
    assert first != second
    assert base64.b32decode(totp.as_text(first)) == first
