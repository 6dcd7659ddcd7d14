"""Whatever is wrong with a provider, the first line of its self-test names it; with nothing wrong every line is ok.

Promise "misconfiguration is named exactly"; S0-60, S0-61, S4-04, S4-50, S4-51, S4-62, S4-63.
"""

from pathlib import Path
from typing import Any, Literal

import pytest

from identity_api.db.providers import ClientSettings
from identity_api.diagnostics.findings import Finding
from tests.openid_provider.agreed import AgreedProvider
from tests.openid_provider.bent import DISCOVERY, oauth_error
from tests.openid_provider.wrapper import Canned
from tests.providers.self_test.broken import BROKEN, keycloaks_words, wrong_method
from tests.providers.self_test.conftest import REDIRECT_URL, Bench
from tests.upstream.certificates import issue, server_context
from tests.upstream.hostile import Hostile

pytestmark = pytest.mark.asyncio


async def test_a_healthy_provider_is_ok_in_every_line(bench: Bench) -> None:
    """S4-04, S4-50."""
    tested = await bench.run()
    assert [finding for finding in tested.findings if finding.status != "ok"] == []
    assert (tested.verdict.status, tested.verdict.code) == ("ok", "OK")
    steps = {finding.step for finding in tested.findings}
    assert steps == {
        *(
            "callback",
            "discovery",
            "issuer",
            "endpoints",
            "client secret",
            "algorithms",
            "keys",
            "client authentication",
        ),
        *("redirect URL", "UserInfo", "PKCE", "scopes", "claims", "refresh token", "clock", "refreshes"),
    }


@pytest.mark.parametrize("name", BROKEN)
async def test_the_first_line_names_the_fault(bench: Bench, name: str) -> None:
    """S0-60, S0-61, S4-51, S4-62, S4-63."""
    bend, code, said = BROKEN[name]
    changed = bend(bench)
    tested = await bench.run(**(changed if isinstance(changed, dict) else {}))
    assert tested.verdict.code == code, tested
    assert tested.verdict.status in ("fail", "warn")
    assert said.lower() in tested.verdict.message.lower()
    assert tested.verdict in tested.findings


async def test_both_issuers_are_shown(bench: Bench) -> None:
    verdict = (await bench.run(issuer=f"{bench.idp.issuer}/")).verdict
    assert (verdict.expected, verdict.found) == (f"{bench.idp.issuer}/", bench.idp.issuer)


async def test_what_kind_of_value_a_member_has_is_shown_and_not_the_value(bench: Bench) -> None:
    for value, kind in (("canary", "a text"), (7, "a number"), ({"canary": 1}, "an object")):
        bench.idp.announce(scopes_supported=value)
        verdict = (await bench.run()).verdict
        told = (verdict.status, verdict.code, verdict.expected, verdict.found)
        assert told == ("warn", "METADATA_MEMBERS_IGNORED", "scopes_supported", kind)
    bench.idp.announce(issuer=None)
    assert (await bench.run()).verdict.found == "nothing"


async def test_a_wrong_method_shows_both(bench: Bench) -> None:
    wrong_method(bench)
    verdict = (await bench.run(client_authentication="client_secret_post")).verdict
    assert (verdict.expected, verdict.found) == ("client_secret_basic", "client_secret_post")
    assert (await bench.run(client_authentication="client_secret_basic")).verdict.status == "ok"


async def test_a_public_client_has_no_secret_to_test(bench: Bench) -> None:
    tested = await bench.run(client_id=bench.idp.public_client_id, client_authentication="none")
    assert tested.verdict.status == "ok"


CERTIFICATES: dict[str, tuple[Any, str]] = {
    "self-signed": ({"hosts": ("localhost",)}, "self-signed"),
    "expired": ({"hosts": ("localhost",), "days_valid": (-9, -1)}, "has expired"),
    "another host": ({"hosts": ("idp.example",)}, "for another host name"),
}


@pytest.mark.parametrize("name", CERTIFICATES)
async def test_what_is_wrong_with_a_certificate_is_named(
    bench: Bench, hostile: Hostile, tmp_path: Path, name: str
) -> None:
    wrong, said = CERTIFICATES[name]
    authority = issue("authority")
    certificate = issue("idp", by=None if name == "self-signed" else authority, **wrong)
    port = await hostile.listen(server_context(certificate.save(tmp_path / "server.pem")))
    bench.allow = (f"localhost:{port}",)
    trusting = ClientSettings(ca_certificate_pem=authority.pem)
    verdict = (await bench.run(issuer=f"https://localhost:{port}", client_settings=trusting)).verdict
    assert verdict.code == "TLS_FAILED"
    assert said in verdict.message


async def test_a_provider_that_never_answers_ends_with_the_time_of_the_test(bench: Bench) -> None:
    with bench.idp.hold(DISCOVERY):
        tested = await bench.run(seconds=0.2)
    assert tested.verdict.code == "ANSWER_TIMED_OUT"


