"""The table of all settings. Parsing, bounds and docs/configuration.md come from it and nothing else."""

from dataclasses import dataclass

from identity_api.config import readers
from identity_api.config.readers import Reader, whole_number
from identity_api.config.tenant_limits import DEFAULT_LIMITS

PREFIX = "IDENTITY_"
CONFIG_FILE_VARIABLE = "IDENTITY_CONFIG_FILE"


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: `name` is the attribute of `Settings` and the key in the TOML file.

    `default` is the typed default; `default_text` describes a default that is determined at start.
    """

    name: str
    section: str
    reader: Reader
    help: str
    default: object = None
    default_text: str = ""
    minimum: int | None = None
    maximum: int | None = None
    unit: str = ""
    is_secret: bool = False

    @property
    def variable(self) -> str:
        """The environment variable."""
        return PREFIX + self.name.upper()

    @property
    def kind(self) -> str:
        """The type in words."""
        return self.reader.kind


def _number(name: str, section: str, default: int, bounds: tuple[int, int], unit: str, help: str) -> Setting:
    minimum, maximum = bounds
    return Setting(
        name, section, whole_number(minimum, maximum), help, default, "", minimum=minimum, maximum=maximum, unit=unit
    )


_SERVICES = "Services and data"
_HTTP = "HTTP"
_SECRETS = "Keys"
_LOGIN = "Login and sessions"
_SYNC = "Sync"
_TENANT = "Limits of a tenant"
_OPERATION = "Operation"


def _limit(name: str, maximum: int, unit: str, help: str) -> Setting:
    return _number(name, _TENANT, getattr(DEFAULT_LIMITS, name), (1, maximum), unit, help)


SETTINGS: tuple[Setting, ...] = (
    Setting(
        "database_url",
        _SERVICES,
        readers.connection_url("postgresql", "postgres"),
        "PostgreSQL 15 or newer.",
        default_text="the embedded PostgreSQL",
        is_secret=True,
    ),
    _number("database_pool_size", _SERVICES, 16, (2, 200), "connections", "Database connections of each process."),
    Setting(
        "database_pooling",
        _SERVICES,
        readers.choice("session", "transaction"),
        "`transaction` behind a pooler that lends a connection for a transaction only, such as PgBouncer in that mode.",
        "session",
    ),
    Setting(
        "redis_url",
        _SERVICES,
        readers.REDIS_URL,
        "Redis or Valkey. It only wakes workers up and counts requests; it may be emptied at any time.",
        default_text="the embedded Valkey",
        is_secret=True,
    ),
    Setting(
        "data_dir",
        _SERVICES,
        readers.PATH,
        "Where the embedded services and the keys made by `dev` are kept.",
        default_text="`$XDG_DATA_HOME/identity-api`, else `/var/lib/identity-api` for root"
        " and `~/.local/share/identity-api` for others",
    ),
    Setting(
        "secret_keys",
        _SECRETS,
        readers.KEY_RING,
        "The key ring: the first key seals, all open; 32 random bytes each, in base64.",
        default_text="required, unless the file below is given",
        is_secret=True,
    ),
    Setting(
        "secret_keys_file",
        _SECRETS,
        readers.PATH,
        "A TOML file with `[[keys]]` tables of `id` and `key`; refused if others may read it.",
        default_text="`keys.toml` in the data directory, if it is there",
    ),
    Setting(
        "public_url",
        _HTTP,
        readers.ORIGIN,
        "How browsers reach this service; https is required unless it is this machine.",
        default_text="`http://127.0.0.1:` and the port",
    ),
    Setting("host", _HTTP, readers.HOST, "The address to listen on.", "127.0.0.1"),
    _number("port", _HTTP, 8000, (1, 65_535), "", "The port to listen on."),
    _number("workers", _HTTP, 1, (1, 64), "processes", "API processes; 1 with embedded services."),
    _number(
        "drain_seconds",
        _HTTP,
        3,
        (0, 60),
        "seconds",
        "After SIGTERM the API answers for so long more, is not ready, and asks clients to close their connections.",
    ),
    _number(
        "max_streams",
        _HTTP,
        2_000,
        (1, 8_000),
        "streams",
        "Subscriptions that are open at each API process; a tenant has half of them at most, a user ten.",
    ),
    Setting(
        "trusted_proxies",
        _HTTP,
        readers.NETWORKS,
        "Peers whose forwarded headers count. Those of other peers are ignored.",
        (),
        "none",
    ),
    Setting(
        "outbound_allow",
        _HTTP,
        readers.TEXT_LIST,
        "Private or plain-http targets that may be called: `host[:port]` or `CIDR:port`, optionally `@tenant`.",
        (),
        "none",
    ),
    _number("attempt_seconds", _LOGIN, 600, (60, 600), "seconds", "How long a login may take."),
    _number("handle_seconds", _LOGIN, 60, (10, 300), "seconds", "How long a prepared login waits for its browser."),
    _number("code_seconds", _LOGIN, 60, (10, 300), "seconds", "How long a one-time code may be exchanged."),
    _number("leeway_seconds", _LOGIN, 60, (0, 300), "seconds", "Clock difference allowed when judging tokens."),
    _number("session_idle_seconds", _LOGIN, 3_600, (60, 604_800), "seconds", "A session unused this long ends."),
    _number("session_absolute_seconds", _LOGIN, 86_400, (60, 2_592_000), "seconds", "A session this old ends."),
    _number("sessions_per_user", _LOGIN, 10, (1, 1_000), "sessions", "One more login ends the oldest session."),
    # 420 s with jitter of 20 % and one crashed worker stays below the promised 600 s.
    _number("sync_interval_seconds", _SYNC, 300, (60, 420), "seconds", "Pause between two reads of an identity."),
    _number(
        "outage_grace_seconds",
        _SYNC,
        14_400,
        (0, 86_400),
        "seconds",
        "How long permissions hold while a provider does not answer.",
    ),
    _number(
        "unsynced_lease_seconds",
        _SYNC,
        86_400,
        (300, 2_592_000),
        "seconds",
        "How long permissions from a login hold at a provider that is not synced.",
    ),
    _number("max_inactive_days", _SYNC, 30, (1, 365), "days", "Without a request by the person, the sync pauses."),
    _number("sync_concurrency", _SYNC, 100, (1, 500), "calls", "Provider calls a worker has open at a time."),
    _limit("max_mappings", 100_000, "mappings", "Group mappings of a tenant."),
    _limit(
        "max_glob_mappings",
        10_000,
        "mappings",
        "Group mappings with a pattern, each matched with every new group.",
    ),
    _limit("max_permissions", 100_000, "permissions", "Permissions of a tenant's own."),
    _limit("max_providers", 1_000, "providers", "Providers of a tenant."),
    _limit("max_frontends", 1_000, "frontends", "Frontends of a tenant."),
    _limit("max_service_clients", 1_000, "clients", "Service clients that a tenant's admins make."),
    _limit(
        "max_provider_groups",
        1_000_000,
        "groups",
        "Groups a provider may name over time; further new groups are ignored.",
    ),
    _limit("max_answer_groups", 10_000, "groups", "Groups of one person in an answer; with more, none of them counts."),
    _limit("max_user_grants", 10_000, "grants", "Permissions a user may hold that were given by hand."),
    _limit("max_user_api_tokens", 1_000, "tokens", "Live API tokens of a user."),
    _limit("max_preview_identities", 1_000_000, "identities", "Identities that a mapping's preview looks at."),
    _limit("max_webhooks", 1_000, "webhooks", "Webhooks of a tenant."),
    _limit("max_proposals", 10_000, "proposals", "Sets of changes of a tenant that wait for another admin's approval."),
    Setting(
        "graphql_completion",
        _OPERATION,
        readers.choice("compiled", "ordinary"),
        "How GraphQL answers are put together; `ordinary` is graphql-core alone, for finding a fault, and slower.",
        "compiled",
    ),
    _number(
        "audit_retention_months",
        _OPERATION,
        0,
        (0, 1_200),
        "months",
        "Whole calendar months that the audit's events stay; then workers move them into files. 0: they stay for ever.",
    ),
    Setting(
        "audit_archive_folder",
        _OPERATION,
        readers.PATH,
        "Where workers write these files: a folder that exists, is backed up, and that they share.",
        default_text="none",
    ),
    Setting("log_format", _OPERATION, readers.choice("json", "text"), "Log lines for programs or for people.", "json"),
    Setting(
        "log_level",
        _OPERATION,
        readers.choice("debug", "info", "warning", "error"),
        "The lowest level that is logged.",
        "info",
    ),
    Setting(
        "otlp_endpoint",
        _OPERATION,
        readers.ENDPOINT,
        "OpenTelemetry collector (OTLP over HTTP); needs the extra `telemetry`.",
        default_text="no tracing",
    ),
    Setting(
        "worker_metrics_host",
        _OPERATION,
        readers.HOST,
        "Where a worker's `/metrics` and `/health/live` listen. Anybody who can reach it can read them.",
        "127.0.0.1",
    ),
    _number(
        "worker_metrics_port",
        _OPERATION,
        0,
        (0, 65_535),
        "",
        "Their port, one for each worker of a machine; 0: the worker listens nowhere.",
    ),
    _number(
        "metrics_providers",
        _OPERATION,
        100,
        (0, 10_000),
        "providers",
        "Providers that have series of their own in a worker's metrics; the others are counted together.",
    ),
)


def settings_table() -> tuple[Setting, ...]:
    """Every setting, in the order of the documentation."""
    return SETTINGS
