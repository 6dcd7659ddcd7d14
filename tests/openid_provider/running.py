"""The misbehaving provider as a running thing, with everything a test wants to do to it."""

import secrets
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Self, TypeVar
from uuid import uuid4

import httpx
import msgspec

from identity_api.clock import Clock, system_clock
from identity_api.demo.app import create_demo_provider
from identity_api.demo.authorization import SUPPORTED_SCOPES
from identity_api.demo.config import DEMO_CLIENT_ID, DEMO_PEOPLE, Client, DemoConfig, Person, Rotation
from identity_api.demo.keys import SigningKeys, new_signing_key
from identity_api.demo.logins import Login
from tests.openid_provider import browser
from tests.openid_provider.faults import Fault, Gate, Switch, Switches, When
from tests.openid_provider.http_server import ThreadedServer
from tests.openid_provider.log import RequestLog
from tests.openid_provider.misbehaving import MisbehavingProvider, process_key
from tests.openid_provider.wrapper import Wrapper

Result = TypeVar("Result")

BACKCHANNEL_LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
PUBLIC_CLIENT_ID = "public-client"
OTHER_CLIENT_ID = "other-client"
REDIRECT_URI = "http://127.0.0.1:9/callback"
POST_LOGOUT_URI = "http://127.0.0.1:9/signed-out"


class IssuedLogin(msgspec.Struct, frozen=True, kw_only=True):
    """A sign-in made without a browser: what the client would hold afterwards."""

    refresh_token: str
    subject: str
    sid: str
    auth_time: int


