"""Check the settings, including faults that only show when a part is used."""

from identity_api.cli.context import read_settings
from identity_api.errors import ConfigurationError
from identity_api.upstream.addresses import AllowList


def check_settings() -> list[str]:
    """Lines that describe the settings.

    Raises:
        ConfigurationError: with every problem.
    """
    settings = read_settings()
    try:
        AllowList.parse(settings.outbound_allow)
    except ConfigurationError as error:
        raise ConfigurationError([f"IDENTITY_OUTBOUND_ALLOW: {problem}" for problem in error.problems]) from None
    database = "embedded" if settings.database_url is None else "given"
    redis = "embedded" if settings.redis_url is None else "given"
    return [
        f"Settings: database {database}, Redis {redis}, public URL {settings.public_url}.",
        f"Keys: {settings.secret_keys.current_id} seals, {len(settings.secret_keys.ids)} open.",
    ]
