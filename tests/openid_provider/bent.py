"""A provider whose published documents and endpoints a test bends: wrong settings, rather than wrong behaviour.

`misbehaving` and `wrapper` say wrong things in a login; here it is what an administrator meets while setting one up.
"""

import json
from base64 import b64decode
from collections.abc import Callable, Mapping
from typing import Any, Self
from urllib.parse import parse_qs

from identity_api.demo.app import create_demo_provider
from tests.openid_provider.running import RunningProvider
from tests.openid_provider.wrapper import Canned, Wrapper

DISCOVERY = "/.well-known/openid-configuration"

Change = Callable[[dict[str, Any]], dict[str, Any]]
Guard = Callable[[Mapping[str, str], Mapping[str, str]], Canned | None]
"""Headers and form of a request -> the answer instead of the provider's, or None."""


def oauth_error(error: str, status: int = 400) -> Canned:
    """A refusal in the form of RFC 6749 section 5.2."""
    return Canned(status, "application/json", json.dumps({"error": error}).encode())


def only_basic(headers: Mapping[str, str], form: Mapping[str, str]) -> Canned | None:
    """A token endpoint that takes a secret in the header and nowhere else."""
    return oauth_error("invalid_client", 401) if "authorization" not in headers else None


class BentProvider(RunningProvider):
    """A `RunningProvider` with `documents`, `answers`, `guards` and `aliases` by path; all may be changed while it runs.

    An alias is another path for an endpoint.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.documents: dict[str, Change] = {}
        self.answers: dict[str, Canned] = {}
        self.guards: dict[str, Guard] = {}
        self.aliases: dict[str, str] = {}

    def straighten(self) -> None:
        """Everything as it was, faults included."""
        self.reset()
        for bent in (self.documents, self.answers, self.guards, self.aliases):
            bent.clear()

    def announce(self, **members: Any) -> None:
        """Change members of the metadata; None leaves one out."""

        def change(document: dict[str, Any]) -> dict[str, Any]:
            return {name: value for name, value in {**document, **members}.items() if value is not None}

        self.documents[DISCOVERY] = change

    def start(self) -> Self:
        app = create_demo_provider(self._provider.config, self._provider)
        self._server.start(_Bend(Wrapper(app, self._provider, self.faults, self.log), self))
        return self


class _Bend:
    """ASGI around the wrapper."""

    def __init__(self, app: Any, provider: BentProvider) -> None:
        self._app, self._provider = app, provider

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        body = (await receive())["body"]
        path = self._provider.aliases.get(scope["path"], scope["path"])
        scope = {**scope, "path": path, "raw_path": path.encode()}
        guard = self._provider.guards.get(path)
        canned = self._provider.answers.get(path)
        if guard is not None:
            headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
            form = {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
            canned = guard(headers, form) or canned
        if canned is not None:
            await canned.send(send)
            return

        async def again() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        change = self._provider.documents.get(path)
        await self._app(scope, again, send if change is None else _changing(change, send))


def _changing(change: Change, send: Any) -> Any:
    """Holds the head back until the body is known to be JSON, and changes that."""
    held: list[dict[str, Any]] = []

    async def changed(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            held.append(message)
            return
        head = held.pop()
        headers = [(name, value) for name, value in head["headers"] if name.lower() != b"content-length"]
        await send({**head, "headers": headers})
        await send({**message, "body": json.dumps(change(json.loads(message["body"]))).encode()})

    return changed


def secret_of(headers: Mapping[str, str], form: Mapping[str, str]) -> str | None:
    """The client secret of a token request, however it was sent."""
    if "authorization" in headers:
        return b64decode(headers["authorization"].partition(" ")[2]).decode().partition(":")[2]
    return form.get("client_secret")
