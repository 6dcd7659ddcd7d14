"""Users, their identities, sessions and credentials: queries and mutations."""
