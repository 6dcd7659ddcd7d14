"""Work in the background: a worker process whose tickers find in PostgreSQL what there is to do (I5).

    tickers     repeats a body, wakes up early on request, and outlives a database that is down
    clean_up    forgets logins and sessions long over
    functions   the bodies that a wake-up through Redis names; each unpacks ids and calls a use case
    detached    what a job begins and does not take with it when it is cut off
    worker      puts them together, and ends in order

Any number of workers may run: claims and locks in the database decide who does what. Redis only makes it sooner.
"""
