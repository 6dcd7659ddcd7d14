"""Google, for Workspace and personal accounts. Google gives no groups in its tokens, so permissions are given by
hand, or the groups are read from Cloud Identity.

Facts: the issuer, and `access_type=offline` instead of the scope `offline_access`, which Google refuses
(https://developers.google.com/identity/openid-connect/openid-connect). A refresh token comes with the first consent
only, hence `prompt=consent`. Everybody in the world has or can have an account here, hence not `JIT`.
"""

from identity_api.providers.presets.preset import Alternative, Preset

PRESET = Preset(
    name="google",
    label="Google",
    icon="mdi:google",
    register_redirect_at="Google Cloud console, APIs & Services, Credentials, OAuth client ID, Authorized redirect URIs",
    steps=(
        "Create an OAuth client ID of type Web application.",
        "With a Google Workspace organisation choose the user type Internal on the consent screen: then only its "
        "people can sign in, and provisioning may be JIT.",
    ),
    documentation="https://developers.google.com/identity/openid-connect/openid-connect",
    unverified=(
        "That UserInfo can be read at openidconnect.googleapis.com where the protocol is oauth2.",
        "That ordinary people may list their own groups with the scope of cloud_identity_groups.",
    ),
    alternatives=(
        Alternative(
            name="cloud_identity_groups",
            why="Permissions follow groups, written as addresses. Needs Workspace Enterprise Standard or Plus, Enterprise "
            "for Education or Cloud Identity Premium; for other accounts no groups are known.",
            settings={
                "group_source": "google",
                "scopes": (
                    "openid",
                    "profile",
                    "email",
                    "https://www.googleapis.com/auth/cloud-identity.groups.readonly",
                ),
                "sync_mode": "STRICT",
            },
        ),
    ),
    issuer="https://accounts.google.com",
    endpoints={
        "authorization": "https://accounts.google.com/o/oauth2/v2/auth",
        "token": "https://oauth2.googleapis.com/token",
        "userinfo": "https://openidconnect.googleapis.com/v1/userinfo",
    },
    scopes=("openid", "profile", "email"),
    authorization_parameters={"access_type": "offline", "prompt": "consent"},
    username_claim=("email",),
    display_claim=("name", "email"),
    provisioning="KNOWN_USERS",
    email_verified_rule="REQUIRED",
    sync_mode="NONE",
)
