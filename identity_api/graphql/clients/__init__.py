"""Programs: API tokens of users, service clients and frontends."""
