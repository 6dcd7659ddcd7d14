"""Reading what a provider sends, within bounds."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity_api.oidc.documents import (
    MAX_DEPTH,
    DocumentError,
    check_url,
    decode_base64url,
    read_json_object,
    retry_after_seconds,
)
from tests.oidc.strategies import json_values, on_a_shared_machine
from tests.oidc.tokens import NOW, encode


def nested(depth: int) -> bytes:
    """An object with `depth` levels in all."""
    return b'{"a":' * depth + b"1" + b"}" * depth


def test_the_deepest_document_is_accepted_and_one_level_more_is_refused() -> None:
    assert read_json_object(nested(MAX_DEPTH))
    with pytest.raises(DocumentError, match="nested"):
        read_json_object(nested(MAX_DEPTH + 1))


def test_a_wide_document_is_not_a_deep_one() -> None:
    assert len(read_json_object(json.dumps({"a": [[] for _ in range(1000)]}).encode())["a"]) == 1000


def test_the_largest_document_is_accepted_and_one_byte_more_is_refused() -> None:
    assert read_json_object(b'{"a":1}', max_bytes=7) == {"a": 1}
    with pytest.raises(DocumentError, match="large"):
        read_json_object(b'{"a":1}', max_bytes=6)


@on_a_shared_machine
@given(st.dictionaries(st.text(max_size=10), json_values))
def test_any_object_is_read_as_it_was_written(document: dict[str, Any]) -> None:
    assert read_json_object(json.dumps(document).encode()) == document


@on_a_shared_machine
@given(st.binary(max_size=100))
def test_base64url_is_read_as_it_was_written(data: bytes) -> None:
    assert decode_base64url(encode(data).encode()) == data


@on_a_shared_machine
@given(st.text("ABab01-_+/= .", max_size=12).map(str.encode))
def test_any_other_spelling_of_base64url_is_refused(segment: bytes) -> None:
    try:
        data = decode_base64url(segment)
    except DocumentError:
        return
    assert base64.urlsafe_b64encode(data).rstrip(b"=") == segment


@on_a_shared_machine
@given(st.text(max_size=30).map("https://".__add__) | json_values)
def test_any_value_is_a_url_or_our_error(value: object) -> None:
    try:
        assert check_url(value) == value
    except DocumentError:
        assert value != "https://idp.example"


@on_a_shared_machine
@given(
    st.text(max_size=40) | st.from_regex(r"[A-Z][a-z]{2}, \d{1,2} [A-Z][a-z]{2} \d{1,5} \d\d:\d\d:\d\d( [+-]\d{4})?")
)
def test_any_retry_after_is_bounded_seconds_or_nothing(value: str) -> None:
    seconds = retry_after_seconds(value, NOW)
    assert seconds is None or 0 <= seconds <= 600
