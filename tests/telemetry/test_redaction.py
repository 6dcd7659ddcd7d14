"""What may not be read in a log (I3; promise 49; bad input 18)."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity_api.ids import new_token
from identity_api.telemetry import MASK, escape_controls, redact, redact_text
from identity_api.telemetry.redaction import _SECRET_VALUES, _SUSPECT, MAX_TEXT_LENGTH

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    "name",
    ["token", "access_token", "Refresh-Token", "client_secret", "Authorization", "cookie", "Set-Cookie", "password", "code",
     "nonce", "code_verifier", "client_assertion", "database_url", "email"],
)  # fmt: skip
def test_a_field_with_a_secret_name_is_masked_whatever_it_holds(name):
    for value in ("x", 5, ["x"], {"a": "x"}, b"x", object()):
        assert redact(name, value) == MASK


@pytest.mark.parametrize(
    "name",
    ["outcome", "error_code", "status_code", "tenant_id", "refresh_token_id", "token_count", "token_endpoint", "state"],
)
def test_a_field_with_a_harmless_name_is_shown(name):
    assert redact(name, "value") == "value"


@given(st.text(st.sampled_from("eyJKias_b:/?#&=@- \n.Abr0"), max_size=80) | st.text(max_size=80))
def test_no_text_is_passed_over_that_a_secret_is_found_in(text):
    if _SECRET_VALUES.search(text):
        assert _SUSPECT.search(text)


@pytest.mark.parametrize("prefix", ["ias", "iab", "code", "handle", "state"])
def test_our_own_tokens_are_masked_wherever_they_stand(prefix):
    token = new_token(prefix)
    assert redact_text(f"got {token}, twice {token}") == f"got {MASK}, twice {MASK}"


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        (f"token {JWT} end", JWT),
        (f"cut {JWT[:30]}", JWT[:30]),
        ("ias_short", "ias_short"),
        ("Bearer abcdef123456", "abcdef123456"),
        ("authorization: basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
        ("postgresql://user:hunter2@db/x", "hunter2"),
        ("redis://:hunter2@cache:6379", "hunter2"),
        ("/callback?code=abc123&state=xyz789", "abc123"),
        ("/callback?code=abc123&state=xyz789", "xyz789"),
        ("https://app.example/#access_token=abc123", "abc123"),
        ("id_token_hint at ?id_token_hint=abc123&x=1", "abc123"),
        ("-----BEGIN PRIVATE KEY-----\nMIIEv\n-----END PRIVATE KEY-----", "MIIEv"),
    ],
)
def test_what_looks_like_a_secret_is_masked_in_any_text(text, hidden):
    assert hidden not in redact_text(text)
    assert MASK in redact_text(text)


@pytest.mark.parametrize(
    "text",
    [
        "login.ended",
        "identity 0192f0c1-2b3c-7d4e-8f50-123456789abc",
        "GET /login/{provider}",
        "https://idp.example/realms/acme",
        "a code was sent",
    ],
)
def test_ordinary_text_is_kept(text):
    assert redact_text(text) == text


def test_nested_values_are_masked_and_bounded():
    assert redact("request", {"headers": {"Cookie": "x"}, "items": [{"token": "x", "n": 1}]}) == {
        "headers": MASK,
        "items": [{"token": MASK, "n": 1}],
    }
    assert len(redact("many", list(range(10_000)))) == 50


def test_a_structure_that_contains_itself_ends():
    loop = []
    loop.append(loop)
    assert json.dumps(redact("loop", loop))


def test_long_texts_are_cut_and_say_how_long_they_were():
    shown = redact_text("y" * 10_000)
    assert shown.startswith("y" * MAX_TEXT_LENGTH)
    assert shown.endswith("... [10000 characters]")
    assert redact_text("y" * MAX_TEXT_LENGTH) == "y" * MAX_TEXT_LENGTH


def test_a_secret_at_the_cut_does_not_show_its_beginning():
    token = new_token("ias")
    assert token[:12] not in redact_text("y" * (MAX_TEXT_LENGTH - 20) + " " + token)


def test_exceptions_and_strange_objects_are_named_and_not_quoted():
    class Hostile:
        def __str__(self):
            raise RuntimeError("canary")

    assert redact("error", ValueError("canary")) == "ValueError"
    assert redact("thing", Hostile()) == "[Hostile]"
    assert redact("data", b"canary") == "[6 bytes]"


@pytest.mark.parametrize(
    ("text", "shown"),
    [("a\r\nb", "a\\r\\nb"), ("\x1b[31m", "\\x1b[31m"), ("\x9b", "\\x9b"), ("a\u202eb", "a\\u202eb"), ("\u2028", "\\u2028"),
     ("é 日本", "é 日本"), ("\ud800", "\\ud800")],
)  # fmt: skip
def test_characters_that_do_harm_become_visible(text, shown):
    assert escape_controls(text) == shown


@given(st.text())
def test_an_escaped_text_is_one_printable_line(text):
    assert escape_controls(text).isprintable()


@given(
    st.recursive(
        st.none() | st.floats() | st.binary() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_every_value_can_be_written_as_json(value):
    assert json.dumps(redact("value", value))


@given(st.text(max_size=30), st.text(max_size=30))
def test_a_token_of_ours_never_survives(before, after):
    token = new_token("ias")
    assert token not in redact_text(f"{before} {token} {after}")
