"""What the wiring of the API process does besides wiring."""

import gc
from collections.abc import Iterator

import pytest

from identity_api.app import NEW_OBJECTS, keep_what_is_loaded


@pytest.fixture
def own_collector() -> Iterator[None]:
    """The garbage collector, put back as it was."""
    was_on, threshold = gc.isenabled(), gc.get_threshold()
    yield
    gc.set_threshold(*threshold)
    (gc.enable if was_on else gc.disable)()


@pytest.mark.usefixtures("own_collector")
def test_garbage_is_collected_again_once_everything_is_loaded() -> None:
    gc.disable()  # as the server's process does while it imports
    keep_what_is_loaded()
    assert gc.isenabled()
    assert gc.get_threshold()[0] == NEW_OBJECTS
