"""What a provider says in its own words is kept for administrators: clean, bounded, and without what may be a secret."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity_api.oidc.messages import Answer
from identity_api.oidc.provider_error_text import MAX_WORDS, codes_in_pairs, words_in_answer, words_in_pairs, words_of
from tests.oidc.strategies import json_values, on_a_shared_machine

ENTRA = (
    "AADSTS50105: Your administrator has configured the application to block users. "
    "Trace ID: 8eaef023-2b34-4da1-9baa-8bc8c9d6a490 Timestamp: 2026-11-29 10:00:00Z"
)


def test_of_an_error_that_belongs_to_no_login_only_codes_are_kept() -> None:
    pairs = [("error", "access_denied"), ("error_description", ENTRA)]
    assert codes_in_pairs(pairs) == "access_denied: AADSTS50105"
    assert (
        codes_in_pairs([("error", "Buy now"), ("error_description", "call 0123456789, or mail me@example.com")]) is None
    )
    assert codes_in_pairs([("error", "x" * 61), ("error_description", "AADSTS50105" * 3)]) is None


def test_error_description_and_address_are_one_text() -> None:
    members = {
        "error": "access_denied",
        "error_description": ENTRA,
        "error_uri": "https://login.example/error?code=50105",
    }
    assert words_of(members) == f"access_denied: {ENTRA} (https://login.example/error?code=50105)"
    assert words_of({"error_description": "Token is not active"}) == "Token is not active"
    assert words_of({"error": "user_gone"}) == "user_gone"


@pytest.mark.parametrize(
    "members", [{}, {"error": None}, {"error_description": ["x"], "error": {"a": 1}}, {"error": ""}]
)
def test_where_nothing_is_said_there_are_no_words(members: dict[str, Any]) -> None:
    assert words_of(members) is None


def test_control_characters_line_ends_and_writing_directions_are_taken_out() -> None:
    said = words_of({"error": "a\r\nlevel=error\x1b[31m\x00", "error_description": "\u202eabc\u2028d"})
    assert said == "a level=error [31m: abc d"


@pytest.mark.parametrize(
    "secret",
    ["eyJhbGciOiJSUzI1NiIsImtpZCI6ImEifQ" * 2, "0." + "AXsAGwBz" * 9, "1//0e" + "a" * 60, "ghr_" + "b" * 76],
)
def test_what_may_be_a_token_is_cut_out(secret: str) -> None:
    said = words_of({"error_description": f"The token {secret} is not known."}) or ""
    assert secret[5:45] not in said
    assert "The token" in said


def test_words_come_from_a_body_a_challenge_or_a_callback() -> None:
    body = json.dumps({"error": "invalid_grant", "error_description": "Token is not active"}).encode()
    assert words_in_answer(Answer(status=400, body=body)) == "invalid_grant: Token is not active"
    challenge = 'Bearer realm="x", error="insufficient_scope", error_description="Needs profile"'
    answer = Answer(status=403, headers={"www-authenticate": challenge}, body=b"<html>")
    assert words_in_answer(answer) == "insufficient_scope: Needs profile"
    assert words_in_answer(Answer(status=400, body=b"<html>")) is None
    assert words_in_pairs([("state", "s"), ("error", "e"), ("error_description", "d")]) == "e: d"


@on_a_shared_machine
@given(
    st.dictionaries(st.sampled_from(["error", "error_description", "error_uri"]), st.text(max_size=900) | json_values)
)
def test_whatever_is_said_is_one_printable_line_of_bounded_length(members: dict[str, Any]) -> None:
    said = words_of(members)
    assert said is None or (0 < len(said) <= MAX_WORDS and said.isprintable())
