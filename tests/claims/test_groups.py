"""From claims to groups; unknown is never empty and never extends (I7; bad input 35)."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity_api.claims import (
    MAX_GROUPS,
    Completeness,
    Documents,
    Reason,
    Shape,
    parse_claim_sources,
    probable_shape,
    read_groups,
    within,
)
from tests.claims import strategies

ID_TOKEN_GROUPS = parse_claim_sources(["id_token / groups"], for_groups=True)
EITHER_GROUPS = parse_claim_sources(["groups"], for_groups=True)
APP_ROLES = parse_claim_sources(["access_token / resource_access / app / roles"], for_groups=True)
ALL_APPS = parse_claim_sources(["access_token / resource_access /"], for_groups=True)


def read(value, absent_groups="UNKNOWN"):
    return read_groups(Documents(id_token={"groups": value}), ID_TOKEN_GROUPS, absent_groups=absent_groups)


def test_a_list_of_texts_is_complete_and_keeps_its_order():
    reading = read(["b", "a"])
    assert (reading.groups, reading.completeness, reading.is_verified) == (("b", "a"), Completeness.COMPLETE, True)


def test_a_single_text_is_one_group_however_many_commas_it_has():
    assert read("staff,admin root").groups == ("staff,admin root",)


def test_groups_are_kept_exactly_as_received():
    names = [" padded ", "UPPER", "upper", "e\u0301", "\u00e9", "\u0430dmin", "a\u202eb"]
    assert read(names).groups == tuple(names)


def test_an_empty_list_is_empty_and_verified():
    reading = read([])
    assert (reading.completeness, reading.reason, reading.is_verified) == (Completeness.EMPTY, Reason.EMPTY_LIST, True)


def test_repeated_groups_are_dropped_with_a_remark():
    reading = read(["a", "b", "a", "a"])
    assert reading.groups == ("a", "b")
    assert [(remark.code, remark.detail) for remark in reading.diagnostics] == [("DUPLICATES_DROPPED", "2")]


@pytest.mark.parametrize("value", [{"a": 1}, [1], [["a"]], [{"name": "a"}], 5, 0.5, True, False])
def test_another_shape_is_unreadable_and_gives_no_groups(value):
    reading = read(value, absent_groups="EMPTY")
    assert (reading.groups, reading.completeness, reading.reason) == ((), Completeness.UNREADABLE, Reason.WRONG_SHAPE)


@pytest.mark.parametrize(
    ("value", "detail"),
    [
        (["a", None, "b"], "entry 2 of 3 is null"),
        (["a", {"name": "b"}], "entry 2 of 2 is an object"),
        ([None], "entry 1 of 1 is null"),
        ([7, "a"], "entry 1 of 2 is a number"),
    ],
)
def test_one_entry_that_is_no_text_makes_the_list_unreadable_and_is_named(value, detail):
    """It may be any group, so the rest is not the whole: what it gave must not be closed, and nothing is guessed."""
    reading = read(value, absent_groups="EMPTY")
    assert (reading.groups, reading.completeness, reading.reason) == (
        (),
        Completeness.UNREADABLE,
        Reason.ENTRY_NOT_TEXT,
    )
    assert reading.remarks == (f"ENTRY_NOT_TEXT: id_token / groups: {detail}",)


def test_an_object_gives_its_keys_only_where_the_location_says_so():
    documents = Documents(access_token={"resource_access": {"app": {"roles": ["x"]}, "account": {}}})
    assert read_groups(documents, ALL_APPS, absent_groups="EMPTY").groups == ("app", "account")


def test_a_list_where_an_object_is_declared_is_unreadable():
    documents = Documents(access_token={"resource_access": ["app"]})
    assert read_groups(documents, ALL_APPS, absent_groups="EMPTY").reason is Reason.WRONG_SHAPE


def remarks(reading):
    return [(remark.code, remark.detail) for remark in reading.diagnostics]


def read_from(place, claims, absent_groups="EMPTY"):
    sources = parse_claim_sources([place], for_groups=True)
    return read_groups(Documents(userinfo=claims), sources, absent_groups=absent_groups)


@pytest.mark.parametrize(
    ("place", "value", "groups", "form"),
    [
        ("userinfo / g", "staff", ("staff",), "a single text"),
        ("userinfo / g /", {"b": {}, "a": 1}, ("b", "a"), "the names of an object"),
        ("userinfo / g / [,]", "staff, admin,b c", ("staff", "admin", "b c"), "a text with commas"),
        ("userinfo / g / [ ]", " staff  admin\tb,c ", ("staff", "admin", "b,c"), "a text with blanks"),
        ('userinfo / g / [""]', ' ["staff", "a, b"]', ("staff", "a, b"), "a JSON list in a text"),
        ("userinfo / g / [name]", [{"name": "a", "id": 1}, {"name": "b"}], ("a", "b"), "the members of objects"),
    ],
)
def test_every_other_shape_than_a_list_is_normalised_with_a_remark(place, value, groups, form):
    reading = read_from(place, {"g": value})
    assert (reading.groups, reading.completeness, remarks(reading)) == (
        groups,
        Completeness.COMPLETE,
        [("NORMALISED", form)],
    )


def test_a_list_of_texts_needs_no_remark():
    assert read(["a"]).diagnostics == ()


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("userinfo / g / [,]", ["a", "b"]),
        ("userinfo / g / [,]", {"a": 1}),
        ("userinfo / g / [ ]", ["a"]),
        ('userinfo / g / [""]', ["a"]),
        ('userinfo / g / [""]', "a"),
        ('userinfo / g / [""]', '["a"'),
        ('userinfo / g / [""]', '{"a": 1}'),
        ('userinfo / g / [""]', "[" * 5_000),
        ("userinfo / g / [name]", ["a"]),
        ("userinfo / g / [name]", "a"),
        ("userinfo / g /", "a"),
    ],
)
def test_a_value_without_the_declared_shape_is_unreadable_and_gives_no_half_list(place, value):
    """I7: half a list closes what the other half gave."""
    reading = read_from(place, {"g": value})
    assert (reading.groups, reading.completeness, reading.reason) == ((), Completeness.UNREADABLE, Reason.WRONG_SHAPE)


@pytest.mark.parametrize("odd", [{"id": "b"}, {"name": 5}, None, "b"])
def test_one_object_without_the_declared_member_is_named(odd):
    reading = read_from("userinfo / g / [name]", {"g": [{"name": "a"}, odd]})
    assert (reading.groups, reading.reason) == ((), Reason.ENTRY_NOT_TEXT)
    assert reading.remarks[0].endswith("entry 2 of 2 has no text in the declared member")


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ('["a","b"]', Shape.JSON),
        ("[]", Shape.JSON),
        ("a,b c", Shape.COMMAS),
        ("Domain Users", Shape.BLANKS),
        ("staff", None),
        ("[staff]", None),
        ("", None),
    ],
)
def test_what_one_text_probably_is_is_a_guess_for_people(text, shape):
    assert probable_shape(text) is shape
    assert read(text or "x").groups == (text or "x",)


@pytest.mark.parametrize("place", ["userinfo / g / [ ]", 'userinfo / g / [""]', "userinfo / g / [,]", "userinfo / g /"])
def test_a_declared_shape_is_written_as_it_is_read(place):
    [source] = parse_claim_sources([place], for_groups=True)
    assert str(source) == place


@pytest.mark.parametrize("value", ["", "  "])
def test_an_empty_text_in_a_declared_comma_list_lists_nothing(value):
    assert read_from("userinfo / g / [,]", {"g": value}).completeness is Completeness.EMPTY


@pytest.mark.parametrize("value", [",", "a,,b", "a,"])
def test_an_empty_part_of_a_comma_list_is_unreadable(value):
    assert read_from("userinfo / g / [,]", {"g": value}).reason is Reason.ENTRY_EMPTY


def test_an_expression_gives_groups():
    claims = {"orgs": [{"name": "a", "teams": ["x", "y"]}, {"name": "b", "teams": ["z"]}]}
    assert read_from("userinfo / jmespath:orgs[?name=='a'].teams[]", claims).groups == ("x", "y")


def test_an_expression_that_finds_nothing_is_an_absent_claim():
    reading = read_from("userinfo / jmespath:orgs[].name", {"sub": "s"}, absent_groups="UNKNOWN")
    assert (reading.completeness, reading.reason) == (Completeness.UNKNOWN, Reason.ABSENT_MEANS_UNKNOWN)


@pytest.mark.parametrize("value", ["a", {"name": "a"}, [{"name": "a"}, {"id": 1}], [{"name": "a"}, "b"], 5])
def test_an_expression_over_another_shape_is_unreadable_and_neither_empty_nor_half(value):
    """I7: where JMESPath says null or leaves an entry out, the answer would be wrong."""
    reading = read_from("userinfo / jmespath:orgs[].name", {"orgs": value})
    assert (reading.groups, reading.completeness) == ((), Completeness.UNREADABLE)


def test_the_overage_marker_counts_for_every_claim_that_an_expression_mentions():
    claims = {"_claim_names": {"roles": "src1"}, "roles": ["a"]}
    assert read_from("userinfo / jmespath:groups || roles", claims).reason is Reason.GROUPS_OVERAGE


def test_a_nested_path_is_followed():
    documents = Documents(access_token={"resource_access": {"app": {"roles": ["editor"]}}})
    assert read_groups(documents, APP_ROLES, absent_groups="EMPTY").groups == ("editor",)


def test_a_path_through_a_text_is_unreadable_and_not_absent():
    documents = Documents(access_token={"resource_access": "app"})
    assert read_groups(documents, APP_ROLES, absent_groups="EMPTY").completeness is Completeness.UNREADABLE


def test_ten_thousand_groups_are_read_and_one_more_is_truncated():
    assert len(read([f"g{n}" for n in range(MAX_GROUPS)]).groups) == MAX_GROUPS
    reading = read([f"g{n}" for n in range(MAX_GROUPS + 1)])
    assert (reading.groups, reading.completeness, reading.reason) == ((), Completeness.TRUNCATED, Reason.TOO_MANY)


def test_a_reading_within_the_limit_stays_as_it_is_and_one_beyond_is_truncated():
    reading = read(["a", "b"])
    assert within(reading, 2) is reading
    beyond = within(reading, 1)
    assert (beyond.groups, beyond.completeness, beyond.reason) == ((), Completeness.TRUNCATED, Reason.TOO_MANY)


def test_a_group_has_at_most_512_characters():
    assert read(["x" * 512]).is_verified
    assert read(["ok", "x" * 513]).reason is Reason.ENTRY_TOO_LONG


@pytest.mark.parametrize("name", ["a\0b", "\ud800", json.loads('"\\udfff"')])
def test_a_group_that_cannot_be_stored_exactly_is_unreadable(name):
    assert read(["ok", name]).reason is Reason.ENTRY_BAD_CHARACTER


@pytest.mark.parametrize("value", ["", ["a", ""]])
def test_a_group_without_a_name_is_unreadable(value):
    assert read(value).reason is Reason.ENTRY_EMPTY


@pytest.mark.parametrize("documents", [Documents(id_token={}), Documents(id_token={"groups": None})])
@pytest.mark.parametrize(
    ("absent_groups", "completeness", "is_verified"),
    [("EMPTY", Completeness.EMPTY, True), ("UNKNOWN", Completeness.UNKNOWN, False)],
)
def test_an_absent_claim_means_what_the_provider_row_says(documents, absent_groups, completeness, is_verified):
    reading = read_groups(documents, ID_TOKEN_GROUPS, absent_groups=absent_groups)
    assert (reading.groups, reading.completeness, reading.is_verified) == ((), completeness, is_verified)


@pytest.mark.parametrize(
    "claims",
    [
        {"_claim_names": {"groups": "src1"}, "_claim_sources": {"src1": {"endpoint": "https://graph.example"}}},
        {"_claim_names": {"groups": "src1"}, "groups": ["some"]},
        {"hasgroups": True},
        {"hasgroups": "true"},
    ],
)
def test_the_overage_marker_of_entra_is_truncated_even_where_absence_means_empty(claims):
    reading = read_groups(Documents(id_token=claims), ID_TOKEN_GROUPS, absent_groups="EMPTY")
    assert (reading.groups, reading.completeness, reading.reason) == (
        (),
        Completeness.TRUNCATED,
        Reason.GROUPS_OVERAGE,
    )


def test_overage_in_another_document_than_the_configured_one_counts():
    documents = Documents(id_token={"_claim_names": {"groups": "src1"}}, userinfo={})
    sources = parse_claim_sources(["userinfo / groups"], for_groups=True)
    assert read_groups(documents, sources, absent_groups="EMPTY").completeness is Completeness.TRUNCATED


@pytest.mark.parametrize(
    "claims", [{"_claim_names": {"address": "src1"}}, {"_claim_names": ["groups"]}, {"hasgroups": False}]
)
def test_markers_for_other_claims_say_nothing_about_groups(claims):
    reading = read_groups(Documents(id_token=claims), ID_TOKEN_GROUPS, absent_groups="EMPTY")
    assert reading.completeness is Completeness.EMPTY


def test_the_first_source_that_has_the_claim_wins():
    documents = Documents(id_token={"groups": ["first"]}, userinfo={"groups": ["second"]})
    assert read_groups(documents, EITHER_GROUPS, absent_groups="EMPTY").groups == ("first",)


def test_an_empty_list_in_the_first_source_wins_over_groups_in_the_second():
    documents = Documents(id_token={"groups": []}, userinfo={"groups": ["second"]})
    assert read_groups(documents, EITHER_GROUPS, absent_groups="UNKNOWN").completeness is Completeness.EMPTY


def test_a_later_source_is_read_when_the_first_lacks_the_claim():
    documents = Documents(id_token={}, userinfo={"groups": ["second"]})
    assert read_groups(documents, EITHER_GROUPS, absent_groups="EMPTY").groups == ("second",)


@pytest.mark.parametrize("documents", [Documents(), Documents(userinfo={}), Documents(id_token={})])
def test_a_document_that_did_not_come_makes_absence_unknown(documents):
    reading = read_groups(documents, EITHER_GROUPS, absent_groups="EMPTY")
    assert (reading.completeness, reading.reason) == (Completeness.UNKNOWN, Reason.DOCUMENT_MISSING)


def test_an_access_token_that_is_no_jws_of_the_provider_is_unreadable():
    reading = read_groups(Documents(id_token={}, access_token_unreadable=True), APP_ROLES, absent_groups="EMPTY")
    assert (reading.completeness, reading.reason) == (Completeness.UNREADABLE, Reason.ACCESS_TOKEN_UNREADABLE)


def test_an_unreadable_access_token_does_not_matter_where_it_is_no_source():
    documents = Documents(id_token={}, access_token_unreadable=True)
    assert read_groups(documents, ID_TOKEN_GROUPS, absent_groups="EMPTY").completeness is Completeness.EMPTY


def test_no_configured_source_is_unknown():
    assert read_groups(Documents(id_token={}), (), absent_groups="EMPTY").completeness is Completeness.UNKNOWN


def test_remarks_never_hold_a_value_from_a_token():
    for value in (["canary\0"], {"canary": 1}, "canary" * 200, [["canary"]]):
        assert "canary" not in repr(read(value))


@given(strategies.json_values, st.sampled_from(["EMPTY", "UNKNOWN"]))
def test_only_a_complete_reading_has_groups_and_they_are_bounded(value, absent_groups):
    reading = read(value, absent_groups)
    assert bool(reading.groups) == (reading.completeness is Completeness.COMPLETE)
    assert len(set(reading.groups)) == len(reading.groups) <= 2_000
    assert all(group.encode() and "\0" not in group for group in reading.groups)


@given(
    strategies.claims,
    st.none() | strategies.claims,
    st.sampled_from([ID_TOKEN_GROUPS, EITHER_GROUPS, APP_ROLES, ALL_APPS]),
)
def test_absence_is_never_empty_where_the_provider_says_unknown(id_token, userinfo, sources):
    reading = read_groups(Documents(id_token=id_token, userinfo=userinfo), sources, absent_groups="UNKNOWN")
    if reading.completeness is Completeness.EMPTY:
        assert reading.reason is Reason.EMPTY_LIST
