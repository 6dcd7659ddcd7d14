"""Dex. What comes depends on the connector behind it: not every one gives groups, a username or refresh tokens.

Facts: scopes it does not know are refused; `groups` asks for groups and `offline_access` for a refresh token
(https://dexidp.io/docs/configuration/custom-scopes-claims-clients/). A claim without groups is left out. Refreshed ID
tokens repeat the nonce of the login, and none has `auth_time`. Read in Dex's own source.
"""

from identity_api.providers.presets.preset import HOST, Parameter, Preset

PRESET = Preset(
    name="dex",
    label="Dex",
    icon="mdi:key-variant",
    register_redirect_at="Dex, config.yaml, staticClients, redirectURIs",
    steps=(
        "Add a static client with an id, a name, a secret and the redirect URI.",
        "oauth2: skipApprovalScreen, unless people shall confirm each sign-in.",
    ),
    documentation="https://dexidp.io/docs/configuration/custom-scopes-claims-clients/",
    unverified=("How old a refresh token may grow: it is what expiry.refreshTokens of the configuration says.",),
    parameters=(
        Parameter(
            name="address",
            label="Issuer without https://",
            pattern=HOST + "(?:/[A-Za-z0-9_-]+)*",
            example="dex.example.com/dex",
        ),
    ),
    issuer="https://{address}",
    scopes=("openid", "profile", "email", "groups", "offline_access"),
    username_claim=("preferred_username",),
    display_claim=("name", "preferred_username"),
    absent_groups="EMPTY",
)
