"""Users, their identities, sessions and credentials: what can be asked and changed."""
