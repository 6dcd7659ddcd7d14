"""Maintenance of the whole installation: the audit chain, and the rotation of keys."""
