"""The routes, one module per concern; each handler parses a request, calls one use case and renders its outcome."""
