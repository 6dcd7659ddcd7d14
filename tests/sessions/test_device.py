"""The short name of a browser, made from its User-Agent."""

import pytest

from identity_api.sessions.device import device_of

_LIKE_CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0"
_LIKE_SAFARI = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
_IPHONE = f"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) {_LIKE_SAFARI}"
NAMED = [
    ("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "Firefox (Linux)"),
    ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:127.0) Gecko/20100101 Firefox/127.0", "Firefox (Windows)"),
    ("Mozilla/5.0 (Android 14; Mobile; rv:127.0) Gecko/127.0 Firefox/127.0", "Firefox (Android)"),
    (f"{_IPHONE} FxiOS/127.0 Mobile/15E148 Safari/605.1.15", "Firefox (iPhone)"),
    (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_LIKE_CHROME} Safari/537.36", "Chrome (Windows)"),
    (f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {_LIKE_CHROME} Safari/537.36", "Chrome (ChromeOS)"),
    (f"Mozilla/5.0 (Linux; Android 10; K) {_LIKE_CHROME} Mobile Safari/537.36", "Chrome (Android)"),
    (f"{_IPHONE} CriOS/126.0.6478.54 Mobile/15E148 Safari/604.1", "Chrome (iPhone)"),
    (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_LIKE_CHROME} Safari/537.36 Edg/126.0.0.0", "Edge (Windows)"),
    (f"Mozilla/5.0 (Linux; Android 10; HD1913) {_LIKE_CHROME} Mobile Safari/537.36 EdgA/126.0.2592.56", "Edge (Android)"),
    (f"Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) {_LIKE_CHROME} Safari/537.36 OPR/111.0.0.0", "Opera (macOS)"),
    (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_LIKE_CHROME} Safari/537.36 Vivaldi/6.7.3329.41", "Vivaldi (Windows)"),
    ("Mozilla/5.0 (Linux; Android 13; SAMSUNG SM-S918B) AppleWebKit/537.36 (KHTML, like Gecko)"
     " SamsungBrowser/25.0 Chrome/121.0.0.0 Mobile Safari/537.36", "Samsung Internet (Android)"),
    (f"Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) {_LIKE_SAFARI} Version/17.4.1 Safari/605.1.15", "Safari (macOS)"),
    (f"{_IPHONE} Version/17.5 Mobile/15E148 Safari/604.1", "Safari (iPhone)"),
    (f"Mozilla/5.0 (iPad; CPU OS 16_7 like Mac OS X) {_LIKE_SAFARI} Version/16.6 Mobile/15E148 Safari/604.1", "Safari (iPad)"),
    (f"{_IPHONE} Mobile/15E148", "iPhone"),
    (f"{_IPHONE} GSA/323.0.647062479 Mobile/15E148 Safari/604.1", "iPhone"),
    ("Mozilla/5.0 (Linux; U; Android 4.0.3; en-us) AppleWebKit/534.30 (KHTML, like Gecko)"
     " Version/4.0 Mobile Safari/534.30", "Android"),
    ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)"
     " HeadlessChrome/126.0.0.0 Safari/537.36", "Chrome (Linux)"),
    ("Dalvik/2.1.0 (Linux; U; Android 14; Pixel 8 Build/AP1A.240505.004)", "Android"),
]  # fmt: skip
UNNAMED = [
    None,
    "",
    "curl/8.8.0",
    "python-httpx/0.27.0",
    "Go-http-client/2.0",
    "Firefox",
    "NotFirefox/1.0",
    "<script>alert(1)</script>",
    "\x1b[31m",
]


@pytest.mark.parametrize(("user_agent", "device"), NAMED)
def test_a_browser_has_a_short_name(user_agent: str, device: str) -> None:
    assert device_of(user_agent) == device


@pytest.mark.parametrize("user_agent", UNNAMED)
def test_what_names_no_known_browser_has_none(user_agent: str | None) -> None:
    assert device_of(user_agent) is None


def test_nothing_of_what_was_sent_comes_out() -> None:
    assert device_of("<b>Firefox/1<b> (Linux; O'Hara's laptop)") == "Firefox (Linux)"


def test_only_the_beginning_is_read() -> None:
    assert device_of("x" * 512 + " Firefox/128.0 (Linux)") is None
    assert device_of("x" * 494 + " Firefox/128.0 (Linux)") == "Firefox"
