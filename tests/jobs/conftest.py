"""The same provider and world as the sync's tests have."""

from tests.sync.conftest import issuer, new_world, nobody_due, upstream, vault, world

__all__ = ["issuer", "new_world", "nobody_due", "upstream", "vault", "world"]
