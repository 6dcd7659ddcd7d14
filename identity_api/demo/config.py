"""The configuration of the demo provider: its issuer, people, clients and settings.

Everything here is frozen. Groups and removals change while the provider runs; `people` holds those.
"""

import ipaddress
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from identity_api.errors import ConfigurationError

DEMO_CLIENT_ID = "identity-api"


class Rotation(StrEnum):
    """What presenting a refresh token does to it.

    NONE: it stays valid and no new one is sent. STRICT: it is replaced, and presenting a replaced one revokes all of
    that login's tokens. GRACE: as STRICT, but the one just replaced still works for `grace_seconds`.
    """

    NONE = "none"
    STRICT = "strict"
    GRACE = "grace"


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who can sign in. `subject` never changes and says nothing; `username` is what people see."""

    subject: str
    username: str
    name: str
    email: str
    groups: tuple[str, ...] = ()
    email_verified: bool = True


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """A registered Relying Party. Without a secret it is a public client (RFC 6749 section 2.1). URIs match exactly."""

    client_id: str
    redirect_uris: tuple[str, ...]
    client_secret: str | None = None
    post_logout_redirect_uris: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Client({self.client_id!r})"


DEMO_PEOPLE = (
    Person(
        subject="5b1f7c0e-alice",
        username="alice",
        name="Alice Archer",
        email="alice@demo.example",
        groups=("engineering", "platform"),
    ),
    Person(subject="9c42d6aa-bob", username="bob", name="Bob Baker", email="bob@demo.example", groups=("engineering",)),
    Person(
        subject="27e8a913-carol", username="carol", name="Carol Cooper", email="carol@demo.example", groups=("support",)
    ),
    Person(
        subject="e03b58d1-dora",
        username="dora",
        name="Dora Dyer",
        email="dora@demo.example",
        groups=("identity-admins", "engineering"),
    ),
    Person(subject="71da4f6b-erin", username="erin", name="Erin Evans", email="erin@demo.example"),
)


class DemoConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of one demo provider. Durations are seconds."""

    issuer: str
    clients: tuple[Client, ...]
    people: tuple[Person, ...] = DEMO_PEOPLE
    rotation: Rotation = Rotation.STRICT
    grace_seconds: float = 30
    code_lifetime_seconds: float = 60
    token_lifetime_seconds: int = 300
    # Several real providers leave out a claim that would be an empty list.
    omit_empty_groups: bool = False
    state_file: Path | None = None
    max_refresh_families: int = 10_000


def demo_config(
    issuer: str,
    redirect_uris: Sequence[str],
    *,
    client_secret: str,
    post_logout_redirect_uris: Sequence[str] = (),
    state_file: Path | None = None,
) -> DemoConfig:
    """The demo of `dev`: the five demo people and one confidential client named `identity-api`."""
    client = Client(
        client_id=DEMO_CLIENT_ID,
        client_secret=client_secret,
        redirect_uris=tuple(redirect_uris),
        post_logout_redirect_uris=tuple(post_logout_redirect_uris),
    )
    return DemoConfig(issuer=issuer, clients=(client,), state_file=state_file)


def is_loopback(host: str) -> bool:
    """Whether `host` (a name or a literal address, without port) can only mean this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def require_usable(config: DemoConfig) -> None:
    """Check what types cannot express.

    Raises:
        ConfigurationError: the issuer is not a bare loopback origin, or a name is used twice.
    """
    problems = []
    issuer = urlsplit(config.issuer)
    if issuer.scheme not in {"http", "https"} or not is_loopback(issuer.hostname or ""):
        problems.append("the demo provider's issuer must be an http or https URL on a loopback address")
    if issuer.path or issuer.query or issuer.fragment or "@" in issuer.netloc:
        problems.append("the demo provider's issuer must be an origin without path, query, fragment or user name")
    for what, names in (
        ("client_id", [client.client_id for client in config.clients]),
        ("username", [person.username for person in config.people]),
        ("subject", [person.subject for person in config.people]),
    ):
        if len(names) != len(set(names)):
            problems.append(f"a {what} of the demo provider is used twice")
    if problems:
        raise ConfigurationError(problems)
