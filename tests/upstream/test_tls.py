"""Promise 51: TLS to a provider is always verified."""

import asyncio
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from identity_api.oidc.messages import Answer, Request
from identity_api.upstream.errors import Unanswered, Unreachable
from identity_api.upstream.exchange import Upstream
from identity_api.upstream.tls import verifying_context
from tests.openid_provider.tls_front import TLSFront
from tests.upstream.certificates import issue, server_context
from tests.upstream.conftest import Authority
from tests.upstream.hostile import Hostile

ENOUGH_SECONDS = 5.0
SHORT_SECONDS = 0.2


@pytest.fixture
def send(hostile: Hostile, open_upstream: Callable[..., Upstream]) -> Callable[..., object]:
    async def go(
        port: int, tls: ssl.SSLContext | None, host: str = "idp.test", deadline: float = ENOUGH_SECONDS
    ) -> Answer:
        request = Request(method="POST", url=f"https://{host}:{port}/ok", body=b"x")
        return await open_upstream(f"127.0.0.1:{port}").exchange(request, deadline=deadline, tls=tls)

    return go


@pytest.fixture
def client_pem(authority: Authority) -> str:
    return Path(authority.client).read_text("utf-8")


@pytest.mark.asyncio
async def test_a_certificate_of_the_trusted_authority_is_accepted(send, hostile, authority: Authority):
    port = await hostile.listen(server_context(authority.server))
    assert (await send(port, verifying_context(ca_pem=authority.pem))).status == 200


@pytest.mark.asyncio
@pytest.mark.parametrize("case", ["other authority", "system's roots", "wrong name", "expired"])
async def test_what_cannot_be_trusted_gets_nothing(send, hostile, authority: Authority, case):
    port = await hostile.listen(server_context(authority.expired if case == "expired" else authority.server))
    trusted = {"other authority": authority.other_pem, "system's roots": None}.get(case, authority.pem)
    with pytest.raises(Unreachable) as caught:
        await send(port, verifying_context(ca_pem=trusted), host="other.test" if case == "wrong name" else "idp.test")
    assert (caught.value.code, caught.value.sent) == ("TLS_FAILED", False)
    assert hostile.seen == {}


@pytest.mark.asyncio
async def test_a_server_with_nothing_newer_than_tls_1_1_gets_nothing(send, hostile, authority: Authority):
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        port = await hostile.listen(server_context(authority.server, maximum=ssl.TLSVersion.TLSv1_1))
    lax = ssl.create_default_context(cadata=authority.pem)
    lax.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        lax.minimum_version = ssl.TLSVersion.TLSv1_1
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=lax, server_hostname="idp.test")
    assert writer.get_extra_info("ssl_object").version() == "TLSv1.1"
    writer.transport.abort()
    with pytest.raises(Unreachable) as caught:
        await send(port, verifying_context(ca_pem=authority.pem))
    assert not caught.value.sent
    assert hostile.seen == {}


@pytest.mark.asyncio
async def test_a_server_that_never_shakes_hands_says_not_sent(send, hostile, authority: Authority):
    port = await hostile.listen(mute=True)
    with pytest.raises(Unreachable) as caught:
        await send(port, verifying_context(ca_pem=authority.pem), deadline=SHORT_SECONDS)
    assert (caught.value.code, caught.value.sent) == ("CONNECT_TIMED_OUT", False)


@pytest.mark.asyncio
async def test_a_plain_server_behind_https_says_not_sent(send, hostile, authority: Authority):
    port = await hostile.listen()
    with pytest.raises(Unreachable) as caught:
        await send(port, verifying_context(ca_pem=authority.pem), deadline=SHORT_SECONDS)
    assert not caught.value.sent
    assert hostile.seen == {}


@pytest.mark.asyncio
async def test_a_client_certificate_opens_a_server_that_demands_one(send, hostile, authority: Authority):
    port = await hostile.listen(server_context(authority.server, ca_pem=authority.pem))
    tls = verifying_context(ca_pem=authority.pem, certificate_file=authority.client)
    assert (await send(port, tls)).status == 200


@pytest.mark.asyncio
async def test_a_client_certificate_may_be_a_text(send, hostile, authority: Authority, client_pem: str):
    port = await hostile.listen(server_context(authority.server, ca_pem=authority.pem))
    tls = verifying_context(ca_pem=authority.pem, certificate_pem=client_pem)
    assert (await send(port, tls)).status == 200


