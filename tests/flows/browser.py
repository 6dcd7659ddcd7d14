"""A person's browser without a screen: keeps cookies as browsers do, follows redirects, fills in forms and sends them.

Cookies belong to a host, whatever its port (RFC 6265 section 8.5), and none that we meet has a Domain; paths are not
looked at. A form carries the `Origin` of the page it is on; the GET that a redirect makes of it does not (Fetch standard,
3.1).
"""

import json
import time
from typing import Any, Self
from urllib.parse import urlencode, urljoin, urlsplit

import httpx

from tests.flows.page import Page

_REDIRECTS = 12
_TRIES = 10
"""Requests of one question, while the answer is that there were too many."""
_NAVIGATION = {
    "accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "accept-language": "en",
    "sec-fetch-mode": "navigate",
    "sec-fetch-dest": "document",
}


class Browser:
    """One person's. A context manager, which closes its connections."""

    def __init__(self) -> None:
        self.jar: dict[str, dict[str, str]] = {}
        self.visited: list[str] = []
        """Every address of the last `open` or `press`, redirects included."""
        self.page = Page("about:blank", 0, {}, "")
        self._client = httpx.Client(trust_env=False, verify=False, timeout=20)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def wait_patiently(self) -> None:
        """A slow answer is an answer: what counts is that one comes."""
        self._client.timeout = httpx.Timeout(90)

    def cookies(self, url: str) -> dict[str, str]:
        """The cookies of an address's host."""
        return self.jar.setdefault(urlsplit(url).hostname or "", {})

    def open(self, url: str) -> Page:
        """Type an address, or follow a link."""
        self.visited = []
        return self._follow("GET", url, None, {"sec-fetch-site": "none"}, None)

    def press(self, button: str, *, stop_at: str | None = None, **fields: str) -> Page:
        """Press a button of the page, its form filled in with `fields`.

        Args:
            button: (part of) what is written on it.
            stop_at: do not open the first address whose path ends with this; the answer's `url` is that address.
        """
        form, pressed = self.page.form_with(button)
        assert set(fields) <= set(form.fields), f"the form has no field {set(fields) - set(form.fields)}"
        values = {**form.fields, **fields}
        if pressed.name is not None:
            values[pressed.name] = pressed.value
        self.visited = []
        site = "same-origin" if origin_of(form.action) == origin_of(self.page.url) else "cross-site"
        headers = {"origin": origin_of(self.page.url), "sec-fetch-site": site}
        return self._follow(form.method, form.action, values, headers, stop_at)

    def leave_for_provider(self, url: str) -> str:
        """Open an address that leads to the provider's sign-in page, and stay there; the page's address."""
        page = self.open(url)
        assert "Choose who signs in" in page.text, (page.status, page.text)
        return page.url

    def ask(self, method: str, url: str, *, body: Any = None, **headers: str) -> httpx.Response:
        """What a script of our own page sends: with cookies, origin and JSON; no redirect is followed."""
        sent = {"origin": origin_of(url), "sec-fetch-site": "same-origin", "accept": "application/json", **headers}
        content = None if body is None else json.dumps(body).encode()
        if content is not None:
            sent.setdefault("content-type", "application/json")
        return self._send(method, url, content, {name.replace("_", "-"): value for name, value in sent.items()})

    def send_form(self, url: str, fields: dict[str, str]) -> int:
        """Send a form from a page of the same origin, and follow it nowhere; the answer's status."""
        headers = {**_NAVIGATION, "origin": origin_of(url), "sec-fetch-site": "same-origin"}
        typed = {"content-type": "application/x-www-form-urlencoded"}
        return self._send("POST", url, urlencode(fields).encode(), {**headers, **typed}).status_code

    def graphql(self, url: str, query: str, **variables: Any) -> dict[str, Any]:
        """The whole answer of the GraphQL endpoint of this origin, by cookie; asked again a few times when the session may."""
        for _ in range(_TRIES):
            answer = self.ask(
                "POST", urljoin(url, "/graphql"), body={"query": query, "variables": variables}, identity_request="1"
            )
            if answer.status_code != 429:
                break
            time.sleep(float(answer.headers["retry-after"]))
        assert answer.status_code != 429, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def data(self, url: str, query: str, **variables: Any) -> Any:
        """The data of an answer without errors."""
        answer = self.graphql(url, query, **variables)
        assert "errors" not in answer, answer
        return answer["data"]

    def _follow(
        self, method: str, url: str, form: dict[str, str] | None, headers: dict[str, str], stop_at: str | None
    ) -> Page:
        for _ in range(_REDIRECTS):
            self.visited.append(url)
            content = None if form is None else urlencode(form).encode()
            typed = {} if form is None else {"content-type": "application/x-www-form-urlencoded"}
            answer = self._send(method, url, content, {**_NAVIGATION, **headers, **typed})
            if answer.status_code not in (302, 303):
                self.page = Page(url, answer.status_code, dict(answer.headers), answer.text)
                return self.page
            # Followed with GET, without the body and without the headers that spoke of it.
            method, form, headers = "GET", None, {"sec-fetch-site": "cross-site"}
            url = urljoin(url, answer.headers["location"])
            if stop_at is not None and urlsplit(url).path.endswith(stop_at):
                return Page(url, answer.status_code, {}, "")
        raise AssertionError(f"more than {_REDIRECTS} redirects: {self.visited}")

    def _send(self, method: str, url: str, content: bytes | None, headers: dict[str, str]) -> httpx.Response:
        parts = urlsplit(url)
        cookies = self.cookies(url)
        if cookies:
            headers["cookie"] = "; ".join([f"{name}={value}" for name, value in cookies.items()])
        # Browsers know that everything under localhost is this machine; the system's resolver may not.
        at = parts._replace(netloc=f"127.0.0.1:{parts.port}", fragment="").geturl()
        answer = self._client.request(method, at, content=content, headers={**headers, "host": parts.netloc})
        for line in answer.headers.get_list("set-cookie"):
            self._keep(cookies, line)
        return answer

    def _keep(self, cookies: dict[str, str], line: str) -> None:
        pair, *attributes = [part.strip() for part in line.split(";")]
        name, _, value = pair.partition("=")
        if any(one.lower() in ("max-age=0", "expires=thu, 01 jan 1970 00:00:00 gmt") for one in attributes):
            cookies.pop(name, None)
        else:
            cookies[name] = value


def origin_of(url: str) -> str:
    """Scheme, host and port."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
