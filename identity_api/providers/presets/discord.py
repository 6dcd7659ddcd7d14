"""Discord, plain OAuth 2.0: the request for the profile identifies the person.

Facts (https://docs.discord.com/developers/topics/oauth2): endpoints and scopes; access tokens live seven days and refresh
tokens renew them. With the scope `guilds.members.read` one's own membership of a server can be read, with the ids of the
roles there; for somebody who is no member it does not exist. Everybody in the world has or can have an account here, hence
not `JIT`, unless a server says who may come in.
"""

from identity_api.providers.presets.preset import Alternative, Parameter, Preset

_ENDPOINTS = {
    "authorization": "https://discord.com/oauth2/authorize",
    "token": "https://discord.com/api/oauth2/token",
}

PRESET = Preset(
    name="discord",
    label="Discord",
    icon="mdi:account-circle",
    register_redirect_at="Discord Developer Portal, Applications, the application, OAuth2, Redirects",
    steps=("Create an application, and leave Public Client off.",),
    documentation="https://docs.discord.com/developers/topics/oauth2",
    unverified=(
        "That Discord takes PKCE parameters of a client with a secret.",
        "That Discord's interface answers programs that do not call themselves bots.",
        "That a refresh token is for one use.",
    ),
    parameters=(Parameter(name="server", label="Server id", pattern="[0-9]{15,20}", example="197038439483310086"),),
    alternatives=(
        Alternative(
            name="server_roles",
            why="Only members of one server come in, and permissions follow their roles there, written as the roles' ids. "
            "No e-mail address comes then.",
            settings={
                "endpoints": {
                    **_ENDPOINTS,
                    "userinfo": "https://discord.com/api/users/@me/guilds/{server}/member",
                },
                "scopes": ("identify", "guilds.members.read"),
                "anchor_claim": ("userinfo / user / id",),
                "username_claim": ("userinfo / user / username",),
                "display_claim": ("userinfo / nick", "userinfo / user / global_name", "userinfo / user / username"),
                "groups_claim": ("userinfo / roles",),
                "provisioning": "JIT",
                "deny_unmapped": True,
                "sync_mode": "STRICT",
            },
        ),
    ),
    protocol="oauth2",
    issuer="https://discord.com",
    endpoints={**_ENDPOINTS, "userinfo": "https://discord.com/api/users/@me"},
    scopes=("identify", "email"),
    anchor_claim=("userinfo / id",),
    username_claim=("userinfo / username",),
    display_claim=("userinfo / global_name", "userinfo / username"),
    email_claim=("userinfo / email",),
    groups_claim=("userinfo / roles",),
    provisioning="LINKED_ONLY",
    absent_groups="EMPTY",
    sync_mode="NONE",
)
