"""Settings of an installation: read once at start, frozen, and passed to the rest as arguments.

Nothing is read at import, and no layer below the wiring reads settings itself.
"""

from identity_api.config.key_file import create_keys_file, read_keys_file
from identity_api.config.key_ring import KEY_BYTES, KeyRing, parse_key_ring
from identity_api.config.markdown import configuration_markdown
from identity_api.config.readers import Network, is_loopback
from identity_api.config.secret import Secret
from identity_api.config.settings import Settings, load_settings
from identity_api.config.table import CONFIG_FILE_VARIABLE, Setting, settings_table
from identity_api.config.tenant_limits import DEFAULT_LIMITS, TenantLimits

__all__ = [
    "CONFIG_FILE_VARIABLE",
    "DEFAULT_LIMITS",
    "KEY_BYTES",
    "KeyRing",
    "Network",
    "Secret",
    "Setting",
    "Settings",
    "TenantLimits",
    "configuration_markdown",
    "create_keys_file",
    "is_loopback",
    "load_settings",
    "parse_key_ring",
    "read_keys_file",
    "settings_table",
]
