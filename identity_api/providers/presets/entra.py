"""Microsoft Entra ID: one directory, or several through `organizations` or `common` with a list of who may sign in.

Facts: `sub` is another one for every application, so a new client id makes everybody a stranger; `oid` with `tid` is
the person's own id in the directory and is offered as the alternative `object_id`; it needs the scope `profile`
(https://learn.microsoft.com/entra/identity-platform/id-token-claims-reference). Above 200 groups Entra puts
`_claim_names` in place of the list; such a reading is `TRUNCATED` and says so, unless Graph is asked for the groups. An
address in `email` is not verified and can be changed by the directory's admins, so it must not be the anchor.
"""

from identity_api.providers.presets.preset import Alternative, Parameter, Preset

TEMPLATE = "https://login.microsoftonline.com/{tenantid}/v2.0"
_ANY_DIRECTORY = "https://login.microsoftonline.com/%s/v2.0/.well-known/openid-configuration"

PRESET = Preset(
    name="entra",
    label="Microsoft Entra ID",
    icon="mdi:microsoft",
    register_redirect_at="Entra admin center, App registrations, Authentication, platform Web, Redirect URIs",
    steps=(
        "Register an application for accounts in this directory only, unless several directories are to sign in.",
        "Certificates & secrets: create a client secret and note when it expires; it is shown once.",
        "Token configuration: add the groups claim for the ID token. Groups assigned to the application keeps the "
        "list below Entra's limit of 200; above it no groups come at all.",
        "Leave the implicit grant and public client flows off.",
    ),
    documentation="https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc",
    unverified=(
        "That the groups claim is left out for people without groups.",
        "That User.Read and GroupMember.Read.All are enough for graph_groups, and its list equal to the claim's.",
    ),
    parameters=(
        Parameter(
            name="directory",
            label="Directory (tenant) ID",
            pattern="[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
            example="8eaef023-2b34-4da1-9baa-8bc8c9d6a490",
        ),
    ),
    alternatives=(
        Alternative(
            name="object_id",
            why="People stay the same when the application is registered again. Directory and object id identify them.",
            settings={"anchor_claim": ("id_token / jmespath:join('/', [tid, oid])",)},
        ),
        Alternative(
            name="graph_groups",
            why="People in more than 200 groups: theirs are read from Microsoft Graph. Needs the delegated permissions "
            "User.Read and GroupMember.Read.All with an administrator's consent.",
            settings={
                "group_source": "entra",
                "scopes": ("openid", "profile", "email", "offline_access", "User.Read", "GroupMember.Read.All"),
            },
        ),
        Alternative(
            name="organizations",
            why="People of several directories sign in. Every one must be listed in allowed_directories.",
            settings={"issuer": TEMPLATE, "discovery_url": _ANY_DIRECTORY % "organizations"},
        ),
        Alternative(
            name="common",
            why="As organizations, and personal Microsoft accounts, whose directory must be listed like any other.",
            settings={"issuer": TEMPLATE, "discovery_url": _ANY_DIRECTORY % "common"},
        ),
    ),
    issuer="https://login.microsoftonline.com/{directory}/v2.0",
    endpoints={
        "authorization": "https://login.microsoftonline.com/{directory}/oauth2/v2.0/authorize",
        "token": "https://login.microsoftonline.com/{directory}/oauth2/v2.0/token",
        "userinfo": "https://graph.microsoft.com/oidc/userinfo",
    },
    absent_groups="EMPTY",
)
