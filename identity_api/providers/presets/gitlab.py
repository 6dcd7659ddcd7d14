"""GitLab, gitlab.com or an instance of one's own. Groups are paths, such as `acme/platform`.

Facts (https://docs.gitlab.com/integration/openid_connect_provider/): `groups` is in UserInfo and has groups that somebody
is in through an ancestor too; the ID token has `groups_direct`, which lacks them. `auth_time` is the time of the person's
last sign-in at GitLab, whichever browser it was in. There is no scope `offline_access`: a refresh token always comes.
"""

from identity_api.providers.presets.preset import HOST, Alternative, Parameter, Preset

PRESET = Preset(
    name="gitlab",
    label="GitLab",
    icon="mdi:gitlab",
    register_redirect_at="GitLab, Admin or the group's Settings, Applications, the application, Redirect URI",
    steps=(
        "Add a confidential application with the scopes openid, profile and email.",
        "Nothing else: every person's groups are in UserInfo.",
    ),
    documentation="https://docs.gitlab.com/integration/openid_connect_provider/",
    unverified=(
        "That GitLab refuses the scope offline_access; the preset does not ask for it.",
        "That the list of groups is empty, and not left out, for people without groups.",
    ),
    parameters=(Parameter(name="host", label="Host", pattern=HOST, example="gitlab.example.com"),),
    alternatives=(
        Alternative(
            name="direct_groups",
            why="Only groups that somebody is a member of directly, not through an ancestor; they are in the ID token.",
            settings={"groups_claim": ("id_token / groups_direct",)},
        ),
    ),
    issuer="https://{host}",
    scopes=("openid", "profile", "email"),
    username_claim=("preferred_username", "nickname"),
    display_claim=("name", "nickname"),
    groups_claim=("userinfo / groups",),
)
