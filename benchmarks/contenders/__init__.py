"""What the product is measured beside: each reads the same tables and looks the session up on every request."""
