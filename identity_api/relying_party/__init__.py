"""How this service is a client of a customer's provider (OpenID Connect: a Relying Party): for logins and syncs alike.

connection              the connection to a provider: tenant, trusted authorities and client certificate
client                  the client at the provider, and its authentication
requests                authenticated requests, and which of them may be sent again
authorization_request   the authentication request of a login
claim_settings          the locations of claims in a provider's settings
group_sources           vendors' APIs that list groups where claims do not
refresh_tokens          a login's refresh token at rest
cache                   data about providers that a process keeps between requests
"""
