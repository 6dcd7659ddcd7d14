"""A well-known vendor's provider, imitated: the demo provider at that vendor's paths, with its scopes, claims and habits.

What is written in a `Habits` comes from the vendor's documentation; the guide in docs/providers says which of it was
read there and which was not. Whatever a habit does not mention is as OpenID Connect says.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Literal, Self
from urllib.parse import parse_qsl, urlencode, urlsplit

import msgspec

from identity_api.demo.app import create_demo_provider
from identity_api.demo.authorization import AuthorizationRequest
from identity_api.demo.config import Client, Person, Rotation
from identity_api.demo.errors import ReturnAddress
from identity_api.demo.logins import AccessToken, Login
from tests.openid_provider.faults import current_exchange
from tests.openid_provider.misbehaving import MisbehavingProvider
from tests.openid_provider.running import RunningProvider
from tests.openid_provider.wrapper import Wrapper

Claims = dict[str, Any]
About = Callable[[Person, Collection[str]], Claims]
"""What a document says about a person, for the scopes granted."""
Form = dict[str, str]
Answer = tuple[int, Claims]

PLACES = ("authorize", "token", "userinfo", "jwks", "end-session")
_MEMBERS = {
    "authorize": "authorization_endpoint",
    "token": "token_endpoint",
    "userinfo": "userinfo_endpoint",
    "jwks": "jwks_uri",
    "end-session": "end_session_endpoint",
}
_VERIFIER_ERRORS = {"REFUSED": "invalid_request", "UNKNOWN_CLIENT": "invalid_client"}
_VERIFIER = "v" * 43
_CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(_VERIFIER.encode()).digest()).rstrip(b"=").decode()


def standard(person: Person, scopes: Collection[str]) -> Claims:
    """The standard claims of the scopes `profile` and `email`, without groups."""
    said: Claims = {}
    if "profile" in scopes:
        said |= {"preferred_username": person.username, "name": person.name}
    if "email" in scopes:
        said |= {"email": person.email, "email_verified": person.email_verified}
    return said


def nothing(_: Person, __: Collection[str]) -> Claims:
    """A document that says who the person is, and nothing else."""
    return {}


class Habits(msgspec.Struct, frozen=True, kw_only=True):
    """How one vendor speaks OpenID Connect.

    `origin` is the vendor's, as addresses in a declaration have it: the imitation stands in its place. `issuer` and
    `document` are paths below it; `paths` are those of the endpoints by the demo provider's names, and one that is
    missing does not exist there. `metadata` replaces members of the document, None leaves one out.
    """

    origin: str
    issuer: str = ""
    document: str | None = None
    paths: Mapping[str, str]
    metadata: Mapping[str, Any] = {}
    scopes: Collection[str] | None = None
    """Those the vendor knows: any other ends the request with `invalid_scope`. None ignores what it does not know."""
    refresh_tokens: Literal["OFFLINE_ACCESS", "ALWAYS", "NEVER"] = "OFFLINE_ACCESS"
    rotation: Rotation = Rotation.STRICT
    methods: Sequence[str] = ("client_secret_post",)
    pkce: Literal["CHECKED", "IGNORED", "REFUSED", "UNKNOWN_CLIENT"] = "CHECKED"
    """`REFUSED` with `invalid_request`; or told as a client that is not known, where the code is exchanged."""
    response_mode: Literal["query", "form_post"] | None = None
    """The only one that the vendor takes with these scopes."""
    id_token: About = standard
    userinfo: About = standard
    subject: Callable[[Person], str] = lambda person: person.subject
    nonce: Literal["LOGIN", "ALWAYS", "NEVER"] = "LOGIN"
    """Whether the nonce is in the ID Token of the login only, of every refresh too, or nowhere."""
    auth_time: Literal["LOGIN", "NEVER"] = "LOGIN"
    id_token_on_refresh: bool = True
    access_token_issuer: str | None = None
    gives_access_token: Callable[[str, Collection[str]], bool] = lambda client_id, scopes: True
    """For this client and these scopes."""
    plain: bool = False
    """Plain OAuth 2.0: the scope `openid` is unknown, and there is no ID Token."""
    token_answer: Callable[[Form, Answer], Answer] = lambda _, answer: answer
    userinfo_answer: Callable[[Answer], Answer] = lambda answer: answer
    client_secret: Callable[[str], bool] | None = None
    """Whether this is the secret, where it is none that the vendor has handed out."""
    first_form: Callable[[Person], Form] | None = None
    """Fields that a person's first callback brings, and no later one."""
    logout_uri: bool = False
    """The end of the session takes `client_id` and `logout_uri`, and shows an error page for anything else."""


