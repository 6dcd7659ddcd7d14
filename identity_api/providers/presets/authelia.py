"""Authelia. Since 4.39 the ID token says who signed in and nothing else of them; the rest is in UserInfo.

Facts: claims of a scope are at UserInfo, unless a claims policy of the client puts them into the ID token
(https://www.authelia.com/integration/openid-connect/openid-connect-1.0-claims/). A client has the one way of client
authentication that its entry names, `client_secret_basic` by default
(https://www.authelia.com/configuration/identity-providers/openid-connect/clients/). Refresh tokens are for one use.
"""

from identity_api.providers.presets.preset import HOST, Parameter, Preset

PRESET = Preset(
    name="authelia",
    label="Authelia",
    icon="mdi:shield-star",
    register_redirect_at="Authelia, configuration.yml, identity_providers, oidc, clients, redirect_uris",
    steps=(
        "Add the client with the scopes openid, profile, email, groups and offline_access, and the grant types "
        "authorization_code and refresh_token.",
        "Set token_endpoint_auth_method to client_secret_post.",
    ),
    documentation="https://www.authelia.com/configuration/identity-providers/openid-connect/clients/",
    unverified=("That the list of groups is empty, and not left out, for people without groups.",),
    parameters=(Parameter(name="host", label="Host", pattern=HOST, example="auth.example.com"),),
    issuer="https://{host}",
    scopes=("openid", "profile", "email", "groups", "offline_access"),
    groups_claim=("id_token / groups", "userinfo / groups"),
)
