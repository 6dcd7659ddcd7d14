"""What docs/frontends.md tells people to paste, run as it is written there, against the running product."""

import json
import os
import shutil
import subprocess
from urllib.parse import parse_qs, urlsplit

import httpx
import msgspec
import pytest

from tests.docs.pages import blocks
from tests.flows.acme import RETURN_URL
from tests.flows.browser import Browser
from tests.flows.product import Product
from tests.flows.program import Program, bearer

PAGE = "docs/frontends.md"
TOOLS = ("bash", "curl", "openssl")
pytestmark = [
    pytest.mark.xdist_group("flows"),
    pytest.mark.skipif(not all(map(shutil.which, TOOLS)), reason=f"needs {', '.join(TOOLS)}"),
]


def snippet(mark: str) -> str:
    """The shell block of the guide that has this in it."""
    [found] = [block for block in blocks(PAGE, "sh") if mark in block]
    return found


def shell(script: str, **variables: str) -> str:
    """What a script prints. Nothing of this machine's proxies is used."""
    clean = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    environment = {**clean, **variables, "NO_PROXY": "*"}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], capture_output=True, env=environment, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def test_a_login_by_hand_with_curl_as_documented(product: Product, acme: str, browser: Browser) -> None:
    """S4-52, S4-55: prepare with curl, sign in with a browser, exchange with curl, ask, introspect."""
    begun = shell(snippet("code_challenge") + 'echo; printf %s "$verifier"', ID=acme)
    answer, _, verifier = begun.rpartition("\n")
    browser.leave_for_provider(json.loads(answer)["auth_url"])
    ended = browser.press("Bob Baker", stop_at="/done")
    assert ended.url.startswith(RETURN_URL)
    given = parse_qs(urlsplit(ended.url).query)
    assert given["state"] == ["my-own"]
    exchanged = json.loads(shell(snippet("code_verifier"), ID=acme, code=given["code"][0], verifier=verifier))
    assert exchanged["token_type"] == "Bearer"
    token = exchanged["access_token"]

    me = Program(acme)("GET", "/v1/me", headers=bearer(token)).json()
    [shown] = blocks(PAGE, "json")
    assert me.keys() == msgspec.json.decode(shown).keys()
    query, subscription = blocks(PAGE, "graphql")
    answered = Program(acme)("POST", "/graphql", json={"query": query}, headers=bearer(token)).json()
    assert answered["data"]["viewer"]["user"]["username"] == "bob"
    asked = {
        "json": {"query": subscription},
        "headers": {**bearer(token), "accept": "text/event-stream", "host": urlsplit(acme).netloc},
    }
    with httpx.stream("POST", f"{product.url}/graphql", trust_env=False, timeout=30, **asked) as following:
        told = next(line for line in following.iter_lines() if line.startswith("data: "))
    assert json.loads(told.removeprefix("data: "))["data"]["viewer"]["user"]["displayLabel"] == "Bob Baker"

    secret = product.command("service-client", "create", "documented", "--tenant", "acme").strip()
    script = snippet("introspect").replace("backend:", "documented:")
    found = json.loads(shell(script, ID=acme, token=token, secret=secret))
    assert (found["active"], found["username"]) == (True, "bob")
    assert json.loads(shell(script, ID=acme, token=token + "x", secret=secret)) == {"active": False}
