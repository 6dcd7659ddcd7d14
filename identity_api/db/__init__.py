"""PostgreSQL, the truth (I5).

`tables` says what is stored; `piccolo_migrations/` how it came to be; one query module per concept says what is read and
written. Query functions take an open connection first and the tenant second: tenancy is answered here and nowhere else (I2).

Decision: Piccolo for tables, migrations, pool and transactions; SQL text for queries.
  Context: almost every query of this product joins, locks, decides or moves sets. Written with a query builder it would
  need a second form beside raw SQL, and the reader two languages.
  Decision: query modules hold SQL and take the asyncpg connection that `transaction()` or `reading()` yields.
  Consequences: what runs is what is read; set-based statements stay possible; no context-variable surprises between
  concurrent tasks, because the connection is an argument. Types of rows are stated by Structs, not derived.
  Alternatives: Piccolo's query API (3x slower for objects, no composite foreign keys), an ORM's unit of work (hides when
  a write happens, which this product may not).
"""