async def test_no_finding_holds_a_secret(bench: Bench) -> None:
    bench.secret = "canary-of-a-secret"
    tested = await bench.run()
    assert all("canary" not in str(finding) for finding in tested.findings)


async def test_a_page_that_turns_programs_away_is_left_to_the_eye(bench: Bench) -> None:
    bench.idp.answers["/authorize"] = Canned(403, "text/html", b"Checking your browser")
    found = [one for one in (await bench.run()).findings if one.step == "redirect URL"]
    assert [(one.status, one.code, one.expected) for one in found] == [
        ("skipped", "REDIRECT_URI_NOT_TOLD", REDIRECT_URL)
    ]


async def test_a_provider_that_looks_at_the_code_first_tells_nothing_of_the_client(bench: Bench) -> None:
    bench.idp.answers["/token"] = oauth_error("invalid_request")
    tested = await bench.run()
    assert tested.verdict.status == "ok"
    assert [one.code for one in tested.findings if one.status == "skipped"] == ["CLIENT_NOT_TOLD"]


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        (f"{REDIRECT_URL}?error=login_required&state=x", ("ok", "OK")),
        (f"{REDIRECT_URL}?error=unauthorized_client", ("fail", "AUTHORIZATION_REFUSED")),
        ("https://accounts.example/signin/oauth/error?authError=abc", ("fail", "REDIRECT_URI_REFUSED")),
        ("https://accounts.example/signin?continue=x", ("skipped", "REDIRECT_URI_NOT_TOLD")),
        ("https://[broken", ("skipped", "REDIRECT_URI_NOT_TOLD")),
    ],
)
async def test_where_the_authorization_endpoint_leads_is_read(
    bench: Bench, location: str, expected: tuple[str, str]
) -> None:
    bench.idp.answers["/authorize"] = Canned(302, "text/plain", b"", ((b"location", location.encode()),))
    [found] = [one for one in (await bench.run()).findings if one.step == "redirect URL"]
    assert (found.status, found.code) == expected


async def test_plain_oauth_is_tested_without_discovery(bench: Bench) -> None:
    issuer = bench.idp.issuer
    endpoints = {"authorization": f"{issuer}/authorize", "token": f"{issuer}/token", "userinfo": f"{issuer}/userinfo"}
    # The other tests' providers have the same redirect URL, and nothing in an answer of plain OAuth 2.0 says whose it is.
    trusted = ClientSettings(accept_without_iss=True)
    tested = await bench.run(protocol="oauth2", endpoints=endpoints, client_settings=trusted)
    assert {one.step for one in tested.findings if one.status != "ok"} <= {"callback"}
    assert {finding.step for finding in tested.findings} == {
        "callback", "client secret", "client authentication", "redirect URL", "UserInfo", "refreshes",
    }  # fmt: skip
    elsewhere = {**endpoints, "token": f"{issuer}/nothing"}
    broken = await bench.run(protocol="oauth2", endpoints=elsewhere, client_settings=trusted)
    assert (broken.verdict.step, broken.verdict.code) == ("client authentication", "TOKEN_ENDPOINT_STATUS")
    del endpoints["userinfo"]
    assert (await bench.run(protocol="oauth2", endpoints=endpoints)).verdict.code == "ENDPOINT_MISSING"


@pytest.mark.parametrize("par", ["offered", "required"])
async def test_where_requests_are_pushed_the_self_test_pushes(
    bench: Bench, par: Literal["offered", "required"]
) -> None:
    with AgreedProvider(redirect_uris=[REDIRECT_URL]) as idp:
        idp.agree(par=par)
        pushing = Bench(bench.database, idp, bench.tenant)
        assert (await pushing.run()).verdict.status == "ok"
        assert "/par" in [path for path, _, _ in idp.asked]
        refused = await pushing.run(redirect_url=f"{REDIRECT_URL}/")
        assert (refused.verdict.step, refused.verdict.status) == ("redirect URL", "fail")
        wrong = await pushing.run(client_id="somebody")
        assert wrong.verdict.code == "CLIENT_SECRET_WRONG"


@pytest.mark.parametrize("works", ["older", "newest"])
async def test_of_two_secrets_it_is_said_when_only_the_older_works(bench: Bench, works: str) -> None:
    tested = await bench.run(other_secret=works)
    assert tested.verdict.code == ("SECRET_NEWEST_REFUSED" if works == "older" else "OK")
    for status in (401, 400):
        keycloaks_words(bench, status)
        assert (await bench.run(other_secret=works)).verdict.code == tested.verdict.code


async def test_a_line_says_step_sentence_code_and_both_values() -> None:
    finding = Finding(step="issuer", status="fail", code="ISSUER_MISMATCH", message="Other.", expected="a", found="b")
    assert str(finding) == "fail    issuer: Other. [ISSUER_MISMATCH] (expected: a; found: b)"
