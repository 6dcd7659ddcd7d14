"""Addresses that try to make a login end elsewhere, by class, and what a real browser makes of each (promise 20).

`corpus()` writes the payloads; each class has a neighbour, an address of ours as like it as an honest one can be.
`data/return_to.json` holds, for every payload, the origin that Chromium's `new URL` gives: for the payload alone, as a
page of ours would follow it, and for our origin with the payload behind it, as a careless server would send it. Made by
`python -m tests.sessions.return_to_corpus`; the tests refuse a file that does not fit the corpus.
"""

import json
from collections.abc import Iterable
from itertools import product
from pathlib import Path
from typing import NamedTuple

OURS = "id.acme.example"
ORIGIN = f"https://{OURS}"
EVIL = "evil.example"
REGISTERED = "https://app.acme.example/done"
FILE = Path(__file__).parent / "data" / "return_to.json"


class Kind(NamedTuple):
    """One way to get out, with an honest address that looks like it and is accepted."""

    name: str
    neighbour: str
    payloads: tuple[str, ...]


class Judged(NamedTuple):
    """A payload and the origins that Chromium reads in it; `null` for an opaque one, None for no URL at all."""

    kind: str
    payload: str
    alone: str | None
    joined: str | None


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _all(*deps: Iterable[str]) -> tuple[str, ...]:
    return tuple("".join(one) for one in product(*deps))


SLASHES = ("//", "///", "////", "/\\", "\\/", "\\\\", "/\\/", "\\//", "/\\\\", "//\\", "\\/\\", "///\\//")
DROPPED = ("\t", "\n", "\r", "\r\n", "\t\t", "\n\t")
BLANKS = (" ", "\x0b", "\x0c", "\x00", "\x01", "\x1f", "\x7f", "\x85", "\xa0", "\u2028", "\u3000", "\ufeff", "\u200b")
ENCODED = _words("%2f %2F %5c %5C %252f %255c %25252f %u002f %u2215 %c0%af %e0%80%af %ef%bc%8f")
LOOK_ALIKES = ("\uff0f", "\uff3c", "\u2215", "\u2044", "\u29f8", "\u2571", "\ufe68", "\u29f5")
DOTS = ("\u3002", "\uff0e", "\uff61", "\u2024", "\u00b7", "\u0701", "%e3%80%82", "%ef%bc%8e")
NUMBERS = ("2130706433", "0x7f000001", "017700000001", "127.1", "0x7f.1", "127.0.0.1", "0", "3232235777", "127.0.0.1.")
SIX = ("[::1]", "[::ffff:127.0.0.1]", "[2001:db8::1]", "[::]", "[fe80::1%25eth0]", "[0:0:0:0:0:0:0:1]", "[::1%]")
SCHEMES = _words("javascript: data: vbscript: file: blob: about: mailto: ftp: ws: filesystem: view-source:")


def corpus() -> tuple[Kind, ...]:
    """Every class with its payloads."""
    return (*_hosts(), *_characters(), *_paths(), *_registered())


def _hosts() -> tuple[Kind, ...]:
    users = f"{OURS} user {OURS}:443 a:b {OURS}%40 {OURS}%23 {OURS}%2f @ {OURS}\\ {OURS};".split()
    ours_like = (
        *(
            f"{OURS}.{EVIL}",
            f"{OURS}{EVIL}",
            f"{OURS}-{EVIL}",
            f"evil-{OURS}",
            "idxacme.example",
            "id.acme.example.",
            "acme.example",
        ),
        *(
            "ID.ACME.EXAMPLE.evil.example",
            "xn--d-0ga.acme.example",
            "\u0456d.acme.example",
            "\u0131d.acme.example",
            "id.acm\u0435.example",
        ),
        *(
            "id.acme.example%00.evil.example",
            "id.acme.example%2eevil.example",
            "id.acme.example_evil.example",
            "id.acme.exampl\u212f",
        ),
    )
    return (
        Kind(
            "another host",
            "/evil.example",
            _all(
                ("https://", "http://", "HTTPS://", "hTtPs://"),
                (EVIL, f"{EVIL}/", f"{EVIL}/account", f"{EVIL}?", f"{EVIL}#"),
            ),
        ),
        Kind("no scheme", "/a/evil.example", _all(SLASHES, (EVIL, f"{EVIL}/account", f"{EVIL}:443", f"{EVIL}?{OURS}"))),
        Kind(
            "scheme without slashes",
            "/https:evil.example",
            _all(
                ("https:", "http:", "https:/", "http:/", "https:\\", "https:\\\\", "https:///", "https:////"),
                (EVIL, f"/{EVIL}", f"\\{EVIL}"),
            ),
        ),
        Kind(
            "user part", "/a@b", _all(("https://", "//", "/\\", "http:\\\\"), users, ("@",), (EVIL, f"{EVIL}/account"))
        ),
        Kind(
            "port",
            "/a:443",
            (
                *_all(
                    ("https://", "//"),
                    (OURS,),
                    (":444", ":80", ":0", ":65536", ":-1", ":", ":443@evil.example", ":443:443"),
                ),
                *_all(("//", "https://"), (f"{EVIL}:443", f"{EVIL}:65535/account")),
            ),
        ),
        Kind("numbers as a host", "/127.0.0.1/account", _all(("//", "https://", "http://", "/\\"), NUMBERS)),
        Kind("IPv6", "/::1/account", _all(("//", "https://", "/\\", "http://"), SIX)),
        Kind("nearly our host", "/id.acme.example.evil.example", _all(("https://", "//"), ours_like)),
        Kind("dots that are none", "/evil.example.", _all(("https://evil", "//evil", "/\\evil"), DOTS, ("example",))),
        Kind(
            "trailing dots",
            "/account.",
            _all(("https://", "//"), (f"{EVIL}.", f"{EVIL}..", f"{OURS}.", f"{OURS}..", f".{OURS}")),
        ),
    )


