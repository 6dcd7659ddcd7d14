"""Shared by all imports: the target tenant, a foreign table read key by key, and the checked result."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from identity_api.errors import BadInput, ConfigurationError
from identity_api.oidc.discovery import WELL_KNOWN_PATH
from identity_api.oidc.issuer import ENTRA_COLLECTIVES, TENANT_PLACEHOLDER
from identity_api.providers.checks import stands_for_many
from identity_api.providers.declaration import ProviderDeclaration
from identity_api.providers.presets import PRESETS, apply_preset
from identity_api.tenants.checks import problems_of
from identity_api.tenants.declaration import TenantDeclaration

TRUE, FALSE = ("true", "1", "yes", "on", "t", "y"), ("false", "0", "no", "off", "f", "n")
DEFAULT_SCOPES = ("openid", "profile", "email")
UNNAMED = "unnamed"
"""Replaces a missing required name, which is reported as a problem; such a result is never used."""
NO_TENANT = "This form names no tenant: say with --tenant into which one to import."
_SLASHED_ISSUERS = ("auth0.com", "oauth.id.jumpcloud.com")
"""Hosts whose issuers end in a slash, which the metadata URL does not show."""
_PLACEHOLDER = re.compile(r"[{<][^{}<>]*[}>]|\.\.\.")
"""The placeholders of documentation for values to fill in. Neither a URL nor a client id contains them."""
_EXAMPLE = re.compile(r"\byour-[a-z][a-z-]*|(?<=/)tenant-id(?=/)|\bclient-(id|secret)-from-[a-z-]+")
"""Values that documentation shows as examples; they may be real."""


class Guess(msgspec.Struct, frozen=True):
    """An issuer that was read off the address of a metadata document, which alone says the exact one."""

    tenant: str
    provider: str
    key: str
    """The form's name for the address."""
    is_unlikely: bool = False
    """The address has an unusual end, so the issuer has to be fetched or entered."""


class Stated(msgspec.Struct, frozen=True):
    """An issuer that the form gives itself. It is not edited, and the provider's document can say that it is misspelled."""

    tenant: str
    provider: str
    key: str
    """The form's name for it."""


