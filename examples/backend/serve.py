"""A backend that lets in whoever may `docs:read`, beside `make run`: http://127.0.0.1:8007/documents

Who deletes documents (`curl -X DELETE`) must have proved within five minutes who they are; the answer says so (RFC 9470).

    .venv/bin/identity-api service-client create backend --tenant demo    prints the secret, once
    SECRET=... .venv/bin/python examples/backend/serve.py
    .venv/bin/identity-api token create demo alice laptop --days 1         prints a token, once; alice has signed in before

Ask with `Authorization: Bearer ...`, the token of alice or of anybody else. For `make run PORT=8010` say
`IDENTITY_URL=http://127.0.0.1:8010` too, and for a data directory of your own `IDENTITY_DATA_DIR`. Needs httpx, which the
environment of `make run` has.
"""

import asyncio
import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx

sys.path.insert(0, str(Path(__file__).parents[2] / "clients" / "python"))
from identity_api_client import Caller, IdentityError, Introspector

IDENTITY = os.environ.get("IDENTITY_URL", "http://127.0.0.1:8000")
PORT = int(os.environ.get("PORT", "8007"))
MAX_AGE = int(os.environ.get("MAX_AGE", "300"))
"""Seconds since the person proved who they are, for what cannot be undone."""


async def documents(method: str, authorization: str | None) -> tuple[int, dict[str, str], object]:
    """Status, headers and content of the answer."""
    identity = Introspector(IDENTITY, os.environ.get("CLIENT", "backend"), os.environ["SECRET"])
    try:
        caller: Caller = await identity.caller(authorization)
        caller.require("docs:read")
        if method == "DELETE":
            caller.require_fresh(MAX_AGE)
    except IdentityError as refused:
        return refused.status, refused.headers, {"message": str(refused)}
    except httpx.HTTPError as error:
        print(f"introspection: {error}", file=sys.stderr)  # 401: SECRET or CLIENT is wrong
        return 503, {"Retry-After": "1"}, {"message": "The identity service does not answer."}
    finally:
        await identity.aclose()
    return 200, {}, {"documents": [] if method == "DELETE" else ["The plan."], "for": caller.user_id}


class Backend(BaseHTTPRequestHandler):
    """One address. A real one keeps one `Introspector` for its event loop."""

    def do_GET(self) -> None:
        self._answer()

    def do_DELETE(self) -> None:
        self._answer()

    def _answer(self) -> None:
        status, headers, content = asyncio.run(documents(self.command, self.headers.get("authorization")))
        body = json.dumps(content).encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Type": "application/json", "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


if __name__ == "__main__":
    with ThreadingHTTPServer(("127.0.0.1", PORT), Backend) as server:
        print(f"http://127.0.0.1:{server.server_port}/documents", flush=True)
        server.serve_forever()
