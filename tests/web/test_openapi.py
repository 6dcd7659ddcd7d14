"""The description of `/v1` agrees with the routes there are, and with what they answer."""

import re
from typing import Any

import httpx
import pytest

from identity_api.web.openapi import DOCUMENT
from tests.web.site import FRONTEND, PUBLIC_URL, Site
from tests.web.test_machines import service_client
from tests.web.test_oauth import exchange, query_of, signed_in_at_frontend

ELSEWHERE = {"/v1/openapi.json", "/.well-known/oauth-authorization-server/t/{tenant}"}
"""This document itself, and the same metadata at the public host."""


def schema_of(answer: httpx.Response, path: str) -> dict[str, Any]:
    described = DOCUMENT["paths"][path][answer.request.method.lower()]["responses"][str(answer.status_code)]
    schema: dict[str, Any] = described["content"][answer.headers["content-type"]]["schema"]
    return DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


def fits(answer: httpx.Response, path: str) -> None:
    """The answer has what is required and nothing that is not described, each of the type that is said."""
    schema, body = schema_of(answer, path), answer.json()
    assert set(schema["required"]) <= body.keys() <= schema["properties"].keys() | _MORE.get(path, set())
    names = {str: "string", int: "integer", bool: "boolean", list: "array", type(None): "null"}
    for name, value in body.items():
        if "type" in schema["properties"].get(name, {}):
            types = schema["properties"][name]["type"]
            assert names[type(value)] in ([types] if isinstance(types, str) else types), name


_MORE = {
    "/.well-known/oauth-authorization-server": {
        f"{name}_supported"
        for name in (
            "response_types",
            "response_modes",
            "grant_types",
            "code_challenge_methods",
            "token_endpoint_auth_methods",
            "revocation_endpoint_auth_methods",
            "introspection_endpoint_auth_methods",
            "authorization_response_iss_parameter",
        )
    }
}


def test_every_route_of_v1_is_described_and_no_other(site: Site) -> None:
    routes = {
        (re.sub(r":str}", "}", route.path_format), method.lower())
        for route in site.app._routes.routes
        for method in route.methods
        if route.path_format.startswith(("/v1/", "/.well-known/oauth")) and method not in ("OPTIONS", "HEAD")
    }
    described = {(path, method) for path, methods in DOCUMENT["paths"].items() for method in methods}
    callbacks = {one for one in routes if one[0].startswith("/v1/auth/oidc/callback")}
    assert routes - callbacks - {(path, "get") for path in ELSEWHERE} == described


@pytest.mark.asyncio
async def test_what_is_answered_fits_what_is_described(site: Site) -> None:
    client = site.client()
    token = await exchange(site, query_of(await signed_in_at_frontend(site))["code"])
    fits(token, "/v1/auth/token")
    fits(await exchange(site, "oc_unknown"), "/v1/auth/token")
    bearer = {"authorization": f"Bearer {token.json()['access_token']}"}
    fits(await client.get("/v1/me", headers=bearer), "/v1/me")
    fits(await client.get("/v1/me"), "/v1/me")
    fits(await client.get("/.well-known/oauth-authorization-server"), "/.well-known/oauth-authorization-server")
    wish = {"tenant_id": site.tenant.slug, "frontend": "app", "delivery": "cookie", "return_to": f"{FRONTEND}/done"}
    fits(await client.post("/v1/auth/oidc/login", json=wish), "/v1/auth/oidc/login")
    fits(await client.post("/v1/auth/oidc/login", json={}), "/v1/auth/oidc/login")
    asked = {"data": {"token": token.json()["access_token"]}, "auth": await service_client(site, site.tenant.id)}
    backend = site.client(base_url=PUBLIC_URL)
    fits(await backend.post("/v1/introspect", **asked), "/v1/introspect")
    fits(await backend.post("/v1/introspect"), "/v1/introspect")
    fits(await client.post("/v1/auth/revoke"), "/v1/auth/revoke")


@pytest.mark.asyncio
async def test_the_service_gives_its_description(site: Site) -> None:
    answer = await site.client(base_url=PUBLIC_URL).get("/v1/openapi.json")
    assert (answer.status_code, answer.json()) == (200, DOCUMENT)
