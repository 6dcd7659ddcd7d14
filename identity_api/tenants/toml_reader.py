"""Read a declaration file (TOML): every problem is found at once and named by its place; no message holds a secret."""

import tomllib
from collections.abc import Mapping
from typing import Any

import msgspec

from identity_api.accounts.enrolment import EnrolledUser
from identity_api.errors import BadInput, ConfigurationError
from identity_api.providers.checks import Bounds
from identity_api.providers.declaration import ProviderDeclaration
from identity_api.providers.presets import apply_preset
from identity_api.tenants.checks import problems_of
from identity_api.tenants.declaration import (
    FrontendDeclaration,
    MappingDeclaration,
    PermissionDeclaration,
    TenantDeclaration,
    _allowed,
)
from identity_api.tenants.overlay import NOTHING, StoredTenant, key_of, laid_over
from identity_api.tenants.toml_lines import with_lines

MAX_BYTES = 1_048_576


def parse(
    document: bytes,
    bounds: Bounds = Bounds(),
    *,
    stored: Mapping[str, StoredTenant] | None = None,
) -> list[TenantDeclaration]:
    """Read a declaration file.

    Args:
        document: TOML.
        bounds: of numbers.
        stored: by slug, the existing tenants. A value that the file leaves out stays as stored; without a stored one it
            gets its default.

    Raises:
        ConfigurationError: it is not TOML, or anything in it is wrong; lists every problem with its line and its place.
    """
    known = stored or {}
    content = read_tables(document)
    problems = [f"{name}: unknown key; expected [[tenants]]." for name in content if name != "tenants"]
    tables = _tables(content.get("tenants"), "tenants", problems)
    tenants = [
        _tenant(raw, known.get(str(raw.get("slug")), NOTHING), f"tenants[{place}]", problems)
        for place, raw in enumerate(tables)
    ]
    if not content.get("tenants"):
        problems.append("The file declares no [[tenants]].")
    problems.extend(problems_of(tenants, bounds, stored=known))
    if problems:
        raise ConfigurationError(with_lines(problems, document.decode("utf-8-sig")))
    return tenants


def read_tables(document: bytes) -> dict[str, Any]:
    """The file parsed as TOML, without further checks.

    Raises:
        ConfigurationError: it is not TOML.
    """
    if len(document) > MAX_BYTES:
        raise ConfigurationError([f"The file is larger than {MAX_BYTES} bytes."])
    try:
        return tomllib.loads(document.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise ConfigurationError(["The file is not UTF-8."]) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError([f"The file is not TOML: {error}."]) from None


_PARTS: dict[str, type[msgspec.Struct]] = {
    "frontends": FrontendDeclaration,
    "permissions": PermissionDeclaration,
    "providers": ProviderDeclaration,
    "group_mappings": MappingDeclaration,
    "users": EnrolledUser,
}


def _tables(value: Any, place: str, problems: list[str]) -> list[dict[str, Any]]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        problems.append(f"{place}: expected a list of tables, [[{place.rpartition('.')[2]}]].")
        return []
    return value


def _tenant(raw: Mapping[str, Any], stored: StoredTenant, place: str, problems: list[str]) -> TenantDeclaration:
    """Each part is read on its own, so that one mistake does not hide the next."""
    parts = {
        name: [
            one
            for number, table in enumerate(_tables(raw.get(name), f"{place}.{name}", problems))
            if (one := _convert(table, kind, f"{place}.{name}[{number}]", problems, _before(stored, name, table)))
            is not None
        ]
        for name, kind in _PARTS.items()
    }
    own: TenantDeclaration | None = _convert(
        {key: value for key, value in raw.items() if key not in _PARTS},
        TenantDeclaration,
        place,
        problems,
        stored.table,
    )
    # After a problem the result is not used, but its parts are still checked.
    own = own or TenantDeclaration(slug=str(raw.get("slug")), name="", default_provider=None)
    return msgspec.structs.replace(own, **{name: tuple(values) for name, values in parts.items()})


def _before(stored: StoredTenant, part: str, table: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return stored.parts.get(part, {}).get(key_of(part, table), {})
    except TypeError:  # its name is not a text, which is reported when it is converted
        return {}


def _convert(table: Mapping[str, Any], kind: type[Any], place: str, problems: list[str], stored: dict[str, Any]) -> Any:
    is_provider = kind is ProviderDeclaration
    try:
        whole = laid_over(stored, table, is_provider=is_provider)
        return msgspec.convert(apply_preset(whole) if is_provider else whole, kind)
    except BadInput as error:
        problems.append(f"{place}.{error.field}: {error.message}")
    except msgspec.ValidationError as error:
        # msgspec names the field and the types, never the value.
        problems.append(f"{place}: {error}{_allowed(kind, str(error))}.")
    return None
