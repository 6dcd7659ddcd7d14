"""LinkedIn, by its product Sign In with LinkedIn using OpenID Connect.

Facts: the issuer and the endpoints (https://www.linkedin.com/oauth/.well-known/openid-configuration), scopes and claims
(https://learn.microsoft.com/linkedin/consumer/integrations/self-serve/sign-in-with-linkedin-v2). ID tokens do not repeat the
nonce, and the token endpoint refuses a web application that uses PKCE: both are exceptions that only the operator makes, so
they are in the guide's declaration and not here. Refresh tokens are for selected partners. Everybody in the world has or can
have an account here, hence not `JIT`.
"""

from identity_api.providers.presets.preset import Preset

PRESET = Preset(
    name="linkedin",
    label="LinkedIn",
    icon="mdi:linkedin",
    register_redirect_at="LinkedIn Developers, My apps, the app, Auth, Authorized redirect URLs for your app",
    steps=(
        "Create an app, and add the product Sign In with LinkedIn using OpenID Connect.",
        'The operator declares pkce = "OFF" and missing_nonce = "ACCEPTED", and nobody else can.',
    ),
    documentation="https://learn.microsoft.com/linkedin/consumer/integrations/self-serve/sign-in-with-linkedin-v2",
    unverified=(
        "That the nonce is still missing and PKCE still refused: others reported both up to 2025.",
        "That UserInfo refuses the access token of somebody who took the permission back.",
    ),
    issuer="https://www.linkedin.com/oauth",
    scopes=("openid", "profile", "email"),
    username_claim=("email",),
    display_claim=("name",),
    absent_groups="EMPTY",
    provisioning="KNOWN_USERS",
    email_verified_rule="REQUIRED",
    sync="ACCESS_TOKEN",
    sync_mode="NONE",
)
