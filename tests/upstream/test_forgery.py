"""Promise 50: server-side request forgery is impossible, shown by counting connections at the victim."""

import asyncio
from collections.abc import Callable

import pytest

from identity_api.oidc.messages import Request
from identity_api.upstream.errors import TargetRefused
from identity_api.upstream.exchange import Upstream
from identity_api.upstream.resolver import SystemResolver
from identity_api.upstream.tls import verifying_context
from tests.upstream.certificates import server_context
from tests.upstream.conftest import Authority, Names
from tests.upstream.hostile import Hostile

OpenUpstream = Callable[..., Upstream]
ENOUGH_SECONDS = 5.0

LITERALS = [
    *(
        "127.0.0.1",
        "127.1",
        "127.0.1",
        "127.255.255.254",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0x7f.0.0.1",
        "0177.0.0.1",
    ),
    *("017700000001", "0", "0.0.0.0", "00.00.00.00", "localhost", "LOCALHOST", "10.0.0.1", "192.168.0.1"),
    *("172.16.0.1", "100.64.0.1", "169.254.169.254", "168.63.129.16", "[::1]", "[::]", "[::ffff:127.0.0.1]"),
    *(
        "[::ffff:7f00:1]",
        "[0:0:0:0:0:ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "[fe80::1]",
    ),
    *("[fd00:ec2::254]", "[::ffff:169.254.169.254]", "[::ffff:0:127.0.0.1]"),
]
WRITTEN_ODDLY = [
    "①②⑦.0.0.1",
    "127。0。0。1",
    "idp.test@127.0.0.1",
    "127.0.0.1#@idp.test",
    "127.0.0.1\\@idp.test",
    "%31%32%37.0.0.1",
]
NAMES = {
    "loopback.test": ["127.0.0.1"],
    "mapped.test": ["::ffff:127.0.0.1"],
    "metadata.test": ["169.254.169.254"],
    "several.test": ["10.0.0.1", "::1", "127.0.0.1"],
    "zone.test": ["fe80::1%lo"],
    "not-numeric.test": ["localhost"],
}


def get(url: str) -> Request:
    return Request(method="GET", url=url)


@pytest.mark.asyncio
@pytest.mark.parametrize("scheme", ["https", "http"])
@pytest.mark.parametrize("host", [*LITERALS, *WRITTEN_ODDLY])
async def test_an_address_inside_is_refused_without_a_connect(
    hostile: Hostile, open_upstream: OpenUpstream, scheme, host
):
    port = await hostile.listen()
    resolver = SystemResolver()
    with pytest.raises(TargetRefused) as caught:
        await open_upstream("", resolve=resolver).exchange(get(f"{scheme}://{host}:{port}/ok"), deadline=ENOUGH_SECONDS)
    resolver.close()
    assert (caught.value.code, caught.value.sent) == ("TARGET_NOT_ALLOWED", False)
    assert hostile.connections == 0


@pytest.mark.asyncio
@pytest.mark.parametrize("host", NAMES)
async def test_a_name_that_leads_inside_is_refused_without_a_connect(
    hostile: Hostile, open_upstream: OpenUpstream, names: Names, host
):
    port = await hostile.listen()
    names.fixed = NAMES
    with pytest.raises(TargetRefused) as caught:
        await open_upstream("").exchange(get(f"https://{host}:{port}/ok"), deadline=ENOUGH_SECONDS)
    assert (caught.value.code, caught.value.reason) == ("TARGET_NOT_ALLOWED", "address")
    assert hostile.connections == 0


@pytest.mark.asyncio
async def test_a_literal_is_checked_though_no_resolver_sees_it(hostile, open_upstream, names: Names):
    port = await hostile.listen()
    with pytest.raises(TargetRefused):
        await open_upstream("").exchange(get(f"https://127.0.0.1:{port}/ok"), deadline=ENOUGH_SECONDS)
    assert (names.asked, hostile.connections) == ([], 0)


