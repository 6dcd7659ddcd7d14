"""Whatever is wrong with a provider, the first line of its self-test names it; with nothing wrong every line is ok.

Promise "misconfiguration is named exactly"; S0-60, S0-61, S4-04, S4-50, S4-51, S4-62, S4-63.
"""

import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import pytest

from identity_api.db.providers import ClaimSettings, ClientSettings
from identity_api.diagnostics.findings import Finding
from tests.openid_provider import Fault
from tests.openid_provider.agreed import AgreedProvider
from tests.openid_provider.bent import DISCOVERY, oauth_error, only_basic, secret_of
from tests.openid_provider.wrapper import Canned
from tests.providers.self_test.conftest import REDIRECT_URL, Bench
from tests.upstream.certificates import issue, server_context
from tests.upstream.hostile import Hostile

pytestmark = pytest.mark.asyncio

HTML = Canned(200, "text/html; charset=utf-8", b"<!doctype html><title>Please sign in</title>")
NOT_FOUND = Canned(404, "text/html", b"<h1>Not found</h1>")

Bend = Callable[[Bench], Any]


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


def settings(**changed: Any) -> Bend:
    """Nothing bent at the provider; these settings of ours."""
    return lambda bench: changed


def answers(path: str, canned: Canned) -> Bend:
    def bend(bench: Bench) -> None:
        bench.idp.answers[path] = canned

    return bend


def announces(**members: Any) -> Bend:
    return lambda bench: bench.idp.announce(**members)


def fault(fault: Fault, path: str) -> Bend:
    def bend(bench: Bench) -> None:
        bench.idp.faults.on(fault, path=path)

    return bend


def closing_slash(bench: Bench) -> dict[str, Any]:
    return {"issuer": f"{bench.idp.issuer}/"}


def other_case(bench: Bench) -> dict[str, Any]:
    bench.idp.announce(issuer=f"{bench.idp.issuer}/realms/acme")
    return {"issuer": f"{bench.idp.issuer}/realms/Acme", "discovery_url": bench.idp.discovery_url}


def wrong_secret(bench: Bench) -> None:
    bench.secret = "not-the-secret"


def other_scheme(bench: Bench) -> dict[str, Any]:
    bench.idp.announce(issuer=bench.idp.issuer.replace("http:", "https:"))
    return {}


def other_port(bench: Bench) -> dict[str, Any]:
    bench.idp.announce(issuer="http://127.0.0.1:9")
    return {}


def other_path(bench: Bench) -> dict[str, Any]:
    bench.idp.announce(issuer=f"{bench.idp.issuer}/realms/acme")
    return {}


def keycloaks_words(bench: Bench, status: int = 401) -> None:
    """401 `unauthorized_client`, "Invalid client or Invalid client credentials"; others say it with 400."""
    good = bench.idp.client_secret
    bench.idp.guards["/token"] = lambda headers, form: (
        None if secret_of(headers, form) == good else oauth_error("unauthorized_client", status)
    )


def wrong_secret_at_keycloak(bench: Bench) -> None:
    keycloaks_words(bench)
    bench.secret = "not-the-secret"


def wrong_method(bench: Bench) -> dict[str, Any]:
    bench.idp.guards["/token"] = only_basic
    return {"client_authentication": "client_secret_post"}


def unreachable_port(bench: Bench) -> dict[str, Any]:
    with socket.create_server(("127.0.0.1", 0)) as closing:
        port = closing.getsockname()[1]
    bench.allow = (f"127.0.0.1:{port}",)
    return {"issuer": f"http://127.0.0.1:{port}"}


def unreachable_keys(bench: Bench) -> None:
    nowhere = unreachable_port(bench)["issuer"]
    bench.idp.announce(jwks_uri=f"{nowhere}/jwks")


def unknown_host(bench: Bench) -> dict[str, Any]:
    bench.allow = ("nowhere.invalid:443",)
    return {"issuer": "https://nowhere.invalid"}


def clock_is_off(bench: Bench) -> None:
    bench.clock = lambda: datetime.now(UTC) + timedelta(minutes=10)


def secret_has_ended(bench: Bench) -> None:
    bench.secret_expires_at = datetime.now(UTC) - timedelta(hours=1)


