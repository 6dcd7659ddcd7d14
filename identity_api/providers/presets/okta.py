"""Okta, through the organisation's own authorization server or through its default custom one.

Facts: the organisation's server puts groups into the ID token only, when the application has a groups claim filter and
the scope `groups` is asked for (https://developer.okta.com/docs/guides/customize-tokens-groups-claim/). A filter gives
at most 100 groups, and an expression with `getFilteredGroups` cuts the list at its third argument, without a marker.
"""

from identity_api.providers.presets.preset import HOST, Alternative, Parameter, Preset

PRESET = Preset(
    name="okta",
    label="Okta",
    icon="mdi:circle-outline",
    register_redirect_at="Okta admin console, Applications, the application, General, Sign-in redirect URIs",
    steps=(
        "Create an app integration: OIDC, Web Application, grant types Authorization Code and Refresh Token.",
        "Sign On, OpenID Connect ID Token: a groups claim named groups, with a filter that matches at most 100 groups "
        "of any person.",
    ),
    documentation="https://developer.okta.com/docs/guides/customize-tokens-groups-claim/",
    unverified=(
        "What a person with more than 100 matching groups gets: an error or a shortened list.",
        "That the groups claim is left out for people without matching groups.",
        "That all_groups may ask for the groups of `me` with the scope okta.users.read.self.",
    ),
    parameters=(Parameter(name="domain", label="Okta domain", pattern=HOST, example="acme.okta.com"),),
    alternatives=(
        Alternative(
            name="all_groups",
            why="People in 100 groups or more: theirs are read from the organisation's interface, since a claim may have "
            "been cut off there. The scope must be granted to the application.",
            settings={
                "group_source": "okta",
                "scopes": ("openid", "profile", "email", "groups", "offline_access", "okta.users.read.self"),
            },
        ),
        Alternative(
            name="default_server",
            why="The custom authorization server named default, which has its own claims and no scope groups at first.",
            settings={
                "issuer": "https://{domain}/oauth2/default",
                "scopes": ("openid", "profile", "email", "offline_access"),
            },
        ),
    ),
    issuer="https://{domain}",
    scopes=("openid", "profile", "email", "groups", "offline_access"),
    absent_groups="EMPTY",
)
