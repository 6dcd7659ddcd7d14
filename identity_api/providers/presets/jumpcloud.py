"""JumpCloud. All its customers share one issuer; the client id says whose people can sign in.

Facts: the issuer, with its slash at the end, and that the admin names the groups attribute
(https://jumpcloud.com/support/sso-with-oidc).
"""

from identity_api.providers.presets.preset import Preset

PRESET = Preset(
    name="jumpcloud",
    label="JumpCloud",
    icon="mdi:cloud",
    register_redirect_at="JumpCloud admin portal, SSO Applications, the application, SSO, Redirect URIs",
    steps=(
        "Create a custom OIDC application with the grant types Authorization Code and Refresh Token and the client "
        "authentication Client Secret POST.",
        "Attribute mapping: the scopes Email and Profile, and include the group attribute under the name groups.",
        "Assign the application to the user groups that may sign in.",
    ),
    documentation="https://jumpcloud.com/support/sso-with-oidc",
    unverified=(
        "That the scope offline_access is needed and enough for refresh tokens.",
        "Whether the groups attribute is in the ID token, in UserInfo or in both, and whether it is left out if empty.",
    ),
    issuer="https://oauth.id.jumpcloud.com/",
    groups_claim=("id_token / groups", "userinfo / groups"),
)
