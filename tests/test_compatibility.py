"""The page of compatibility counts what tests name, and only that."""

from tests.compatibility import DIFFERENT, ROWS, compatibility_markdown, named_rows, places, seen

IDS = [line.partition("\t")[0] for line in ROWS.read_text("utf-8").splitlines()]


def test_an_id_and_a_range_name_their_rows() -> None:
    first, last = "S0-" + "08", "S0-" + "10"
    assert named_rows(f"{first} and nothing else") == {first}
    assert named_rows(f"{first} to {last}") == {first, "S0-" + "09", last}
    assert named_rows(f"{first}..{last}") == named_rows(f"{first} to {last}")
    assert named_rows("S0-1, XS0-01, s0-01") == set()


def test_every_row_is_on_the_page_once_and_has_an_answer() -> None:
    page = compatibility_markdown()
    assert len(IDS) == len(set(IDS))
    for row in IDS:
        assert page.count(f"| {row} |") == 1


def test_what_is_answered_differently_is_said_for_rows_that_exist_and_shown_by_a_test() -> None:
    shown = places()
    assert set(DIFFERENT) <= set(IDS)
    assert [row for row in DIFFERENT if row not in shown] == []
    assert set(shown) <= set(IDS), "a test names a row that does not exist"


def test_what_was_seen_by_use_is_of_rows_that_exist_each_once() -> None:
    used = seen()
    assert set(used) <= set(IDS)
    assert {verdict for verdict, _ in used.values()} == {"worked", "differs"}
    assert all(told for _, told in used.values())


def test_a_row_that_nobody_tried_is_not_claimed() -> None:
    page, used = compatibility_markdown(), seen()
    untried = [row for row in IDS if row not in used and row not in DIFFERENT]
    lines = {line.split(" | ")[0].removeprefix("| "): line for line in page.splitlines() if line.startswith("| S")}
    assert untried
    assert all("| not seen by use |" in lines[row] for row in untried)
    assert not any("| not seen by use |" in lines[row] for row in used)
