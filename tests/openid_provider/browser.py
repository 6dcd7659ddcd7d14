"""What a person's browser does at the provider: open the page, press a button, follow to the client."""

from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qsl, urljoin

import httpx
import msgspec


class CallbackRequest(msgspec.Struct, frozen=True, kw_only=True):
    """How the browser comes back to the client: GET of `url`, or POST of `parameters` to it (form_post)."""

    method: str
    url: str
    parameters: dict[str, str]
    posted_from: str | None = None
    """The origin of the page with the form, as browsers tell it."""


class _Form(HTMLParser):
    """The action and the hidden fields of a page's only form."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.action = ""
        self.fields: dict[str, str] = {}
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found: dict[str, Any] = dict(attrs)
        if tag == "form":
            self.action = found["action"]
        elif tag == "input" and "name" in found:
            self.fields[found["name"]] = found.get("value") or ""


async def sign_in(client: httpx.AsyncClient, authorization_url: str, username: str | None) -> CallbackRequest:
    """Press the button of `username`, or Cancel for None; how the browser arrives at the client."""
    shown = await client.get(authorization_url)
    if shown.status_code == 200:
        form = _Form(shown.text)
        choice = {} if username is None else {"person": username}
        shown = await client.post(urljoin(authorization_url, form.action), data={**form.fields, **choice})
    return arrival(shown)


def arrival(answer: httpx.Response) -> CallbackRequest:
    """The redirect or self-posting form by which a page of the provider answers the client."""
    if answer.status_code == 303:
        url = answer.headers["location"]
        return CallbackRequest(method="GET", url=url, parameters=dict(parse_qsl(httpx.URL(url).query.decode())))
    answer.raise_for_status()
    form = _Form(answer.text)
    origin = f"{answer.url.scheme}://{answer.url.netloc.decode()}"
    return CallbackRequest(method="POST", url=form.action, parameters=form.fields, posted_from=origin)