def _characters() -> tuple[Kind, ...]:
    scripts = _all(
        SCHEMES, ("alert(1)", "//evil.example", "text/html,<script>alert(1)</script>", "https://evil.example/")
    )
    broken = _all(
        ("java", " java", "\x01java", "\tjava"),
        ("\tscript:", "\nscript:", "script\t:", "script:", "\rscript:"),
        ("alert(1)",),
    )
    return (
        Kind(
            "tabs and line ends that browsers drop",
            "/a/b",
            (
                *_all(("/",), DROPPED, ("/", "\\"), (EVIL,)),
                *_all(DROPPED, ("//", "/\\", "https://"), (EVIL,)),
                *_all(("ht",), DROPPED, (f"tps://{EVIL}",)),
            ),
        ),
        Kind(
            "blanks and controls",
            "/a+b",
            (*_all(BLANKS, ("//", "/\\", "https://"), (EVIL,)), *_all(("/",), BLANKS, ("/",), (EVIL,))),
        ),
        Kind(
            "header lines",
            "/account?a=b",
            _all(
                ("/", "/account", "/account?a="),
                ("\r\n", "\n", "%0d%0a", "%0a", "%E5%98%8A%E5%98%8D\r\n", "%250d%250a\n"),
                ("Set-Cookie:a=b", f"Location:https://{EVIL}"),
            ),
        ),
        Kind(
            "NUL",
            "/a%20b",
            (
                *_all(("/", "//", "https://"), ("\x00", "%00", "\x00/"), (EVIL,)),
                f"https://{OURS}\x00.{EVIL}",
                f"https://{OURS}%00.{EVIL}",
                "/account\x00",
                "/%00",
                "\x00",
            ),
        ),
        Kind(
            "encoded slashes",
            "/a%20b/c",
            (*_all(("/", "", "//"), ENCODED, (EVIL,)), *_all(("/",), ENCODED, ENCODED[:4], (EVIL,))),
        ),
        Kind(
            "slashes that are none",
            "/caf%C3%A9",
            (*_all(("/", "", "https:"), LOOK_ALIKES, LOOK_ALIKES[:2], (EVIL,)), *_all(("/",), LOOK_ALIKES, (EVIL,))),
        ),
        Kind("other schemes", "/javascript:alert(1)", scripts),
        Kind("broken schemes", "/java:script", broken),
        Kind(
            "invisible and turning letters",
            "/x%E2%80%AEy",
            _all(
                ("/", "//", ""),
                ("\u202e", "\u200d", "\u2060", "\u00ad", "\ud800", "\udfff", "\ufffe", "\U000e0001"),
                (EVIL,),
            ),
        ),
    )


