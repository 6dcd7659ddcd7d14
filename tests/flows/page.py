"""A page as a person sees it: its text, its links, and its forms with their buttons."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin

_UNSEEN = {"script", "style", "title"}


@dataclass
class Button:
    """A button: what it sends, and what is written on it."""

    name: str | None
    value: str
    text: str = ""


@dataclass
class Form:
    """A form with its fields as they are filled in."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: list[Button] = field(default_factory=list)


class Page(HTMLParser):
    """What came of following a link or sending a form, after every redirect."""

    def __init__(self, url: str, status: int, headers: dict[str, str], html: str) -> None:
        super().__init__()
        self.url, self.status, self.headers, self.html = url, status, headers, html
        self.forms: list[Form] = []
        self.links: dict[str, str] = {}
        self.addresses: list[str] = []
        """Everything that the page loads or leads to, as complete addresses."""
        self._texts: list[str] = []
        self._open: list[str] = []
        self._link: str | None = None
        if "html" in headers.get("content-type", ""):
            self.feed(html)

    @property
    def text(self) -> str:
        """The visible text, its white space folded."""
        return " ".join(" ".join(self._texts).split())

    def section(self, start: str, end: str | None = None) -> str:
        """The visible text between two headings."""
        assert start in self.text, f"{start!r} is not on the page: {self.text}"
        after = self.text.split(start, 1)[1]
        return after.split(end, 1)[0] if end else after

    def form_with(self, button: str) -> tuple[Form, Button]:
        """The first form that has a button with this text."""
        for form in self.forms:
            for one in form.buttons:
                if button in one.text:
                    return form, one
        raise AssertionError(f"there is no button {button!r} at {self.url} ({self.status}): {self.text}")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.addresses += [urljoin(self.url, found[name]) for name in ("src", "href", "action") if name in found]
        if tag in ("input", "meta", "link", "img", "br"):
            if tag == "input" and self.forms and "name" in found:
                self.forms[-1].fields[found["name"]] = found.get("value", "")
            return
        self._open.append(tag)
        if tag == "form":
            self.forms.append(Form(urljoin(self.url, found.get("action", "")), found.get("method", "get").upper()))
        elif tag == "button" and self.forms:
            self.forms[-1].buttons.append(Button(found.get("name"), found.get("value", "")))
        elif tag == "a":
            self._link = urljoin(self.url, found.get("href", ""))

    def handle_endtag(self, tag: str) -> None:
        if tag in self._open:
            while self._open.pop() != tag:
                pass
        if tag == "a":
            self._link = None

    def handle_data(self, data: str) -> None:
        if _UNSEEN.intersection(self._open):
            return
        self._texts.append(data)
        words = " ".join(data.split())
        if self._link is not None and words:
            self.links[words] = self._link
        if "button" in self._open and self.forms and self.forms[-1].buttons:
            button = self.forms[-1].buttons[-1]
            button.text = " ".join(f"{button.text} {words}".split())
