"""What the demo provider refuses to start with."""

import msgspec
import pytest

from identity_api.demo import DEMO_PEOPLE, create_demo_provider, demo_config
from identity_api.demo.config import DemoConfig, is_loopback
from identity_api.errors import ConfigurationError

GOOD = demo_config("http://127.0.0.1:8000", ["http://127.0.0.1:9/callback"], client_secret="s")


def test_the_demo_configuration_starts() -> None:
    assert create_demo_provider(GOOD).state.provider.config is GOOD


@pytest.mark.parametrize(
    "changes",
    [
        {"issuer": "http://10.0.0.1:8000"},
        {"issuer": "http://example.com"},
        {"issuer": "http://127.0.0.1:8000/"},
        {"issuer": "http://127.0.0.1:8000/realm"},
        {"issuer": "http://127.0.0.1:8000?a=b"},
        {"issuer": "http://someone@127.0.0.1:8000"},
        {"issuer": "ftp://127.0.0.1"},
        {"issuer": ""},
        {"clients": GOOD.clients * 2},
        {"people": (DEMO_PEOPLE[0], DEMO_PEOPLE[0])},
    ],
)
def test_a_configuration_with_one_thing_wrong_is_refused(changes: dict[str, object]) -> None:
    config: DemoConfig = msgspec.structs.replace(GOOD, **changes)
    with pytest.raises(ConfigurationError):
        create_demo_provider(config)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.0.1", "::1", "[::1]", "localhost"])
def test_loopback_is_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.1", "localhost.example.com", "", "127.0.0.1.nip.io"])
def test_nothing_else_is(host: str) -> None:
    assert not is_loopback(host)


def test_the_demo_people_have_the_groups_the_demo_needs() -> None:
    groups = {person.username: person.groups for person in DEMO_PEOPLE}
    assert "identity-admins" in groups["dora"]
    assert groups["erin"] == ()


def test_a_client_does_not_print_its_secret() -> None:
    assert "s3cret" not in repr(demo_config("http://127.0.0.1:1", ["http://127.0.0.1/"], client_secret="s3cret"))
