"""The httpx face: the same bounds for code that wants an httpx client, and errors that keep `sent`."""

import socket
from collections.abc import Callable
from types import SimpleNamespace

import httpx
import pytest
import pytest_asyncio

from identity_api.oidc.messages import Answer
from identity_api.upstream.errors import TargetRefused, UpstreamError
from identity_api.upstream.exchange import Upstream
from identity_api.upstream.httpx_client import UpstreamTransport, code_of, httpx_client
from tests.upstream.hostile import BODY, Hostile


@pytest_asyncio.fixture
async def face(hostile: Hostile, open_upstream: Callable[..., Upstream]):
    port = await hostile.listen()
    upstream = open_upstream(f"127.0.0.1:{port}")
    async with httpx_client(upstream, deadline=5) as client:
        yield SimpleNamespace(client=client, url=f"http://127.0.0.1:{port}", upstream=upstream)


@pytest.mark.asyncio
async def test_a_form_is_posted_and_json_read(face, hostile):
    got = await face.client.post(f"{face.url}/ok?a=b", data={"grant_type": "x"})
    assert (got.status_code, got.json()) == (200, {"ok": True})
    assert hostile.bodies == [b"grant_type=x"]
    assert b"content-type: application/x-www-form-urlencoded" in hostile.heads[0].lower()
    assert hostile.heads[0].lower().count(b"\r\nhost:") == 1


@pytest.mark.asyncio
async def test_a_compressed_answer_is_undone_once(face):
    assert (await face.client.get(f"{face.url}/gzip")).content == BODY


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "answered",
    [
        Answer(status=303, headers={"location": "foo:bar"}),
        Answer(status=200, headers={"x-name": "caf\u00e9 \udcff"}),
    ],
)
async def test_headers_that_httpx_cannot_read_are_no_failure(answered):
    class Answering:
        async def exchange(self, *_, **__):
            return answered

    async with httpx_client(Answering(), deadline=5) as client:
        assert (await client.get("https://vendor.example/")).status_code == answered.status


@pytest.mark.asyncio
async def test_a_status_is_judged_by_the_caller(face):
    assert (await face.client.get(f"{face.url}/error")).status_code == 500


@pytest.mark.asyncio
async def test_a_redirect_is_not_followed(face, hostile):
    assert (await face.client.get(f"{face.url}/redirect")).status_code == 307
    assert hostile.seen == {"/redirect": 1}


@pytest.mark.asyncio
async def test_a_redirect_that_a_caller_follows_is_checked_again(face, hostile):
    hostile.raw["/away"] = b"HTTP/1.1 302 F\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n"
    with pytest.raises(httpx.ConnectError) as caught:
        await face.client.get(f"{face.url}/away", follow_redirects=True)
    assert isinstance(caught.value.__cause__, TargetRefused)


@pytest.mark.asyncio
async def test_no_cookie_returns(face, hostile):
    for _ in range(2):
        await face.client.post(f"{face.url}/cookie")
    assert len(face.client.cookies) == 0
    assert not any(b"\r\ncookie:" in head.lower() for head in hostile.heads)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/drop", httpx.ReadError),
        ("/reset", httpx.ReadError),
        ("/garbage", httpx.RemoteProtocolError),
        ("/endless-body", httpx.RemoteProtocolError),
    ],
)
async def test_a_failure_after_sending_is_never_a_connect_error(face, path, kind):
    with pytest.raises(kind) as caught:
        await face.client.post(f"{face.url}{path}", content=b"x")
    cause = caught.value.__cause__
    assert isinstance(cause, UpstreamError)
    assert cause.sent


@pytest.mark.asyncio
async def test_a_deadline_after_sending_is_a_read_timeout(face):
    async with httpx_client(face.upstream, deadline=0.2) as client:
        with pytest.raises(httpx.ReadTimeout):
            await client.post(f"{face.url}/hang", content=b"x")


@pytest.mark.asyncio
async def test_a_failed_connect_is_a_connect_error(open_upstream):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        async with httpx_client(open_upstream(f"127.0.0.1:{port}"), deadline=5) as client:
            with pytest.raises(httpx.ConnectError) as caught:
                await client.get(f"http://127.0.0.1:{port}/")
    assert isinstance(caught.value.__cause__, UpstreamError)
    assert not caught.value.__cause__.sent


@pytest.mark.asyncio
async def test_an_allowance_of_a_tenant_holds_through_the_face(hostile, open_upstream):
    port = await hostile.listen()
    upstream = open_upstream(f"127.0.0.1:{port}@acme")
    request = httpx.Request("GET", f"http://127.0.0.1:{port}/ok")
    own = UpstreamTransport(upstream, deadline=5, tenant="acme")
    assert (await own.handle_async_request(request)).status_code == 200
    with pytest.raises(httpx.ConnectError):
        await UpstreamTransport(upstream, deadline=5).handle_async_request(request)


@pytest.mark.asyncio
async def test_a_request_may_have_less_time_than_its_client_and_never_more(face, hostile):
    with pytest.raises(httpx.TransportError) as caught:
        await face.client.post(f"{face.url}/hang", content=b"x", timeout=0.2)
    assert code_of(caught.value) == "answer_timed_out"
    assert (await face.client.get(f"{face.url}/ok", timeout=60)).status_code == 200


@pytest.mark.asyncio
async def test_the_code_of_an_error_is_that_of_its_cause(face):
    with pytest.raises(httpx.ConnectError) as caught:
        await face.client.get("/only/a/path")
    assert isinstance(caught.value.__cause__, UpstreamError)
    assert code_of(caught.value) == caught.value.__cause__.code.lower()
    assert code_of(httpx.PoolTimeout("not ours")) == "not_sent"
