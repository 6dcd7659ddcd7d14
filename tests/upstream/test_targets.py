"""URLs are read strictly or not at all: what we check must be what is connected to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity_api.upstream.errors import TargetRefused
from identity_api.upstream.targets import parse_target


@pytest.mark.parametrize(
    ("url", "host", "port", "origin"),
    [
        ("https://idp.test", "idp.test", 443, "https://idp.test:443"),
        ("https://IDP.test/a%7Eb?c=~", "idp.test", 443, "https://idp.test:443"),
        ("http://127.0.0.1:8080/", "127.0.0.1", 8080, "http://127.0.0.1:8080"),
        ("https://[::1]:8443?x", "::1", 8443, "https://[::1]:8443"),
        ("https://xn--bcher-kva.test/", "xn--bcher-kva.test", 443, "https://xn--bcher-kva.test:443"),
    ],
)
def test_a_plain_url_is_read(url, host, port, origin):
    target = parse_target(url)
    assert (target.host, target.port, target.origin) == (host, port, origin)


@pytest.mark.parametrize(
    "url",
    [
        *("", "https://", "https:idp.test", "//idp.test", "https:///idp.test", "https://:443", "https://idp.test:"),
        *("https://idp.test:0/", "https://idp.test:65536/", "https://idp.test:443443/", "https://idp.test:x/"),
        *("https://user@idp.test/", "https://user:pass@idp.test/", "https://@idp.test/", "https://idp.test@evil.test"),
        *("https://idp.test/#fragment", "https://idp.test#@evil.test", "https://idp.test\\@evil.test", "https://a b/"),
        *(
            "https://idp.test/a b",
            "https://idp.test/\r\nhost: evil",
            "https://idp.test/\t",
            " https://idp.test",
            "https://①/",
        ),
        *(
            "https://idp%2etest/",
            "https://[::1/",
            "https://[fe80::1%25eth0]/",
            "https://[::1]evil/",
            "https://idp。test/",
        ),
    ],
)
def test_a_url_that_parsers_could_disagree_about_is_refused(url):
    with pytest.raises(TargetRefused) as caught:
        parse_target(url)
    assert (caught.value.code, caught.value.reason) == ("TARGET_NOT_ALLOWED", "url")


@pytest.mark.parametrize(
    "url", ["ftp://idp.test/", "file://localhost/etc/passwd", "gopher://idp.test/", "HTTPS://idp.test/"]
)
def test_another_scheme_is_refused(url):
    with pytest.raises(TargetRefused) as caught:
        parse_target(url)
    assert caught.value.reason == "scheme"


@given(st.text(max_size=60) | st.text(alphabet="htps:/[]@#?.%\\127x ", max_size=40).map("https://".__add__))
def test_any_text_gives_a_target_or_our_error(text):
    try:
        target = parse_target(text)
    except TargetRefused:
        return
    assert str(target.url.raw_host).lower() == target.host
    assert target.url.port == target.port
