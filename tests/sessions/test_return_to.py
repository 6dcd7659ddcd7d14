"""No login of ours leads anywhere but to our own pages or to a registered URL (promise 20; bad input 20)."""

from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity_api.db.tenants import Frontend
from identity_api.errors import BadInput
from identity_api.ids import uuid7
from identity_api.sessions.login.deps import LoginRequest
from identity_api.sessions.login.return_to import decide_ending, own_path
from tests.sessions.browsers import FRONTEND_URL, ORIGIN

FRONTEND = Frontend(uuid7(), uuid7(), "app", (), (FRONTEND_URL, "https://app.acme.example/?a=b"), ("cookie",))

HOSTILE = (
    # Other schemes, and addresses that take a scheme from the page
    *("https://evil.example", "http://evil.example/", "HTTPS://evil.example", "//evil.example", "///evil.example"),
    *("////evil.example", "javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,x", "vbscript:x", "file:///etc"),
    *("https:evil.example", "https:/evil.example", "http:\\\\evil.example", "ftp://evil.example", "blob:https://x"),
    *(" https://evil.example", "\thttps://evil.example", "java\nscript:alert(1)", "mailto:a@evil.example", "about:blank"),
    # Slashes that browsers read as slashes
    *("/\\evil.example", "\\/evil.example", "\\\\evil.example", "/\\/evil.example", "/\\\\evil.example", "\\evil.example"),
    *("//\\evil.example", "/\t/evil.example", "/\n/evil.example", "/\r/evil.example", "/\r\n/evil.example"),
    *("/\t\\evil.example", "\t//evil.example", " //evil.example", "/ /evil.example", "/\x0b/evil.example"),
    *("/\x00/evil.example", "/\x1f/evil.example", "/\x7f/evil.example", "\x00//evil.example", "/\x0c//evil.example"),
    # Encoded
    *("/%2f%2fevil.example", "/%2Fevil.example", "/%5cevil.example", "/%5C%5Cevil.example", "/%09/evil.example"),
    *("/%0a/evil.example", "/%0d%0aSet-Cookie:a=b", "/%00", "/%2e%2e/evil", "/%2e%2e%2fevil", "/a/%2e%2e/%2e%2e//evil"),
    *("/%252f%252fevil.example", "/%255cevil.example", "/%25%32%66evil.example", "/%c0%af%c0%afevil", "/%zz", "/%", "/%a"),
    *("/%0D%0ALocation:https://evil.example", "%2f%2fevil.example", "%68ttps://evil.example", "/%2", "/account%"),
    # Dots and empty segments
    *("/..//evil.example", "/../evil", "/./evil", "/.", "/..", "/a/../..//evil.example", "/a//b", "/account//", "//"),
    *("/;/evil.example", "/..;/evil", "/.;//evil.example", "/a/.;/b", "/./\\evil.example", "///", "/.//evil.example"),
    # User information, ports, and hosts that look like ours
    *("https://id.acme.example@evil.example", "//id.acme.example@evil.example", "https://id.acme.example.evil.example"),
    *("https://id.acme.example:443@evil.example", "https://app.acme.example.evil.example/signed-in", "@evil.example"),
    *("https://idxacme.example/", "https://app.acme.example@evil.example/signed-in", "https://app.acme.example:444/signed-in"),
    *("https://evil.example#https://app.acme.example/signed-in", "https://evil.example?https://app.acme.example/signed-in"),
    *("https://evil.example\\@app.acme.example/signed-in", "https://app.acme.example\\.evil.example/signed-in"),
    # Nearly a registered URL
    *(f"{FRONTEND_URL}/", f"{FRONTEND_URL}?a=b", f"{FRONTEND_URL}#x", FRONTEND_URL.upper(), f"{FRONTEND_URL}/../x"),
    *(FRONTEND_URL.replace("https", "http"), f"{FRONTEND_URL}%2f", f" {FRONTEND_URL}", f"{FRONTEND_URL}\n"),
    *("https://app.acme.example", "https://app.acme.example/", "https://app.acme.example/signed-in/x", f"{FRONTEND_URL};a"),
    *("https://app.acme.example:443/signed-in", "https://app.acme.example//signed-in", "https://app.acme.example/?a=b&c=d"),
    *("https://APP.acme.example/signed-in", "https://app.acme.example./signed-in", "https://xn--app-.acme.example/signed-in"),
    # Unicode that turns into something else
    *("/\u2025//evil.example", "\uff0f\uff0fevil.example", "/\uff3cevil.example", "https://evil\u3002example", "/\u2215evil"),
    *("/\u200b/evil.example", "/\u202e/evil", "\u2028//evil.example", "/a\u00adb", "/\ud800", "https://\u0456d.acme.example/"),
    # Fragments, quotes, other characters of no use in a path, and size
    *("/account#x", "/#//evil.example", '/"onclick=', "/<script>", "/a b", "/`", "/{x}", "/|", "/^", "/[x]", "/account?"),
    *("/account?a=b#c", "/account?a=<b>", "/account?a b", "/account?%0d%0aX: y", "/account?%00", "/?\\", "/account?a=%"),
    *("/" + "a" * 2_048, "/?" + "a" * 2_048, "", "account", "?a=b", "#", ".", "..", "evil.example", "/account?%7f"),
)  # fmt: skip

