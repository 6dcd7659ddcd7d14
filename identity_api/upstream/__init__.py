"""Outbound HTTP: carries what `oidc` asks to providers, checked and bounded, and keeps their documents.

`exchange.Upstream` sends one request; `keys.ProviderDocuments` caches provider metadata and keys over it; `httpx_face`
offers it to code that wants an httpx client; `errors` says what can go wrong and whether anything was sent.

Decision: aiohttp as the engine, httpx only as a face.
  Context: a refresh must know whether its token may have been used up, and no provider URL may lead into our network.
  Decision: aiohttp, because its public API shows every address about to be connected to (`socket_factory`, literals
  included) and tells by trace hooks whether a connection stood when an exchange failed.
  Consequences: callers see `Request`, `Answer` and our errors only, so the engine can be replaced beneath them.
  Alternatives: httpx (15-35 times slower per CPU second; no public connect hook); ready-made httpx transports over
  aiohttp or a Rust client (report a lost answer as a failed connect); a Rust client (no connect hook at all).
"""
