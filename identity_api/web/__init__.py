"""The HTTP edge: routes and pages, and what holds for every request before one of them sees it.

    routes/                 one module per concern: login, callback, session, the JSON routes of /v1, ...
    pages/                  server-rendered HTML without JavaScript, its templates and static files
    http/http_application   the outermost application: request id, bounds, errors, headers, log line, metrics
    http/litestar_app       the framework's application within it
    http/graphql_endpoint   POST /graphql, beside the framework's routes
    http/request_context    what is known of the request      http/tenancy         where an anonymous visitor enters (I2)
    http/authentication     whose session or token            http/origins         CORS and CSRF
    http/limits             rate limits by name               http/errors          error to status, code and sentence
    http/request_head, body, arriving_bodies                  bounds of the head and of the body
    deps                    what the wiring hands in

Decision: one ASGI application of our own around the framework.
  Context: the GraphQL endpoint is answered beside the framework's router, which costs half of a small request; limits,
  authentication and error rendering must be the same code for both.
  Decision: `http.http_application.HTTPApplication` does everything common and hands on to the framework or to
  the endpoint; what is known of a request (scheme, host, address, tenant) is worked out once, in `http.request_context`.
  Consequences: no framework middleware, rate limiter, CORS or CSRF setting is in use; routes stay ordinary handlers.
  Alternatives: the framework's own middleware (per route, order by registration, and not around the endpoint); the
  endpoint as one of its routes (measured: half the throughput).
"""
