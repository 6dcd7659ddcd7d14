"""What a statement is called in a trace."""

import pytest

from identity_api.db.traced import summary


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("select id from session where token_hash = $1", "select session"),
        ("update session set ended_at = now() where id = $1", "update session"),
        (
            "with due as (select id from identity_sync) update identity_sync s set x = 1 from due d",
            "update identity_sync",
        ),
        ("insert into audit_event (id) select unnest($1::uuid[])", "insert audit_event"),
        (
            "select from aaa join bbb on true join ccc on true join ddd on true join eee e on true",
            "select aaa, bbb, ccc, ddd, ...",
        ),
        ("set local jit = off", "set"),
        ("BEGIN;", "begin"),
    ],
)
def test_a_statement_is_named_by_what_it_does_and_its_tables(statement: str, named: str) -> None:
    assert summary(statement) == named
