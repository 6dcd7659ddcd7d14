"""The HTTP edge: routes and pages, and what holds for every request before one of them sees it.

    edge            the outermost application: request id, bounds, entry, preflight, errors, headers, log line, metrics
    request_head    bounds of head and path           body          bounds of the body
    forwarded       how the browser sees us           tenancy       where an anonymous visitor enters (I2)
    origins         CORS and CSRF                     authentication  whose session or token
    limits          rate limits by name               errors        the one table: error to status, code and sentence
    routes/         one module per concern            pages, account  server-rendered HTML without JavaScript
    graphql_endpoint  POST /graphql, beside the framework's routes    graphiql  its page

Decision: one ASGI application of our own around the framework.
  Context: the GraphQL endpoint is answered beside the framework's router, which costs half of a small request; limits,
  authentication and error rendering must be the same code for both.
  Decision: `edge.HTTPApplication` does everything common and hands on to the framework or to the endpoint; facts about a request
  (scheme, host, address, tenant) are worked out once, in `facts.RequestFacts`, and read from there by everybody.
  Consequences: no framework middleware, rate limiter, CORS or CSRF setting is in use; routes stay ordinary handlers.
  Alternatives: the framework's own middleware (per route, order by registration, and not around the endpoint); the
  endpoint as one of its routes (measured: half the throughput).
"""
