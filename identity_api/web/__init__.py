"""The HTTP edge: routes and pages."""
