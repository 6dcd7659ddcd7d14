"""Introspection is asked in every wrong form: none tells anything of a token, and none is an error of this service."""

import base64
from typing import Any

import httpx
import pytest

from identity_api.ids import new_tenant_token, uuid7
from tests.web.site import PUBLIC_URL, Site
from tests.web.test_machines import service_client

pytestmark = pytest.mark.asyncio
FORM = ("content-type", "application/x-www-form-urlencoded")
Headers = list[tuple[str, str]]


def basic(name: str, secret: str, scheme: str = "Basic") -> tuple[str, str]:
    return ("authorization", f"{scheme} {base64.b64encode(f'{name}:{secret}'.encode()).decode()}")


async def ask(site: Site, headers: Headers, content: bytes, **more: Any) -> httpx.Response:
    client = site.client(base_url=more.pop("base_url", PUBLIC_URL))
    return await client.post("/v1/introspect", content=content, headers=headers, **more)


def wrong_forms(name: str, secret: str, token: str) -> dict[str, tuple[Headers, bytes]]:
    right, asked = basic(name, secret), f"token={token}".encode()
    posted = f"&client_id={name}&client_secret={secret}".encode()
    junk = {
        "no base64": "Basic ***",
        "no colon": f"Basic {base64.b64encode(b'name').decode()}",
        "no UTF-8": f"Basic {base64.b64encode(bytes([255, 58, 255])).decode()}",
        "no value": "Basic",
        "a bearer": f"Bearer {token}",
        "another scheme": f"Digest {name}:{secret}",
        "too long": "Basic " + base64.b64encode(f"{name}:{secret}{'x' * 2_000}".encode()).decode(),
    }
    return {
        "nobody": ([FORM], asked),
        "a secret alone": ([FORM], asked + f"&client_secret={secret}".encode()),
        "a name alone": ([FORM], asked + f"&client_id={name}".encode()),
        "an empty secret": ([FORM, basic(name, "")], asked),
        "the secret as the name": ([FORM, basic(secret, name)], asked),
        "name and secret twice": ([FORM, right, right], asked),
        "header and form": ([FORM, right], asked + posted),
        "another client's name in the form": ([FORM, right], asked + b"&client_id=other"),
        "the token twice": ([FORM, right], asked + b"&" + asked),
        "the client twice": ([FORM], asked + posted + posted),
        "in the query": ([FORM], b""),
        "JSON": ([("content-type", "application/json"), right], f'{{"token": "{token}"}}'.encode()),
        "several parts": ([("content-type", "multipart/form-data; boundary=x"), right], asked),
        "no type": ([right], asked),
        "no text": ([FORM, right], b"token=\xff\xfe"),
        "no UTF-8 escaped": ([FORM, right], b"token=%ff"),
        "too many parameters": ([FORM, right], asked + b"&a=1" * 60),
        "too large": ([FORM, right], asked + b"&a=" + b"x" * 20_000),
        "compressed": ([FORM, right, ("content-encoding", "gzip")], asked),
        **{what: ([FORM, ("authorization", value)], asked) for what, value in junk.items()},
    }


async def test_a_client_that_asks_in_a_wrong_form_is_told_nothing(site: Site) -> None:
    name, secret = await service_client(site, site.tenant.id)
    token = await site.bearer()
    right = await ask(site, [FORM, basic(name, secret, "basic")], f"token={token}".encode())
    assert right.json()["active"] is True
    for what, (headers, content) in wrong_forms(name, secret, token).items():
        query = {"token": token, "client_id": name, "client_secret": secret} if what == "in the query" else None
        answer = await ask(site, headers, content, params=query)
        assert answer.status_code in (400, 401, 413, 415), (what, answer.status_code)
        told = answer.json()
        assert ("active" in told, told["error"]) in ((False, "invalid_request"), (False, "invalid_client")), what
        assert not {secret, token} & set(answer.text.split('"')), what


async def test_what_is_no_token_is_inactive_like_one_that_never_was(site: Site) -> None:
    auth = basic(*await service_client(site, site.tenant.id))
    token = await site.bearer()
    strange = [
        "x", "ias_", "iat_", token[:-1], token + "x", token.upper(), f" {token}", f"{token}%00", token.replace("ias_", "iat_"),
        "ias_" + "%C3%A9" * 65, "iat_" + "-" * 65, "ias_" + "x" * 5_000, new_tenant_token("ias", uuid7()),
        new_tenant_token("iat", site.tenant.id), new_tenant_token("ibg", site.tenant.id),
    ]  # fmt: skip
    for one in strange:
        answer = await ask(site, [FORM, auth], f"token={one}&token_type_hint=access_token".encode())
        assert (answer.status_code, answer.json()) == (200, {"active": False}), one
    for method in ("GET", "PUT"):
        other = await site.client(base_url=PUBLIC_URL).request(method, "/v1/introspect", headers=[auth])
        assert other.status_code == 405, method


async def test_introspection_is_the_same_at_a_tenants_host_and_at_the_public_one(site: Site) -> None:
    """What a client may see is decided by its tenants, not by the host that it asks."""
    auth = basic(*await service_client(site, site.tenant.id))
    content = f"token={await site.bearer()}".encode()
    answers = [await ask(site, [FORM, auth], content, base_url=base) for base in (PUBLIC_URL, site.origin)]
    assert answers[0].json() == answers[1].json()
