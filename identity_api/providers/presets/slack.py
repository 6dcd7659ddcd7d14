"""Slack. It has no groups; the workspace, whose id is in a claim with a slash in its name, stands for one.

Facts: endpoints, scopes and client authentication (https://slack.com/.well-known/openid-configuration); refusals come with
status 200 and `"ok": false` (https://docs.slack.dev/reference/methods/openid.connect.token). An app that is not
distributed is for people of its own workspace; for others the workspace must be compared, hence `deny_unmapped`.
"""

from identity_api.providers.presets.preset import Preset

PRESET = Preset(
    name="slack",
    label="Slack",
    icon="mdi:slack",
    register_redirect_at="Slack, Your Apps, the app, OAuth & Permissions, Redirect URLs",
    steps=("Create an app in the workspace, and leave Token Rotation off.",),
    documentation="https://docs.slack.dev/authentication/sign-in-with-slack/",
    unverified=(
        "That the access token does not expire while token rotation is off, and is refused once the person is "
        "deactivated.",
        "That PKCE parameters do no harm.",
    ),
    issuer="https://slack.com",
    scopes=("openid", "profile", "email"),
    username_claim=("preferred_username", "name"),
    display_claim=("name",),
    groups_claim=("id_token / https://slack.com/team_id", "userinfo / https://slack.com/team_id"),
    deny_unmapped=True,
    sync="ACCESS_TOKEN",
)
