"""The people page and its JSON twin."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity_api.demo.config import DEMO_PEOPLE
from identity_api.demo.people import MAX_GROUPS, People, read_groups
from identity_api.errors import BadInput, NotFound
from tests.demo.relying_party import RelyingParty


def people_url(party: RelyingParty, rest: str = "") -> str:
    return f"{party.provider.issuer}/people{rest}"


@pytest.mark.asyncio
@pytest.mark.parametrize("path", ["/", "/people"])
async def test_the_page_shows_everybody_and_says_that_it_is_a_demo(party: RelyingParty, path: str) -> None:
    page = (await party.http.get(party.provider.issuer + path)).text
    assert [person.name for person in DEMO_PEOPLE if person.name not in page] == []
    assert "Demo provider" in page


@pytest.mark.asyncio
async def test_saving_groups_changes_them_and_comes_back_to_the_page(party: RelyingParty) -> None:
    answer = await party.http.post(people_url(party, "/bob/groups"), data={"groups": " support , platform,,support"})
    assert answer.status_code == 303
    page = (await party.http.get(party.provider.issuer + answer.headers["location"])).text
    assert 'value="support, platform"' in page
    assert "The groups of Bob Baker are saved" in page
    assert party.provider.people["bob"].groups == ("support", "platform")


@pytest.mark.asyncio
async def test_all_groups_can_be_taken_away(party: RelyingParty) -> None:
    await party.http.post(people_url(party, "/bob/groups"), data={"groups": ""})
    assert party.provider.people["bob"].groups == ()


@pytest.mark.asyncio
async def test_groups_that_cannot_be_saved_are_shown_again_with_the_reason(party: RelyingParty) -> None:
    answer = await party.http.post(people_url(party, "/bob/groups"), data={"groups": "x" * 201})
    assert answer.status_code == 400
    assert "at most 200 characters" in answer.text
    assert "x" * 201 in answer.text
    assert party.provider.people["bob"].groups == ("engineering",)


@pytest.mark.asyncio
async def test_removing_and_restoring_somebody(party: RelyingParty) -> None:
    answer = await party.http.post(people_url(party, "/bob/remove"))
    assert answer.status_code == 303
    assert "Restore<span" in (await party.http.get(people_url(party))).text
    assert (await party.sign_in("bob"))["error"] == "access_denied"
    await party.http.post(people_url(party, "/bob/restore"))
    assert "code" in await party.sign_in("bob")


@pytest.mark.asyncio
async def test_the_sign_in_page_marks_a_removed_person(party: RelyingParty) -> None:
    assert "sign-in will be refused" not in (await party.http.get(party.authorization_url())).text
    party.provider.remove("bob")
    assert "sign-in will be refused" in (await party.http.get(party.authorization_url())).text


@pytest.mark.asyncio
async def test_group_names_are_escaped(party: RelyingParty) -> None:
    party.provider.set_groups("bob", ['"><script>'])
    assert "<script>" not in (await party.http.get(people_url(party))).text
    assert "<script>" not in (await party.http.get(party.authorization_url())).text


@pytest.mark.asyncio
@pytest.mark.parametrize("path", ["/mallory/groups", "/mallory/remove", "/mallory/restore"])
async def test_a_button_for_nobody_is_not_found(party: RelyingParty, path: str) -> None:
    answer = await party.http.post(people_url(party, path), data={"groups": "a"}, headers={"Accept": "text/html"})
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")


@pytest.mark.asyncio
async def test_every_input_of_the_page_has_a_label(party: RelyingParty) -> None:
    page = (await party.http.get(people_url(party))).text
    fields = set(re.findall(r'<input id="([^"]+)"', page))
    assert fields == set(re.findall(r'<label class="unseen" for="([^"]+)"', page))
    assert len(fields) == len(DEMO_PEOPLE)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 303),
        ({"Origin": "own"}, 303),
        ({"Origin": "own", "Sec-Fetch-Site": "same-origin"}, 303),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "own", "Sec-Fetch-Site": "cross-site"}, 403),
    ],
)
async def test_only_our_own_page_may_press_our_buttons(
    party: RelyingParty, headers: dict[str, str], status: int
) -> None:
    own = {name: party.provider.issuer if value == "own" else value for name, value in headers.items()}
    answer = await party.http.post(people_url(party, "/bob/remove"), headers=own)
    assert answer.status_code == status


@pytest.mark.asyncio
async def test_another_site_cannot_sign_somebody_in(party: RelyingParty) -> None:
    url = f"{party.provider.issuer}/authorize/decision"
    sent = {"request": party.authorization_url().partition("?")[2], "person": "alice"}
    assert (await party.http.post(url, data=sent)).status_code == 303
    answer = await party.http.post(url, data=sent, headers={"Origin": "http://evil.example"})
    assert answer.status_code == 403


@pytest.mark.asyncio
async def test_a_program_reads_and_changes_a_person(party: RelyingParty) -> None:
    url = people_url(party, "/bob")
    changed = await party.http.patch(url, json={"groups": ["support"], "removed": True})
    assert changed.status_code == 200
    assert (changed.json()["groups"], changed.json()["removed"]) == (["support"], True)
    assert (await party.http.get(url)).json() == changed.json()


@pytest.mark.asyncio
async def test_a_member_left_out_stays_as_it_is(party: RelyingParty) -> None:
    url = people_url(party, "/bob")
    await party.http.patch(url, json={"removed": True})
    assert (await party.http.patch(url, json={"groups": []})).json()["removed"] is True
    assert (await party.http.patch(url, json={"removed": False})).json()["groups"] == []


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "change",
    [
        {"groups": "support"},
        {"groups": [1]},
        {"groups": None},
        {"removed": "yes"},
        {"name": "x"},
        [],
        {"groups": ["\n"]},
    ],
)
async def test_a_change_that_is_not_one_is_refused_and_changes_nothing(party: RelyingParty, change: object) -> None:
    url = people_url(party, "/bob")
    before = (await party.http.get(url)).json()
    assert (await party.http.patch(url, json=change)).status_code == 400
    assert (await party.http.get(url)).json() == before


@pytest.mark.asyncio
async def test_a_change_of_nobody_is_not_found(party: RelyingParty) -> None:
    answer = await party.http.patch(people_url(party, "/mallory"), json={"removed": True})
    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")


@given(st.text(max_size=400))
def test_any_text_gives_clean_groups_or_our_error(text: str) -> None:
    try:
        groups = read_groups(text)
    except BadInput:
        return
    assert len(groups) == len(set(groups))
    assert all(group == group.strip() and group for group in groups)
    assert read_groups(",".join(groups)) == groups


def test_two_hundred_groups_fit_and_one_more_does_not() -> None:
    names = [f"g{number}" for number in range(MAX_GROUPS + 1)]
    assert len(read_groups(",".join(names[:-1]))) == MAX_GROUPS
    with pytest.raises(BadInput):
        read_groups(",".join(names))


def test_the_directory_knows_only_its_people() -> None:
    people = People(DEMO_PEOPLE)
    assert people.find("alice").groups == ("engineering", "platform")
    with pytest.raises(NotFound):
        people.find("Alice")
