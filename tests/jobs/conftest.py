"""The same provider and world as the sync's tests have."""

from tests.sync.conftest import issuer, new_world, upstream, vault, world

__all__ = ["issuer", "new_world", "upstream", "vault", "world"]