def secret_ends_soon(bench: Bench) -> None:
    bench.secret_expires_at = datetime.now(UTC) + timedelta(days=6, hours=1)


def no_directories(bench: Bench) -> dict[str, Any]:
    address = f"{bench.idp.issuer}/organizations"
    bench.idp.announce(issuer=f"{bench.idp.issuer}/{{tenantid}}")
    return {"issuer": address, "discovery_url": bench.idp.discovery_url}


def no_keys(bench: Bench) -> None:
    bench.idp.documents["/jwks"] = lambda _: {"keys": []}


def only_encryption_keys(bench: Bench) -> None:
    bench.idp.documents["/jwks"] = lambda found: {"keys": [{**key, "use": "enc"} for key in found["keys"]]}


def may_not_use_the_flow(bench: Bench) -> None:
    """A wrong secret is told apart from it."""
    good = bench.idp.client_secret
    bench.idp.guards["/token"] = lambda headers, form: oauth_error(
        "unauthorized_client" if secret_of(headers, form) == good else "invalid_client"
    )


BROKEN: dict[str, tuple[Bend, str, str]] = {
    # name: what is wrong, the code of the first line, and what its sentence says
    "issuer with a slash too many": (closing_slash, "ISSUER_MISMATCH", "only one of the two ends with a slash. Configured is"),
    "issuer in another case": (other_case, "ISSUER_MISMATCH", "differ in upper and lower case"),
    "issuer of somebody else": (fault(Fault.ISSUER_MISMATCH, DISCOVERY), "ISSUER_MISMATCH", "names another host"),
    "issuer over the other scheme": (other_scheme, "ISSUER_MISMATCH", "one is http, the other https"),
    "issuer at another port": (other_port, "ISSUER_MISMATCH", "the ports differ"),
    "issuer at another path": (other_path, "ISSUER_MISMATCH", "the paths differ"),
    "unreachable port": (unreachable_port, "CONNECT_FAILED", "nothing accepts connections"),
    "unknown host": (unknown_host, "NAME_NOT_RESOLVED", "not known in the DNS"),
    "target nobody allowed": (settings(issuer="http://127.0.0.1:9"), "TARGET_NOT_ALLOWED", "adds the entry 127.0.0.1:9 to"),
    "discovery is not there": (answers(DISCOVERY, NOT_FOUND), "DISCOVERY_STATUS", "status 404"),
    "discovery is HTML": (answers(DISCOVERY, HTML), "DISCOVERY_NOT_JSON", "an HTML page"),
    "discovery is broken JSON": (fault(Fault.BROKEN_JSON_200, DISCOVERY), "DISCOVERY_NOT_JSON", "not JSON"),
    "discovery redirects": (fault(Fault.REDIRECT, DISCOVERY), "DISCOVERY_REDIRECTS", "leads elsewhere"),
    "discovery drops the connection": (fault(Fault.DROP_BEFORE, DISCOVERY), "CONNECTION_LOST", "was lost"),
    "discovery is huge": (fault(Fault.HUGE_BODY, DISCOVERY), "ANSWER_TOO_LARGE", "too large"),
    "no token endpoint": (announces(token_endpoint=None), "ENDPOINT_MISSING", "token_endpoint"),
    "no code flow": (announces(response_types_supported=["id_token"]), "CODE_FLOW_NOT_OFFERED", "code flow"),
    "metadata with a wrong type": (announces(token_endpoint=7), "ENDPOINT_MISSING", "token_endpoint"),
    "metadata with odd members": (
        announces(require_pushed_authorization_requests="true", end_session_endpoint=""),
        "METADATA_MEMBERS_IGNORED",
        "end_session_endpoint, require_pushed_authorization_requests",
    ),
    "metadata without an issuer": (announces(issuer=None), "METADATA_UNUSABLE", "no usable issuer"),
    "directories not listed": (no_directories, "DIRECTORIES_MISSING", "none is listed"),
    "HS256 only": (announces(id_token_signing_alg_values_supported=["HS256"]), "ALGORITHMS_REFUSED", "asymmetric"),
    "empty key set": (no_keys, "NO_USABLE_KEY", "no key that could verify"),
    "keys for encryption only": (only_encryption_keys, "NO_USABLE_KEY", "no key that could verify"),
    "keys of another kind": (
        announces(id_token_signing_alg_values_supported=["ES256"]), "NO_KEY_FOR_ALGORITHMS", "fits a signature algorithm",
    ),
    "keys unreachable": (unreachable_keys, "CONNECT_FAILED", "the key set"),
    "keys are HTML": (answers("/jwks", HTML), "INVALID_KEY_SET", "not JSON"),
    "keys answer 500": (fault(Fault.ERROR_500, "/jwks"), "KEY_SET_STATUS", "status 500"),
    "wrong secret": (wrong_secret, "CLIENT_SECRET_WRONG", "the client secret is wrong, or the client ID"),
    "wrong secret at Keycloak": (
        wrong_secret_at_keycloak, "CLIENT_SECRET_WRONG", "the client secret is wrong, or the client ID",
    ),
    "wrong client ID": (settings(client_id="somebody"), "CLIENT_SECRET_WRONG", "or the client ID"),
    "wrong authentication method": (wrong_method, "CLIENT_METHOD_WRONG", "sent in a way that the provider does not take"),
    "no secret where one is needed": (
        settings(client_authentication="none"), "CLIENT_METHOD_WRONG", "without a secret",
    ),
    "secret has ended": (secret_has_ended, "SECRET_MISSING", "no client secret that is still valid"),
    "secret ends soon": (secret_ends_soon, "SECRET_ENDS_SOON", "ends in 6 day(s)"),
    "client may not use the flow": (may_not_use_the_flow, "CLIENT_MAY_NOT", "authorization code flow"),
    "client refused in the words of a wrong secret": (
        answers("/token", oauth_error("unauthorized_client")), "CLIENT_NOT_ACCEPTED", "client secret or the client ID is wrong",
    ),
    "token endpoint is HTML": (answers("/token", HTML), "INVALID_TOKEN_RESPONSE", "Is this the token endpoint?"),
    "token endpoint answers 503": (fault(Fault.ERROR_503, "/token"), "TOKEN_ENDPOINT_UNAVAILABLE", "status 503"),
    "wrong redirect URL": (settings(redirect_url=REDIRECT_URL + "/"), "REDIRECT_URI_REFUSED", "not registered"),
    "scopes refused": (settings(scopes=["profile"]), "AUTHORIZATION_REFUSED", "invalid_scope"),
    "authorization endpoint gone": (answers("/authorize", NOT_FOUND), "AUTHORIZATION_ENDPOINT_STATUS", "status 404"),
    "an error page of Entra": (
        answers("/authorize", Canned(200, "text/html", b"<p>AADSTS50011: The redirect URI ...")),
        "REDIRECT_URI_REFUSED", "AADSTS50011",
    ),
    "UserInfo is gone": (answers("/userinfo", NOT_FOUND), "USERINFO", "nothing at the address"),
    "UserInfo is HTML": (answers("/userinfo", HTML), "INVALID_USERINFO", "Is this the UserInfo endpoint?"),
    "groups claim misspelt": (
        settings(claims=ClaimSettings(groups=("gruops",))), "CLAIM_NOT_ANNOUNCED", "gruops is not announced, and groups is",
    ),
    "no refresh tokens": (announces(grant_types_supported=["authorization_code"]), "REFRESH_NOT_ANNOUNCED", "sync needs"),
    "offline_access not asked for": (settings(scopes=["openid"]), "REFRESH_NOT_ASKED_FOR", "offline_access"),
    "no PKCE": (announces(code_challenge_methods_supported=None), "PKCE_NOT_ANNOUNCED", "does not announce PKCE"),
    "scope not announced": (
        settings(scopes=["openid", "offline_access", "groups"]), "SCOPE_NOT_ANNOUNCED", "scope(s) groups",
    ),
    "groups announced and not asked for": (
        announces(scopes_supported=["openid", "profile", "email", "offline_access", "urn:x:groups"]),
        "GROUPS_SCOPE_NOT_ASKED_FOR", "urn:x:groups",
    ),
    "a path with dots": (
        settings(claims=ClaimSettings(groups=("realm_access.roles",))),
        "CLAIM_LOOKS_LIKE_A_PATH", "write id_token / realm_access / roles",
    ),
    "clock off": (clock_is_off, "CLOCK_DIFFERS", "behind ours"),
}  # fmt: skip


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
