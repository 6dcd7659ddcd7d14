"""Read profile and groups again with each login's refresh token, so that a change at the provider soon takes effect.

One idea a file, in the order of one sync (`run` reads as these five steps):

    claim_due  takes due identities by lease and generation, and records the attempt first     (PostgreSQL decides)
    call       presents the refresh token, outside any transaction, never twice by itself      (RFC 6749 section 6)
    land       stores the rotated token by compare-and-set before anything else can fail
    validate   checks the answer as OIDC Core 12.2 requires, and reads profile and groups from it
    apply      writes verified answers in groups, each in one transaction

    outcome    the possible results of a sync        settle_failure   settles a claim that gave no verified answer
    breaker    a provider that refuses this client   pace             how many calls a failing provider gets
    alarms     events that a person should look at   access           what is needed to call a provider
    landings   stores tokens that came together      learned_rate     the rate that a provider allows
    on_demand  one user's sync on request            outage           what waits after the database was unavailable
    deps       dependencies from the wiring

Only proof ends permissions: a confirmed `invalid_grant`, or a provider's demand that the person signs in. Every other
failure means "not verified now", and the lease decides how long that may last (I1, I7).
"""
