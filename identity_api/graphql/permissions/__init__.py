"""Permissions, grants, groups and group mappings: what can be asked and changed."""
