"""Amazon Cognito, one user pool.

Facts: the ID token has `cognito:groups` and `cognito:username`, and UserInfo says `email_verified` as a text
(https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-id-token.html). A refresh
token comes with every login; the scope `offline_access` does not exist. The end of the session is a page of its own with
its own parameters (https://docs.aws.amazon.com/cognito/latest/developerguide/logout-endpoint.html).
"""

from identity_api.providers.presets.preset import Parameter, Preset

PRESET = Preset(
    name="cognito",
    label="Amazon Cognito",
    icon="mdi:aws",
    register_redirect_at="Amazon Cognito console, User pools, the pool, App clients, the client, Login pages, Allowed "
    "callback URLs",
    steps=(
        "Create an app client of type Traditional web application, with a client secret.",
        "Login pages: OAuth grant type Authorization code grant, and the scopes OpenID, Email and Profile.",
    ),
    documentation="https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-userpools-server-contract-reference.html",
    unverified=(
        "That the claim cognito:groups is left out for people without groups.",
        "That Cognito refuses the scope offline_access; the preset does not ask for it.",
    ),
    parameters=(
        Parameter(name="region", label="Region", pattern="[a-z]{2}(-[a-z]+)+-[0-9]", example="eu-central-1"),
        Parameter(
            name="pool", label="User pool ID", pattern="[a-z0-9-]+_[0-9A-Za-z]+", example="eu-central-1_AbCdEfGhI"
        ),
    ),
    issuer="https://cognito-idp.{region}.amazonaws.com/{pool}",
    scopes=("openid", "profile", "email"),
    username_claim=("preferred_username", "cognito:username"),
    display_claim=("name", "preferred_username", "cognito:username"),
    groups_claim=("id_token / cognito:groups",),
    absent_groups="EMPTY",
    end_session_parameters={"logout_uri": "{return_url}"},
)
