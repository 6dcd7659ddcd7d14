"""The protocol core: fast, pure, without a socket or a clock."""
