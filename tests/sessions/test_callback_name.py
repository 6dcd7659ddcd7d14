"""The name in a callback's field `user`: what is read, and what is no name."""

import json

import pytest

from identity_api.sessions.login.callback_name import MAX_FIELD_BYTES, MAX_NAME_LENGTH, callback_name


def field(**name: object) -> list[tuple[str, str]]:
    return [("code", "c"), ("user", json.dumps({"name": name, "email": "zoe@acme.example"}))]


def test_first_and_last_name_are_read() -> None:
    assert callback_name(field(firstName="Zo\u00eb", lastName="van Dam")) == "Zo\u00eb van Dam"
    assert callback_name(field(firstName=" Zo\u00eb ", lastName="")) == "Zo\u00eb"
    assert callback_name(field(firstName="x" * MAX_NAME_LENGTH)) == "x" * MAX_NAME_LENGTH


@pytest.mark.parametrize(
    "pairs",
    [
        [("code", "c")],
        field(firstName="Zoe") * 2,
        field(),
        field(firstName=" "),
        field(firstName=["Zoe"]),
        field(firstName="x" * (MAX_NAME_LENGTH + 1)),
        field(firstName="a\nb"),
        field(firstName="a\u202eb"),
        field(firstName="a\x00b"),
        field(firstName="\ud800"),
        field(firstName="Zoe", more="x" * MAX_FIELD_BYTES),
        [("user", "\ud800")],
        [("user", '{"name": "Zoe"}')],
        [("user", "[]")],
        [("user", "")],
    ],
)
def test_what_is_no_name_is_none(pairs: list[tuple[str, str]]) -> None:
    assert callback_name(pairs) is None
