"""What an operator goes through: restore, rolling restart, soak."""
