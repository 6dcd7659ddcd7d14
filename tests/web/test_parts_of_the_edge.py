"""The small pure parts: who is seen behind proxies, cookies on the wire, errors as HTTP, the account in words."""

import ipaddress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from litestar.exceptions import MethodNotAllowedException, NotFoundException
from structlog.testing import capture_logs

from identity_api import limits as rate_limits
from identity_api.db.sessions import SessionRecord
from identity_api.db.user_columns import SyncStatus
from identity_api.db.user_read_model import UserRecord
from identity_api.errors import BadInput, Conflict, IdentityAPIError, NotFound, Refused, Unavailable
from identity_api.ids import uuid7
from identity_api.permissions.effective import standing
from identity_api.permissions.grant_snapshot import (
    GrantedGroup,
    GrantFact,
    GrantSnapshot,
    GroupFact,
    IdentityFact,
    ProviderCircumstances,
    TenantCircumstances,
    UserCircumstances,
)
from identity_api.sessions.errors import LoginFailed
from identity_api.sessions.login.deps import Cookie
from identity_api.web.http import cookies
from identity_api.web.http import limits as edge_limits
from identity_api.web.http.errors import HTTPRefusal, TooManyRequests, Unauthenticated, problem_of
from identity_api.web.http.forwarded import see
from identity_api.web.http.limits import BAD_BEARERS, LOGIN_FAILURES, LOGIN_STARTS, PER_BINDING, EdgeLimits
from identity_api.web.http.ttl_cache import MAX_AGE_SECONDS, Recent
from identity_api.web.pages.account import mapping_ids, view_account
from identity_api.web.pages.account_times import in_words
from identity_api.web.pages.rendering import with_code

TRUSTED = [ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("fd00::/8")]


def scope(peer: str | None, scheme: str = "http", **headers: str) -> dict[str, Any]:
    lines = {"host": "acme.example", **{name.replace("_", "-"): value for name, value in headers.items()}}
    return {
        "client": (peer, 1) if peer else None,
        "scheme": scheme,
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in lines.items()],
    }


# Behind proxies (promise 57)


