"""OneLogin, version 2 of its OpenID Connect.

Facts: the issuer, and `groups` (https://developers.onelogin.com/openid-connect/api/provider-config). The scope
`offline_access` is an error with the code flow, and a refresh token comes without it
(https://developers.onelogin.com/openid-connect/scopes).
"""

from identity_api.providers.presets.preset import Parameter, Preset

PRESET = Preset(
    name="onelogin",
    label="OneLogin",
    icon="mdi:circle-outline",
    register_redirect_at="OneLogin administration, Applications, the application, Configuration, Redirect URI's",
    steps=(
        "Add the application OpenId Connect (OIDC).",
        "SSO: Token Endpoint Authentication Method POST, and a refresh token that lives long.",
        "Parameters, Groups: the value that is to be the claim, such as User Roles, and a filter if there are many.",
        "Access: the roles that may sign in.",
    ),
    documentation="https://developers.onelogin.com/openid-connect/api/provider-config",
    unverified=(
        "What the claim is for people without groups: an empty list, or left out.",
        "That groups come as a list, whatever is chosen for the parameter.",
    ),
    parameters=(
        Parameter(name="subdomain", label="Subdomain", pattern="[a-z0-9](?:[a-z0-9-]*[a-z0-9])?", example="acme"),
    ),
    issuer="https://{subdomain}.onelogin.com/oidc/2",
    scopes=("openid", "profile", "email", "groups"),
    groups_claim=("id_token / groups", "userinfo / groups"),
)
