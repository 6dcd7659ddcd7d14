"""AD FS, 2016 or newer.

Facts (https://learn.microsoft.com/windows-server/identity/ad-fs/development/ad-fs-openid-connect-oauth-concepts): claims
of the organisation come into the ID token with the scope `allatclaims`, by the rules of a web API, and only with
`response_mode=form_post`; `resource` names that web API. UserInfo says `sub` and nothing else. A login has one refresh
token, which lives as long as the single sign-on, eight hours unless changed. Access tokens have another issuer.
"""

from identity_api.providers.presets.preset import HOST, Parameter, Preset

PRESET = Preset(
    name="adfs",
    label="AD FS",
    icon="mdi:microsoft-windows",
    register_redirect_at="AD FS Management, Application Groups, the group, the server application, Redirect URI",
    steps=(
        "Add an application group of the template Server application accessing a web API.",
        "Give the web API the client identifier as its identifier, and the scopes openid, profile, email and allatclaims.",
        "Issuance transform rules of the web API: LDAP attributes to UPN, Name and E-Mail Address, and Token-Groups - "
        "Unqualified Names to Group.",
    ),
    documentation="https://learn.microsoft.com/windows-server/identity/ad-fs/development/custom-id-tokens-in-ad-fs",
    unverified=(
        "That refreshed ID tokens have the claims of the rules as well.",
        "That the claim group is left out for people without groups, and is one text for one group.",
        "That the rule's Name and E-Mail Address are called unique_name and email in the ID token.",
    ),
    parameters=(Parameter(name="host", label="Federation service name", pattern=HOST, example="adfs.example.com"),),
    issuer="https://{host}/adfs",
    scopes=("openid", "profile", "email", "allatclaims"),
    authorization_parameters={"response_mode": "form_post", "resource": "{client_id}"},
    username_claim=("upn",),
    display_claim=("name", "unique_name", "upn"),
    groups_claim=("id_token / group",),
    absent_groups="EMPTY",
)
