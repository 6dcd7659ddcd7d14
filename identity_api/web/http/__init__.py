"""The HTTP edge, common to all routes: bounds, entry, origins, authentication, limits, errors."""
