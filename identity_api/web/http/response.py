"""An HTTP answer as a value, and how it is handed to ASGI or to the framework."""

from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from litestar import Response

encode_json: Final = msgspec.json.Encoder(order="deterministic").encode


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers (names in any case, each once) and body. Cookies and common headers are added at the edge."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    def to_response(self) -> Response[bytes]:
        """For a handler of the framework."""
        # The content type travels with the other headers: the framework would add a second charset to it.
        return Response(self.body, status_code=self.status, headers=self.headers)

    async def send(self, send: Any) -> None:
        """To an ASGI `send`."""
        lines = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in self.headers.items()]
        lines.append((b"content-length", str(len(self.body)).encode()))
        await send({"type": "http.response.start", "status": self.status, "headers": lines})
        await send({"type": "http.response.body", "body": self.body})


def json_answer(value: object, status: int = 200) -> Response[bytes]:
    """JSON that nobody keeps."""
    return Answer(status, {"content-type": "application/json"}, encode_json(value)).to_response()


def redirect(location: str) -> Response[bytes]:
    """See other: the browser goes there with GET, whatever it came with."""
    return Answer(303, {"location": location}).to_response()