class RunningProvider:
    """A provider at `issuer`, from `start` to `stop` or inside a `with` block.

    Clients: `identity-api` (secret in `client_secret`), `public-client` (no secret), `other-client` (the same secret).
    People: those of the demo, unless given. All methods may be called from any thread.
    """

    client_id = DEMO_CLIENT_ID
    public_client_id = PUBLIC_CLIENT_ID
    other_client_id = OTHER_CLIENT_ID

    def __init__(
        self,
        *,
        people: Sequence[Person] = DEMO_PEOPLE,
        redirect_uris: Sequence[str] = (REDIRECT_URI,),
        post_logout_redirect_uris: Sequence[str] = (POST_LOGOUT_URI,),
        clock: Clock = system_clock,
        own_key: bool = False,
        origin: str = "http://127.0.0.1",
        **settings: Any,
    ) -> None:
        """`own_key` for a key no other provider of this process has; `origin` is the issuer's without its port; `settings`
        are those of `DemoConfig`.
        """
        self.client_secret = secrets.token_urlsafe(24)
        self.log = RequestLog()
        self.faults = Switches()
        self._server = ThreadedServer()
        self.issuer = f"{origin}:{self._server.port}"
        ids = (DEMO_CLIENT_ID, OTHER_CLIENT_ID, PUBLIC_CLIENT_ID)
        clients = tuple(
            Client(
                client_id=client_id,
                redirect_uris=tuple(redirect_uris),
                client_secret=None if client_id == PUBLIC_CLIENT_ID else self.client_secret,
                post_logout_redirect_uris=tuple(post_logout_redirect_uris),
            )
            for client_id in ids
        )
        config = DemoConfig(issuer=self.issuer, clients=clients, people=tuple(people), **settings)
        keys = SigningKeys([new_signing_key() if own_key else process_key(0)])
        self._provider = MisbehavingProvider(config, clock=clock, keys=keys, switches=self.faults)

    def start(self) -> Self:
        try:
            app = create_demo_provider(self._provider.config, self._provider)
            self._server.start(Wrapper(app, self._provider, self.faults, self.log))
        except BaseException:
            self._server.stop()
            raise
        return self

    def stop(self) -> None:
        self.faults.clear()
        self._server.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def port(self) -> int:
        return self._server.port

    @property
    def discovery_url(self) -> str:
        return f"{self.issuer}/.well-known/openid-configuration"

    def reset(self) -> None:
        """All faults off, gates open, log empty, ID Tokens right. People and tokens stay."""
        self.say()
        self.faults.clear()
        self.log.clear()

    # People and clients

    @property
    def people(self) -> dict[str, Person]:
        """Everybody by username, with groups as they are now."""
        return {person.username: person for person in self._call(self._provider.people.all)}

    def set_groups(self, username: str, groups: Iterable[str]) -> None:
        self._call(lambda: self._provider.people.set_groups(username, groups))

    def remove(self, username: str) -> None:
        """Sign-in refused; codes, access and refresh tokens dead."""
        self._call(lambda: self._provider.remove_person(username))

    def restore(self, username: str) -> None:
        self._call(lambda: self._provider.restore_person(username))

    def add_person(self, username: str, groups: Iterable[str] = (), **changes: Any) -> Person:
        """Somebody new (or a replacement), with an unguessable subject unless one is given."""
        known = {
            "subject": uuid4().hex,
            "username": username,
            "name": username.title(),
            "email": f"{username}@demo.example",
            "groups": tuple(groups),
        }
        person = Person(**{**known, **changes})
        self._call(lambda: self._provider.people.add(person))
        return person

    def register(self, client: Client) -> None:
        """Add a client, or replace the one of the same id."""
        self._call(lambda: self._provider.clients.update({client.client_id: client}))

    # Tokens

    def set_rotation(self, rotation: Rotation, grace_seconds: float = 30) -> None:
        def change() -> None:
            self._provider.logins.rotation = rotation
            self._provider.logins.grace_seconds = grace_seconds

        self._call(change)

    def issue_login(
        self, username: str, *, client_id: str = DEMO_CLIENT_ID, scopes: Sequence[str] = SUPPORTED_SCOPES
    ) -> IssuedLogin:
        """A sign-in of `username` without a browser."""

        def issue() -> IssuedLogin:
            provider = self._provider
            login = Login(
                username=username,
                client_id=client_id,
                scopes=tuple(scopes),
                sid=uuid4().hex,
                auth_time=int(provider.now()),
            )
            return IssuedLogin(
                refresh_token=provider.logins.add_family(login),
                subject=provider.people.find(username).subject,
                sid=login.sid,
                auth_time=login.auth_time,
            )

        return self._call(issue)

    def revoke_tokens(self, username: str) -> None:
        """End somebody's tokens, and nothing else: an admin at the provider ended their sessions."""
        self._call(lambda: self._provider.logins.revoke(lambda login: login.username == username))

    def live_logins(self, username: str) -> int:
        """How many logins of `username` still have a working refresh token."""
        families = self._call(self._provider.logins.families)
        return sum(family.login.username == username for family in families)

    def rotate_key(self, *, keep_old: bool = True) -> None:
        """Sign with a fresh key from now on; the old one stays published unless told otherwise."""
        self._call(lambda: self._provider.keys.rotate(new_signing_key(), published=3 if keep_old else 1))

    def sign(self, claims: dict[str, Any], *, token_type: str = "JWT") -> str:
        """Any claims as a token of this provider."""
        return self._call(lambda: self._provider.keys.sign(claims, token_type=token_type))

    def say(self, **claims: Any) -> None:
        """What every ID Token says from now on instead of what is right; None leaves a claim out. Until `reset`."""
        self._provider.said = claims

    def logout_token(self, username: str, *, sid: str | None = None, **changes: Any) -> str:
        """A logout token (Back-Channel Logout section 2.4); `changes` replace claims, None leaves one out."""
        now = int(self._provider.now())
        claims = {
            "iss": self.issuer,
            "sub": self.people[username].subject,
            "aud": DEMO_CLIENT_ID,
            "iat": now,
            "exp": now + 120,
            "jti": uuid4().hex,
            "events": {BACKCHANNEL_LOGOUT_EVENT: {}},
            "sid": sid,
        }
        kept = {name: value for name, value in {**claims, **changes}.items() if value is not None}
        return self.sign(kept, token_type="logout+jwt")

    # Faults and time

    def fault(
        self,
        fault: Fault,
        *,
        person: str | None = None,
        grant_type: str | None = None,
        path: str | None = None,
        times: int | None = None,
    ) -> AbstractContextManager[Switch]:
        """`fault` inside a `with` block: for everybody or one person, one grant_type, one path, so many times."""
        return self.faults.during(fault, person=person, grant_type=grant_type, path=path, times=times)

    def hold(
        self,
        path: str = "/token",
        *,
        person: str | None = None,
        grant_type: str | None = None,
        when: When = "before",
    ) -> Gate:
        """Let requests wait until released: before anything is done, after it, or one byte into the body."""
        gate = Gate(self._server.loop, path, person, grant_type, when)
        self.faults.gates.append(gate)
        return gate

    # The browser

    async def sign_in(self, authorization_url: str, username: str | None) -> browser.CallbackRequest:
        """Open the sign-in page and press the button of `username` (None: Cancel)."""
        # Without certificates to load, which take longer than the login.
        async with httpx.AsyncClient(trust_env=False, verify=False) as client:
            return await browser.sign_in(client, authorization_url, username)

    def _call(self, function: Callable[[], Result]) -> Result:
        return self._server.call(function)
