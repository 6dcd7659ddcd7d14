"""The vendors that a customer's IT can choose.

A vendor whose accounts are open to everybody, such as Google, is not among them, nor one that matches people by name or
needs more than a secret: an admin decides about those.
"""

from typing import Final

from identity_api.providers.presets import PRESETS, Preset

OTHER: Final = "other"
"""Any other OpenID Provider, by its issuer."""


def _is_offered(preset: Preset) -> bool:
    has_plain_secret = preset.client_authentication in (None, "client_secret_basic", "client_secret_post")
    return preset.protocol == "oidc" and preset.provisioning == "JIT" and has_plain_secret and preset.name != "slack"


VENDORS: Final = {name: preset for name, preset in sorted(PRESETS.items()) if _is_offered(preset)}
