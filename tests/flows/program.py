"""Something that asks the API without a browser: a frontend's script or backend, or curl."""

from typing import Any
from urllib.parse import urlsplit

import httpx


class Program:
    """Asks one origin; keeps nothing between two questions."""

    def __init__(self, origin: str) -> None:
        self._host, self._port = urlsplit(origin).netloc, urlsplit(origin).port

    def __call__(
        self, method: str, path: str, *, headers: dict[str, str] | None = None, **options: Any
    ) -> httpx.Response:
        url = f"http://127.0.0.1:{self._port}{path}"
        named = {"host": self._host, **(headers or {})}
        # Without certificates to load, which take longer than the request.
        return httpx.request(method, url, headers=named, trust_env=False, verify=False, timeout=20, **options)


def bearer(token: str) -> dict[str, str]:
    """The header that presents a token."""
    return {"authorization": f"Bearer {token}"}
