"""Webhooks, and what changes them."""
