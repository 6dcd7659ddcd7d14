"""Azure AD B2C, one user flow or custom policy. Not sold to new customers since May 2025.

Facts: every user flow has a metadata document of its own, and the issuer is by default the directory's, with a slash at its
end, whatever the flow; a property of the flow makes it one of its own, with `/tfp/`
(https://learn.microsoft.com/azure/active-directory-b2c/configure-tokens). There is an access token only if the client ID
is among the scopes (https://learn.microsoft.com/azure/active-directory-b2c/openid-connect). Addresses come as the list
`emails`. User flows have no groups.
"""

from identity_api.providers.presets.preset import Alternative, Parameter, Preset

PRESET = Preset(
    name="azure-b2c",
    label="Azure AD B2C",
    icon="mdi:microsoft-azure",
    register_redirect_at="Azure portal, Azure AD B2C, App registrations, the application, Authentication, Web, Redirect URIs",
    steps=(
        "Register an application, and make a client secret; it is shown once.",
        "User flows, the flow, Application claims: Display Name and Email Addresses.",
    ),
    documentation="https://learn.microsoft.com/azure/active-directory-b2c/openid-connect",
    unverified=("That refreshed ID tokens have the application claims of the flow.",),
    parameters=(
        Parameter(name="tenant", label="Name of the B2C tenant", pattern="[a-z0-9]+", example="acmeb2c"),
        Parameter(
            name="directory",
            label="Directory (tenant) ID",
            pattern="[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
            example="8eaef023-2b34-4da1-9baa-8bc8c9d6a490",
        ),
        Parameter(name="policy", label="User flow", pattern="[A-Za-z0-9_-]+", example="B2C_1_signin"),
    ),
    alternatives=(
        Alternative(
            name="tfp_issuer",
            why="The flow's property Issuer (iss) claim has the form with /tfp/.",
            settings={"issuer": "https://{tenant}.b2clogin.com/tfp/{directory}/{policy}/v2.0/"},
        ),
        Alternative(
            name="policy_groups",
            why="Permissions follow groups, which a custom policy of yours puts into the claim groups.",
            settings={"sync_mode": "STRICT", "absent_groups": "UNKNOWN"},
        ),
    ),
    issuer="https://{tenant}.b2clogin.com/{directory}/v2.0/",
    discovery_url="https://{tenant}.b2clogin.com/{tenant}.onmicrosoft.com/{policy}/v2.0/.well-known/openid-configuration",
    scopes=("openid", "offline_access", "{client_id}"),
    username_claim=("preferred_username", "name"),
    display_claim=("name",),
    email_claim=("email", "id_token / jmespath:emails[0]"),
    absent_groups="EMPTY",
    sync_mode="NONE",
)
