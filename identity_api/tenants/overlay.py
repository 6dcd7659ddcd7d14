"""Merge a declaration into the stored tenant.

A declaration changes what it names, and leaves the rest unchanged: each of its tables is merged into the stored one. An
empty text (`""`) resets a value to its default. Secrets and keys are never read: `client_secret_stored = true` and
`tls_client_certificate_stored = true` represent them.
"""

from collections.abc import Collection, Mapping
from typing import Any, Final

import msgspec

from identity_api.providers.declaration import Table
from identity_api.providers.presets import apply_preset

Key = tuple[Any, ...]

SECRET_FORMS: Final = ("client_secret", "client_secret_env", "client_secret_file", "client_secret_stored")
CERTIFICATE_FORMS: Final = ("tls_client_certificate_file", "tls_client_key_file", "tls_client_certificate_stored")
_WITHOUT_SECRET: Final = ("none", "private_key_jwt", "tls_client_auth", "self_signed_tls_client_auth")
_AUTHORITIES: Final = ("ca_file", "ca_certificate_pem")
_CANNOT_BE_EMPTY: Final = ("slug", "name", "issuer", "client_id", "group", "client_secret", "description")


class StoredTenant(msgspec.Struct, frozen=True):
    """A tenant's own table, and those of its parts by their names."""

    table: Table
    parts: Mapping[str, Mapping[Key, Table]]

    @property
    def providers(self) -> Collection[str]:
        """Their slugs."""
        return [slug for (slug,) in self.parts["providers"]]

    @property
    def permissions(self) -> Collection[str]:
        """The names of the tenant's permissions."""
        return [name for (name,) in self.parts["permissions"]]


NOTHING: Final = StoredTenant({}, {"providers": {}, "frontends": {}, "permissions": {}, "group_mappings": {}})


def key_of(part: str, table: Mapping[str, Any]) -> Key:
    """The name of a table among those of its part."""
    if part == "group_mappings":
        return table.get("provider") or None, table.get("match", "EXACT"), table.get("group")
    return (table.get("name") if part == "permissions" else table.get("slug"),)


def laid_over(stored: Table, said: Mapping[str, Any], *, is_provider: bool) -> Table:
    """The stored table with a file's values merged into it.

    Raises:
        BadInput: as `apply_preset`: values of a preset that the file names count as given in the file.
    """
    given = apply_preset(said) if is_provider and stored and said.get("preset") else dict(said)
    kept = dict(stored)
    for forms in (SECRET_FORMS, CERTIFICATE_FORMS, _AUTHORITIES):
        if any(given.get(name) is not None for name in forms):
            kept = {name: value for name, value in kept.items() if name not in forms}
    if any(given.get(name) for name in SECRET_FORMS) and kept.get("client_authentication") == "none":
        kept.pop("client_authentication")  # a secret that is given is meant to be used
    if given.get("client_authentication") in _WITHOUT_SECRET:
        kept.pop("client_secret_stored", None)
    merged = {**kept, **given}
    return {name: value for name, value in merged.items() if value != "" or name in _CANNOT_BE_EMPTY}
