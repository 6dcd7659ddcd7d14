"""Webhooks: the tenant's changes, sent to addresses that its admins name (Standard Webhooks 1.0).

A message says whose permissions, profile or sessions have changed, never to what: the receiver asks for what is true now.
Each webhook is sent the outbox in its order, one message after the other, and remembers in PostgreSQL how far it has come.
So a message is delivered at least once and in the order of each user's changes, a receiver that was away goes on where it
stopped, and a replay is a step back. Redis only wakes the workers.

The alternative, a row for each message and webhook, would let one refused message be overtaken by others of other users. An
edit for 100,000 users would write as many rows for each webhook, and replaying would be out of order.
"""
