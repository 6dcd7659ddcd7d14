"""The steps of `dev`, in order."""

import asyncio
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from identity_api.cli.context import quiet_logs, read_settings
from identity_api.cli.dev.demo_tenant import SECRET_FILE, Demo, ensure_demo
from identity_api.cli.dev.preflight import DEMO_PORT, Asked, check
from identity_api.cli.process_tree import Happened, Tree, tell_end, together
from identity_api.config import Settings, create_keys_file
from identity_api.embedded.services import prepare_data_directory
from identity_api.errors import ConfigurationError


def run(asked: Asked) -> int:
    """Start everything, say where it is, and wait until it ends; returns the exit code.

    Raises:
        ConfigurationError: a setting is wrong, the address is not this machine's alone, or a port is taken.
        EmbeddedError: a service cannot be started.
        Unavailable: a process does not answer within a minute.
    """
    quiet_logs()
    check(read_settings(demo=True, keys_required=False, overrides=asked.overrides), asked)
    settings = _prepare(asked.overrides)
    demo = Demo(settings.port, asked.demo_port or DEMO_PORT)
    allowed = [*settings.outbound_allow, f"127.0.0.1:{demo.demo_port}"]
    with together(settings, outbound_allow=allowed) as tree:
        has_demo = asyncio.run(ensure_demo(tree.database_url, settings, demo, asked))
        happened = tree.group.happened() or _start(tree, demo if has_demo else None, allowed)
        if happened is None:
            from identity_api.cli.dev.greeting import greet

            greet(settings.public_url, str(settings.data_dir), demo_provider=demo.issuer if has_demo else None)
            happened = tree.group.wait()
        return tell_end(happened)


def _prepare(overrides: Mapping[str, str]) -> Settings:
    """Read the settings and make the data directory, and in it, once, keys and the demo client's secret."""
    settings = read_settings(demo=True, keys_required=False, overrides=overrides)
    data_dir = settings.data_dir
    if settings.database_url is None or settings.redis_url is None:
        prepare_data_directory(data_dir)
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not settings.secret_keys:
            create_keys_file(data_dir / "keys.toml")
            settings = read_settings(demo=True, overrides=overrides)
        _make_secret(data_dir / SECRET_FILE)
    except OSError as error:
        raise ConfigurationError([f"The data directory {data_dir} cannot be used: {error.strerror}."]) from None
    return settings


def _make_secret(path: Path) -> None:
    """The demo client's secret, made once: the demo provider and the sealed copy in the database must agree."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    if path.exists():
        return
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secrets.token_urlsafe(32) + "\n")
    scratch.replace(path)


def _start(tree: Tree, demo: Demo | None, allowed: list[str]) -> Happened | None:
    """Start the processes and wait until they answer."""
    # A line for every request would hide important lines on the terminal.
    log = {"IDENTITY_LOG_FORMAT": "text", "IDENTITY_LOG_LEVEL": "warning"}
    environment = {name: value for name, value in log.items() if name not in os.environ}
    urls = {"The API": f"{_origin(tree.settings)}/health/ready"}
    if demo is not None:
        environment["IDENTITY_OUTBOUND_ALLOW"] = ",".join(allowed)
    tree.start("API", ["serve"], environment)
    if demo is not None:
        tree.start("demo provider", _demo_command(demo, tree.settings.data_dir))
        urls["The demo provider"] = f"{demo.issuer}/.well-known/openid-configuration"
    tree.start("worker", ["worker"], environment)
    # While they start: what the greeting needs takes a quarter of a second to import.
    import identity_api.cli.dev.greeting  # noqa: F401 -- for what importing it does

    return tree.wait_ready(urls)


def _demo_command(demo: Demo, data_dir: Path) -> list[str]:
    return [
        "demo-provider",
        f"--port={demo.demo_port}",
        *[f"--redirect-uri={uri}" for uri in demo.redirect_uris],
        *[f"--logout-uri={uri}" for uri in demo.logout_uris],
        f"--secret-file={data_dir / SECRET_FILE}",
        f"--state-file={data_dir / 'demo-state.json'}",
    ]


def _origin(settings: Settings) -> str:
    host = settings.host.strip("[]")
    return f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"
