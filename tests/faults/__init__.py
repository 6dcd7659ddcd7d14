"""Fault injection: real processes, real kills, and what must hold after each of the numbered faults.

    catalogue      the faults by number and name: how each is made, and what must hold
    page           docs/faults.md, from the catalogue and from what the last run saw
    installation   a database, a provider, people who have signed in, and the processes that work for them
    processes      `identity-api worker` and `identity-api serve` as processes that can be killed, stopped and continued
    proxy          stands between two of them: pauses, cuts, drips, and cuts a PostgreSQL link at a chosen statement
    waiting        until something is so; nothing here sleeps for a time to pass

`make test-faults` runs them with few repetitions, `FULL=1 make test-faults` with the catalogue's. `make test` leaves them
out.
"""
