"""One module for each command or group of commands: its parameters, and one call."""