@pytest.mark.parametrize(
    ("peer", "chain", "address"),
    [
        ("198.51.100.1", "203.0.113.9", "198.51.100.1"),  # a stranger's word
        ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "1.2.3.4, 203.0.113.9", "203.0.113.9"),  # what the client made up stands before
        ("10.0.0.1", "203.0.113.9, 10.0.0.2", "203.0.113.9"),  # two proxies of ours
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("10.0.0.1", "1.2.3.4, nonsense", "10.0.0.1"),
        ("10.0.0.1", "1.2.3.4, 203.0.113.9:50123", "203.0.113.9"),
        ("10.0.0.1", "203.0.113.9:50123, 10.0.0.2:443", "203.0.113.9"),
        ("10.0.0.1", "[2001:db8:1:2:3:4:5:6]:50123", "2001:db8:1:2::/64"),
        ("10.0.0.1", "[2001:db8:1:2:3:4:5:6]", "2001:db8:1:2::/64"),
        ("10.0.0.1", "203.0.113.9:123456", "10.0.0.1"),
        ("10.0.0.1", "203.0.113.9:", "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("::ffff:10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("fd00::1", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        (None, "203.0.113.9", "unknown"),
        ("unix", "203.0.113.9", "unknown"),
    ],
)
def test_the_address_is_the_nearest_one_that_is_no_proxy_of_ours(peer: str | None, chain: str, address: str) -> None:
    assert see(scope(peer, x_forwarded_for=chain), TRUSTED, always_https=False).address == address


def test_only_a_trusted_proxy_says_scheme_and_host() -> None:
    told = {"x_forwarded_proto": "https", "x_forwarded_host": "other.example"}
    stranger = see(scope("198.51.100.1", **told), TRUSTED, always_https=False)
    proxy = see(scope("10.0.0.1", **told), TRUSTED, always_https=False)
    assert (stranger.scheme, stranger.host) == ("http", "acme.example")
    assert (proxy.scheme, proxy.host) == ("https", "other.example")


def test_a_service_published_under_https_takes_nobodys_word_for_http() -> None:
    told = {"x_forwarded_proto": "http"}
    assert see(scope("10.0.0.1", **told), TRUSTED, always_https=True).scheme == "https"


@pytest.mark.parametrize("scheme", ["ftp", "https, gopher", ""])
def test_a_scheme_that_is_neither_is_refused(scheme: str) -> None:
    accepted = see(scope("10.0.0.1", x_forwarded_proto="http, https"), TRUSTED, always_https=False)
    assert accepted.scheme == "https"
    if scheme:
        with pytest.raises(BadInput):
            see(scope("10.0.0.1", x_forwarded_proto=scheme), TRUSTED, always_https=False)


def test_a_default_port_is_left_out_as_browsers_do() -> None:
    assert see(scope("1.1.1.1", host="A.example:443"), (), always_https=True).authority == "a.example"
    assert see(scope("1.1.1.1", host="a.example:80"), (), always_https=True).authority == "a.example:80"
    assert see(scope("1.1.1.1", host="[::1]:8000"), (), always_https=False).authority == "[::1]:8000"


# Cookies on the wire


def test_a_cookie_line_says_everything_it_should() -> None:
    line = cookies.set_cookie(Cookie(name="__Host-session", value="ias_x", max_age_seconds=60))
    assert line == "__Host-session=ias_x; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure"
    posted = cookies.set_cookie(Cookie(name="login-1", value="x", max_age_seconds=1, same_site_none=True, secure=False))
    assert posted.endswith("SameSite=None; Secure")
    plain = cookies.set_cookie(Cookie(name="session", value="x", max_age_seconds=1, secure=False))
    assert "Secure" not in plain


def test_a_cookie_that_is_set_is_not_cleared_beside_it() -> None:
    lines: list[str] = []
    cookies.apply(lines, [Cookie(name="a", value="1", max_age_seconds=1)], ["a", "b"])
    assert [line.partition("=")[0] for line in lines] == ["b", "a"]


def test_cookies_are_read_as_they_came() -> None:
    read = {"headers": [(b"cookie", b'a=1; b="2"; =3; c'), (b"cookie", b"a=2;d==")]}
    assert cookies.pairs_of(read) == [("a", "1"), ("b", '"2"'), ("a", "2"), ("d", "=")]
    assert cookies.cookies_of(read)["a"] == "1"


# Errors as HTTP


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (BadInput("x"), 400, "BAD_INPUT"),
        (Unauthenticated(), 401, "UNAUTHENTICATED"),
        (Refused("x", code="SELF_BENEFIT"), 403, "SELF_BENEFIT"),
        (NotFound("x"), 404, "NOT_FOUND"),
        (NotFoundException(), 404, "NOT_FOUND"),
        (MethodNotAllowedException(headers={"allow": "GET"}), 405, "METHOD_NOT_ALLOWED"),
        (Conflict("x"), 409, "CONFLICT"),
        (HTTPRefusal(413, "BODY_TOO_LARGE", "x"), 413, "BODY_TOO_LARGE"),
        (TooManyRequests(0.2), 429, "TOO_MANY_REQUESTS"),
        (LoginFailed("PROVIDER_TIMED_OUT", status=504), 504, "PROVIDER_TIMED_OUT"),
        (Unavailable("x", code="DATABASE_UNAVAILABLE"), 503, "DATABASE_UNAVAILABLE"),
        (TimeoutError("statement"), 503, "UNAVAILABLE"),
    ],
)
def test_every_error_has_its_status_and_its_code(error: Exception, status: int, code: str) -> None:
    problem = problem_of(error)
    assert (problem.status, problem.code) == (status, code)


def test_a_surprise_is_500_without_a_word_of_it_and_one_line_in_the_log() -> None:
    for surprise in (KeyError("canary"), IdentityAPIError("canary", code="ODD")):
        with capture_logs() as lines:
            problem = problem_of(surprise)
        assert (problem.status, problem.code) == (500, "INTERNAL")
        assert b"canary" not in problem.as_json("r").body
        assert [line["event"] for line in lines] == ["http.failed"]


def test_what_is_unavailable_says_when_to_come_back() -> None:
    assert problem_of(Unavailable("x", retry_after_seconds=7)).headers == {"Retry-After": "7"}
    assert problem_of(TooManyRequests(2.1)).headers == {"Retry-After": "3"}


# Limits, by a clock that stands still


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("count", "limit"),
    [
        (lambda limits: limits.login_start("a"), LOGIN_STARTS),
        (lambda limits: limits.login_failed("a"), LOGIN_FAILURES),
        (lambda limits: limits.bad_credential("a"), BAD_BEARERS),
        (lambda limits: limits.callback("a", ["b"]), PER_BINDING),
    ],
)
async def test_exactly_the_limit_is_allowed_in_a_minute(count: Any, limit: int) -> None:
    now = [1_000.0]
    limits = EdgeLimits(rate_limits.Limiter(None, monotonic=lambda: now[0]), monotonic=lambda: now[0])
    for _ in range(limit):
        await count(limits)
    with pytest.raises(TooManyRequests) as caught:
        await count(limits)
    now[0] += float(caught.value.headers["Retry-After"])
    await count(limits)


