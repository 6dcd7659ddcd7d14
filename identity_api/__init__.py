"""The identity service between a SaaS product and its customers' identity providers."""
