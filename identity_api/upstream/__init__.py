"""Outbound HTTP: sends the requests of `oidc` to providers, checked and bounded, and caches their documents.

`exchange.Upstream` sends one request; `keys.ProviderDocuments` caches provider metadata and keys; `httpx_client` wraps it
as an httpx client; `errors` says what went wrong and whether anything was sent.

Decision: aiohttp sends the requests; httpx is only an interface to it.
  Context: a refresh must know whether its token may have been used up, and no provider URL may lead into our network.
  Decision: aiohttp, because its public API shows every address about to be connected to (`socket_factory`, literals
  included) and tells by trace hooks whether a connection stood when an exchange failed.
  Consequences: callers see `Request`, `Answer` and our errors only, so the engine can be replaced beneath them.
  Alternatives: httpx (15-35 times slower per CPU second; no public connect hook); ready-made httpx transports over
  aiohttp or a Rust client (report a lost answer as a failed connect); a Rust client (no connect hook at all).
"""
