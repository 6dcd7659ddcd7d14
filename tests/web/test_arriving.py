"""Bodies that are still arriving, by address."""

import pytest

from identity_api.web.http.arriving_bodies import Arriving
from identity_api.web.http.errors import TooManyRequests


def test_an_address_that_sends_as_many_bodies_as_it_may_is_refused_another() -> None:
    arriving = Arriving(per_address=2)
    with arriving.from_address("a"), arriving.from_address("a"):
        with pytest.raises(TooManyRequests) as refused, arriving.from_address("a"):
            pass
        assert refused.value.headers["Connection"] == "close"
        with arriving.from_address("b"):
            pass
    with arriving.from_address("a"), arriving.from_address("a"):
        pass


def test_an_address_whose_bodies_have_arrived_is_forgotten() -> None:
    arriving = Arriving()
    with arriving.from_address("a"):
        assert arriving.addresses == {"a"}
    assert arriving.addresses == set()
