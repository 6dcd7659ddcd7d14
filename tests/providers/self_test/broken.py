"""Providers and settings with one thing wrong, and what the first line of the self-test says of each."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from identity_api.db.providers import ClaimSettings
from tests.openid_provider import Fault
from tests.openid_provider.bent import DISCOVERY, oauth_error, only_basic, secret_of
from tests.openid_provider.wrapper import Canned
from tests.ports import free_port
from tests.providers.self_test.conftest import REDIRECT_URL, Bench

HTML = Canned(200, "text/html; charset=utf-8", b"<!doctype html><title>Please sign in</title>")
NOT_FOUND = Canned(404, "text/html", b"<h1>Not found</h1>")

Bend = Callable[[Bench], Any]


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
    port = free_port()
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
