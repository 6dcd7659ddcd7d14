"""What all imports share: where to import to, one foreign table read key by key, and the checked result."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from identity_api.errors import BadInput, ConfigurationError
from identity_api.oidc.discovery import WELL_KNOWN_PATH
from identity_api.oidc.issuer import ENTRA_COLLECTIVES, TENANT_PLACEHOLDER
from identity_api.tenants.checks import problems_of, stands_for_many
from identity_api.tenants.declaration import ProviderDeclaration, TenantDeclaration
from identity_api.tenants.presets import PRESETS, apply_preset

TRUE, FALSE = ("true", "1", "yes", "on", "t", "y"), ("false", "0", "no", "off", "f", "n")
DEFAULT_SCOPES = ("openid", "profile", "email")
UNNAMED = "unnamed"
"""Stands where a required name is missing, which is a problem noted already; such a result is never used."""
_SLASHED_ISSUERS = ("auth0.com", "oauth.id.jumpcloud.com")
"""Hosts whose issuers end in a slash, which the address of the metadata does not show."""


class Imported(msgspec.Struct, frozen=True):
    """What a foreign form says, as declarations that `apply` takes; `notices` say what is different here."""

    tenants: list[TenantDeclaration]
    notices: list[str]


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """The tenant into which a form is imported that does not name one, and what no form says.

    `hosts` are the tenant's; the first is where redirect URIs registered for the old system must lead now.
    `allowed_directories` are for providers whose issuer stands for many Entra directories.
    """

    slug: str
    name: str
    hosts: tuple[str, ...] = ()
    allowed_directories: tuple[str, ...] = ()

    def redirect_url(self, path: str) -> str | None:
        """The redirect URI that the old system had at this path, or None without a host."""
        return f"https://{self.hosts[0]}{path}" if self.hosts else None


class Findings:
    """What an import finds on its way: problems, which stop it, and notices."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.notices: list[str] = []

    def provider(self, place: str, **fields: Any) -> ProviderDeclaration | None:
        """A provider from the fields that are not None, or a problem. An empty text is one that was noted already."""
        given = {name: value for name, value in fields.items() if value is not None}
        if "" in given.values() or "" in given.get("endpoints", {}).values():
            return None
        try:
            found: ProviderDeclaration = msgspec.convert(apply_preset(given), ProviderDeclaration)
        except BadInput as error:
            self.problems.append(f"{place}: {error.message}")
        except msgspec.ValidationError as error:
            self.problems.append(f"{place}: {error}.")
        else:
            return found
        return None

    def finish(self, tenants: list[TenantDeclaration]) -> Imported:
        """The checked result.

        Raises:
            ConfigurationError: with all problems, those of the declarations included.
        """
        problems = [*self.problems, *(_named(one, tenants) for one in problems_of(tenants))]
        if problems:
            raise ConfigurationError(problems)
        return Imported(tenants, self.notices)


