"""The image's recipe and compose.yaml: what they promise about rights, secrets and settings."""

import re
import subprocess

import pytest
import yaml

from identity_api.config import settings_table
from tests.deploy.servers import DEPLOY
from tests.programs import program

RECIPE = (DEPLOY / "Containerfile").read_text()
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
OURS = ("migrate", "api", "worker")
SETTINGS = {setting.variable for setting in settings_table()}


def test_the_image_runs_as_somebody_without_rights_and_starts_no_shell() -> None:
    assert re.search(r"^USER 10001:10001$", RECIPE, re.M)
    for instruction in ("RUN", "CMD", "ENTRYPOINT"):
        arguments = re.findall(rf"^\s*{instruction} (.*)$", RECIPE, re.M)
        assert arguments
        assert all(one.startswith("[") for one in arguments), "the form of a list needs no shell"


def test_the_image_takes_hashed_pins_and_the_wheel_alone() -> None:
    assert "--require-hashes" in RECIPE
    kept = [line for line in (DEPLOY.parent / ".containerignore").read_text().splitlines() if line.startswith("!")]
    assert kept == ["!dist/identity_api-*.whl", "!requirements/production.txt"]


def test_both_architectures_are_named() -> None:
    assert "linux/amd64,linux/arm64" in RECIPE


@pytest.mark.parametrize("place", ["deploy/Containerfile", "docs/deploy.md", "docs/for-operators.md"])
def test_the_command_that_builds_it_keeps_its_health_check(place: str) -> None:
    """An OCI image has none: buildah leaves it out, and only warns."""
    commands = re.findall(r"buildah build .*", (DEPLOY.parent / place).read_text())
    assert commands
    assert all("--format docker" in one for one in commands)


def test_a_linter_finds_nothing_in_the_recipe() -> None:
    # DL3059 would join RUNs with a shell's `&&`.
    command = [program("hadolint"), "--ignore", "DL3059", str(DEPLOY / "Containerfile")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("service", OURS)
def test_a_service_of_ours_writes_nowhere_and_has_no_capability(service: str) -> None:
    of = COMPOSE["services"][service]
    assert of["read_only"] is True
    assert of["cap_drop"] == ["ALL"]
    assert of["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.parametrize("service", OURS)
def test_every_setting_given_exists(service: str) -> None:
    assert set(COMPOSE["services"][service]["environment"]) <= SETTINGS
    assert set(re.findall(r"IDENTITY_[A-Z_]+(?==)", RECIPE)) <= SETTINGS


def test_no_secret_has_a_default() -> None:
    text = (DEPLOY / "compose.yaml").read_text()
    for secret in ("POSTGRES_PASSWORD", "IDENTITY_SECRET_KEYS"):
        assert set(re.findall(rf"\$\{{{secret}(.)", text)) <= {":"}
        assert f"${{{secret}:-" not in text


def test_redis_throws_nothing_away_and_the_database_is_reached_from_inside_alone() -> None:
    valkey = COMPOSE["services"]["valkey"]["command"]
    assert valkey[valkey.index("--maxmemory-policy") + 1] == "noeviction"
    assert COMPOSE["services"]["postgres"]["networks"] == ["inside"]
    assert COMPOSE["networks"]["inside"]["internal"] is True
    assert [name for name, of in COMPOSE["services"].items() if "ports" in of] == ["proxy"]


def test_the_proxy_that_is_trusted_is_the_one_that_runs() -> None:
    proxy = COMPOSE["services"]["proxy"]["networks"]["inside"]["ipv4_address"]
    assert COMPOSE["services"]["api"]["environment"]["IDENTITY_TRUSTED_PROXIES"] == f"{proxy}/32"
