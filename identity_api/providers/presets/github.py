"""GitHub, plain OAuth 2.0: no ID Token, so the UserInfo request with the access token identifies the person.

Facts: the numbered `id` stays, `login` can be renamed and given to somebody else, so it is never matched. Access tokens
of an OAuth app do not expire, and there is no refresh token: the profile is read again with the access token
(https://docs.github.com/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps). Where GitHub sends `iss` with a
callback (RFC 9207) it is the issuer below. Everybody in the world has or can have an account here, hence not `JIT`.
"""

from identity_api.providers.presets.preset import Alternative, Preset

PRESET = Preset(
    name="github",
    label="GitHub",
    icon="mdi:github",
    register_redirect_at="GitHub, Settings of the organisation, Developer settings, OAuth Apps, Authorization callback URL",
    steps=(
        "Create an OAuth App and a client secret.",
        "Enter people's identities by the number in https://api.github.com/users/<name>, member id.",
    ),
    documentation="https://docs.github.com/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps",
    unverified=("That PKCE parameters are honoured by GitHub; it ignored them in earlier years, which does no harm.",),
    alternatives=(
        Alternative(
            name="teams",
            why="Permissions follow teams, written as organisation/team. An organisation that restricts OAuth apps must "
            "approve this one, or its teams are left out without a word.",
            settings={
                "group_source": "github",
                "scopes": ("read:user", "user:email", "read:org"),
                "sync_mode": "STRICT",
            },
        ),
    ),
    protocol="oauth2",
    issuer="https://github.com/login/oauth",
    endpoints={
        "authorization": "https://github.com/login/oauth/authorize",
        "token": "https://github.com/login/oauth/access_token",
        "userinfo": "https://api.github.com/user",
    },
    scopes=("read:user", "user:email"),
    anchor_claim=("userinfo / id",),
    username_claim=("userinfo / login",),
    display_claim=("userinfo / name", "userinfo / login"),
    email_claim=("userinfo / email",),
    groups_claim=("userinfo / groups",),
    provisioning="LINKED_ONLY",
    sync="ACCESS_TOKEN",
    sync_mode="NONE",
)
