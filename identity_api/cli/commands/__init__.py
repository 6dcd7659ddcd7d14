"""One module a command, or group of commands: its parameters, and one call."""
