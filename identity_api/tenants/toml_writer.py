"""Write declarations as TOML 1.0 that `tomllib` reads back as the same values."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from identity_api.tenants.overlay import StoredTenant

PARTS = ("frontends", "permissions", "providers", "group_mappings")


def tenant_toml(tenant: StoredTenant) -> str:
    """The whole tenant: its own table, and one for each of its parts."""
    blocks = [_block("tenants", tenant.table)]
    blocks += [_block(f"tenants.{part}", table) for part in PARTS for table in tenant.parts[part].values()]
    return "\n".join(blocks)


def _block(name: str, table: Mapping[str, Any]) -> str:
    lines = [f"{_key(key)} = {_value(value)}" for key, value in table.items()]
    return "\n".join([f"[[{name}]]", *lines, ""])


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Mapping):
        return (
            "{ " + ", ".join([f"{_key(key)} = {_value(one)}" for key, one in value.items()]) + " }" if value else "{}"
        )
    if isinstance(value, Iterable):
        return "[" + ", ".join([_value(one) for one in value]) + "]"
    raise TypeError(f"{type(value).__name__} is in no declaration")


def _text(value: str) -> str:
    """A basic string. JSON escapes everything that TOML requires, except DEL."""
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(key: str) -> str:
    is_bare = bool(key) and all(character.isascii() and (character.isalnum() or character in "_-") for character in key)
    return key if is_bare else _text(key)
