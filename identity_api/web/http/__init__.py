"""What holds for every HTTP request before a route sees it: bounds, entry, origins, authentication, limits, errors."""
