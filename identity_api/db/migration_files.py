"""The path of the migration files. Separate from `piccolo_app`, because comparing their names must not import Piccolo.

In a checkout they are `piccolo_migrations/` at the top; in an installed wheel they are a folder beside this file.
"""

from pathlib import Path

APP_NAME = "identity_api"

_INSTALLED = Path(__file__).parent / "migrations"
_CHECKOUT = Path(__file__).parents[2] / "piccolo_migrations"
MIGRATIONS = _INSTALLED if _INSTALLED.is_dir() else _CHECKOUT
