"""Where claims are and in which shape, each with a whole login of somebody whose token says so."""

import json
from typing import Any

import pytest

from tests import factories as make
from tests.web.site import Site, come_back

pytestmark = pytest.mark.asyncio

ROLES = {"resource_access": {"app": {"roles": ["reader", "writer"]}, "account": {"roles": ["view"]}}}
TEAMS = {"memberships": [{"name": "reader", "type": "team"}, {"name": "bosses", "type": "org"}]}

SHAPES: dict[str, tuple[dict[str, Any], str, list[str]]] = {
    "a list at a path": (ROLES, "id_token / resource_access / app / roles", ["reader", "writer"]),
    "without spaces": (ROLES, "id_token/resource_access/app/roles", ["reader", "writer"]),
    "a whole object": (ROLES, "id_token / resource_access /", ["account", "app"]),
    "a namespaced claim": (
        {"https://acme.example/roles": ["reader"]},
        "id_token / https://acme.example/roles",
        ["reader"],
    ),
    "a name with a slash": ({"a": {"b/c": ["reader"]}}, "id_token / a / b/c", ["reader"]),
    "one text": ({"role": "reader"}, "id_token / role", ["reader"]),
    "one text with commas": ({"role": "reader,writer"}, "id_token / role", ["reader,writer"]),
    "declared commas": ({"role": "reader, writer"}, "id_token / role / [,]", ["reader", "writer"]),
    "members of objects": (TEAMS, "id_token / memberships / [name]", ["bosses", "reader"]),
    "an expression": (TEAMS, "id_token / jmespath:memberships[?type=='team'].name", ["reader"]),
}


@pytest.mark.parametrize("shape", SHAPES)
async def test_groups_are_read_from_any_place_in_any_declared_shape(site: Site, shape: str) -> None:
    """S0-49, S0-50: every form of location that the systems before had, and those that real tokens need."""
    said, location, expected = SHAPES[shape]
    await site.add_provider("shaped", claims={"groups": [location]})
    site.idp.say(**said)
    client = site.client()
    assert (await site.sign_in(client, path="/auth/oidc/shaped/login")).status_code == 303
    assert (await client.get("/v1/me")).json()["groups"] == expected


@pytest.mark.parametrize(
    ("said", "location"),
    [
        ({"role": ["reader", 7]}, "id_token / role"),
        ({"role": {"reader": {}}}, "id_token / role"),
        ({"role": ["reader"]}, "id_token / role /"),
        ({"role": ["reader"]}, "id_token / role / [,]"),
        ({"role": [{"name": "reader"}, {"title": "x"}]}, "id_token / role / [name]"),
        ({"role": ["reader", ""]}, "id_token / role"),
        ({"role": "reader"}, "id_token / role / name"),
        ({"role": "reader"}, "id_token / jmespath:role[*].name"),
    ],
)
async def test_another_shape_than_declared_takes_and_gives_nothing(
    site: Site, said: dict[str, Any], location: str
) -> None:
    """I7: unreadable is not empty. What the login before was given stays, and the identity says why."""
    async with site.database.transaction() as connection:
        docs = await make.make_permission(connection, site.tenant.id, "docs:read")
        await make.make_mapping(connection, site.tenant.id, "reader", [docs])
    provider = await site.add_provider("shaped", claims={"groups": ["id_token / role"]})
    site.idp.say(role=["reader"])
    await site.sign_in(site.client(), path="/auth/oidc/shaped/login")
    moved = "update provider set claims = jsonb_set(claims::jsonb, '{groups}', $2::jsonb) where id = $1"
    await site.execute(moved, provider.id, json.dumps([location]))
    site.idp.say(**said)
    client = site.client()
    begun = await client.get("/auth/oidc/shaped/login")
    ended = await come_back(client, await site.at_provider(begun.headers["location"]))
    assert ended.status_code == 303, ended.text
    assert (await client.get("/v1/me")).json()["permissions"] == ["docs:read"]
    state = await site.fetchval("select state || ' ' || state_reason from identity where provider_id = $1", provider.id)
    assert state.startswith("STALE ")


@pytest.mark.parametrize(
    ("verified", "enters"),
    [(True, True), ("true", True), (False, False), ("false", False), (None, False), ("yes", False), (1, False)],
)
async def test_an_address_as_the_anchor_is_verified_by_true_and_by_the_text_true(
    site: Site, verified: object, enters: bool
) -> None:
    """S3-25 to S3-28: three states, and the texts that Amazon Cognito sends."""
    await site.add_provider("mail", claims={"anchor": ["email"]})
    site.idp.say(email="alice@acme.example", email_verified=verified)
    answer = await site.sign_in(site.client(), path="/auth/oidc/mail/login")
    assert (answer.status_code, "EMAIL_NOT_VERIFIED" in answer.text) == ((303, False) if enters else (403, True))
