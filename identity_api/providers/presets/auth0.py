"""Auth0. Its issuer ends in a slash. Groups come from an Action of the customer, under a claim that is a URL.

Facts: custom claims belong into a namespace, and `groups` and `roles` without one are reserved
(https://auth0.com/docs/secure/tokens/json-web-tokens/create-custom-claims). Claims set by an Action appear in the ID
token of a refresh too, because the Action runs again.
"""

from identity_api.providers.presets.preset import HOST, Parameter, Preset

PRESET = Preset(
    name="auth0",
    label="Auth0",
    icon="mdi:shield-star",
    register_redirect_at="Auth0 dashboard, Applications, the application, Settings, Allowed Callback URLs",
    steps=(
        "Create a Regular Web Application, with the grant types Authorization Code and Refresh Token.",
        "Add a post-login Action that sets the groups: "
        'api.idToken.setCustomClaim("https://identity-api/groups", event.authorization?.roles ?? []).',
    ),
    documentation="https://auth0.com/docs/get-started/applications/application-settings",
    unverified=("That offline_access needs no API with offline access besides the application's grant type.",),
    parameters=(Parameter(name="domain", label="Auth0 domain", pattern=HOST, example="acme.eu.auth0.com"),),
    issuer="https://{domain}/",
    username_claim=("preferred_username", "nickname"),
    groups_claim=("id_token / https://identity-api/groups",),
)
