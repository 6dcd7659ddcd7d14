"""Tenants as the operator declares them. Only the operator makes a tenant.

declaration     a TOML document -> typed declarations, every problem found at once
apply           declarations -> rows, idempotent, with the differences it made (or would make)
importing       other systems' files and variables -> declarations
"""
