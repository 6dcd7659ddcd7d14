"""What a running version does on the schema of the next one."""