class _Vendor(MisbehavingProvider):
    """What is said, in the vendor's way."""

    habits: Habits
    issuer: str
    nonces: dict[str, str | None]
    seen: set[str]

    def metadata(self) -> Claims:
        habits, origin = self.habits, self.config.issuer
        said = {**super().metadata(), "issuer": self.issuer}
        said |= {_MEMBERS[place]: None for place in PLACES} | {
            _MEMBERS[place]: f"{origin}{path}" for place, path in habits.paths.items()
        }
        said |= {
            "token_endpoint_auth_methods_supported": list(habits.methods),
            "authorization_response_iss_parameter_supported": None,
            "claims_supported": None,
            "prompt_values_supported": None,
        }
        said |= {"scopes_supported": sorted(habits.scopes)} if habits.scopes is not None else {"scopes_supported": None}
        said |= {"code_challenge_methods_supported": None} if habits.pkce != "CHECKED" else {}
        return {name: value for name, value in {**said, **habits.metadata}.items() if value is not None}

    def granted_scopes(self, request: AuthorizationRequest) -> tuple[str, ...]:
        asked = tuple(request.parameters["scope"].split())[: -1 if self.habits.plain else None]
        without = tuple(scope for scope in asked if scope != "offline_access")
        habit = self.habits.refresh_tokens
        return {"OFFLINE_ACCESS": asked, "ALWAYS": (*without, "offline_access"), "NEVER": without}[habit]

    def authorization_answer(self, address: ReturnAddress, answer: Mapping[str, str]) -> dict[str, str]:
        said = super().authorization_answer(address, answer)
        return {name: value for name, value in said.items() if name != "iss"}

    def sign_in(self, request: AuthorizationRequest, username: str) -> dict[str, str]:
        answer = super().sign_in(request, username)
        if self.habits.first_form is None or username in self.seen:
            return answer
        self.seen.add(username)
        return answer | self.habits.first_form(self.people.find(username))

    def person_claims(self, person: Person, scopes: Collection[str]) -> Claims:
        return {}

    def id_token_claims(
        self, person: Person, login: Login, scopes: Collection[str], access_token: str, nonce: str | None
    ) -> Claims:
        habits = self.habits
        said = super().id_token_claims(person, login, scopes, access_token, nonce)
        said |= {"iss": self.issuer, "sub": habits.subject(person), **habits.id_token(person, scopes)}
        first = self.nonces.setdefault(login.sid, nonce)
        said["nonce"] = {"LOGIN": nonce, "ALWAYS": first, "NEVER": None}[habits.nonce]
        if habits.auth_time == "NEVER":
            del said["auth_time"]
        return {name: value for name, value in said.items() if value is not None}

    def access_token_claims(self, person: Person, login: Login, scopes: Collection[str]) -> Claims:
        said = super().access_token_claims(person, login, scopes)
        issuer = self.habits.access_token_issuer or self.issuer
        return {**said, "iss": issuer, "aud": issuer, "sub": self.habits.subject(person), "groups": None}

    def userinfo_claims(self, person: Person, token: AccessToken) -> Claims:
        subject = {} if self.habits.plain else {"sub": self.habits.subject(person)}
        return {**subject, **self.habits.userinfo(person, token.scopes)}

    def issue_tokens(
        self, login: Login, *, scopes: Collection[str], nonce: str | None, refresh_token: str | None
    ) -> Claims:
        said = super().issue_tokens(login, scopes=scopes, nonce=nonce, refresh_token=refresh_token)
        exchange = current_exchange.get()
        is_refresh = exchange is not None and exchange.grant_type == "refresh_token"
        if self.habits.plain or (is_refresh and not self.habits.id_token_on_refresh):
            del said["id_token"]
        if not self.habits.gives_access_token(login.client_id, scopes):
            del said["access_token"]
        return said


