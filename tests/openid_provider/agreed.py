"""A provider with which more is agreed on than usual: JWTs of the client, pushed requests, bound and encrypted tokens, TLS.

A layer of ASGI around the running provider. It checks what a strict provider would check, takes it off the request, and
hands a plain one on; answers are bound, encrypted or signed on their way back. What it checks is written here once more
and not taken from the product, so that both can be wrong only in different ways.
"""

import base64
import hashlib
import json
import ssl
import time
from dataclasses import dataclass, field
from typing import Any, Literal, Self
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import uuid4

import httpx
from joserfc import jwe, jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, KeySet, OctKey

from identity_api.demo.app import create_demo_provider
from tests.openid_provider import browser
from tests.openid_provider.misbehaving import STRANGER, process_key
from tests.openid_provider.running import RunningProvider
from tests.openid_provider.wrapper import Canned, Wrapper

REQUEST_URI = "urn:ietf:params:oauth:request_uri:"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA", "Ed25519"]

Headers = dict[str, str]
_PROVEN = ("/token", "/par", "/userinfo")


class Refusal(Exception):
    """An OAuth error to answer with."""

    def __init__(self, status: int, error: str, why: str, **headers: str) -> None:
        super().__init__(why)
        self.status, self.error, self.why, self.headers = status, error, why, headers


@dataclass
class Agreement:
    """What the provider insists on. Everything may be changed while it runs."""

    method: Literal["private_key_jwt", "client_secret_jwt", "tls_client_auth"] | None = None
    audience: str | None = None
    """Of client assertions; by default the issuer."""
    client_jwks: dict[str, Any] = field(default_factory=lambda: {"keys": []})
    par: Literal["offered", "required"] | None = None
    request_lifetime_seconds: int = 60
    dpop: bool = False
    nonce: str | None = None
    """Demanded in every proof."""
    is_fickle: bool = False
    """Another nonce is demanded after every refusal, so that nobody ever gets it right."""
    encrypts: bool = False
    inner: Literal["signed", "unsigned", "claims"] = "signed"
    """What is inside the envelope: the ID Token, the same with `alg: none`, or bare claims."""
    encryption_kid: str | None = None
    signs_userinfo: bool = False
    userinfo_changes: dict[str, Any] = field(default_factory=dict)
    userinfo_by_stranger: bool = False
    clock_offset_seconds: float = 0
    demands_certificate: bool = False
    """Where a client proves itself, TLS must have shown a certificate of its."""
    aliases: dict[str, str] = field(default_factory=dict)
    """`mtls_endpoint_aliases` of the metadata."""


class AgreedProvider(RunningProvider):
    """A `RunningProvider` with an `agreement`; `asked` are the requests to the endpoints where a client proves itself."""

    def __init__(
        self,
        *,
        tls: ssl.SSLContext | None = None,
        front: ssl.SSLContext | None = None,
        mtls: ssl.SSLContext | None = None,
        browser_tls: ssl.SSLContext | None = None,
        ca_pem: str | None = None,
        **settings: Any,
    ) -> None:
        """`tls` or `front` is how the provider is reached; `mtls` is a second place, where every client has a certificate
        that this context accepts. `browser_tls` is the browser's.
        """
        super().__init__(**settings)
        self._server.tls, self._server.front, self._mtls = tls, front, mtls
        self._browser_tls = browser_tls or (ssl.create_default_context(cadata=ca_pem) if ca_pem else None)
        self.mtls_port = 0
        self.agreement = Agreement()
        self.asked: list[tuple[str, int, str]] = []
        """Path, status, and why it was refused."""
        self.hosts: list[tuple[str, str]] = []
        """Path and `Host` of every request."""
        self.forms: list[dict[str, str]] = []
        self.pushed: dict[str, tuple[dict[str, str], float]] = {}
        self.spent: set[str] = set()
        self.bound: dict[str, str] = {}

    def start(self) -> Self:
        app = create_demo_provider(self._provider.config, self._provider)
        self._server.start(_Strict(Wrapper(app, self._provider, self.faults, self.log), self))
        if self._mtls is not None:
            self.mtls_port = self._server.add_front(self._mtls)
        return self

    def agree(self, **changes: Any) -> Agreement:
        """A new agreement; what was pushed or asked before is forgotten."""
        self.agreement = Agreement(**changes)
        self.asked.clear()
        self.forms.clear()
        self.hosts.clear()
        return self.agreement

    async def sign_in(self, authorization_url: str, username: str | None) -> browser.CallbackRequest:
        async with httpx.AsyncClient(trust_env=False, verify=self._browser_tls or False) as client:
            return await browser.sign_in(client, authorization_url, username)

    def now(self) -> float:
        return time.time() + self.agreement.clock_offset_seconds

    def sign_as(self, claims: dict[str, Any], *, stranger: bool = False) -> str:
        key = process_key(STRANGER) if stranger else self._provider.keys.current
        return jwt.encode({"alg": "RS256", "kid": self._provider.keys.current.kid}, claims, key, algorithms=["RS256"])


