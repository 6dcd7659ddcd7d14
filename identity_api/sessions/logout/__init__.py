"""The end of a session: by its person, by an admin, or by the provider, through either channel."""