class Imitation(RunningProvider):
    """A running vendor. `stands_for` puts addresses of the vendor where it can be reached."""

    def __init__(self, habits: Habits, people: Sequence[Person]) -> None:
        super().__init__(people=people, rotation=habits.rotation)
        self.habits = habits
        self.origin = self.issuer
        self.issuer = f"{self.origin}{habits.issuer}"
        before = self._provider
        vendor = _Vendor(before.config, clock=before.clock, keys=before.keys, switches=self.faults)
        vendor.habits, vendor.issuer, vendor.nonces, vendor.seen = habits, self.issuer, {}, set()
        self._provider = vendor
        self.forms: list[tuple[str, Form]] = []
        """Path and parameters of everything that came, as it was sent."""

    def start(self) -> Self:
        app = create_demo_provider(self._provider.config, self._provider)
        self._server.start(_Dialect(Wrapper(app, self._provider, self.faults, self.log), self))
        return self

    def stands_for(self, value: Any) -> Any:
        """A setting with the vendor's origin replaced by ours, and nothing else changed."""
        if isinstance(value, str):
            return value.replace(self.habits.origin, self.origin)
        if isinstance(value, Mapping):
            return {name: self.stands_for(one) for name, one in value.items()}
        return [self.stands_for(one) for one in value] if isinstance(value, list | tuple) else value

    def admit(self, client_id: str, redirect_uri: str, signed_out: str) -> None:
        """Register the client as the guide says."""
        self.register(
            Client(
                client_id=client_id,
                redirect_uris=(redirect_uri,),
                client_secret=self.client_secret,
                post_logout_redirect_uris=(signed_out,),
            )
        )

    def client(self, client_id: str) -> Client | None:
        """A registered client."""
        return self._provider.clients.get(client_id)

    def asked(self, place: str) -> list[Form]:
        """The parameters of the requests to one endpoint, by the demo provider's name of it."""
        return [form for path, form in self.forms if path == self.habits.paths[place]]


class _Refused(Exception):
    """The vendor does not take this request."""

    def __init__(self, error: str, why: str) -> None:
        super().__init__(why)
        self.error = error


