"""Re-reading profile and groups with each login's refresh token, so that a change at the provider is soon in force here.

One idea a file, in the order of one sync (`run` reads as these five steps):

    claim_due  takes due identities by lease and generation, with the intent written down      (PostgreSQL decides)
    call       presents the refresh token, outside any transaction, never twice by itself      (RFC 6749 section 6)
    land       stores the rotated token by compare-and-set before anything else can fail
    validate   judges what came as OIDC Core 12.2 says, and reads profile and groups from it
    apply      writes verified answers in groups, each in one transaction

    outcome    what a sync can come to           settle_failure   gives a claim back that came to nothing good
    breaker    a provider that refuses us        pace             how many calls a struggling provider gets
    alarms     what a person should look at      access           what is needed to talk to a provider
    landings   stores what came at one moment    learned_rate     what a provider allows
    on_demand  one user's sync on request        outage           what is left alone after the database was away
    deps       what the wiring hands in

Only proof costs anybody a permission: a confirmed `invalid_grant`, or a provider's demand for the person. Everything else
means "not verified now", and the lease decides how long that may last (I1, I7).
"""
