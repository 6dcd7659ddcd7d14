"""Anchor, username, display label and e-mail (S1-10, S2-26, S3-18 to S3-27)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity_api.claims import (
    ClaimError,
    ClaimMissing,
    ClaimUnusable,
    Documents,
    ProfileClaims,
    parse_claim_sources,
    read_profile,
)
from tests.claims import strategies

CLAIMS = {
    "sub": "s-1",
    "preferred_username": "ada",
    "name": "Ada Lovelace",
    "email": "ada@example.com",
    "email_verified": True,
}


def read(claims, userinfo=None, **places):
    settings = ProfileClaims(**{name: parse_claim_sources(texts) for name, texts in places.items()})
    return read_profile(Documents(id_token=claims, userinfo=userinfo), settings)


def test_the_defaults_read_the_standard_claims():
    profile = read(CLAIMS)
    assert (profile.anchor, profile.username, profile.display_label) == ("s-1", "ada", "Ada Lovelace")
    assert (profile.email, profile.email_verified) == ("ada@example.com", True)


def test_the_three_names_are_three_settings():
    profile = read(CLAIMS, anchor=["email"], username=["sub"], display=["preferred_username"])
    assert (profile.anchor, profile.username, profile.display_label) == ("ada@example.com", "s-1", "ada")


def test_without_a_name_the_display_label_is_the_username_claim():
    assert read(CLAIMS | {"name": ""}).display_label == "ada"


def test_userinfo_fills_what_the_id_token_lacks():
    profile = read({"sub": "s-1"}, userinfo={"sub": "s-1", "name": "Ada", "email": "a@example.com"})
    assert (profile.display_label, profile.email) == ("Ada", "a@example.com")


def test_a_missing_anchor_says_where_it_was_looked_for():
    with pytest.raises(ClaimMissing) as refused:
        read({key: value for key, value in CLAIMS.items() if key != "sub"}, userinfo={})
    assert (refused.value.code, refused.value.claim) == ("CLAIM_MISSING", "id_token / sub, userinfo / sub")


@pytest.mark.parametrize("value", [True, 1.5, ["s-1"], {"id": 1}, "x" * 513, "a\0b", "\ud800"])
def test_an_unusable_anchor_is_refused_and_no_later_source_is_tried(value):
    with pytest.raises(ClaimUnusable) as refused:
        read(CLAIMS | {"sub": value}, userinfo={"sub": "other"})
    assert refused.value.claim == "id_token / sub"


def test_a_numbered_anchor_is_its_decimal_text():
    assert read({"id": 583231}, anchor=["id"]).anchor == "583231"


def test_an_anchor_keeps_its_exact_characters_and_a_username_becomes_nfc():
    profile = read(CLAIMS | {"sub": "e\u0301", "preferred_username": "e\u0301"})
    assert (profile.anchor, profile.username) == ("e\u0301", "\u00e9")


@pytest.mark.parametrize("value", [["ada"], 5, "x" * 513, "a\0b"])
def test_an_unusable_optional_claim_counts_as_absent_with_a_remark(value):
    profile = read(CLAIMS | {"preferred_username": value}, username=["id_token / preferred_username"])
    assert profile.username is None
    assert ("UNUSABLE", "id_token / preferred_username") in {
        (remark.code, remark.place) for remark in profile.diagnostics
    }


@pytest.mark.parametrize(
    ("value", "verified"),
    [
        (True, True),
        (False, False),
        ("true", True),
        ("false", False),
        (None, None),
        (1, None),
        (0, None),
        ("yes", None),
        ([], None),
    ],
)
def test_email_verified_has_three_values(value, verified):
    assert read(CLAIMS | {"email_verified": value}).email_verified is verified


def test_email_verified_that_is_absent_is_neither_true_nor_false():
    assert read({"sub": "s-1", "email": "ada@example.com"}).email_verified is None


def test_email_verified_of_another_document_does_not_vouch_for_the_email():
    profile = read({"sub": "s-1", "email_verified": True}, userinfo={"email": "ada@example.com"})
    assert (profile.email, profile.email_verified) == ("ada@example.com", None)


def test_email_verified_stands_beside_the_email_it_speaks_of():
    claims = {"sub": "s-1", "email_verified": True, "work": {"email": "ada@example.com", "email_verified": False}}
    assert read(claims, email=["id_token / work / email"]).email_verified is False


def test_an_expression_can_join_two_claims_to_an_anchor():
    """S4-39: Entra's object id names a person only together with the directory."""
    places = ["id_token / jmespath:join('/', [tid, oid])"]
    assert read({"tid": "t-1", "oid": "o-1"}, anchor=places).anchor == "t-1/o-1"


def test_an_expression_that_does_not_fit_gives_no_anchor():
    with pytest.raises(ClaimUnusable):
        read({"oid": "o-1"}, anchor=["id_token / jmespath:join('/', [tid, oid])"])


def test_an_email_from_an_expression_is_not_said_to_be_verified():
    claims = {"sub": "s-1", "emails": [{"value": "a@example.com"}], "email_verified": True}
    profile = read(claims, email=["id_token / jmespath:emails[0].value"])
    assert (profile.email, profile.email_verified) == ("a@example.com", None)


def test_email_verified_without_an_email_means_nothing():
    assert read({"sub": "s-1", "email_verified": True}).email_verified is None


@given(strategies.claims, st.none() | strategies.claims)
def test_any_claims_give_a_profile_or_our_error(id_token, userinfo):
    try:
        profile = read(id_token, userinfo)
    except ClaimError:
        return
    assert profile.anchor
    assert profile.email_verified is None or profile.email


@pytest.mark.parametrize(
    ("claims", "has_none"),
    [({"sub": "a"}, False), ({"sub": "a", "email": None}, True), ({"sub": "a", "email": ""}, True)],
)
def test_none_is_said_by_a_claim_that_is_there_and_empty(claims: dict[str, object], has_none: bool) -> None:
    """OIDC Core 5.3.2 asks providers to leave such a claim out, which says nothing of why."""
    profile = read_profile(Documents(userinfo=claims), ProfileClaims())
    assert (profile.email, profile.has_no_email) == (None, has_none)


def test_an_email_beside_an_empty_one_is_an_email() -> None:
    found = read_profile(
        Documents(id_token={"sub": "a", "email": ""}, userinfo={"email": "a@b.example"}), ProfileClaims()
    )
    assert (found.email, found.has_no_email) == ("a@b.example", False)
