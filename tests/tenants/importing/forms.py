"""The systems' own example files, and what the tests ask of every import."""

from pathlib import Path

import msgspec

from identity_api.providers.declaration import ProviderDeclaration
from identity_api.tenants.checks import problems_of
from identity_api.tenants.importing import Imported, Target

DIRECTORY = "8eaef023-2b34-4da1-9baa-8bc8c9d6a490"
TARGET = Target(slug="acme", name="Acme", hosts=("id.acme.example",))
MANY = msgspec.structs.replace(TARGET, directories={"acme": (DIRECTORY,)})


def data(name: str) -> bytes:
    """One of the example files."""
    return (Path(__file__).parent / "data" / name).read_bytes()


def providers(imported: Imported) -> dict[str, ProviderDeclaration]:
    """The providers of the only tenant, by slug. Whatever is imported is a valid declaration."""
    assert problems_of(imported.tenants) == []
    [tenant] = imported.tenants
    return {provider.slug: provider for provider in tenant.providers}


def has_notice(imported: Imported, *words: str) -> bool:
    """Whether one notice has all the words."""
    return any(all(word in notice for word in words) for notice in imported.notices)
