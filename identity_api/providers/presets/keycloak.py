"""Keycloak, one realm.

Facts: groups come only with a mapper of type Group Membership, named by its Token Claim Name; with Full group path on,
names begin with a slash, as `/engineering`. Roles are in the access token, under `realm_access` and `resource_access`.
"""

from identity_api.providers.presets.preset import HOST, Alternative, Parameter, Preset

PRESET = Preset(
    name="keycloak",
    label="Keycloak",
    icon="mdi:key",
    register_redirect_at="Keycloak admin console, the realm, Clients, the client, Settings, Valid redirect URIs",
    steps=(
        "Create an OpenID Connect client with Client authentication and Standard flow on, and the others off.",
        "Client scopes, the client's dedicated scope, add a mapper of type Group Membership: Token Claim Name groups, "
        "Add to ID token on, Full group path off.",
        "Advanced settings: Proof Key for Code Exchange Code Challenge Method S256.",
    ),
    documentation="https://www.keycloak.org/docs/latest/server_admin/",
    unverified=("That the groups claim is left out for people without groups, in every version.",),
    parameters=(
        Parameter(name="host", label="Host", pattern=HOST, example="sso.example.com"),
        Parameter(name="realm", label="Realm", pattern="[A-Za-z0-9._-]+", example="acme"),
    ),
    alternatives=(
        Alternative(
            name="realm_roles",
            why="Permissions follow the realm's roles instead of groups; they are in the access token.",
            settings={"groups_claim": ("access_token / realm_access / roles",)},
        ),
    ),
    issuer="https://{host}/realms/{realm}",
    absent_groups="EMPTY",
)
