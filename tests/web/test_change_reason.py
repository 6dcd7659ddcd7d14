"""`Identity-Reason` says in the audit why somebody made a change."""

from typing import Any

import pytest

from identity_api.web.http.change_reason import MAX_CHARACTERS, reason_of
from identity_api.web.http.errors import HTTPRefusal


def scope(*sent: bytes) -> dict[str, Any]:
    """Of a request with these headers."""
    return {"headers": [(b"identity-reason", one) for one in sent]}


def test_a_request_without_the_header_gives_no_reason() -> None:
    assert reason_of(scope()) is None
    assert reason_of(scope(b" ")) is None


def test_a_reason_is_read_as_percent_encoded_utf_8() -> None:
    assert reason_of(scope(b"Ticket 7")) == "Ticket 7"
    assert reason_of(scope(b"Vertretung f%C3%BCr Ada")) == "Vertretung für Ada"


@pytest.mark.parametrize(
    "sent", [(b"one", b"two"), (b"x" * (MAX_CHARACTERS + 1),), (b"a%0Ab",), (b"a%00b",), (b"a%E2%80%AEb",)]
)
def test_a_reason_that_is_no_one_line_is_refused(sent: tuple[bytes, ...]) -> None:
    assert reason_of(scope(b"x" * MAX_CHARACTERS)) is not None
    with pytest.raises(HTTPRefusal, match="Identity-Reason") as refused:
        reason_of(scope(*sent))
    assert (refused.value.status, refused.value.code) == (400, "REASON_REFUSED")
