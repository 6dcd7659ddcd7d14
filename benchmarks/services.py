"""What a benchmark runs over: a PostgreSQL and a Valkey of its own, and the settings of the processes above them."""

import contextlib
import os
import tempfile
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import msgspec

from identity_api.config import KeyRing
from identity_api.embedded.services import start_services
from identity_api.vault import Vault


class Services(msgspec.Struct, frozen=True, kw_only=True):
    """They run until the block ends."""

    database_url: str
    environment: dict[str, str]
    """Of the product's processes: the machine's, with no settings but those of the benchmark."""
    vault: Vault
    postgres: int
    """The server's first process."""


@contextlib.contextmanager
def running_services(**settings: str) -> Iterator[Services]:
    """Start both.

    Args:
        settings: of the installation, by their names without `IDENTITY_`.
    """
    key = os.urandom(32)
    with (
        tempfile.TemporaryDirectory(prefix="identity-api-bench-", ignore_cleanup_errors=True) as folder,
        start_services(Path(folder), fast=True) as services,
    ):
        assert services.database_url
        assert services.redis_url
        given = {
            "DATABASE_URL": services.database_url,
            "REDIS_URL": services.redis_url,
            "SECRET_KEYS": f"bench:{b64encode(key).decode()}",
            **settings,
        }
        machines = {name: value for name, value in os.environ.items() if not name.startswith("IDENTITY_")}
        yield Services(
            database_url=services.database_url,
            environment={**machines, "HOME": folder, **{f"IDENTITY_{name}": value for name, value in given.items()}},
            vault=Vault(KeyRing([("bench", key)])),
            postgres=services.processes["PostgreSQL"].pid,
        )
