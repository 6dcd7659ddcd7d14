"""The self-test of a provider: what can be known of its set-up before anybody signs in.

run             every step, in an order in which the first failure names the fault; `SelfTest`
client          who we are there: the secret, and whether the token endpoint accepts it
discovery       the metadata document: reachable, JSON, the issuer exactly, the endpoints
keys            the algorithms announced, and keys that fit them
announced       PKCE, scopes, claims and refresh tokens: what is announced against what is configured
authorization   whether the authorization endpoint accepts our client ID and redirect URL
userinfo        whether UserInfo answers as it must
refreshes       whether the background sync was refused lately
exceptions      which checks the operator has taken back for this provider
clocks          the provider's clock against ours

The rules are the login's own (`oidc`, `relying_party.authorization_request`, `relying_party.client`); nothing is cached,
so that it is the provider of now that is tested. It follows OpenID Connect Discovery 1.0, Core 1.0, RFC 6749 and RFC 7636.

What only a person's sign-in can show (claims, refresh token, audience) is the test login's: `sessions.login.dry_run`.
"""
