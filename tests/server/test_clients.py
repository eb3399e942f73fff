"""Whose request it is: nobody becomes somebody else by writing a header."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from server.clients import NETWORK_BITS, Proxies, block_of

PROXY, CDN, CLIENT = "10.0.0.1", "198.51.100.7", "192.0.2.9"
addresses = st.ip_addresses().map(str)


def test_without_proxies_the_other_end_it_is() -> None:
    assert Proxies().client(CLIENT, ["203.0.113.1"]) == CLIENT
    assert not Proxies().trusts(PROXY)


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        ([CLIENT], CLIENT),
        ([f"203.0.113.1, {CLIENT}"], CLIENT),  # the first is what the client wrote itself
        (["203.0.113.1", CLIENT], CLIENT),  # likewise, in a line of its own
        ([f"{CLIENT}, 10.9.9.9"], CLIENT),  # two proxies of ours in a row
        ([f"{CLIENT}:4711"], CLIENT),
        (["[2001:db8::9]:4711"], "2001:db8::9"),
        (["::ffff:192.0.2.9"], CLIENT),
        ([], PROXY),
        (["unknown"], PROXY),
        ([f"{CLIENT}, rubbish"], PROXY),
        ([f"{CLIENT}, rubbish, 10.9.9.9"], "10.9.9.9"),
        (["10.9.9.9"], "10.9.9.9"),  # a proxy that asks for itself
        (["1.2.3.4, " * 100_000 + CLIENT], CLIENT),
    ],
)
def test_a_trusted_proxy_is_believed_as_far_as_its_own_word_goes(forwarded: list[str], client: str) -> None:
    assert Proxies("10.0.0.0/8").client(PROXY, forwarded) == client


@given(st.lists(st.one_of(addresses, st.text(max_size=20)), max_size=8))
def test_whatever_a_client_sends_a_proxy_that_adds_to_it_tells_who_it_was(invented: list[str]) -> None:
    forwarded = ", ".join([*invented, CLIENT])
    assert Proxies(f"{PROXY},{CDN}").client(PROXY, [forwarded]) == CLIENT


@given(st.ip_addresses(), st.lists(st.one_of(addresses, st.text(max_size=40)), max_size=4))
def test_a_stranger_is_never_believed(peer: IPv4Address | IPv6Address, forwarded: list[str]) -> None:
    own = peer.ipv4_mapped or peer if isinstance(peer, IPv6Address) else peer
    assume(own not in ip_network("10.0.0.0/8"))
    assert Proxies("10.0.0.0/8").client(str(peer), forwarded) == str(own)


@pytest.mark.parametrize("text", ["proxy.example.org", "10.0.0.1/8", "10.0.0.0/33", "0.0.0.0/0", "::/0", "10.0.0.1;::1"])
def test_what_is_no_network_is_no_proxy(text: str) -> None:
    with pytest.raises(ValueError):
        Proxies(text)


def test_an_address_counts_as_itself_and_a_network_of_ipv6_as_one() -> None:
    assert block_of(CLIENT) == CLIENT == block_of(f"::ffff:{CLIENT}")
    assert block_of("2001:db8:0:1::1") == block_of("2001:db8:0:1:ffff::2") == f"2001:db8:0:1::/{NETWORK_BITS}"
    assert block_of("2001:db8:0:2::1") != block_of("2001:db8:0:1::1")
    assert block_of("fe80::1%eth0") == "fe80::/64"


@given(st.text())
def test_whatever_is_no_address_counts_as_something_short(text: str) -> None:
    assert len(block_of(text)) <= 64
