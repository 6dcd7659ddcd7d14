"""The clients are tried against the real service, as the web's tests have it."""

import sys
from pathlib import Path

from tests.web.conftest import app, environ, idp, settings, site, vault

__all__ = ["app", "environ", "idp", "settings", "site", "vault"]

sys.path.insert(0, str(Path(__file__).parents[2] / "clients" / "python"))
