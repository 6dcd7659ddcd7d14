"""A login, from its start to the delivery of a session or code: prepare, launch, finish, complete."""
