"""The routes, one module per concern; each handler unpacks a request, calls one use case and renders its outcome."""
