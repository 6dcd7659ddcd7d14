"""What a grant is, and when it is in force. Pure: the twin of the SQL function `effective_permission` (I1).

A permission is a lease. Facts change only by a write; force is computed when read, from facts, leases and the moment.
"""