def _paths() -> tuple[Kind, ...]:
    dots = ("..", ".", "%2e%2e", "%2E.", ".%2e", "%2e", "%252e%252e", "..;", ".;a=b", "\u2025", "%c0%ae%c0%ae")
    return (
        Kind(
            "dot segments",
            "/a/..b/c..",
            (
                *_all(("/",), dots, ("//", "/\\", "/%2f"), (EVIL,)),
                *_all(("/a/", "/a/b/"), ("../..", "%2e%2e/%2e%2e", "..%2f..", "..\\.."), ("//",), (EVIL,)),
            ),
        ),
        Kind(
            "empty segments",
            "/a/b/",
            (*_all(("/a//", "/account//", "/a/b//", "/a//b//"), (EVIL, "", "@evil.example")), "//", "///", "/a///b"),
        ),
        Kind(
            "semicolons",
            "/a,b=c",
            (*_all(("/;", "/;/", "/;//", ";//", "/a;//", "/..;/", "/;@", ";https://"), (EVIL, f"a@{EVIL}")), "/;"),
        ),
        Kind(
            "fragments",
            "/account",
            (
                *_all(
                    ("/#", "#", "/account#", "//evil.example#", "/\\evil.example#", "https://evil.example#"),
                    (f"//{EVIL}", OURS, f"@{OURS}", REGISTERED),
                ),
            ),
        ),
        Kind(
            "queries",
            "/account?next=https://evil.example/",
            _all(
                ("?", "//evil.example?", "https://evil.example?", "/\\evil.example?"),
                (OURS, f"@{OURS}", REGISTERED, "/account"),
            ),
        ),
        Kind(
            "markup",
            "/(a)",
            (
                '/"onmouseover=alert(1)',
                "/<script>alert(1)</script>",
                "/`",
                "/{x}",
                "/|",
                "/^",
                "/[x]",
                "/'><img>\t",
                '/"/evil',
                "/<//evil.example",
                "/a b",
                "/a\u00a0b",
            ),
        ),
        Kind(
            "overlong",
            "/" + "a" * 2_047,
            (
                *_all(("//", "/\\", "https://"), (EVIL,), ("/" + "a" * 2_048, "/" + "a" * 4_096)),
                "/" + "a" * 2_048,
                "/" + "a" * 3_000,
                "/?" + "a" * 3_000,
                "/" + "%61" * 700,
                "/" * 2_049,
                "/" + "\\" * 2_000,
            ),
        ),
        Kind(
            "half escapes",
            "/100%25",
            _all(("/",), ("%", "%a", "%zz", "%2", "%%2f", "%2%66", "%25%32%66"), ("", "x", f"/{EVIL}")),
        ),
        Kind(
            "nothing of ours",
            "/",
            (
                "",
                ".",
                "..",
                "account",
                EVIL,
                "@",
                ":",
                ":443",
                "*",
                "null",
                "undefined",
                "0",
                "/.",
                "/..",
                "./",
                "../",
                "~",
                "?",
                "#",
                "\\",
            ),
        ),
    )


def _registered() -> tuple[Kind, ...]:
    app = "https://app.acme.example"
    nearly = (
        *(
            f"{REGISTERED}/",
            f"{REGISTERED}?a=b",
            f"{REGISTERED}#a",
            f"{REGISTERED}/..",
            f"{REGISTERED}/../x",
            f"{REGISTERED};a",
            f"{REGISTERED}%2f",
        ),
        *(
            REGISTERED.upper(),
            REGISTERED.replace("https", "http"),
            f" {REGISTERED}",
            f"{REGISTERED}\n",
            f"{REGISTERED}\x00",
            f"{REGISTERED}.",
        ),
        *(
            app,
            f"{app}/",
            f"{app}//done",
            f"{app}/./done",
            f"{app}\\done",
            f"{app}:443/done",
            f"{app}:444/done",
            f"{app}./done",
            f"{app}/%64one",
        ),
        *(
            "https://APP.acme.example/done",
            "https://a@app.acme.example/done",
            f"{app}@{EVIL}/done",
            f"{app}.{EVIL}/done",
            f"{app}%2f{EVIL}/done",
        ),
        *(
            f"https://{EVIL}/{REGISTERED}",
            f"https://{EVIL}?{REGISTERED}",
            f"https://{EVIL}\\@app.acme.example/done",
            f"{app}\\.{EVIL}/done",
            "https:app.acme.example/done",
        ),
    )
    return (Kind("nearly a registered address", REGISTERED, nearly),)


def judged() -> tuple[Judged, ...]:
    """The corpus with the browser's readings, as recorded."""
    return tuple(Judged(*entry) for entry in json.loads(FILE.read_text("ascii")))


_READ = """entries => entries.map(codes => {
    const payload = String.fromCharCode(...codes), read = (text, base) => {
        try { return new URL(text, base).origin } catch { return null }
    };
    return [read(payload, "https://id.acme.example/login"), read("https://id.acme.example" + payload)];
})"""


def _ask_browser(payloads: list[str]) -> list[list[str | None]]:
    from playwright.sync_api import sync_playwright

    units = [list(memoryview(one.encode("utf-16-le", "surrogatepass")).cast("H")) for one in payloads]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        answers: list[list[str | None]] = browser.new_page().evaluate(_READ, units)
        browser.close()
    return answers


if __name__ == "__main__":
    entries = [(kind.name, payload) for kind in corpus() for payload in kind.payloads]
    answers = _ask_browser([payload for _, payload in entries])
    lines = [json.dumps([*entry, *answer]) for entry, answer in zip(entries, answers, strict=True)]
    FILE.write_text("[\n" + ",\n".join(lines) + "\n]\n", "ascii")
    print(len(lines))  # a tool for the person who changes the corpus
