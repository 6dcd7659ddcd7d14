"""Permissions, grants, groups and group mappings: queries and mutations."""
