"""Piccolo's own entry point, named by `PICCOLO_CONF`; only its migration commands use it."""

import os

from piccolo.conf.apps import AppRegistry
from piccolo.engine.postgres import PostgresEngine


class QuietEngine(PostgresEngine):
    """Piccolo's engine, without the connection that its constructor makes and warns about."""

    def __init__(self, url: str) -> None:
        super().__init__(config={"dsn": url}, extensions=())

    async def check_version(self) -> None:
        """`migrate` checks the version itself, with a sentence."""

    async def prep_database(self) -> None:
        """No extension is used."""


DB = QuietEngine(os.environ.get("IDENTITY_DATABASE_URL", ""))

APP_REGISTRY = AppRegistry(apps=["identity_api.db.piccolo_app"])
