"""The GraphQL API: schema by concept, and the engine that executes it."""
