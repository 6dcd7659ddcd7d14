"""What a grant is, and when it is in force. Pure: the same rules as the SQL of `db.in_force` (I1).

A permission is a lease. Facts change only by a write; what is in force is computed when read, from facts, leases and
the time.
"""