@pytest.mark.asyncio
async def test_whoever_failed_too_often_waits_before_the_next_callback_is_looked_at() -> None:
    now = [1_000.0]
    limits = EdgeLimits(rate_limits.Limiter(None, monotonic=lambda: now[0]), monotonic=lambda: now[0])
    for _ in range(LOGIN_FAILURES):
        await limits.login_failed("a")
    await limits.callback("a", ())
    with pytest.raises(TooManyRequests):
        await limits.login_failed("a")
    with pytest.raises(TooManyRequests):
        await limits.callback("a", ())
    await limits.callback("b", ())
    now[0] += edge_limits.WINDOW_SECONDS
    await limits.callback("a", ())


@pytest.mark.asyncio
async def test_an_answer_is_remembered_for_its_time_and_no_longer() -> None:
    now, asked = [0.0], []

    async def ask() -> None:
        asked.append(now[0])

    recent: Recent[str, None] = Recent(monotonic=lambda: now[0])
    for now[0] in (0.0, MAX_AGE_SECONDS * 0.99, MAX_AGE_SECONDS, MAX_AGE_SECONDS * 1.9):
        await recent.get("key", ask)
    assert asked == [0.0, MAX_AGE_SECONDS]


# The account in words

NOW = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
STATES = ["FRESH", "STALE", "REVOKED", "QUARANTINED", "UNSYNCED"]


def account(
    state: str = "FRESH",
    *,
    enabled: bool = True,
    lease: timedelta = timedelta(hours=1),
    groups: tuple[GroupFact, ...] = (GroupFact("gr", "engineering", "i"),),
    **sync: Any,
) -> Any:
    """Somebody with a grant by hand and one through a mapping."""
    stamp = NOW.isoformat()
    told = {"verified_at": NOW, "due_at": NOW, "outcome": "OK", "groups_completeness": "COMPLETE"} | sync
    syncs = {"i": SyncStatus(signed_in_until=NOW + timedelta(hours=1), groups_valid_until=NOW + lease, **told)}
    user = UserRecord(
        id=uuid7(),
        username="alice",
        display_label="Alice",
        email=None,
        email_verified=None,
        disabled_at=None,
        created_at=NOW,
        active_at=NOW,
        facts=GrantSnapshot(
            (IdentityFact("i", "p", state, "https://idp", "s", "s", None, stamp, stamp, stamp),),
            (
                GrantFact("docs:read", "GROUP", "i", GrantedGroup("engineering"), "g1", "m", "gr", stamp, "sync"),
                GrantFact("docs:write", "MANUAL", None, None, "g2", None, None, stamp, "user:x"),
            ),
            groups,
        ),
        circumstances=UserCircumstances(True, False, syncs),
        syncs=syncs,
    )
    tenant = TenantCircumstances(
        {"p": ProviderCircumstances("p", "sso", "Acme SSO", enabled, "REFRESH_TOKEN", "STRICT")}
    )
    session = SessionRecord(uuid7(), "COOKIE", None, None, None, None, NOW, NOW, NOW)
    held = standing(user.facts, user.circumstances, tenant, NOW)
    assert mapping_ids(user) == {"m"}
    return view_account(user, tenant, held, {"m": "eng*"}, [session], [], this_session_id=session.id)


def test_permissions_in_force_are_told_with_their_source() -> None:
    view = account()
    assert [(one.name, one.reasons) for one in view.permissions] == [
        ("docs:read", ("because you are in engineering at Acme SSO (mapping eng*)",)),
        ("docs:write", ("given by hand",)),
    ]
    assert view.dormant == ()
    assert view.sessions[0].is_this_one


def test_a_permission_that_outlived_its_group_is_told_as_one() -> None:
    """S0-25."""
    view = account(groups=())
    assert view.permissions[0].reasons == ("kept from when you were in engineering at Acme SSO (mapping eng*)",)


def test_permissions_without_force_are_told_with_what_takes_it_away() -> None:
    view = account(lease=timedelta(seconds=0))
    assert [one.name for one in view.permissions] == ["docs:write"]
    (why,) = view.dormant[0].reasons
    assert why.endswith("but the provider has not confirmed it for too long")


@pytest.mark.parametrize("state", STATES)
def test_every_state_of_an_identity_has_words(state: str) -> None:
    assert account(state).identities[0].explanation


def test_a_provider_that_is_off_and_groups_that_cannot_be_read_are_told() -> None:
    assert account(enabled=False).identities[0].state == "provider switched off"
    assert "did not say all" in account(groups_completeness="TRUNCATED").identities[0].explanation


def test_moments_are_told_in_utc() -> None:
    assert (in_words(NOW), in_words(None)) == ("2 January 2026, 03:04 UTC", "never")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Run `identity-api serve`.", "Run <code>identity-api serve</code>."),
        ("<b> `<i>`", "&lt;b&gt; <code>&lt;i&gt;</code>"),
        ("one ` alone", "one ` alone"),
        ("none", "none"),
    ],
)
def test_what_a_sentence_has_between_backticks_is_shown_as_code(text: str, shown: str) -> None:
    assert with_code(text) == shown
