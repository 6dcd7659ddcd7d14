"""PingFederate. An OpenID Connect policy of the customer decides which claims come, and where.

Facts: attributes of the policy are in UserInfo by default, and a refresh brings no ID token unless *Return ID Token On
Refresh Grant* is on
(https://docs.pingidentity.com/pingfederate/latest/administrators_reference_guide/help_policymanagementtasklet_policymanagementstate.html).
"""

from identity_api.providers.presets.preset import HOST, Parameter, Preset

PRESET = Preset(
    name="pingfederate",
    label="PingFederate",
    icon="mdi:shield-key",
    register_redirect_at="PingFederate administrative console, Applications, OAuth, Clients, the client, Redirect URIs",
    steps=(
        "Add a client with the client authentication Client Secret and the grant types Authorization Code and Refresh "
        "Token.",
        "OpenID Connect Policy Management, Attribute Contract: add groups, and associate it with the scope profile.",
        "Contract Fulfillment: fill groups, such as from memberOf.",
    ),
    documentation="https://docs.pingidentity.com/pingfederate/latest/developers_reference_guide/pf_openid_provider_config_endpoint.html",
    unverified=(
        "That a group attribute with one value comes as one text, and is left out without a value.",
        "That a refresh token comes without the scope offline_access, as long as the client has the grant type.",
    ),
    parameters=(Parameter(name="host", label="Host and port", pattern=HOST, example="sso.example.com:9031"),),
    issuer="https://{host}",
    scopes=("openid", "profile", "email"),
    username_claim=("preferred_username",),
    groups_claim=("id_token / groups", "userinfo / groups"),
)
