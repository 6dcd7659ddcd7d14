"""Zitadel, in the cloud or an instance of one's own. Permissions follow the roles of a project.

Facts (https://zitadel.com/docs/apis/openidoauth/claims, .../scopes): the claim is an object whose names are the keys of
the roles; below each are the organisations that grant it. Without *User Info inside ID Token* the claims of `profile` and
`email` are in UserInfo only. The issuer has no slash at its end.
"""

from identity_api.providers.presets.preset import HOST, Alternative, Parameter, Preset

_ROLES = "urn:zitadel:iam:org:project:roles"

PRESET = Preset(
    name="zitadel",
    label="Zitadel",
    icon="mdi:shield-key",
    register_redirect_at="Zitadel console, Projects, the project, Applications, the application, Redirect Settings",
    steps=(
        "Create an application of type Web with the authentication method POST, and switch Refresh Token on.",
        "Project, General: switch Assert Roles on Authentication on, so that the roles come without a scope of their own.",
    ),
    documentation="https://zitadel.com/docs/apis/openidoauth/claims",
    unverified=(
        "That the claim is left out for people without a role in the project.",
        "That the claim is one object, as tokens have it, although a page of the documentation shows a list around it.",
    ),
    parameters=(
        Parameter(name="host", label="Domain of the instance", pattern=HOST, example="acme-x1y2z3.zitadel.cloud"),
        Parameter(name="project", label="Project id", pattern="[0-9]{1,20}", example="69234237810729019"),
    ),
    alternatives=(
        Alternative(
            name="roles_of_project",
            why="The roles of another project than the application's; its id is the value project.",
            settings={
                "scopes": (
                    "openid",
                    "profile",
                    "email",
                    "offline_access",
                    "urn:zitadel:iam:org:projects:roles",
                    "urn:zitadel:iam:org:project:id:{project}:aud",
                ),
                "groups_claim": (
                    "id_token / urn:zitadel:iam:org:project:{project}:roles /",
                    "userinfo / urn:zitadel:iam:org:project:{project}:roles /",
                ),
            },
        ),
    ),
    issuer="https://{host}",
    groups_claim=(f"id_token / {_ROLES} /", f"userinfo / {_ROLES} /"),
    absent_groups="EMPTY",
)
