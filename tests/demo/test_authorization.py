"""Authentication requests: Core section 3.1.2, RFC 6749 section 4.1, RFC 7636, RFC 9207."""

from urllib.parse import urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity_api.demo.authorization import answer_url, read_authorization_request, single_parameters
from identity_api.demo.config import Client
from identity_api.demo.errors import AuthorizationError, ReturnAddress, UnusableRequest
from identity_api.errors import BadInput
from tests.demo.relying_party import RelyingParty
from tests.openid_provider.browser import arrival
from tests.openid_provider.running import REDIRECT_URI


@pytest.mark.asyncio
async def test_pressing_a_button_brings_code_state_and_issuer_to_the_client(party: RelyingParty) -> None:
    answer = await party.sign_in("alice")
    assert set(answer) == {"code", "state", "iss"}
    assert (answer["state"], answer["iss"]) == (party.state, party.provider.issuer)


@pytest.mark.asyncio
async def test_a_request_may_also_come_as_a_form(party: RelyingParty) -> None:
    url = httpx.URL(party.authorization_url())
    page = await party.http.post(f"{party.provider.issuer}/authorize", data=dict(url.params))
    assert "Choose who signs in" in page.text


@pytest.mark.asyncio
async def test_without_state_none_is_made_up(party: RelyingParty) -> None:
    assert "state" not in await party.sign_in("alice", state=None)


@pytest.mark.asyncio
async def test_the_page_lists_everybody_as_a_button(party: RelyingParty) -> None:
    page = (await party.http.get(party.authorization_url())).text
    assert [name for name in ("alice", "bob", "carol", "dora", "erin") if f'value="{name}"' not in page] == []


@pytest.mark.asyncio
@pytest.mark.parametrize("hint", ["carol", "carol@demo.example"])
async def test_a_login_hint_puts_that_person_first_with_the_focus(party: RelyingParty, hint: str) -> None:
    page = (await party.http.get(party.authorization_url(login_hint=hint))).text
    first = page[page.index('name="person"') :][:80]
    assert 'value="carol"' in first
    assert "autofocus" in first


@pytest.mark.asyncio
async def test_an_unknown_login_hint_is_ignored(party: RelyingParty) -> None:
    page = await party.http.get(party.authorization_url(login_hint="<nobody>"))
    assert page.status_code == 200
    assert "autofocus" not in page.text


@pytest.mark.asyncio
async def test_cancel_tells_the_client_access_denied(party: RelyingParty) -> None:
    answer = await party.sign_in(None)
    assert answer["error"] == "access_denied"
    assert (answer["state"], answer["iss"]) == (party.state, party.provider.issuer)


@pytest.mark.asyncio
async def test_a_removed_person_is_refused_until_restored(party: RelyingParty) -> None:
    party.provider.remove("bob")
    assert (await party.sign_in("bob"))["error"] == "access_denied"
    party.provider.restore("bob")
    assert "code" in await party.sign_in("bob")


@pytest.mark.asyncio
async def test_an_unknown_person_gets_no_code(party: RelyingParty) -> None:
    with pytest.raises(httpx.HTTPStatusError) as refused:
        await party.sign_in("mallory")
    assert refused.value.response.status_code == 400


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": None},
        {"client_id": "nobody"},
        {"redirect_uri": None},
        {"redirect_uri": REDIRECT_URI + "/"},
        {"redirect_uri": REDIRECT_URI + "?a=b"},
        {"redirect_uri": REDIRECT_URI.upper()},
        {"redirect_uri": "https://evil.example/"},
    ],
)
async def test_an_unknown_client_or_redirect_uri_gives_a_page_and_no_redirect(
    party: RelyingParty, changes: dict[str, str | None]
) -> None:
    answer = await party.http.get(party.authorization_url(**changes))
    assert answer.status_code == 400
    assert "location" not in answer.headers


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"scope": None}, "invalid_scope"),
        ({"scope": "profile email"}, "invalid_scope"),
        ({"scope": "openid2"}, "invalid_scope"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"prompt": "none"}, "login_required"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"prompt": "create"}, "invalid_request"),
        ({"request": "x.y.z"}, "request_not_supported"),
        ({"request_uri": "https://x.example/r"}, "request_uri_not_supported"),
    ],
)
async def test_anything_else_wrong_is_told_to_the_client(
    party: RelyingParty, changes: dict[str, str | None], error: str
) -> None:
    answer = await party.http.get(party.authorization_url(**changes))
    assert answer.headers["location"].startswith(f"{REDIRECT_URI}?")
    told = arrival(answer).parameters
    assert (told["error"], told["state"], told["iss"]) == (error, party.state, party.provider.issuer)


@pytest.mark.asyncio
async def test_a_parameter_sent_twice_is_refused(party: RelyingParty) -> None:
    answer = await party.http.get(f"{party.authorization_url()}&scope=openid")
    assert answer.status_code == 400


@pytest.mark.asyncio
@pytest.mark.parametrize("prompt", ["login", "consent", "select_account", "login consent"])
async def test_every_interactive_prompt_shows_the_page(party: RelyingParty, prompt: str) -> None:
    assert (await party.http.get(party.authorization_url(prompt=prompt))).status_code == 200


@pytest.mark.asyncio
async def test_form_post_brings_the_same_answer_as_a_form(party: RelyingParty) -> None:
    arrived = await party.provider.sign_in(party.authorization_url(response_mode="form_post"), "alice")
    assert (arrived.method, arrived.url) == ("POST", REDIRECT_URI)
    assert set(arrived.parameters) == {"code", "state", "iss"}


@pytest.mark.asyncio
async def test_form_post_also_carries_errors(party: RelyingParty) -> None:
    answer = await party.http.get(party.authorization_url(response_mode="form_post", prompt="none"))
    assert arrival(answer).parameters["error"] == "login_required"


@pytest.mark.asyncio
async def test_what_the_client_sends_is_escaped_on_the_page(party: RelyingParty) -> None:
    page = await party.http.get(party.authorization_url(state='"><script>alert(1)</script>'))
    assert "<script>" not in page.text


@pytest.mark.asyncio
async def test_pages_forbid_scripts_and_frames(party: RelyingParty) -> None:
    policy = (await party.http.get(party.authorization_url())).headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "script-src" not in policy


CLIENTS = {"c": Client(client_id="c", redirect_uris=("https://c.example/cb?keep=1",))}


@given(st.dictionaries(st.text(max_size=12), st.text(max_size=30)))
def test_any_parameters_give_a_request_or_our_error(parameters: dict[str, str]) -> None:
    good = {"client_id": "c", "redirect_uri": "https://c.example/cb?keep=1"}
    with pytest.raises((UnusableRequest, AuthorizationError)):
        read_authorization_request({**good, **parameters}, CLIENTS)


@given(st.binary(max_size=200))
def test_any_bytes_give_parameters_or_our_error(encoded: bytes) -> None:
    try:
        parameters = single_parameters(encoded)
    except BadInput:
        return
    assert all(parameters.values())


@given(st.dictionaries(st.text(min_size=1), st.text(min_size=1)))
def test_an_answer_keeps_the_origin_and_query_of_the_redirect_uri(answer: dict[str, str]) -> None:
    address = ReturnAddress(redirect_uri="https://c.example/cb?keep=1")
    parts = urlsplit(answer_url(address, {"code": "x"}))
    assert (parts.netloc, parts.path, parts.query) == ("c.example", "/cb", "keep=1&code=x")
    assert urlsplit(answer_url(address, answer)).query.startswith("keep=1")
