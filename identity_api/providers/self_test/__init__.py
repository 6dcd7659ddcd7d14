"""The self-test of a provider: checks its set-up before anybody signs in.

run             every step, in an order in which the first failure names the fault; `SelfTest`
client          the client secret, and whether the token endpoint accepts it
discovery       the metadata document: reachable, JSON, the issuer exactly, the endpoints
keys            the algorithms announced, and keys that fit them
announced       PKCE, scopes, claims and refresh tokens: what is announced against what is configured
authorization   whether the authorization endpoint accepts the client ID and redirect URL
userinfo        whether UserInfo answers as it must
refreshes       whether the background sync was refused lately
exceptions      which checks the operator has waived for this provider
clocks          the difference between the provider's clock and the service's

The rules are those of a login (`oidc`, `relying_party.authorization_request`, `relying_party.client`). Nothing is cached,
so the test sees the provider's current state. It follows OpenID Connect Discovery 1.0, Core 1.0, RFC 6749 and RFC 7636.

Claims, refresh token and audience only show in a sign-in: see the test login, `sessions.login.dry_run`.
"""
