"""What the self-test and the test login find, beyond the codes that logins have as well."""

from typing import Final

from identity_api.diagnostics.explanation import Table, table

_TEST_LOGIN = "Make a test login: it shows what really comes."

SELF_TEST: Final[Table] = table(
    {
        "OK": ("All is well.", "No action is needed."),
        "DISCOVERY_STATUS": (
            "At the address of the discovery document is something else.",
            "Open the address in a browser. The issuer is what stands before `/.well-known/openid-configuration`.",
        ),
        "DISCOVERY_REDIRECTS": (
            "The address of the discovery document redirects, and redirects are not followed.",
            "Enter the issuer that the new address belongs to.",
        ),
        "DISCOVERY_NOT_JSON": (
            "At the address of the discovery document is a page, or broken JSON.",
            "Open the address in a browser. A sign-in page or portal may stand before the provider.",
        ),
        "METADATA_UNUSABLE": (
            "A member of the discovery document that logins need has an unusable value.",
            "Correct it at the provider; the finding names the member.",
        ),
        "METADATA_MEMBERS_IGNORED": (
            "Optional members of the discovery document have unusable values, and count as absent.",
            "Logins work. Correct the members at the provider if what they announce is wanted, such as sign-out.",
        ),
        "ENDPOINT_MISSING": (
            "An endpoint without which nobody can sign in is not announced, or is not https.",
            "Correct the provider's own base address; for plain OAuth 2.0 configure all three endpoints.",
        ),
        "CODE_FLOW_NOT_OFFERED": ("The provider does not offer the code flow.", "Allow it there."),
        "DIRECTORIES_MISSING": (
            "The issuer stands for every Entra directory, and none is listed.",
            "List the directories in `allowed_directories`, or use the issuer of one directory.",
        ),
        "CALLBACK_ELSEWHERE": (
            "The redirect URL leads to a host for which this service does not answer.",
            "Add the host to the tenant's `hosts`, or configure a redirect URL on one of them or on the public host.",
        ),
        "CALLBACK_REFUSED": (
            "Several providers share one redirect URL, and this one's callbacks do not identify it.",
            "Let the provider announce `iss` (RFC 9207) or offer `form_post`, or give it a redirect URL of its own. The "
            "last resort is `accept_without_iss`, which trusts it with the codes of every other provider there.",
        ),
        "CALLBACK_UNNAMED": (
            "Callbacks are accepted at a shared redirect URL without `iss`, by the operator's exception.",
            "Give the provider a redirect URL of its own, and take `accept_without_iss` back.",
        ),
        "CALLBACK_UNTOLD": (
            "Whether callbacks at the shared redirect URL will be believed was not found out.",
            "Test again when the provider's discovery document can be read.",
        ),
        "ALGORITHMS_REFUSED": (
            "The provider signs ID Tokens with nothing that is accepted here.",
            "Let it sign with RS256, PS256, ES256 or EdDSA.",
        ),
        "KEY_SET_STATUS": (
            "The key set is not at the address that is announced.",
            "Correct the provider's `jwks_uri`.",
        ),
        "NO_USABLE_KEY": (
            "The key set has no public key for signatures.",
            "Publish the signing key there: RSA of at least 2048 bits, P-256 to P-521, or Ed25519.",
        ),
        "NO_KEY_FOR_ALGORITHMS": (
            "The published keys and the announced algorithms do not fit.",
            "Publish the key that signs, or announce what it signs with.",
        ),
        "SECRET_MISSING": (
            "There is no client secret that is still valid.",
            "Make one at the provider, and apply it here.",
        ),
        "SECRET_ENDS_SOON": ("The client secret ends within a month.", "Make a new one there, and apply it here."),
        "SECRET_NEWEST_REFUSED": (
            "Of two client secrets, the provider takes the older one only.",
            "Put the newest one in force at the provider before the older one ends.",
        ),
        "CLIENT_NOT_POSSIBLE": (
            "The configured client authentication does not fit the secrets and keys there are.",
            "Configure the method that the application has at the provider, with its secret or key.",
        ),
        "CLIENT_SECRET_WRONG": (
            "The provider does not accept the client: the secret or the client ID is wrong.",
            "Copy both again from the provider. A value that looks right may be the secret's id instead of the secret.",
        ),
        "CLIENT_CERTIFICATE_WRONG": (
            "The provider does not accept the client: our TLS certificate or the client ID is not the one it knows.",
            "Register there the certificate (or its subject) that `tls_client_certificate_file` holds.",
        ),
        "CLIENT_METHOD_WRONG": (
            "The client secret is sent in a way that the provider does not take.",
            "Set the client authentication to what the finding expects.",
        ),
        "CLIENT_MAY_NOT": (
            "The provider knows the client and does not let it use the code flow.",
            "Allow the authorization code flow for the application there.",
        ),
        "CLIENT_NOT_ACCEPTED": (
            "The provider refuses the client in the same words with our secret and with a wrong one.",
            "Copy client ID and secret again from the provider, and allow the authorization code flow for the application.",
        ),
        "CLIENT_NOT_TOLD": (
            "The provider looks at the code before it looks at the client.",
            f"{_TEST_LOGIN} Compare client ID and method by eye.",
        ),
        "CODE_NOT_CHECKED": (
            "The provider gives tokens for codes that it never issued.",
            "Do not use it: anybody could sign in as anybody.",
        ),
        "TOKEN_NOT_CHECKED": (
            "UserInfo answers to access tokens that nobody issued.",
            "Do not use it: whose claims it tells is anybody's guess.",
        ),
        "TOKEN_ENDPOINT_STATUS": ("There is no token endpoint at its address.", "Correct the address."),
        "REDIRECT_URI_REFUSED": (
            "The provider does not know the redirect URL.",
            "Register exactly the expected one there: scheme, host, port, path and closing slash count.",
        ),
        "REDIRECT_URI_NOT_TOLD": (
            "The authorization endpoint does not say whether it knows the redirect URL before somebody signs in.",
            f"Check that exactly the expected redirect URL is registered. {_TEST_LOGIN}",
        ),
        "AUTHORIZATION_PAGE_REFUSED": (
            "The provider shows an error page instead of a sign-in page.",
            "Compare client ID and redirect URL; the provider's own page or log says which.",
        ),
        "AUTHORIZATION_REFUSED": (
            "The provider refuses the authorization request.",
            "`invalid_scope`: correct the scopes. `unauthorized_client`: allow the code flow. Else read the provider's log.",
        ),
        "AUTHORIZATION_ENDPOINT_STATUS": ("There is no working page where people are sent.", "Correct the address."),
        "REQUEST_NOT_POSSIBLE": ("A setting cannot be sent to the provider.", "Correct scopes and parameters."),
        "PKCE_REFUSED": (
            "The provider refuses the client because of PKCE, although it knows it.",
            "Allow PKCE for the application there. If it cannot be, the operator declares `pkce` as `OFF` for this provider, "
            "with what is lost by it.",
        ),
        "PKCE_OFF": (
            "PKCE is switched off for this provider, by the operator's exception.",
            "Take `pkce` back as soon as the provider takes PKCE.",
        ),
        "MISSING_NONCE_ACCEPTED": (
            "ID Tokens without a nonce are accepted of this provider, by the operator's exception.",
            "Take `missing_nonce` back as soon as the provider repeats the nonce.",
        ),
        "PKCE_NOT_ANNOUNCED": (
            "The provider does not announce PKCE, so that it may ignore it.",
            "Switch PKCE (S256) on there, if it can do it. Logins work without.",
        ),
        "SCOPE_NOT_ANNOUNCED": (
            "A scope is asked for that the provider does not announce.",
            "Define it there, or leave it out. Some providers announce few of the scopes they know.",
        ),
        "CLAIM_NOT_ANNOUNCED": ("A configured claim may be misspelt.", f"Compare the names. {_TEST_LOGIN}"),
        "CLAIMS_NOT_ANNOUNCED": ("The provider does not announce all claims it sends.", _TEST_LOGIN),
        "GROUPS_SCOPE_NOT_ASKED_FOR": (
            "The provider announces a scope for groups that is not asked for; without it the groups may not come.",
            f"Add the scope, unless groups come without it. {_TEST_LOGIN}",
        ),
        "CLAIM_LOOKS_LIKE_A_PATH": (
            "A claim is configured by a name with dots in it, which is taken as the name of one claim.",
            "Write a path with slashes, as the finding expects. If the claim is really called so, no action is needed.",
        ),
        "REFRESH_NOT_ANNOUNCED": (
            "The provider does not announce refresh tokens; without one, permissions last as long as a lease.",
            "Allow refresh tokens for the application there, or set `sync` to `OFF` or `ACCESS_TOKEN`.",
        ),
        "REFRESH_NOT_ASKED_FOR": (
            "Refresh tokens are not asked for.",
            "Add the scope `offline_access` (at Google: the parameter `access_type=offline`).",
        ),
        "REFRESHES_REFUSED": (
            "The provider does not accept us as its client when the background sync refreshes tokens.",
            "Correct the client secret, and allow refresh tokens for the application there; the sync goes on by itself then.",
        ),
        "CLOCK_DIFFERS": (
            "The provider's clock and ours differ by more than logins allow.",
            "Correct the clock that is wrong (NTP); ours first.",
        ),
        "CLOCK_NOT_TOLD": ("The provider does not say what time it is.", "No action is needed."),
        # Test login
        "TEST_NOT_BEGUN": ("The test login has not been opened in a browser.", "Open its address within a minute."),
        "TEST_WAITING": (
            "The provider has not sent the browser back yet.",
            "If it shows an error page: compare client ID, redirect URL and scopes; its page or log says which.",
        ),
        "CLAIM_NOT_FOUND": (
            "A configured claim did not come.",
            "Correct its name (the nearest are shown), ask for the scope that brings it, or let the provider send it.",
        ),
        "GROUPS_NOT_COMPLETE": (
            "The groups that came cannot be trusted to be all; they change no permission.",
            "See the reason: too many for a token, another shape than configured, or absent.",
        ),
        "GROUPS_AS_ONE_TEXT": (
            "The groups came as one text that looks like a list. It is taken as one group, since a name may look so.",
            'If it is a list, write the location as expected: with `/ [,]`, `/ [ ]` or `/ [""]` at its end.',
        ),
        "ACCESS_TOKEN_MISSING": (
            "The provider gives no access token, so that UserInfo cannot be asked.",
            "Nothing, if every claim is in the ID Token. Else ask for a scope that brings one; at Azure AD B2C that is the "
            "client ID itself.",
        ),
        "REFRESH_TOKEN_SHORT": (
            "The refresh token ends within a day. The sync renews it, but an outage that is longer signs people out.",
            "Let refresh tokens live long or without end there; at Keycloak ask for `offline_access`.",
        ),
        "REFRESH_TOKEN_MISSING": (
            "No refresh token came; permissions of a login would last as long as its lease.",
            "Allow refresh tokens there, ask for `offline_access`, add `prompt=consent` where the provider wants it, or set "
            "`sync` to `OFF` or `ACCESS_TOKEN`.",
        ),
        "TOO_MANY_TESTS": ("Ten tests were begun within a minute.", "Wait a minute."),
    }
)
