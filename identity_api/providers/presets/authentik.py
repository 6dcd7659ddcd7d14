"""authentik. Every application has an issuer of its own, which ends in a slash.

Facts: a refresh token comes only with the scope `offline_access`, since 2024.2, and only if the provider has the scope
mapping of that name (https://docs.goauthentik.io/releases/2024.2/). `groups`, the names of the person's groups, belongs to
the scope `profile`.
"""

from identity_api.providers.presets.preset import HOST, Parameter, Preset

PRESET = Preset(
    name="authentik",
    label="authentik",
    icon="mdi:shield-account",
    register_redirect_at="authentik admin interface, Applications, Providers, the provider, Edit, Redirect URIs",
    steps=(
        "Create an application with a provider of type OAuth2/OpenID, a confidential client, and a signing key.",
        "Advanced protocol settings, Scopes: select the mapping offline_access beside email, openid and profile.",
    ),
    documentation="https://docs.goauthentik.io/add-secure-apps/providers/oauth2/",
    unverified=(
        "That the list of groups is empty, and not left out, for people without groups.",
        "That email_verified is false for everybody since 2025.10, unless a scope mapping of one's own says otherwise.",
    ),
    parameters=(
        Parameter(name="host", label="Host", pattern=HOST, example="auth.example.com"),
        Parameter(name="application", label="Slug of the application", pattern="[a-z0-9_-]+", example="identity-api"),
    ),
    issuer="https://{host}/application/o/{application}/",
    groups_claim=("id_token / groups", "userinfo / groups"),
)