@pytest.mark.asyncio
async def test_plain_http_is_refused_before_the_name_is_looked_up(open_upstream, names: Names):
    with pytest.raises(TargetRefused) as caught:
        await open_upstream("").exchange(get("http://idp.test/ok"), deadline=ENOUGH_SECONDS)
    assert (caught.value.reason, names.asked) == ("scheme", [])


@pytest.mark.asyncio
async def test_the_address_checked_is_the_address_connected_to(hostile, open_upstream, names: Names):
    """Rebinding: the name leads to an allowed address, then to a forbidden one. Each connect is checked anew."""
    port = await hostile.listen()
    names.answers["flip.test"] = iter([["127.0.0.1"], ["127.0.0.2"]])
    upstream = open_upstream(f"127.0.0.1:{port}", idle_seconds=0.001)
    assert (await upstream.exchange(get(f"http://flip.test:{port}/ok"), deadline=ENOUGH_SECONDS)).status == 200
    await asyncio.wait_for(hostile.left.wait(), ENOUGH_SECONDS)
    with pytest.raises(TargetRefused):
        await upstream.exchange(get(f"http://flip.test:{port}/ok"), deadline=ENOUGH_SECONDS)
    assert (names.asked, hostile.connections) == (["flip.test", "flip.test"], 1)


@pytest.mark.asyncio
async def test_a_forbidden_address_among_several_is_skipped(hostile, open_upstream, names: Names):
    port = await hostile.listen()
    names.fixed["mixed.test"] = ["127.0.0.2", "127.0.0.1"]
    upstream = open_upstream(f"127.0.0.1:{port}")
    assert (await upstream.exchange(get(f"http://mixed.test:{port}/ok"), deadline=ENOUGH_SECONDS)).status == 200


@pytest.mark.asyncio
async def test_a_listed_name_is_reached_inside(hostile, open_upstream):
    port = await hostile.listen()
    got = await open_upstream(f"idp.test:{port}").exchange(get(f"http://IDP.test:{port}/ok"), deadline=ENOUGH_SECONDS)
    assert got.status == 200


@pytest.mark.asyncio
async def test_a_listed_name_opens_no_other_name_at_the_same_address(hostile, open_upstream):
    port = await hostile.listen()
    with pytest.raises(TargetRefused):
        await open_upstream(f"idp.test:{port}").exchange(get(f"https://other.test:{port}/ok"), deadline=ENOUGH_SECONDS)
    assert hostile.connections == 0


@pytest.mark.asyncio
async def test_a_listed_name_that_leads_to_a_metadata_service_is_refused(open_upstream, names: Names):
    names.fixed["idp.test"] = ["169.254.169.254"]
    with pytest.raises(TargetRefused) as caught:
        await open_upstream("idp.test:80").exchange(get("http://idp.test/latest/meta-data"), deadline=ENOUGH_SECONDS)
    assert caught.value.reason == "address"


@pytest.mark.asyncio
@pytest.mark.parametrize("entry", ["127.0.0.1:{port}@acme", "idp.test:{port}@acme"])
async def test_a_tenant_does_not_ride_on_the_open_connection_of_another(
    hostile, open_upstream, authority: Authority, entry
):
    port = await hostile.listen(server_context(authority.server))
    upstream = open_upstream(entry.format(port=port))
    tls = verifying_context(ca_pem=authority.pem)
    request = get(f"https://idp.test:{port}/ok")
    assert (await upstream.exchange(request, deadline=ENOUGH_SECONDS, tenant="acme", tls=tls)).status == 200
    for tenant in ("other", None):
        with pytest.raises(TargetRefused):
            await upstream.exchange(request, deadline=ENOUGH_SECONDS, tenant=tenant, tls=tls)
    assert hostile.seen["/ok"] == 1
    assert (await upstream.exchange(request, deadline=ENOUGH_SECONDS, tenant="acme", tls=tls)).status == 200
    assert hostile.connections == 1