class _Strict:
    """ASGI around the wrapper."""

    def __init__(self, app: Any, provider: AgreedProvider) -> None:
        self._app, self._provider = app, provider

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        body = (await receive())["body"]
        headers = {name.decode().lower(): value.decode("latin-1") for name, value in scope["headers"]}
        path = scope["path"]
        self._provider.hosts.append((path, headers.get("host", "")))
        try:
            status, sent, content = await self._answer(scope, path, headers, body)
        except Refusal as refusal:
            self._note(path, refusal.status, refusal.why)
            document = json.dumps({"error": refusal.error, "error_description": refusal.why}).encode()
            extra = tuple(
                [(name.replace("_", "-").encode(), value.encode()) for name, value in refusal.headers.items()]
            )
            await Canned(refusal.status, "application/json", document, extra).send(send)
            return
        self._note(path, status, "")
        await send({"type": "http.response.start", "status": status, "headers": sent})
        await send({"type": "http.response.body", "body": content})

    def _note(self, path: str, status: int, why: str) -> None:
        if path in _PROVEN:
            self._provider.asked.append((path, status, why))

    async def _answer(self, scope: dict[str, Any], path: str, headers: Headers, body: bytes) -> Any:
        agreement = self._provider.agreement
        if agreement.demands_certificate and path in _PROVEN and not scope["peer_certificate"]:
            raise Refusal(401, "invalid_client", "no certificate")
        if path == "/par":
            return self._push(headers, _form(body))
        if path == "/authorize":
            refused = self._resolve(scope)
            if refused is not None:
                return refused
        if path == "/token":
            form = _form(body)
            self._provider.forms.append(form)
            plain = self._authenticated(form, headers)
            thumbprint = self._proof(headers, "POST", "/token") if agreement.dpop else None
            self._check_bound(form.get("refresh_token"), thumbprint)
            status, sent, content = await self._ask(scope, urlencode(plain).encode())
            return status, sent, self._issued(status, content, thumbprint)
        if path == "/userinfo" and agreement.dpop:
            self._present(scope, headers)
        status, sent, content = await self._ask(scope, body)
        if path == "/.well-known/openid-configuration":
            content = self._announced(content)
        if path == "/userinfo" and status == 200 and agreement.signs_userinfo:
            said = {"iss": self._provider.issuer, "aud": self._provider.client_id} | json.loads(content)
            said = {name: one for name, one in {**said, **agreement.userinfo_changes}.items() if one is not None}
            content = self._provider.sign_as(said, stranger=agreement.userinfo_by_stranger).encode()
            sent = [(b"content-type", b"application/jwt")]
        return status, sent, content

    async def _ask(self, scope: dict[str, Any], body: bytes) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        said: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            said.append(message)

        lines = [line for line in scope["headers"] if line[0] not in (b"content-length", b"host")]
        own = (b"host", urlsplit(self._provider.issuer).netloc.encode())  # whichever place it came in by
        await self._app({**scope, "headers": [*lines, own]}, receive, send)
        sent = [line for line in said[0]["headers"] if line[0].lower() != b"content-length"]
        return said[0]["status"], sent, b"".join(message.get("body", b"") for message in said[1:])

    def _announced(self, content: bytes) -> bytes:
        agreement, issuer = self._provider.agreement, self._provider.issuer
        document = json.loads(content)
        if agreement.par:
            document["pushed_authorization_request_endpoint"] = f"{issuer}/par"
            document["require_pushed_authorization_requests"] = agreement.par == "required"
        if agreement.method:
            document["token_endpoint_auth_methods_supported"] = [agreement.method]
        if agreement.aliases:
            document["mtls_endpoint_aliases"] = agreement.aliases
        if agreement.dpop:
            document["dpop_signing_alg_values_supported"] = ["ES256"]
        return json.dumps(document).encode()

    # Client authentication (Core 9, RFC 7523 section 3)

    def _authenticated(self, form: dict[str, str], headers: Headers) -> dict[str, str]:
        """The form with a plain secret in the place of an assertion."""
        provider, agreement = self._provider, self._provider.agreement
        if agreement.method is None:
            return form
        if agreement.method == "tls_client_auth":
            return self._known_by_certificate(form, headers)
        if form.get("client_assertion_type") != ASSERTION_TYPE or "authorization" in headers:
            raise Refusal(401, "invalid_client", "no client assertion")
        claims = self._assertion(form["client_assertion"])
        if (claims["iss"], claims["sub"]) != (form["client_id"], form["client_id"]):
            raise Refusal(401, "invalid_client", "not about the client")
        if claims["aud"] != (agreement.audience or provider.issuer):
            raise Refusal(401, "invalid_client", "for somebody else")
        if not provider.now() - 5 < claims["exp"] < provider.now() + 300:
            raise Refusal(401, "invalid_client", "expired")
        self._once(claims["jti"])
        kept = {name: value for name, value in form.items() if not name.startswith("client_assertion")}
        return {**kept, "client_secret": provider.client_secret}

    def _known_by_certificate(self, form: dict[str, str], headers: Headers) -> dict[str, str]:
        """RFC 8705 section 2: nothing but the client's id in the form, and a connection that showed a certificate."""
        if headers.get("host") != f"localhost:{self._provider.mtls_port}":
            raise Refusal(401, "invalid_client", "no certificate")
        if "client_id" not in form or {"client_secret", "client_assertion"} & form.keys() or "authorization" in headers:
            raise Refusal(401, "invalid_client", "another proof")
        return {**form, "client_secret": self._provider.client_secret}

    def _assertion(self, token: str) -> dict[str, Any]:
        if self._provider.agreement.method == "client_secret_jwt":
            key: Any = OctKey.import_key(self._provider.client_secret)
            algorithms = ["HS256"]
        else:
            key, algorithms = (
                KeySet([JWKRegistry.import_key(jwk) for jwk in self._provider.agreement.client_jwks["keys"]]),
                ALGORITHMS,
            )
        try:
            return dict(jwt.decode(token, key, algorithms=algorithms).claims)
        except (JoseError, ValueError) as error:
            raise Refusal(401, "invalid_client", f"the assertion: {type(error).__name__}") from error

    def _once(self, token_id: str) -> None:
        if token_id in self._provider.spent:
            raise Refusal(401, "invalid_client", "used before")
        self._provider.spent.add(token_id)

    # Pushed requests (RFC 9126)

    def _push(self, headers: Headers, form: dict[str, str]) -> Any:
        provider = self._provider
        if provider.agreement.method is None and form.get("client_secret") != provider.client_secret:
            raise Refusal(401, "invalid_client", "no client secret")
        self._authenticated(form, headers)
        if "request_uri" in form:
            raise Refusal(400, "invalid_request", "request_uri pushed")
        request_uri = f"{REQUEST_URI}{uuid4().hex}"
        asked = {
            name: value for name, value in form.items() if not name.startswith(("client_secret", "client_assertion"))
        }
        lifetime = provider.agreement.request_lifetime_seconds
        provider.pushed[request_uri] = (asked, time.monotonic() + lifetime)
        document = {"request_uri": request_uri, "expires_in": max(1, lifetime)}
        return 201, [(b"content-type", b"application/json")], json.dumps(document).encode()

    def _resolve(self, scope: dict[str, Any]) -> Any:
        """Put the pushed request in the place of its name; an answer if there is none."""
        query = {name: values[0] for name, values in parse_qs(scope["query_string"].decode()).items()}
        if "request_uri" not in query:
            if self._provider.agreement.par == "required":
                return self._send_back(query, "invalid_request")
            return None
        asked, until = self._provider.pushed[query["request_uri"]]
        if time.monotonic() >= until or set(query) != {"client_id", "request_uri"}:
            return self._send_back(asked, "invalid_request_uri")
        self._provider.pushed[query["request_uri"]] = (asked, 0)  # for one use
        scope["query_string"] = urlencode(asked).encode()
        return None

    def _send_back(self, asked: dict[str, str], error: str) -> Any:
        answer = {"error": error, "state": asked["state"], "iss": self._provider.issuer}
        return 303, [(b"location", f"{asked['redirect_uri']}?{urlencode(answer)}".encode())], b""

    # Bound tokens (RFC 9449)

    def _proof(self, headers: Headers, method: str, path: str, access_token: str | None = None) -> str:
        """The thumbprint of the key that signed the proof."""
        provider, agreement = self._provider, self._provider.agreement
        at_resource = access_token is not None
        status, error = (401, "invalid_token") if at_resource else (400, "invalid_dpop_proof")
        try:
            token = headers["dpop"]
            head = jws.extract_compact(token.encode()).headers()
            key = JWKRegistry.import_key({**head["jwk"]})
            claims = jwt.decode(token, key, algorithms=ALGORITHMS).claims
        except (KeyError, JoseError, ValueError) as problem:
            raise Refusal(status, error, f"the proof: {type(problem).__name__}") from problem
        expected = {"htm": method, "htu": f"{provider.issuer}{path}"}
        if access_token is not None:
            expected["ath"] = _digest(access_token)
        if (
            head["typ"] != "dpop+jwt"
            or key.is_private
            or any(claims.get(name) != one for name, one in expected.items())
        ):
            raise Refusal(status, error, "the proof is for something else")
        if claims["jti"] in provider.spent or abs(claims["iat"] - provider.now()) > 60:
            raise Refusal(status, error, "the proof is old")
        provider.spent.add(claims["jti"])
        if agreement.nonce is not None and claims.get("nonce") != agreement.nonce:
            demanded = agreement.nonce
            if agreement.is_fickle:
                agreement.nonce = uuid4().hex
            challenge = {"www_authenticate": 'DPoP error="use_dpop_nonce"'} if at_resource else {}
            raise Refusal(
                401 if at_resource else 400, "use_dpop_nonce", "another nonce", dpop_nonce=demanded, **challenge
            )
        return str(key.thumbprint())

    def _check_bound(self, token: str | None, thumbprint: str | None) -> None:
        if token in self._provider.bound and self._provider.bound[token] != thumbprint:
            raise Refusal(400, "invalid_grant", "bound to another key")

    def _present(self, scope: dict[str, Any], headers: Headers) -> None:
        """An access token at UserInfo, which becomes an ordinary one for the provider behind."""
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme != "DPoP":
            raise Refusal(401, "invalid_token", "the token is bound")
        thumbprint = self._proof(headers, "GET", "/userinfo", token)
        if self._provider.bound.get(token) != thumbprint:
            raise Refusal(401, "invalid_token", "bound to another key")
        lines = [line for line in scope["headers"] if line[0] != b"authorization"]
        scope["headers"] = [*lines, (b"authorization", f"Bearer {token}".encode())]

    # What is issued

    def _issued(self, status: int, content: bytes, thumbprint: str | None) -> bytes:
        agreement = self._provider.agreement
        if status != 200 or not (agreement.dpop or agreement.encrypts):
            return content
        document = json.loads(content)
        if thumbprint is not None:
            document["token_type"] = "DPoP"
            for name in ("access_token", "refresh_token"):
                if name in document:
                    self._provider.bound[document[name]] = thumbprint
        if agreement.encrypts and "id_token" in document:
            document["id_token"] = self._encrypted(document["id_token"])
        return json.dumps(document).encode()

    def _encrypted(self, token: str) -> str:
        agreement = self._provider.agreement
        _, payload, _ = token.split(".")
        if agreement.inner == "unsigned":
            token = f"{_base64url(json.dumps({'alg': 'none'}).encode())}.{payload}."
        elif agreement.inner == "claims":
            token = base64.urlsafe_b64decode(payload + "==").decode()
        (key,) = [jwk for jwk in agreement.client_jwks["keys"] if jwk["use"] == "enc"][:1]
        protected = {
            "alg": "RSA-OAEP-256",
            "enc": "A256GCM",
            "cty": "JWT",
            "kid": agreement.encryption_kid or key["kid"],
        }
        algorithms = ["RSA-OAEP-256", "A256GCM"]
        return str(jwe.encrypt_compact(protected, token.encode(), JWKRegistry.import_key(key), algorithms=algorithms))


def _form(body: bytes) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(body.decode("utf-8")).items()}


def _digest(text: str) -> str:
    return _base64url(hashlib.sha256(text.encode()).digest())


def _base64url(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()
