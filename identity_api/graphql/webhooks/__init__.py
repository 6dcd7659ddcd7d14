"""Webhooks: queries and mutations."""