def test_a_client_certificate_without_its_key_is_an_error(authority: Authority):
    with pytest.raises(ssl.SSLError):
        verifying_context(certificate_pem=authority.pem)


@pytest.mark.asyncio
async def test_a_missing_client_certificate_looks_like_a_lost_answer(send, hostile, authority: Authority):
    """TLS 1.3 (RFC 8446 section 4.4.2): the server's refusal arrives after our side of the handshake is complete."""
    port = await hostile.listen(server_context(authority.server, ca_pem=authority.pem))
    with pytest.raises(Unanswered) as caught:
        await send(port, verifying_context(ca_pem=authority.pem))
    assert caught.value.sent
    assert hostile.seen == {}


@pytest.mark.asyncio
async def test_a_connection_opened_with_a_client_certificate_serves_nobody_without_one(
    hostile, open_upstream, authority: Authority
):
    port = await hostile.listen(server_context(authority.server, ca_pem=authority.pem))
    upstream = open_upstream(f"127.0.0.1:{port}")
    request = Request(method="POST", url=f"https://idp.test:{port}/ok", body=b"x")
    known = verifying_context(ca_pem=authority.pem, certificate_file=authority.client)
    assert (await upstream.exchange(request, deadline=ENOUGH_SECONDS, tls=known)).status == 200
    with pytest.raises(Unanswered):
        await upstream.exchange(request, deadline=ENOUGH_SECONDS, tls=verifying_context(ca_pem=authority.pem))
    assert hostile.seen == {"/ok": 1}


@pytest.mark.asyncio
@pytest.mark.parametrize("weakness", ["no name check", "no certificate check"])
async def test_a_context_that_does_not_verify_is_an_error_of_the_caller(send, weakness):
    weak = ssl.create_default_context()
    weak.check_hostname = False
    if weakness == "no certificate check":
        weak.verify_mode = ssl.CERT_NONE
    with pytest.raises(ValueError, match="must verify"):
        await send(1, weak)


def test_a_private_authority_replaces_the_public_ones(authority: Authority):
    assert len(verifying_context(ca_pem=authority.pem).get_ca_certs()) == 1


def test_contexts_are_built_once(authority: Authority):
    assert verifying_context(ca_pem=authority.pem) is verifying_context(ca_pem=authority.pem)


@pytest.fixture
def front(authority: Authority) -> Iterator[Callable[..., int]]:
    """Servers that demand a certificate of the authority and say why they refuse one; answers their ports."""
    running: list[TLSFront] = []

    def start(target: int, maximum: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> int:
        context = server_context(authority.server, ca_pem=authority.pem)
        context.maximum_version = maximum
        running.append(TLSFront(context, target))
        return running[-1].port

    yield start
    for one in running:
        one.stop()


@pytest.mark.asyncio
@pytest.mark.parametrize("maximum", [ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2])
async def test_a_server_that_says_why_it_refuses_our_certificate_has_got_nothing(
    open_upstream, hostile, authority: Authority, front, tmp_path: Path, maximum
):
    """RFC 8446 section 6.2: an alert about a certificate ends the handshake, whatever we had written after our side of it."""
    port = front(await hostile.listen(), maximum)
    upstream = open_upstream(f"127.0.0.1:{port}")
    request = Request(method="GET", url=f"https://idp.test:{port}/ok")
    stranger = issue("client", by=issue("other")).save(tmp_path / "stranger.pem")
    nameless = "CLIENT_CERTIFICATE_REQUIRED" if maximum is ssl.TLSVersion.TLSv1_3 else "TLS_FAILED"
    for file, code in ((None, nameless), (stranger, "CLIENT_CERTIFICATE_REFUSED")):
        tls = verifying_context(ca_pem=authority.pem, certificate_file=file)
        with pytest.raises(Unreachable) as caught:
            await upstream.exchange(request, deadline=ENOUGH_SECONDS, tls=tls)
        assert (caught.value.code, caught.value.sent) == (code, False)
    assert hostile.seen == {}
    known = verifying_context(ca_pem=authority.pem, certificate_file=authority.client)
    assert (await upstream.exchange(request, deadline=ENOUGH_SECONDS, tls=known)).status == 200
