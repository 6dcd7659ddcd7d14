"""The demo provider: a small real OpenID Provider for one machine.

It exists so that somebody evaluating the service sees sign-in and synchronisation work without registering anywhere:
the sign-in page lists demo people, and the people page edits their groups or removes them. The misbehaving provider
of the tests is a subclass of it, so both speak the same protocol over real HTTP.

It follows OpenID Connect Core 1.0 (code flow, refresh tokens), Discovery 1.0, RP-Initiated Logout 1.0, RFC 6749,
RFC 7636 (S256 required), RFC 9068 (access tokens), RFC 9207 (`iss` in the authorization response) and OAuth 2.0 Form
Post Response Mode. It authenticates nobody, so it listens on loopback only and refuses every other address.

    config          people, clients and settings            people          who exists now, groups, who is removed
    keys            signing keys, published and retired     logins          codes, access tokens, refresh tokens
    authorization   reads an authentication request         client_auth     client authentication
    claims          claims about a person                   provider        the parts together; the tests override here
    token_endpoint  grants                                  end_session     RP-initiated logout
    oidc_routes  people_routes  pages                       the HTTP edge
    state_file      survives a restart                      app  server     wiring, and the process
"""

from identity_api.demo.app import create_demo_provider
from identity_api.demo.config import DEMO_PEOPLE, Client, DemoConfig, Person, demo_config
from identity_api.demo.provider import DemoProvider
from identity_api.demo.server import run_demo_provider, serve_demo

__all__ = [
    "DEMO_PEOPLE",
    "Client",
    "DemoConfig",
    "DemoProvider",
    "Person",
    "create_demo_provider",
    "demo_config",
    "run_demo_provider",
    "serve_demo",
]