class Imported(msgspec.Struct, frozen=True):
    """The content of a foreign form, as declarations that `apply` takes; `notices` name the differences here."""

    tenants: list[TenantDeclaration]
    notices: list[str]
    guesses: tuple[Guess, ...] = ()
    stated: tuple[Stated, ...] = ()
    switched_off: tuple[tuple[str, str], ...] = ()
    """Tenant and provider, by slug, of providers that the form switches off: they have no declaration, but an enabled
    provider of that name is disabled."""
    mapped: tuple[str, ...] = ()
    """Tenants whose mappings the form lists completely, so that a mapping it no longer lists is left over."""


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Options besides the form: the tenant to import into, and facts that no form has.

    `hosts` are the tenant's; redirect URIs registered for the old system must lead to the first one now. `directories`
    are, by tenant, the Entra directories that may sign in where an issuer stands for many. `frontend_url` is where
    results are delivered, for a form without that address.
    """

    slug: str | None = None
    name: str | None = None
    hosts: tuple[str, ...] = ()
    directories: Mapping[str, tuple[str, ...]] = {}
    frontend_url: str | None = None

    def of(self, slug: str, name: str | None, hosts: tuple[str, ...] = ()) -> "Tenant":
        """The tenant, as the form names it, unless an option names another."""
        slug = self.slug or slug
        own = tuple(dict.fromkeys([*hosts, *self.hosts]))
        return Tenant(slug, self.name or name or slug, own, self.directories.get(slug, ()))

    def named(self) -> "Tenant":
        """The tenant, for a form that names none.

        Raises:
            ConfigurationError: no option names one.
        """
        if self.slug is None:
            raise ConfigurationError([NO_TENANT])
        return self.of(self.slug, None)


class Tenant(msgspec.Struct, frozen=True):
    """The tenant that a form is imported into."""

    slug: str
    name: str
    hosts: tuple[str, ...]
    directories: tuple[str, ...]

    def redirect_url(self, path: str) -> str | None:
        """The redirect URI that the old system had at this path, or None without a host."""
        return f"https://{self.hosts[0]}{path}" if self.hosts else None


class Findings:
    """The findings of an import: problems, which stop it, and notices."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.notices: list[str] = []
        self.guesses: list[Guess] = []
        self.stated: list[Stated] = []
        self.switched_off: list[tuple[str, str]] = []
        self.mapped: list[str] = []
        self.keys: dict[str, str] = {}
        """The form's name for a place of the declarations, such as `tenants[0].hosts`, and for the places in it."""

    def provider(self, place: str, **fields: Any) -> ProviderDeclaration | None:
        """A provider from the fields that are not None, or a problem. An empty text is a problem that was reported
        already.
        """
        given = {name: value for name, value in fields.items() if value is not None}
        if "" in given.values() or "" in given.get("endpoints", {}).values():
            return None
        if self._has_placeholders(place, given):
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

    def _has_placeholders(self, place: str, given: Mapping[str, Any]) -> bool:
        """Report a placeholder that was not filled in. The secret's value is not shown."""
        before = len(self.problems)
        texts = {name: given[name] for name in _FILLED_IN if name in given}
        texts |= {f"endpoints.{name}": value for name, value in given.get("endpoints", {}).items()}
        for name, value in texts.items():
            left = _PLACEHOLDER.search(value.replace(TENANT_PLACEHOLDER, ""))
            if left and (name != "client_secret" or left[0] == value):
                shown = "" if name == "client_secret" else f" {left[0]}"
                self.problems.append(f"{place}: {name} still has the placeholder{shown}; write the value there.")
            elif example := _EXAMPLE.search(value):
                shown = "" if name == "client_secret" else f" ({example[0]})"
                self.notices.append(f"{place}: {name} looks like an example of the documentation{shown}.")
        return len(self.problems) > before

    def finish(self, tenants: list[TenantDeclaration]) -> Imported:
        """The checked result.

        Raises:
            ConfigurationError: with all problems, those of the declarations included.
        """
        found = [_named(self._with_own_key(_advised(one, tenants)), tenants) for one in problems_of(tenants)]
        problems = list(dict.fromkeys([*map(self._with_own_key, self.problems), *found]))
        if problems:
            raise ConfigurationError(problems)
        return Imported(
            tenants,
            self.notices,
            guesses=tuple(self.guesses),
            stated=tuple(self.stated),
            switched_off=tuple(self.switched_off),
            mapped=tuple(self.mapped),
        )

    def _with_own_key(self, problem: str) -> str:
        """The problem with the form's own key in place of the declaration's, if it has one; the longest place is the
        exact one.
        """
        for place in sorted(self.keys, key=len, reverse=True):
            if re.match(rf"{re.escape(place)}(?![\w\]])", problem):
                return self.keys[place] + problem.removeprefix(place)
        return problem


_FILLED_IN = ("issuer", "discovery_url", "redirect_url", "client_id", "client_secret")


class Section:
    """One table of a foreign document. Each value is read by its key; a key that is never read becomes a notice."""

    def __init__(self, content: Mapping[str, Any], place: str, findings: Findings, names: Mapping[str, str] = {}):
        """Hold the table.

        Args:
            place: the table's name in messages.
            names: a key's name in messages, if that is not `place.key`: an environment variable.
        """
        self._content, self._findings, self._place, self._names = dict(content), findings, place, names
        self._asked: set[str] = set()

    def name(self, key: str) -> str:
        """The key's name in messages."""
        return self._names.get(key, f"{self._place}.{key}" if self._place else key)

    def problem(self, key: str, text: str) -> None:
        """Report that a key cannot be imported."""
        self._findings.problems.append(f"{self.name(key)}: {text}")

    def notice(self, key: str, text: str) -> None:
        """Report a difference."""
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
        """A required text; "" if it is missing, which is then a problem."""
        before = len(self._findings.problems)
        value = self.text(key)
        if value is None and len(self._findings.problems) == before:
            self.problem(key, "is required.")
        return value or ""

    def flag(self, key: str) -> bool | None:
        """A boolean, also as the texts that environment variables have."""
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
        """The value of any type, or None."""
        self._asked.add(key)
        return self._content.get(key)

    def guess(self, key: str, tenant: str, provider: str, *, is_unlikely: bool) -> None:
        """Note that an issuer was read off this address."""
        self._findings.guesses.append(Guess(tenant, provider, self.name(key), is_unlikely))

    def state(self, key: str, tenant: str, provider: str) -> None:
        """Note that the form gives the issuer itself."""
        self._findings.stated.append(Stated(tenant, provider, self.name(key)))

    def maps(self, tenant: str) -> None:
        """Note that the form says every mapping of this tenant."""
        self._findings.mapped.append(tenant)

    def ignore(self, *keys: str) -> None:
        """Accept keys that have no effect here."""
        self._asked.update(keys)

    def finish(self) -> None:
        """Report the keys that were never read."""
        for key in sorted(self._content.keys() - self._asked):
            self.notice(key, "is not known here and was ignored.")