KIND = (
    "/account",
    "/",
    "/account?tab=sessions",
    "/a/b/c/",
    "/account?next=/x&y=https://elsewhere.example/",
    "/caf%C3%A9",
    "/a.b/..c/d..",
    "/a+b:c@d=e,f(g)!$&'*",
    "/account?q=%2F%2Fevil.example",
)


def end(return_to: str) -> str:
    return decide_ending(LoginRequest(session_origin=ORIGIN, return_to=return_to), [FRONTEND]).url


def test_the_corpus_has_the_size_it_should_have() -> None:
    assert len(set(HOSTILE)) >= 150


@pytest.mark.parametrize("payload", HOSTILE, ids=lambda payload: ascii(payload)[:60])
def test_a_hostile_return_address_is_refused(payload: str) -> None:
    with pytest.raises(BadInput) as refused:
        end(payload)
    assert (refused.value.code, refused.value.field) == ("RETURN_TO_REFUSED", "return_to")
    assert refused.value.message == "This return address is not allowed."


@pytest.mark.parametrize("path", KIND)
def test_a_path_of_our_own_is_kept_as_it_is(path: str) -> None:
    assert end(path) == ORIGIN + path


@pytest.mark.parametrize("url", FRONTEND.return_urls)
def test_a_registered_url_is_accepted_exactly(url: str) -> None:
    assert end(url) == url


def test_without_a_wish_the_login_ends_at_the_account_page_or_the_frontends_first_url() -> None:
    assert decide_ending(LoginRequest(session_origin=ORIGIN), [FRONTEND]).url == f"{ORIGIN}/account"
    assert decide_ending(LoginRequest(session_origin=ORIGIN, frontend_slug="app"), [FRONTEND]).url == FRONTEND_URL


def test_a_url_of_another_frontend_is_refused_where_one_is_named() -> None:
    other = Frontend(uuid7(), FRONTEND.tenant_id, "other", (), ("https://other.acme.example/",), ("cookie",))
    wish = {"session_origin": ORIGIN, "return_to": FRONTEND_URL}
    assert decide_ending(LoginRequest(**wish, frontend_slug="app"), [other, FRONTEND]).frontend is FRONTEND
    with pytest.raises(BadInput):
        decide_ending(LoginRequest(**wish, frontend_slug="other"), [other, FRONTEND])


pieces = st.sampled_from(
    ["/", "\\", ".", "..", "%2f", "%5c", "%2e", "%25", "//", "\t", "\n", "a", "evil.example", "@", ":", "?", "#", "https:", ";"]
)  # fmt: skip


@given(st.lists(pieces, min_size=1, max_size=8).map("".join) | st.text(max_size=30).map("/{}".format))
def test_whatever_is_accepted_stays_on_our_origin_for_every_reader(payload: str) -> None:
    try:
        accepted = own_path(payload) if payload.startswith("/") else end(payload)
    except BadInput:
        return
    # As a browser reads it: tabs and newlines dropped, backslashes turned.
    seen = "".join(accepted.split()).replace("\\", "/")
    for base in (ORIGIN, f"{ORIGIN}/a/b"):
        assert urlsplit(urljoin(base, seen))[:2] == ("https", "id.acme.example")
    assert urlsplit(ORIGIN + seen).netloc == "id.acme.example"
