"""Content types a request may have, and the answer's type for each Accept header."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity_api.graphql.engine.negotiation import JSON, RESPONSE_JSON, choose_answer_type, is_json_request


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "Application/JSON", "application/json; charset=utf-8", 'application/json;charset="UTF-8"'],
)
def test_json_in_utf8_is_a_request(content_type: str) -> None:
    assert is_json_request(content_type)


@pytest.mark.parametrize(
    "content_type",
    [
        "", "text/plain", "text/plain;application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
        "application/graphql", "application/graphql-response+json", "application/json; charset=utf-16", "application/json5",
        "application/json, text/plain",
    ],
)  # fmt: skip
def test_nothing_else_is(content_type: str) -> None:
    assert not is_json_request(content_type)


@pytest.mark.parametrize(
    ("accept", "answer"),
    [
        (None, JSON),
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        ("application/json", JSON),
        ("application/json; charset=utf-8", JSON),
        ("application/graphql-response+json", RESPONSE_JSON),
        ("APPLICATION/GraphQL-Response+JSON;charset=utf-8", RESPONSE_JSON),
        ("application/graphql-response+json, application/json;q=0.9", RESPONSE_JSON),
        ("application/json, application/graphql-response+json", RESPONSE_JSON),
        ("application/json, application/graphql-response+json;q=0.9", JSON),
        ("application/graphql-response+json;q=0, */*", JSON),
        ("application/json;q=0, */*", RESPONSE_JSON),
        ("text/html, */*;q=0.1", JSON),
        ("application/graphql-response+json, */*", RESPONSE_JSON),
        ("application/json;q=nonsense, application/graphql-response+json;q=0.5", RESPONSE_JSON),
        ("text/html", None),
        ("application/xml;q=0.9", None),
        ("*/*;q=0", None),
        ("application/json;q=0", None),
    ],
)
def test_the_answer_is_of_the_type_the_client_prefers(accept: str | None, answer: str | None) -> None:
    assert choose_answer_type(accept) == answer


@given(st.text())
def test_any_header_gets_one_of_three_answers(header: str) -> None:
    assert choose_answer_type(header) in (JSON, RESPONSE_JSON, None)
    assert is_json_request(header) in (True, False)