class IssuerOf(msgspec.Struct, frozen=True):
    """A provider's issuer, and the URL of its metadata document if that was given."""

    issuer: str
    discovery_url: str | None


def issuer_of(address: str, section: Section, key: str, *, of: tuple[str, str]) -> IssuerOf:
    """Issuer and metadata URL from either (S1-06, S4-16). An issuer is never edited, and `issuer` in the form is exact.

    From a metadata URL it is derived: issuers are compared exactly, and the URL does not show whether it ends in a
    slash. So it is a guess until the document has been fetched.

    Args:
        address: of the provider or of its metadata document; "" if it was missing, which is reported already.
        section: the form's table, which may name the `issuer` beside the address.
        key: the form's name for the address.
        of: tenant and provider.
    """
    exact = section.text("issuer") if not key.endswith("issuer") else None
    base, mark, _ = address.partition(WELL_KNOWN_PATH)
    if stands_for_many(exact or base):
        issuer = exact or base
        for collective in ENTRA_COLLECTIVES:
            issuer = issuer.replace(f"/{collective}/", f"/{TENANT_PLACEHOLDER}/")
        return IssuerOf(issuer, f"{base.rstrip('/')}{WELL_KNOWN_PATH}")
    if exact is not None:
        section.state("issuer", *of)
        return IssuerOf(exact, address)
    if not mark and not _is_file(address):
        section.state(key, *of)
        return IssuerOf(address, None)
    issuer = base if mark else address.rpartition("/")[0]
    if any(_host(address) == known or _host(address).endswith(f".{known}") for known in _SLASHED_ISSUERS):
        issuer += "/"
    section.guess(key, *of, is_unlikely=not mark)
    return IssuerOf(issuer, address)


def _is_file(address: str) -> bool:
    """Whether an address that does not end in the well-known path names a document nevertheless (`.../config.json`)."""
    path, has_query, _ = address.partition("?")
    return path.endswith(".json") or bool(has_query)


def directories_for(issuer: str, tenant: Tenant) -> tuple[str, ...]:
    """The directories that may sign in, if the issuer needs them."""
    return tenant.directories if stands_for_many(issuer) else ()


def is_single(target: Target, tables: list[Any], findings: Findings) -> bool:
    """Whether the options can apply to one tenant only; a problem if they cannot."""
    is_said = target.slug is not None or target.name is not None or bool(target.hosts)
    if is_said and len(tables) > 1:
        findings.problems.append("--tenant, --name and --host are for a form of one tenant; this one has several.")
    return len(tables) == 1


def server_of(authorization_endpoint: str) -> str:
    """The name of an OAuth 2.0 server of which only endpoints are known: its issuer if a preset has it, or its origin."""
    for preset in PRESETS.values():
        if preset.endpoints.get("authorization") == authorization_endpoint:
            return preset.issuer
    origin = re.match(r"[a-z]+://[^/?#]+", authorization_endpoint)
    return origin[0] if origin else authorization_endpoint


def sync_for(scopes: tuple[str, ...]) -> str:
    """Background sync only if the form asks for refresh tokens; people without them can still sign in."""
    return "REFRESH_TOKEN" if "offline_access" in scopes else "OFF"


def _host(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""  # reported when the declaration is checked


def _advised(problem: str, tenants: list[TenantDeclaration]) -> str:
    """The problem with the option that solves it."""
    for place, tenant in enumerate(tenants):
        if re.match(rf"tenants\[{place}\]\.providers\[\d+\]\.allowed_directories: name", problem):
            return f"{problem} Say --allowed-directory {tenant.slug}=ID for each."
    return problem


def _named(problem: str, tenants: list[TenantDeclaration]) -> str:
    """The problem with the form's names instead of places in a list."""
    for place, tenant in enumerate(tenants):
        for number, provider in enumerate(tenant.providers):
            at = f"tenants[{place}].providers[{number}]"
            problem = problem.replace(at, f"tenant {tenant.slug!r}, provider {provider.slug!r}")
        problem = problem.replace(f"tenants[{place}]", f"tenant {tenant.slug!r}")
    return problem
