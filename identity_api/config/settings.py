"""`Settings` and how they are read, once, from a mapping and an optional TOML file.

Anything unknown, mistyped, out of bounds or missing stops the start, with every problem listed at once and no value
repeated. A renamed or misspelt key that is silently ignored is how a security setting fails open.
"""

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

from identity_api.config.key_file import read_keys_file, read_private_file
from identity_api.config.key_ring import KeyRing
from identity_api.config.readers import Network, home_expanded, is_loopback
from identity_api.config.secret import Secret
from identity_api.config.table import CONFIG_FILE_VARIABLE, PREFIX, SETTINGS, Setting
from identity_api.config.tenant_limits import TenantLimits
from identity_api.errors import ConfigurationError

_MAX_FILE_BYTES = 1024 * 1024
_BY_NAME = {setting.name: setting for setting in SETTINGS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of an installation. Each attribute is a row of `settings_table()`, which has units and bounds."""

    database_url: Secret | None
    database_pool_size: int
    database_pooling: Literal["session", "transaction"]
    redis_url: Secret | None
    data_dir: Path
    secret_keys: KeyRing
    secret_keys_file: Path | None
    public_url: str
    host: str
    port: int
    workers: int
    drain_seconds: int
    trusted_proxies: tuple[Network, ...]
    outbound_allow: tuple[str, ...]
    attempt_seconds: int
    handle_seconds: int
    code_seconds: int
    leeway_seconds: int
    session_idle_seconds: int
    session_absolute_seconds: int
    sessions_per_user: int
    sync_interval_seconds: int
    outage_grace_seconds: int
    unsynced_lease_seconds: int
    max_inactive_days: int
    sync_concurrency: int
    max_mappings: int
    max_glob_mappings: int
    max_permissions: int
    max_providers: int
    max_frontends: int
    max_service_clients: int
    max_provider_groups: int
    max_answer_groups: int
    max_user_grants: int
    max_user_api_tokens: int
    max_preview_identities: int
    max_webhooks: int
    max_proposals: int
    max_streams: int
    graphql_completion: Literal["compiled", "ordinary"]
    audit_retention_months: int
    audit_archive_folder: Path | None
    log_format: Literal["json", "text"]
    log_level: Literal["debug", "info", "warning", "error"]
    otlp_endpoint: str | None
    worker_metrics_host: str
    worker_metrics_port: int
    metrics_providers: int
    demo: bool = False
    """Started by `dev`, with the demo provider. No variable or file can set it."""

    @property
    def tenant_limits(self) -> TenantLimits:
        """The limits of one tenant."""
        return TenantLimits(**{field.name: getattr(self, field.name) for field in fields(TenantLimits)})


def load_settings(
    environ: Mapping[str, str], toml_path: Path | None = None, *, demo: bool = False, keys_required: bool = True
) -> Settings:
    """Read the settings. The environment wins over the file.

    Args:
        environ: usually `os.environ`; only `IDENTITY_*`, `HOME` and `XDG_DATA_HOME` are read.
        toml_path: the settings file; None means the path in `IDENTITY_CONFIG_FILE`, if that is set.
        demo: `dev` is starting; only a loopback address may then be listened on.
        keys_required: False for commands that open no secret (and for `dev` before it has made its keys): without
            keys, `secret_keys` is then the empty ring.

    Raises:
        ConfigurationError: with all problems found.
    """
    problems: list[str] = []
    if toml_path is None and (named := environ.get(CONFIG_FILE_VARIABLE)) is not None:
        try:
            toml_path = home_expanded(named)
        except ValueError as error:
            problems.append(f"{CONFIG_FILE_VARIABLE}: {error}")
    document = _read_document(toml_path, problems) if toml_path is not None else {}
    values = _read_values(environ, document, problems)
    values["data_dir"] = values["data_dir"] or _default_data_dir(environ)
    values["public_url"] = values["public_url"] or f"http://127.0.0.1:{values['port']}"
    values["secret_keys"] = _key_ring(values, keys_required, problems)
    settings = Settings(**values, demo=demo)
    _check_together(settings, problems)
    if problems:
        raise ConfigurationError(problems)
    return settings


def _read_document(path: Path, problems: list[str]) -> dict[str, Any]:
    """The settings file as a mapping; its faults are added to `problems`."""
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_FILE_BYTES + 1)
        if len(content) > _MAX_FILE_BYTES:
            raise ValueError(f"it is larger than {_MAX_FILE_BYTES} bytes")
        document = tomllib.loads(content.decode("utf-8-sig"))
        if not document:
            raise ValueError("it is empty")
        if any(setting.is_secret and setting.name in document for setting in SETTINGS):
            read_private_file(path, _MAX_FILE_BYTES)
    except OSError as error:
        problems.append(f"settings file: it cannot be read: {error.strerror or 'unknown error'}")
    except ConfigurationError as error:
        problems.extend(f"settings file: it holds secrets and {problem}" for problem in error.problems)
    except tomllib.TOMLDecodeError as error:
        # Only the place: the parser may quote the line, and the line may hold a secret.
        place = re.search(r"line \d+, column \d+", str(error))
        problems.append(f"settings file: it is not TOML ({place[0] if place else 'at its end'})")
    except UnicodeDecodeError:
        problems.append("settings file: it is not UTF-8")
    except ValueError as error:
        problems.append(f"settings file: {error}")
    else:
        return document
    return {}


def _read_values(environ: Mapping[str, str], document: Mapping[str, Any], problems: list[str]) -> dict[str, Any]:
    variables = {setting.variable for setting in SETTINGS} | {CONFIG_FILE_VARIABLE}
    for variable in sorted(key for key in environ if key.startswith(PREFIX)):
        if variable not in variables:
            problems.append(_unknown(variable, variables))
    for key in document:
        if key not in _BY_NAME:
            problems.append("settings file: " + _unknown(key, set(_BY_NAME)))
    return {setting.name: _read_one(setting, environ, document, problems) for setting in SETTINGS}


def _read_one(setting: Setting, environ: Mapping[str, str], document: Mapping[str, Any], problems: list[str]) -> object:
    try:
        if setting.variable in environ:
            source = setting.variable
            return setting.reader.read(environ[setting.variable], True)
        if setting.name in document:
            source = f"settings file: {setting.name}"
            return setting.reader.read(document[setting.name], False)
    except ValueError as error:
        problems.append(f"{source}: {error}")
    return setting.default


def _unknown(name: str, known: set[str]) -> str:
    shown = name.encode("ascii", "backslashreplace").decode()[:64]
    shown = "".join(character if character.isprintable() else "?" for character in shown)
    # The common prefix of all variables is ignored for similarity.
    ends = {one.removeprefix(PREFIX): one for one in known}
    near = difflib.get_close_matches(name.removeprefix(PREFIX)[:64], ends, n=1, cutoff=0.75)
    return f"{shown} is not a setting" + (f"; did you mean {ends[near[0]]}?" if near else "")


def _default_data_dir(environ: Mapping[str, str]) -> Path:
    # The XDG base directory specification says that a relative path is to be ignored.
    shared = environ.get("XDG_DATA_HOME", "")
    if shared and Path(shared).is_absolute():
        return Path(shared) / "identity-api"
    if os.geteuid() == 0:
        # The embedded PostgreSQL runs under another uid, which cannot enter root's home.
        return Path("/var/lib/identity-api")
    try:
        home = Path(environ["HOME"]) if environ.get("HOME") else Path.home()
    except RuntimeError:  # a user id without a name, as in a container
        return Path("/var/lib/identity-api")
    return home.absolute() / ".local" / "share" / "identity-api"


def _key_ring(values: Mapping[str, Any], keys_required: bool, problems: list[str]) -> KeyRing:
    inline, path = values["secret_keys"], values["secret_keys_file"]
    if inline is not None and path is not None:
        problems.append("IDENTITY_SECRET_KEYS and IDENTITY_SECRET_KEYS_FILE are both set; give one")
    if inline is not None:
        return inline  # type: ignore[no-any-return]  # the reader of this row gives a KeyRing
    if path is None:
        path = values["data_dir"] / "keys.toml"
        if not path.exists():
            if keys_required and not any("secret_keys" in problem.lower() for problem in problems):
                problems.append(
                    "IDENTITY_SECRET_KEYS or IDENTITY_SECRET_KEYS_FILE is missing; `identity-api keys generate` prints a key"
                )
            return KeyRing()
    try:
        return read_keys_file(path)
    except ConfigurationError as error:
        problems.extend(f"IDENTITY_SECRET_KEYS_FILE: {problem}" for problem in error.problems)
        return KeyRing()


def _check_together(settings: Settings, problems: list[str]) -> None:
    if settings.session_idle_seconds > settings.session_absolute_seconds:
        problems.append("IDENTITY_SESSION_IDLE_SECONDS is larger than IDENTITY_SESSION_ABSOLUTE_SECONDS")
    if settings.workers > 1 and (settings.database_url is None or settings.redis_url is None):
        problems.append("IDENTITY_WORKERS must be 1 unless IDENTITY_DATABASE_URL and IDENTITY_REDIS_URL are set")
    if (settings.audit_retention_months > 0) != (settings.audit_archive_folder is not None):
        problems.append("IDENTITY_AUDIT_RETENTION_MONTHS and IDENTITY_AUDIT_ARCHIVE_FOLDER need each other")
    if settings.demo and not is_loopback(settings.host):
        problems.append("IDENTITY_HOST: the demo listens on this machine only; anyone could sign in as anyone")
