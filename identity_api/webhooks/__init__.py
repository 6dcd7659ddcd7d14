"""Webhooks: the tenant's changes, sent to addresses that its admins name (Standard Webhooks 1.0).

A message says whose permissions, profile or sessions have changed, never their new values: the receiver queries them.
Each webhook is sent the outbox in its order, one message after the other, and its position is stored in PostgreSQL. A message
that is refused is set aside, with the later ones of its users, in a row for each, of which there are few. So a message is
delivered at least once and in the order of each user's changes, a receiver that was unavailable continues where it stopped,
and a replay moves the position back. Redis only wakes the workers.

The alternative, a row for each message and webhook: an edit for 100,000 users would write as many rows for each webhook, and a
replay would be out of order.
"""
