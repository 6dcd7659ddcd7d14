"""What exactly was wrong with a provider's answer: the reason of a failed login, and of an identity that is stale.

With a colon: a reason within a reason, such as the claim to blame. The most exact row that fits is shown.
"""

from typing import Final

from identity_api.diagnostics.explanation import Table, table

_CLOCK = "Compare the clocks (NTP) of the provider and of our machines; a login allows a minute."
_KEYS = "Look at the provider's key set and at how it signs; run its self-test."
_AGAIN = "Try again; if it stays, run the provider's self-test."
_OUTAGE = "Wait; if it stays, ask the provider's operator."
_NETWORK = "Look at firewalls and at the network between us and the provider."

REASONS: Final[Table] = table(
    {
        # The ID Token
        "MISSING": (
            "A document that the login needs did not come; the reason names it.",
            "Make a test login: it shows which documents come.",
        ),
        "MISSING:id_token": (
            "The provider sent no ID Token.",
            "Ask for the scope `openid`, and register the application as OpenID Connect there.",
        ),
        "MISSING:access_token": (
            "The provider sent no access token, and UserInfo, which says who somebody is here, can be asked with one only.",
            "Ask for a scope that brings one; at Azure AD B2C that is the client ID itself.",
        ),
        "PERSON_MISMATCH": (
            "UserInfo is about another person than the ID Token beside it.",
            "Ask the provider's operator: its two documents disagree about who signed in.",
        ),
        "CLAIM_MISMATCH": ("A claim has another value than expected; the reason names it.", "Make a test login."),
        "CLAIM_MISMATCH:aud": (
            "The ID Token is for another client: its `aud` does not name the configured client ID.",
            "Compare the client ID with the one of the application at the provider.",
        ),
        "CLAIM_MISMATCH:azp": (
            "The ID Token was issued to another client: its `azp` is not the configured client ID.",
            "Compare the client ID with the one of the application at the provider.",
        ),
        "CLAIM_MISMATCH:iss": (
            "The ID Token is by another issuer than the provider's metadata says.",
            "Compare the issuer; at Entra, list the directories whose people may sign in.",
        ),
        "CLAIM_MISMATCH:tid": (
            "The ID Token is of another Entra directory than its issuer.",
            "List the directories whose people may sign in (`allowed_directories`).",
        ),
        "CLAIM_MISMATCH:nonce": (
            "The ID Token belongs to another sign-in.",
            "The person begins again. If it happens each time, the provider replays tokens: ask its operator.",
        ),
        "CLAIM_MISMATCH:at_hash": (
            "The ID Token and the access token beside it do not belong together.",
            "Ask the provider's operator; a proxy may mix answers.",
        ),
        "CLAIM_MISMATCH:auth_time": (
            "A new proof was asked for, and the provider showed nobody a sign-in page.",
            "Switch `reauthentication` off for a provider that cannot do it.",
        ),
        "CLAIM_MISMATCH:acr": (
            "The person proved who they are in a weaker way than was asked for.",
            "Compare the `acr_values` asked for with what the provider offers.",
        ),
        "MISSING_CLAIM": ("A required claim is absent; the reason names it.", "Let the provider send it."),
        "MISSING_CLAIM:azp": (
            "The ID Token is for several clients and does not say to which it was issued.",
            "Let the provider issue tokens for this application alone.",
        ),
        "MISSING_CLAIM:nonce": (
            "The ID Token does not repeat the nonce of the sign-in.",
            "The provider does not do what OpenID Connect asks for; ask its operator. If it cannot, the operator declares "
            "`missing_nonce` as `ACCEPTED` for this provider, with what is lost by it.",
        ),
        "MISSING_CLAIM:auth_time": (
            "A new proof was asked for, and the provider does not say when there was one.",
            "Switch `reauthentication` off for a provider that cannot do it.",
        ),
        "INVALID_CLAIM": ("A claim has an unusable value; the reason names it.", "Correct it at the provider."),
        "UNEXPECTED_CLAIM": ("A token of another kind was sent.", "Ask the provider's operator."),
        "TOKEN_EXPIRED": ("The token was over when it came.", _CLOCK),
        "TOKEN_NOT_YET_VALID": ("The token is from the future: a clock is wrong.", _CLOCK),
        "MALFORMED_TOKEN": (
            "What should be a signed token is not one, is too large, or is encrypted without that being agreed on.",
            "Switch encryption off at the provider, or agree on it; send fewer claims if it is too large.",
        ),
        "UNDECRYPTABLE_TOKEN": (
            "The token is encrypted and not for a key of ours, or not as agreed.",
            "Let the provider read our published keys again.",
        ),
        "ALGORITHM_NOT_ALLOWED": (
            "The token is signed with an algorithm that the provider does not announce, or with none that is safe.",
            "Let the provider sign with RS256, PS256, ES256 or EdDSA; HMAC and `none` are never accepted.",
        ),
        "UNKNOWN_KEY": ("The provider signed with a key that it does not publish.", _KEYS),
        "AMBIGUOUS_KEY": ("Several keys of the provider fit, and the token does not say which.", _KEYS),
        "INVALID_SIGNATURE": ("The signature is not that of the provider's published key.", _KEYS),
        # Documents
        "INVALID_METADATA": (
            "The discovery document cannot be used; the reason names the member.",
            "Run the provider's self-test.",
        ),
        "INVALID_KEY_SET": ("The key set cannot be read.", _KEYS),
        "INVALID_CALLBACK": ("The callback's parameters are not an authorization response.", "Begin again."),
        "CALLBACK_ISSUER_MISMATCH": (
            "The callback comes from another provider than the sign-in began with, or does not say from which.",
            "If the provider stands behind a proxy that changes answers, correct that.",
        ),
        "INVALID_PARAMETERS": (
            "A request that a provider brings to us cannot be read.",
            "Compare with the provider's own log what it sent.",
        ),
        "PROTOCOL": ("A message breaks the protocol.", _AGAIN),
        # Token endpoint
        "TOKEN_ENDPOINT": ("The token endpoint gave no tokens.", _AGAIN),
        "TOKEN_REQUEST_REFUSED": (
            "The token endpoint refused the code or the client; the reason has its error code.",
            "Compare client ID, client secret and redirect URL; run the provider's self-test.",
        ),
        "TOKEN_REQUEST_REFUSED:invalid_client": (
            "The provider does not accept the client: the secret is wrong or over, or the method to send it.",
            "Run the provider's self-test, which tells the two apart; apply a new secret.",
        ),
        "TOKEN_REQUEST_REFUSED:invalid_grant": (
            "The provider does not accept its own code: used twice, too old, or for another redirect URL.",
            "The person begins again. If it happens each time, compare the redirect URL and the clocks.",
        ),
        "TOKEN_REQUEST_REFUSED:unauthorized_client": (
            "The application may not use the code flow at the provider; Keycloak says the same of a wrong client secret.",
            "Run the provider's self-test, which tells the two apart.",
        ),
        "TOKEN_ENDPOINT_UNAVAILABLE": (
            "The token endpoint answers with an error of its own.",
            f"{_OUTAGE} Redirects (3xx) are not followed: then its address is wrong.",
        ),
        "INVALID_TOKEN_RESPONSE": (
            "The token endpoint's answer says success and cannot be read.",
            "Is it the token endpoint, and not a page? Run the provider's self-test.",
        ),
        "INVALID_TOKEN_RESPONSE:access_token": (
            "The token endpoint's answer has no ID Token and no access token that can be used.",
            "Ask for the scope `openid`; compare how the application is registered at the provider.",
        ),
        "PUSHED_REQUEST": ("The authorization request could not be pushed.", _AGAIN),
        "PUSHED_REQUEST_REFUSED": (
            "The provider does not take the pushed authorization request; the reason has its error code.",
            "Compare client, redirect URL and scopes with the application there.",
        ),
        "PUSHED_REQUEST_UNAVAILABLE": (
            "The endpoint for pushed requests answers with an error of its own.",
            f"{_OUTAGE} Redirects (3xx) are not followed: then its address is wrong.",
        ),
        "INVALID_PUSHED_RESPONSE": ("The answer to a pushed request cannot be read.", _OUTAGE),
        # UserInfo
        "USERINFO": (
            "UserInfo gave no claims; status 403 usually means a missing scope, 404 a wrong address.",
            "Ask for the scopes that UserInfo needs; compare its address.",
        ),
        "ACCESS_TOKEN_REFUSED": (
            "UserInfo does not accept the access token that the provider has just given.",
            "Compare the scopes and the audience of access tokens at the provider.",
        ),
        "USERINFO_UNAVAILABLE": (
            "UserInfo answers with an error of its own.",
            f"{_OUTAGE} Redirects (3xx) are not followed: then its address is wrong.",
        ),
        "INVALID_USERINFO": (
            "The UserInfo answer cannot be read, or is signed although that was not agreed on.",
            "Let the provider answer in JSON, or agree on signed answers.",
        ),
        # Claims
        "CLAIM_ERROR": ("A claim that a login needs is not usable.", "Make a test login."),
        "CLAIM_MISSING": (
            "The provider did not supply the claim that identifies the person.",
            "Make a test login: it shows the names that do come. Ask for the scope that brings the claim.",
        ),
        "NO_CLAIMS": (
            "A refresh brought neither an ID Token nor a UserInfo answer.",
            "Give the provider a UserInfo endpoint, or let it send ID Tokens with refreshes.",
        ),
        # Reaching the provider
        "TARGET_NOT_ALLOWED": (
            "The provider is at an address that may not be called from here.",
            "If the target is meant, the operator adds it to `IDENTITY_OUTBOUND_ALLOW` as `host:port`; `host` alone means "
            "port 443. The self-test and the log line `login.target_not_allowed` have the entry.",
        ),
        "REQUEST_INVALID": ("A request to the provider cannot be written.", "Look for odd characters in its settings."),
        "NAME_NOT_RESOLVED": (
            "The provider's host name is not known in the DNS.",
            "Compare the spelling, and ask our DNS for it.",
        ),
        "CONNECT_FAILED": (
            "Nothing accepts connections at the provider's address.",
            f"Compare host and port. {_NETWORK}",
        ),
        "CONNECT_TIMED_OUT": ("No connection to the provider was made in time.", _NETWORK),
        "TLS_FAILED": (
            "There is no trusted TLS connection to the provider.",
            "Renew its certificate, let it send the whole chain, or configure its authority.",
        ),
        "TLS_FAILED:EXPIRED": ("The provider's TLS certificate has expired.", "Renew it there."),
        "TLS_FAILED:SELF_SIGNED": (
            "The provider's TLS certificate is self-signed, or by an authority that nobody here trusts.",
            "Declare its authority as `ca_file`, or give the provider a certificate of a public one.",
        ),
        "TLS_FAILED:UNKNOWN_AUTHORITY": (
            "The provider's TLS certificate is by an unknown authority, or an intermediate certificate is not sent.",
            "Let the provider send the whole chain, or declare its authority as `ca_file`.",
        ),
        "TLS_FAILED:OTHER_HOST": (
            "The provider's TLS certificate is for another host name.",
            "Compare the host name in the provider's settings with its certificate.",
        ),
        "CLIENT_CERTIFICATE_REQUIRED": (
            "The provider takes no connection without a TLS client certificate, and none is configured.",
            "Declare `tls_client_certificate_file`.",
        ),
        "CLIENT_CERTIFICATE_REFUSED": (
            "The provider does not take the TLS client certificate that is configured.",
            "Compare it with the one registered there, and look at its end and its authority.",
        ),
        "ANSWER_TIMED_OUT": ("The provider was asked and did not answer in time.", f"{_OUTAGE} {_NETWORK}"),
        "CONNECTION_LOST": (
            "The connection to the provider was lost before it answered.",
            f"{_OUTAGE} {_NETWORK} Some providers that miss a TLS client certificate, or refuse ours, end it like this.",
        ),
        "NOT_HTTP": ("What answers for the provider does not speak HTTP.", "Compare host and port."),
        "ANSWER_TRUNCATED": ("The provider's answer is cut off or damaged.", _NETWORK),
        "ANSWER_TOO_LARGE": ("The provider's answer is larger than any that a login needs.", "Compare the address."),
        "CONTENT_CODING_UNKNOWN": ("The provider's answer is encoded in an unknown way.", "Look at proxies between."),
        "DOCUMENT_STATUS": (
            "A document of the provider (discovery or keys) came with another status than 200.",
            "Run the provider's self-test: it shows the address and the status.",
        ),
        "UPSTREAM_FAILED": ("A request to the provider failed.", _AGAIN),
        # Ours
        "KEY_MISSING": (
            "A secret is sealed under a key that this process does not have.",
            "Put the key back into `IDENTITY_SECRET_KEYS`; `identity-api doctor` names it.",
        ),
        "SEAL_BROKEN": (
            "A sealed value does not open in its place: it was changed, or moved.",
            "Apply the client secret again; find out who writes to the tables.",
        ),
    }
)
