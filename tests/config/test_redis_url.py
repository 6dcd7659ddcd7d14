"""Where Redis is: one server, or the Sentinels of one; never a cluster."""

import pytest

from identity_api.config.readers import REDIS_URL
from identity_api.config.redis_url import sentinels_of


def test_sentinels_are_named_with_the_primary() -> None:
    url = "redis+sentinel://user:secret@s1:26380,s2,[::1]:5/prime/2?sentinel_password=other"
    assert REDIS_URL.read(url, True).reveal() == url
    assert sentinels_of(url) == ([("s1", 26380), ("s2", 26379), ("::1", 5)], "prime")


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("redis+sentinel://s1:26379", "the name of the primary is missing"),
        ("redis+sentinel://,s2/prime", "a Sentinel has no host name"),
        ("redis+sentinel://:changeme@s1/prime", "placeholder"),
        ("redis+cluster://s1:6379/0", "a Redis Cluster is not used"),
        ("http://s1", r"redis\+sentinel://"),
    ],
)
def test_what_is_no_place_of_a_queue_is_refused_with_the_reason(url: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as refused:
        REDIS_URL.read(url, True)
    assert url not in str(refused.value)
