"""The address rule by itself: what is public, what an allowance opens, and how allowances are written."""

from ipaddress import ip_address, ip_network
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity_api.errors import ConfigurationError
from identity_api.upstream.addresses import Allowance, AllowList, Scope, is_public

NOBODY = AllowList()
PUBLIC = Scope(plain=False, named=False, tenant=None)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "1.1.1.1", "172.15.0.1", "172.32.0.1", "2606:4700::1111", "2a00:1450::1"]
)
def test_ordinary_addresses_are_permitted(address):
    assert NOBODY.permitted(address, 443, PUBLIC)


@pytest.mark.parametrize("address", ["::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_an_ordinary_ipv4_address_inside_ipv6_is_permitted(address):
    assert NOBODY.permitted(address, 443, PUBLIC)


@pytest.mark.parametrize(
    "address",
    [
        *("0.0.0.0", "10.0.0.1", "100.64.0.1", "127.0.0.1", "127.255.255.254", "169.254.169.254", "172.16.0.1"),
        *("172.31.255.255", "192.0.0.8", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.0.1", "198.18.0.1"),
        *("198.51.100.1", "203.0.113.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "168.63.129.16"),
        *(
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:0:127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b::a9fe:a9fe",
        ),
        *("64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::", "3fff::1", "5f00::1", "fc00::1"),
        *("fd00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "2a00::5efe:7f00:1"),
        *("2a00::200:5efe:a00:1", "", "localhost", "127.1", "0x7f.1"),
    ],
)
def test_an_address_that_leads_inside_is_refused(address):
    assert not NOBODY.permitted(address, 443, PUBLIC)


@given(st.ip_addresses())
def test_what_is_public_is_never_private_to_the_standard_library(address):
    """Our lists are at least as strict as `ipaddress` wherever that knows an address to be special."""
    if is_public(address):
        special = ("private", "loopback", "link_local", "multicast", "reserved", "unspecified")
        assert [kind for kind in special if getattr(address, f"is_{kind}")] == []


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_judged_alike_however_it_is_wrapped(address):
    plain = NOBODY.permitted(str(address), 443, PUBLIC)
    for base in ("::ffff:0:0", "64:ff9b::"):
        assert NOBODY.permitted(str(ip_address(int(ip_address(base)) | int(address))), 443, PUBLIC) == plain


@pytest.mark.parametrize(
    ("text", "target", "port", "tenant"),
    [
        ("idp.internal", "idp.internal", 443, None),
        ("IDP.Internal:8443", "idp.internal", 8443, None),
        ("10.1.0.0/16:443", ip_network("10.1.0.0/16"), 443, None),
        ("127.0.0.1:8080", ip_network("127.0.0.1/32"), 8080, None),
        ("[::1]:8080", ip_network("::1/128"), 8080, None),
        ("[fd00::/8]:443@acme", ip_network("fd00::/8"), 443, "acme"),
        ("idp.internal@Acme", "idp.internal", 443, "acme"),
        ("localhost:9000", "localhost", 9000, None),
    ],
)
def test_an_allowance_is_read(text, target, port, tenant):
    assert AllowList.parse([text]).entries == (Allowance(target, port, tenant),)


@pytest.mark.parametrize(
    "text",
    [
        *("10.0.0.0/8", "[fd00::/8]", "10.0.0.1/8:443", "0.0.0.0/0:443", "[::/0]:443", "host:0", "host:65536", "host:"),
        *("host:http", "https://host", "host/path", "::1", "fd00::1:443", "[host]:443", "[10.0.0.1", "127.1", "0x7f.1"),
        *("2130706433", "a..b", "-host", "host-", "*.internal", "host@", "@acme", "host@a@b", "hôst", "10.0.0.999:1"),
    ],
)
def test_an_allowance_that_cannot_be_read_stops_the_start(text):
    with pytest.raises(ConfigurationError) as caught:
        AllowList.parse([text])
    assert len(caught.value.problems) == 1
    assert repr(text) in caught.value.problems[0]


def test_every_unreadable_allowance_is_listed():
    with pytest.raises(ConfigurationError) as caught:
        AllowList.parse("a..b, idp.internal 10.0.0.0/8")
    assert len(caught.value.problems) == 2


@given(st.text(max_size=40))
def test_any_text_gives_a_list_or_our_error(text):
    try:
        entries = AllowList.parse([text]).entries
    except ConfigurationError:
        return
    assert len(entries) == (1 if text.strip() else 0)


def test_a_list_in_one_text_may_be_empty():
    assert AllowList.parse(" , ").entries == ()


def test_a_network_opens_its_port_only():
    allow = AllowList.parse("10.1.0.0/16:8443")
    scope = allow.scope("https", "idp.internal", 8443)
    assert scope is not None
    assert allow.permitted("10.1.2.3", 8443, scope)
    assert not allow.permitted("10.1.2.3", 443, scope)
    assert not allow.permitted("10.2.0.1", 8443, scope)


def test_a_network_is_opened_for_its_tenant_only():
    allow = AllowList.parse("10.1.0.0/16:443@acme")
    own, other, operator = (allow.scope("https", "idp.internal", 443, who) for who in ("acme", "other", None))
    assert own is not None
    assert allow.permitted("10.1.2.3", 443, own)
    assert other is not None
    assert not allow.permitted("10.1.2.3", 443, other)
    assert operator is not None
    assert not allow.permitted("10.1.2.3", 443, operator)
    assert own != other == operator


def test_a_tenant_may_be_written_as_its_id():
    tenant = UUID("0190C0DE-0000-7000-8000-00000000000A")
    scope = AllowList.parse(f"10.1.0.0/16:443@{str(tenant).upper()}").scope("https", "idp.internal", 443, tenant)
    assert scope is not None
    assert scope.tenant == str(tenant)


def test_plain_http_needs_a_listed_address_even_if_it_is_public():
    allow = AllowList.parse("93.184.0.0/16:80")
    scope = allow.scope("http", "example.com", 80)
    assert scope is not None
    assert allow.permitted("93.184.1.1", 80, scope)
    assert not allow.permitted("8.8.8.8", 80, scope)


def test_plain_http_to_a_port_nobody_listed_is_refused_before_any_lookup():
    assert AllowList.parse("10.0.0.0/8:8080").scope("http", "idp.internal", 80) is None


def test_plain_http_listed_for_another_tenant_is_refused_before_any_lookup():
    allow = AllowList.parse("10.0.0.0/8:8080@acme")
    assert allow.scope("http", "idp.internal", 8080, "acme") is not None
    assert allow.scope("http", "idp.internal", 8080, "other") is None
    assert allow.scope("http", "idp.internal", 8080) is None


@pytest.mark.parametrize("host", ["idp.internal.evil.test", "sub.idp.internal", "idp.internal.", "idp_internal"])
def test_a_listed_name_is_that_name_exactly(host):
    allow = AllowList.parse("idp.internal:8443")
    found, other = allow.scope("https", "idp.internal", 8443), allow.scope("https", host, 8443)
    assert found is not None
    assert found.named
    assert other is not None
    assert not other.named


def test_a_listed_name_is_listed_for_its_port_and_tenant_only():
    allow = AllowList.parse("idp.internal:8443@acme")
    for port, tenant, named in (
        (8443, "acme", True),
        (8443, "other", False),
        (8443, None, False),
        (443, "acme", False),
    ):
        scope = allow.scope("https", "idp.internal", port, tenant)
        assert scope is not None
        assert scope.named is named


@pytest.mark.parametrize("address", ["10.0.0.1", "127.0.0.1", "192.168.1.1", "100.64.0.1", "::1", "fd12::1", "8.8.8.8"])
def test_a_listed_name_may_lead_inside(address):
    assert AllowList.parse("idp.internal").permitted(address, 443, Scope(plain=False, named=True, tenant=None))


@pytest.mark.parametrize(
    "address",
    [
        *("169.254.169.254", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "100.100.100.200", "168.63.129.16"),
        *("192.0.0.192", "0.0.0.0", "224.0.0.1", "::", "fe80::1%eth0", "fd00:ec2::254", "ff02::1"),
    ],
)
def test_a_listed_name_may_not_lead_to_a_metadata_service(address):
    allow = AllowList.parse("idp.internal, 169.254.170.2:443")
    scope = Scope(plain=False, named=True, tenant=None)
    assert not allow.permitted(address, 443, scope)
    assert allow.permitted("169.254.170.2", 443, scope)
