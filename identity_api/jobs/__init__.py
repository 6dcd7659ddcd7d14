"""Work in the background: a worker process whose tickers find in PostgreSQL what there is to do (I5).

    tickers     repeats a body, wakes up early on request, and outlives a database that is down
    clean_up    deletes logins and sessions that ended long ago
    functions   the bodies that a wake-up through Redis names; each unpacks ids and calls a use case
    detached    work that a job begins and that continues when the job is cancelled
    worker      puts them together, and ends in order

Any number of workers may run: claims and locks in the database decide who does what. Redis only makes work start
sooner.
"""
