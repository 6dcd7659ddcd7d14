"""How this service is a client of a customer's provider (OpenID Connect: a Relying Party): for logins and syncs alike.

connection              on whose behalf, with which trust, and with which certificate of ours something is sent
client                  who we are at the provider, and how we prove it
requests                requests in which we prove it, and which of them may be sent again
authorization_request   what a login asks for
claim_settings          where a provider's settings say that a claim is
group_sources           vendors' interfaces that list groups where claims do not
refresh_tokens          a login's refresh token at rest
cache                   what a process remembers of providers between requests
"""
