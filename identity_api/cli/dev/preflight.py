"""Check for everything that would make `dev` fail, before anything is installed, made or started.

It needs only the standard library, so that `make run` can call it before it has prepared the environment:

    python3 -m identity_api.cli.dev.preflight --make [--port N] [--demo-port N] [--data-dir FOLDER]
"""

import argparse
import itertools
import os
import shlex
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from identity_api.cli.outcome import complain, exit_code
from identity_api.cli.ports import is_free, require_free
from identity_api.cli.program import program_name
from identity_api.config import Settings, load_settings
from identity_api.config.readers import is_loopback
from identity_api.embedded.binaries import require_platform
from identity_api.embedded.errors import AlreadyRunning
from identity_api.embedded.services import require_unused
from identity_api.errors import ConfigurationError, IdentityAPIError

DEMO_PORT: Final = 8001
DEMO_HOST: Final = "127.0.0.1"
_STEP: Final = 10
"""The distance of the first port that is offered instead: near enough to be recognised."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The options of `dev`; None for the default. `from_make`: as `make run PORT=...`."""

    port: int | None = None
    demo_port: int | None = None
    data_dir: Path | None = None
    from_make: bool = False

    @property
    def overrides(self) -> dict[str, str]:
        """The settings that these options set."""
        given = {"IDENTITY_PORT": self.port, "IDENTITY_DATA_DIR": self.data_dir and self.data_dir.absolute()}
        return {name: str(value) for name, value in given.items() if value is not None}

    def command(self) -> str:
        """The call itself, to be typed."""
        given = {"port": self.port, "demo-port": self.demo_port, "data-dir": self.data_dir}
        values = {name: shlex.quote(str(value)) for name, value in given.items() if value is not None}
        if self.from_make:
            return " ".join(["make run", *(f"{_variable(name)}={value}" for name, value in values.items())])
        return " ".join([program_name(), "dev", *(f"--{name} {value}" for name, value in values.items())])


def check(settings: Settings, asked: Asked) -> None:
    """Check that the services can run here, no process uses the data directory, and both ports are free.

    Raises:
        UnsupportedPlatform: there are no embedded services for this machine.
        ConfigurationError: the public URL is not this machine.
        AlreadyRunning: another process uses the data directory; this is checked first, since it explains taken ports.
        ConfigurationError: a port is taken; the message has a command with free ones.
    """
    if not is_loopback(urlsplit(settings.public_url).hostname or ""):
        raise ConfigurationError(
            [
                "IDENTITY_PUBLIC_URL: `identity-api dev` is for this machine only, since anyone can sign in as anyone at its "
                "demo; leave the setting out, or use `identity-api serve` for a public address."
            ]
        )
    if settings.database_url is None or settings.redis_url is None:
        require_platform()
    demo_port = asked.demo_port or DEMO_PORT
    if settings.database_url is None:
        _require_unused(settings, asked, demo_port)
    if settings.port == demo_port:
        raise ConfigurationError(["The API and the demo provider need two ports; both are to have the same."])
    problems = [*_taken(settings.host, settings.port, "the API"), *_taken(DEMO_HOST, demo_port, "the demo provider")]
    if problems:
        problems[-1] += f" End what listens there, or run: {_elsewhere(settings, asked, demo_port).command()}"
        raise ConfigurationError(problems)


def _require_unused(settings: Settings, asked: Asked, demo_port: int) -> None:
    try:
        require_unused(settings.data_dir)
    except AlreadyRunning as error:
        # The process that uses the data directory usually uses the ports too.
        beside = _elsewhere(settings, asked, demo_port)
        folder = settings.data_dir.with_name(f"{settings.data_dir.name}-{beside.port or settings.port}")
        call = replace(beside, data_dir=folder).command()
        raise AlreadyRunning(settings.data_dir.absolute(), pid=error.pid, instead=call) from None


def _taken(host: str, port: int, what: str) -> Iterator[str]:
    try:
        require_free(host, port, what, "")
    except ConfigurationError as error:
        yield error.problems[0].rstrip()


def _elsewhere(settings: Settings, asked: Asked, demo_port: int) -> Asked:
    """The same command, with free ports instead of taken ones."""
    if not is_free(settings.host, settings.port):
        asked = replace(asked, port=_free_port(settings.host, settings.port, {demo_port}))
    if is_free(DEMO_HOST, demo_port):
        return asked
    other = _free_port(DEMO_HOST, demo_port, {asked.port or settings.port})
    # A demo's people belong to its provider's address: at another one it is another demo.
    has_demo = settings.database_url is None and os.path.lexists(settings.data_dir / "postgres")
    folder = settings.data_dir.with_name(f"{settings.data_dir.name}-{other}") if has_demo else asked.data_dir
    return replace(asked, demo_port=other, data_dir=folder)


def _free_port(host: str, taken: int, avoided: set[int]) -> int:
    for port in itertools.chain(range(taken + _STEP, 65_536, _STEP), range(taken - _STEP, 1023, -_STEP)):
        if port not in avoided and is_free(host, port):
            return port
    return taken


def _variable(option: str) -> str:
    return option.upper().replace("-", "_")


def main(arguments: list[str], environ: Mapping[str, str]) -> int:
    """Check, and report problems like `dev`; returns the exit code."""
    parser = argparse.ArgumentParser(prog="make run")
    parser.add_argument("--make", dest="from_make", action="store_true")
    parser.add_argument("--port", type=int)
    parser.add_argument("--demo-port", type=int)
    parser.add_argument("--data-dir", type=Path)
    asked = Asked(**vars(parser.parse_args(arguments)))
    try:
        check(load_settings({**environ, **asked.overrides}, demo=True, keys_required=False), asked)
    except IdentityAPIError as error:
        complain(error)
        return exit_code(error)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
