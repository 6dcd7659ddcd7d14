"""What survives a restart, and what a spoiled file does."""

import stat
from pathlib import Path

import msgspec
import pytest

from identity_api.demo import DEMO_PEOPLE, DemoConfig, DemoProvider, demo_config
from identity_api.demo.errors import TokenError
from identity_api.demo.logins import Login
from identity_api.errors import ConfigurationError

LOGIN = Login(
    username="alice", client_id="identity-api", scopes=("openid", "offline_access"), sid="s", auth_time=1_700_000_000
)


@pytest.fixture
def config(tmp_path: Path) -> DemoConfig:
    return demo_config(
        "http://127.0.0.1:8000", ["http://127.0.0.1:9/"], client_secret="s", state_file=tmp_path / "demo.json"
    )


def refresh(provider: DemoProvider, token: str) -> str:
    family = provider.logins.present(token, "identity-api", provider.now())
    value = provider.logins.rotate(family, provider.now())
    assert value is not None
    return value


def test_a_refresh_token_works_after_a_restart(config: DemoConfig) -> None:
    token = refresh(first := DemoProvider(config), first.logins.add_family(LOGIN))
    assert refresh(DemoProvider(config), token)


def test_reuse_is_still_seen_after_a_restart(config: DemoConfig) -> None:
    first = DemoProvider(config)
    old = first.logins.add_family(LOGIN)
    refresh(first, old)
    with pytest.raises(TokenError, match="family is revoked"):
        refresh(DemoProvider(config), old)


def test_the_key_groups_and_removals_survive_a_restart(config: DemoConfig) -> None:
    first = DemoProvider(config)
    first.people.set_groups("bob", ["support"])
    first.remove_person("carol")
    second = DemoProvider(config)
    assert second.keys.current.kid == first.keys.current.kid
    assert second.people.find("bob").groups == ("support",)
    assert second.people.is_removed("carol")


def test_a_removed_persons_tokens_stay_dead_after_a_restart(config: DemoConfig) -> None:
    first = DemoProvider(config)
    token = first.logins.add_family(LOGIN)
    first.remove_person("alice")
    with pytest.raises(TokenError):
        refresh(DemoProvider(config), token)


def test_people_no_longer_configured_are_forgotten(config: DemoConfig) -> None:
    first = DemoProvider(config)
    token = first.logins.add_family(LOGIN)
    first.people.set_groups("alice", ["x"])
    fewer = msgspec.structs.replace(config, people=DEMO_PEOPLE[1:])
    second = DemoProvider(fewer)
    assert "alice" not in {person.username for person in second.people.all()}
    with pytest.raises(TokenError):
        refresh(second, token)


def test_the_file_is_private_and_holds_no_refresh_token(config: DemoConfig) -> None:
    assert config.state_file is not None
    secret = DemoProvider(config).logins.add_family(LOGIN).partition(".")[2]
    assert stat.S_IMODE(config.state_file.stat().st_mode) == 0o600
    assert secret not in config.state_file.read_text()


def test_nothing_else_is_left_beside_the_file(config: DemoConfig) -> None:
    assert config.state_file is not None
    DemoProvider(config)
    assert list(config.state_file.parent.iterdir()) == [config.state_file]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b'{"keys": [], "surprise": 1}'])
def test_a_file_that_cannot_be_read_stops_the_start(config: DemoConfig, content: bytes) -> None:
    assert config.state_file is not None
    DemoProvider(config)
    config.state_file.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"demo\.json"):
        DemoProvider(config)


@pytest.mark.parametrize("key", [{}, {"kty": "RSA"}, {"kty": "oct", "k": "AAAA"}])
def test_a_key_that_cannot_be_used_stops_the_start(config: DemoConfig, key: dict[str, str]) -> None:
    assert config.state_file is not None
    DemoProvider(config)
    saved = msgspec.json.decode(config.state_file.read_bytes())
    config.state_file.write_bytes(msgspec.json.encode({**saved, "keys": [key]}))
    with pytest.raises(ConfigurationError, match="key"):
        DemoProvider(config)


def test_without_a_file_nothing_is_written(tmp_path: Path) -> None:
    config = demo_config("http://127.0.0.1:8000", ["http://127.0.0.1:9/"], client_secret="s")
    DemoProvider(config).people.set_groups("bob", ["x"])
    assert list(tmp_path.iterdir()) == []


def test_the_oldest_login_makes_room(config: DemoConfig) -> None:
    provider = DemoProvider(msgspec.structs.replace(config, max_refresh_families=2))
    first, second, third = (provider.logins.add_family(LOGIN) for _ in range(3))
    with pytest.raises(TokenError):
        refresh(provider, first)
    assert refresh(provider, second)
    assert refresh(provider, third)