class Section:
    """One table of a foreign document. Each value is asked for by its key; what nobody asked for is a notice."""

    def __init__(self, content: Mapping[str, Any], place: str, findings: Findings, names: Mapping[str, str] = {}):
        """Hold the table.

        Args:
            place: what messages call the table.
            names: what messages call a key, where that is not `place.key`: an environment variable.
        """
        self._content, self._findings, self._place, self._names = dict(content), findings, place, names
        self._asked: set[str] = set()

    def name(self, key: str) -> str:
        """What messages call the key."""
        return self._names.get(key, f"{self._place}.{key}" if self._place else key)

    def problem(self, key: str, text: str) -> None:
        """Note that a key cannot be imported."""
        self._findings.problems.append(f"{self.name(key)}: {text}")

    def notice(self, key: str, text: str) -> None:
        """Note what is different here."""
        self._findings.notices.append(f"{self.name(key)}: {text}")

    def text(self, key: str) -> str | None:
        """A text; an empty one counts as absent."""
        value = self.value(key)
        if value is None or (isinstance(value, str) and not value.strip()):
            return None
        if not isinstance(value, str):
            self.problem(key, "must be a text.")
            return None
        return value.strip()

    def required(self, key: str) -> str:
        """A text that must be there; "" if it is not, which is then a problem."""
        before = len(self._findings.problems)
        value = self.text(key)
        if value is None and len(self._findings.problems) == before:
            self.problem(key, "is required.")
        return value or ""

    def flag(self, key: str) -> bool | None:
        """A truth value, also as the texts that environment variables have."""
        value = self.value(key)
        if value is None or isinstance(value, bool):
            return value
        word = value.strip().lower() if isinstance(value, str) else ""
        if word in TRUE or word in FALSE:
            return word in TRUE
        self.problem(key, "must be true or false.")
        return None

    def table(self, key: str) -> dict[str, Any]:
        """A table; an empty one if it is absent."""
        value = self.value(key)
        if value is None or isinstance(value, dict):
            return value or {}
        self.problem(key, "must be a table of names and values.")
        return {}

    def value(self, key: str) -> Any:
        """Whatever is there, or None."""
        self._asked.add(key)
        return self._content.get(key)

    def ignore(self, *keys: str) -> None:
        """Know of keys that mean nothing here."""
        self._asked.update(keys)

    def finish(self) -> None:
        """Say which keys nobody asked for."""
        for key in sorted(self._content.keys() - self._asked):
            self.notice(key, "is not known here and was ignored.")


def issuer_of(address: str, section: Section, key: str) -> tuple[str, str | None]:
    """Issuer and metadata URL from either (S1-06, S4-16). An issuer is never edited; from a metadata URL it is read off.

    Providers compare their issuer exactly, and a metadata URL does not show whether it ends in a slash.
    """
    base, mark, _ = address.partition(WELL_KNOWN_PATH)
    issuer = base if mark else address
    if stands_for_many(issuer):
        for collective in ENTRA_COLLECTIVES:
            issuer = issuer.replace(f"/{collective}/", f"/{TENANT_PLACEHOLDER}/")
        return issuer, f"{base.rstrip('/')}{WELL_KNOWN_PATH}"
    if not mark:
        return issuer, None
    host = _host(address)
    if any(host == known or host.endswith(f".{known}") for known in _SLASHED_ISSUERS):
        issuer += "/"
    section.notice(key, f"the issuer is taken to be {issuer!r}; the provider's metadata must name exactly this one.")
    return issuer, address


def directories_for(issuer: str, target: Target) -> tuple[str, ...]:
    """The directories that may sign in, where the issuer needs them."""
    return target.allowed_directories if stands_for_many(issuer) else ()


def server_of(authorization_endpoint: str) -> str:
    """What names an OAuth 2.0 server of which only endpoints are known: its issuer if a preset has it, or its origin."""
    for preset in PRESETS.values():
        if preset.endpoints.get("authorization") == authorization_endpoint:
            return preset.issuer
    origin = re.match(r"[a-z]+://[^/?#]+", authorization_endpoint)
    return origin[0] if origin else authorization_endpoint


def sync_for(scopes: tuple[str, ...]) -> str:
    """Background sync only where the form asks for refresh tokens; nobody is locked out for the lack of them."""
    return "REFRESH_TOKEN" if "offline_access" in scopes else "OFF"


def _host(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""  # said when the declaration is checked


def _named(problem: str, tenants: list[TenantDeclaration]) -> str:
    """The problem with the names that the form knows instead of places in a list."""
    for place, tenant in enumerate(tenants):
        for number, provider in enumerate(tenant.providers):
            problem = problem.replace(f"tenants[{place}].providers[{number}]", f"provider {provider.slug!r}")
        problem = problem.replace(f"tenants[{place}]", f"tenant {tenant.slug!r}")
    return problem
