"""Where a claim is, and how that is written (S0-44, S0-49, S0-50)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity_api.claims import ClaimPathInvalid, ClaimSource, Document, Shape, parse_claim_source, parse_claim_sources
from identity_api.claims.source import ABSENT, NotAnObject, look_up


@pytest.mark.parametrize(
    ("text", "document", "path", "shape"),
    [
        ("id_token / groups", Document.ID_TOKEN, ("groups",), Shape.PLAIN),
        ("id_token / roles", Document.ID_TOKEN, ("roles",), Shape.PLAIN),
        ("userinfo / groups", Document.USERINFO, ("groups",), Shape.PLAIN),
        (
            "access_token / resource_access / app / roles",
            Document.ACCESS_TOKEN,
            ("resource_access", "app", "roles"),
            Shape.PLAIN,
        ),
        ("access_token / resource_access /", Document.ACCESS_TOKEN, ("resource_access",), Shape.KEYS),
        ("id_token/groups", Document.ID_TOKEN, ("groups",), Shape.PLAIN),
        ("access_token/resource_access/", Document.ACCESS_TOKEN, ("resource_access",), Shape.KEYS),
        ("id_token / https://example.com/roles", Document.ID_TOKEN, ("https://example.com/roles",), Shape.PLAIN),
        ("  id_token  /  my groups  ", Document.ID_TOKEN, ("my groups",), Shape.PLAIN),
        ("id_token / cognito:groups", Document.ID_TOKEN, ("cognito:groups",), Shape.PLAIN),
    ],
)
def test_a_location_is_read_as_the_seeds_write_it(text, document, path, shape):
    assert parse_claim_source(text) == ClaimSource(document, path, shape)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("groups", "CLAIM_PATH_INVALID"),
        ("id_token", "CLAIM_PATH_INVALID"),
        ("id_token /", "CLAIM_PATH_INVALID"),
        ("ID_TOKEN / groups", "CLAIM_PATH_INVALID"),
        ("refresh_token / groups", "CLAIM_PATH_INVALID"),
        ("id_token / / groups", "CLAIM_PATH_INVALID"),
        ("id_token/https://example.com/roles", "CLAIM_PATH_INVALID"),
        ("id_token / " + " / ".join("abcdefghijk"), "CLAIM_PATH_INVALID"),
        ("id_token / " + "x" * 500, "CLAIM_PATH_INVALID"),
        ("id_token / gro\nups", "CLAIM_PATH_INVALID"),
        ("", "CLAIM_PATH_INVALID"),
        ("userinfo / [name]", "CLAIM_PATH_INVALID"),
        ("userinfo / [,]", "CLAIM_PATH_INVALID"),
        ("id_token / jmespath:", "JMESPATH_INVALID"),
        ("id_token / jmespath:groups[", "JMESPATH_INVALID"),
        ("id_token / jmespath:" + "a" * 301, "JMESPATH_TOO_LONG"),
        ("id_token / jmespath:" + "!" * 90 + "a", "JMESPATH_TOO_LONG"),
        ("id_token / jmespath:" + "(" * 250 + "a" + ")" * 40, "JMESPATH_INVALID"),
        ("id_token / jmespath:to_string(a)", "JMESPATH_FUNCTION"),
        ("id_token / jmespath:no_such(a)", "JMESPATH_FUNCTION"),
        ("id_token / jmespath:a[?map(&b, @)]", "JMESPATH_FUNCTION"),
        ("cookie / jmespath:a", "CLAIM_PATH_INVALID"),
    ],
)
def test_a_malformed_location_is_refused(text, code):
    with pytest.raises(ClaimPathInvalid) as refused:
        parse_claim_source(text)
    assert refused.value.code == code


def test_ten_names_are_the_deepest_path():
    assert len(parse_claim_source("id_token / " + " / ".join("abcdefghij")).path) == 10


@given(st.text(max_size=60))
def test_any_text_is_a_location_or_our_error(text):
    try:
        parse_claim_source(text)
    except ClaimPathInvalid:
        return


@given(
    st.builds(
        ClaimSource,
        st.sampled_from(Document),
        st.lists(st.text(st.sampled_from("ab.:é"), min_size=1, max_size=6), min_size=1, max_size=10).map(tuple),
        st.sampled_from([Shape.PLAIN, Shape.KEYS, Shape.COMMAS]),
    )
    | st.builds(
        ClaimSource,
        st.sampled_from(Document),
        st.just(("groups",)),
        st.just(Shape.MEMBERS),
        st.text(st.sampled_from("ab.:é"), min_size=1, max_size=6),
    )
    | st.builds(
        ClaimSource,
        st.sampled_from(Document),
        st.just(()),
        expression=st.sampled_from(["groups[*].name", "a || b", "[a, b]", "join(' / ', [tid, oid])", "a[?b=='c / d']"]),
    )
)
def test_a_location_reads_back_as_written(source):
    assert parse_claim_source(str(source)) == source


def test_a_bare_name_means_id_token_then_userinfo():
    assert [str(source) for source in parse_claim_sources(["email"])] == ["id_token / email", "userinfo / email"]


def test_a_bare_expression_means_id_token_then_userinfo_whatever_slashes_it_has():
    sources = parse_claim_sources(["jmespath:roles[?system=='a / b'].name"])
    assert [(source.document, source.expression) for source in sources] == [
        (Document.ID_TOKEN, "roles[?system=='a / b'].name"),
        (Document.USERINFO, "roles[?system=='a / b'].name"),
    ]


@pytest.mark.parametrize(
    ("text", "shape", "member"),
    [
        ("userinfo / roles / [,]", Shape.COMMAS, None),
        ("userinfo/roles/[,]", Shape.COMMAS, None),
        ("userinfo / groups / [name]", Shape.MEMBERS, "name"),
        ("userinfo / groups / [display name]", Shape.MEMBERS, "display name"),
        ("userinfo / groups[name]", Shape.PLAIN, None),
    ],
)
def test_the_end_of_a_path_declares_the_shape(text, shape, member):
    source = parse_claim_source(text)
    assert (source.shape, source.member) == (shape, member)


@pytest.mark.parametrize(
    ("text", "may_be"),
    [
        ("id_token / email", True),
        ("id_token / work / email", True),
        ("id_token / email / id", False),
        ("id_token / jmespath:emails[0].email", True),
        ("id_token / jmespath:not_null(upn, email)", True),
        ("id_token / jmespath:oid", False),
    ],
)
def test_a_place_that_may_hold_an_email_address_is_known(text, may_be):
    """S3-25, S3-30: an address as the anchor must be verified, however it is reached."""
    assert parse_claim_source(text).may_be("email") is may_be


def test_sources_keep_their_order_and_lose_repetitions():
    sources = parse_claim_sources(["userinfo / email", "email"])
    assert [source.document for source in sources] == [Document.USERINFO, Document.ID_TOKEN]


@pytest.mark.parametrize(
    "text", ["access_token / sub", "id_token / people /", "userinfo / a / [,]", "userinfo / a / [b]"]
)
def test_access_token_and_whole_objects_are_for_groups_only(text):
    assert parse_claim_sources([text], for_groups=True)
    with pytest.raises(ClaimPathInvalid):
        parse_claim_sources([text])


def test_no_location_at_all_is_refused():
    with pytest.raises(ClaimPathInvalid):
        parse_claim_sources([], for_groups=True)


def test_looking_up_finds_a_nested_value():
    assert look_up({"a": {"b": ["x"]}}, ("a", "b")) == ["x"]


@pytest.mark.parametrize("claims", [{}, {"a": {}}, {"a": None}, {"a": {"b": None}}])
def test_looking_up_what_is_not_there_gives_absent(claims):
    assert look_up(claims, ("a", "b")) is ABSENT


@pytest.mark.parametrize("value", ["x", ["x"], 1, True])
def test_a_path_through_something_else_than_an_object_says_so(value):
    assert look_up({"a": value}, ("a", "b")) == NotAnObject(1)


def test_a_value_that_is_false_is_still_there():
    assert look_up({"a": False}, ("a",)) is False
