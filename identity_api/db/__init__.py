"""PostgreSQL, the source of truth (I5).

`tables` declares what is stored; `piccolo_migrations/` creates it; one query module per concept reads and writes it.
Query functions take an open connection first and the tenant second: tenants are separated here and nowhere else (I2).

Decision: Piccolo for tables, migrations, pool and transactions; SQL text for queries.
  Context: almost every query of this product joins, locks, decides or moves sets. Written with a query builder it would
  need a second form beside raw SQL, and the reader two languages.
  Decision: query modules hold SQL and take the asyncpg connection that `transaction()` or `reading()` yields.
  Consequences: the SQL that is read is the SQL that runs; set-based statements stay possible; concurrent tasks share no
  context variable, because the connection is an argument. Structs state the types of rows; they are not derived.
  Alternatives: Piccolo's query API (3x slower for objects, no composite foreign keys), an ORM's unit of work (hides when
  a write happens, which this product may not).
"""