class _Dialect:
    """ASGI around the wrapper: the vendor's paths, and what it checks of a request."""

    def __init__(self, app: Any, vendor: Imitation) -> None:
        self._app, self._vendor = app, vendor
        habits = vendor.habits
        document = habits.document or f"{habits.issuer.removesuffix('/')}/.well-known/openid-configuration"
        self._places = {path: f"/{place}" for place, path in habits.paths.items()}
        self._places |= {document: "/.well-known/openid-configuration", "/authorize/decision": "/authorize/decision"}

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        body = (await receive())["body"]
        place = self._places.get(scope["path"])
        form = dict(parse_qsl(body.decode() if scope["method"] == "POST" else scope["query_string"].decode()))
        self._vendor.forms.append((scope["path"], form))
        if place is None:
            await _send(send, 404, [], b"")
            return
        if place == "/end-session" and self._vendor.habits.logout_uri:
            await self._end_session(form, send)
            return
        scope = {**scope, "path": place, "raw_path": place.encode()}
        try:
            scope, body = self._understood(place, scope, form, body)
        except _Refused as refused:
            await self._refuse(place, form, refused, send)
            return
        await self._ask(place, form, scope, body, send)

    def _understood(self, place: str, scope: dict[str, Any], form: Form, body: bytes) -> tuple[dict[str, Any], bytes]:
        """The request as the demo provider takes it."""
        if place == "/authorize" and form.get("client_id") in self._vendor._provider.clients:
            changed = self._checked_request(form)
            return {**scope, "query_string": urlencode(changed).encode()}, body
        if place == "/token":
            headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
            changed = self._checked_client(form, headers)
            lines = [line for line in scope["headers"] if line[0].lower() != b"content-length"]
            return {**scope, "headers": lines}, urlencode(changed).encode()
        return scope, body

    def _checked_request(self, form: Form) -> Form:
        habits, asked = self._vendor.habits, form["scope"].split()
        unknown = set(asked) - set(habits.scopes or asked)
        if unknown:
            raise _Refused("invalid_scope", f"unknown: {sorted(unknown)}")
        if habits.response_mode not in (None, form.get("response_mode", "query")):
            raise _Refused("invalid_request", "another response_mode is needed")
        if habits.pkce == "REFUSED" and "code_challenge" in form:
            raise _Refused("invalid_request", "no PKCE here")
        if habits.pkce != "CHECKED":
            form = {**form, "code_challenge": _CHALLENGE, "code_challenge_method": "S256"}
        # The demo provider speaks OpenID Connect only.
        return {**form, "scope": f"{form['scope']} openid"} if habits.plain else form

    def _checked_client(self, form: Form, headers: Mapping[str, str]) -> Form:
        habits = self._vendor.habits
        method = "client_secret_basic" if "authorization" in headers else "client_secret_post"
        if method not in habits.methods:
            raise _Refused("invalid_client", f"not by {method}")
        if habits.client_secret is not None:
            if not habits.client_secret(form.get("client_secret", "")):
                raise _Refused("invalid_client", "this is not the secret")
            form = {**form, "client_secret": self._vendor.client_secret}
        if habits.pkce in _VERIFIER_ERRORS and "code_verifier" in form:
            raise _Refused(_VERIFIER_ERRORS[habits.pkce], "no PKCE here")
        if habits.pkce != "CHECKED" and "code" in form:
            form = {**form, "code_verifier": _VERIFIER}
        return form

    async def _refuse(self, place: str, form: Form, refused: _Refused, send: Any) -> None:
        said = {"error": refused.error, "error_description": str(refused)}
        if place == "/authorize":
            location = f"{form['redirect_uri']}?{urlencode({**said, 'state': form['state']})}"
            await _send(send, 302, [(b"location", location.encode())], b"")
            return
        status = 401 if refused.error == "invalid_client" else 400
        await _send_json(send, *self._vendor.habits.token_answer(form, (status, said)))

    async def _ask(self, place: str, form: Form, scope: dict[str, Any], body: bytes, send: Any) -> None:
        habits = self._vendor.habits
        said: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def keep(message: dict[str, Any]) -> None:
            said.append(message)

        await self._app(scope, receive, keep)
        status, content = said[0]["status"], b"".join(message.get("body", b"") for message in said[1:])
        if place == "/token":
            await _send_json(send, *habits.token_answer(form, (status, json.loads(content))))
        elif place == "/userinfo":
            await _send_json(send, *habits.userinfo_answer((status, json.loads(content or b"{}"))))
        else:
            lines = [line for line in said[0]["headers"] if line[0].lower() != b"content-length"]
            await _send(send, status, lines, content)

    async def _end_session(self, form: Form, send: Any) -> None:
        client = self._vendor.client(form.get("client_id", ""))
        if client is None or form.get("logout_uri") not in client.post_logout_redirect_uris:
            await _send(send, 400, [(b"content-type", b"text/html")], b"<h1>Required parameter missing</h1>")
            return
        await _send(send, 302, [(b"location", form["logout_uri"].encode())], b"")


async def _send_json(send: Any, status: int, said: Claims) -> None:
    await _send(send, status, [(b"content-type", b"application/json")], json.dumps(said).encode())


async def _send(send: Any, status: int, lines: list[tuple[bytes, bytes]], body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": lines})
    await send({"type": "http.response.body", "body": body})


def host_of(address: str) -> str:
    """Scheme and host of an address."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"
