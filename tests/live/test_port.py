"""Which addresses are bound, and that answers leave from the one they were asked at."""

from __future__ import annotations

import asyncio
import socket
import sys
from typing import Any

import pytest

from live.port import Endpoint, MediaPort, announced, local_addresses, own_addresses
from tests.live.conftest import until


def test_own_addresses_are_bound_one_by_one_and_foreign_ones_by_all() -> None:
    assert local_addresses(("127.0.0.1",)) == ("127.0.0.1",)
    assert local_addresses(("127.0.0.1", "192.0.2.250")) == ("0.0.0.0",)
    assert local_addresses(("127.0.0.1", "::1", "2001:db8::9")) == ("127.0.0.1", "::")


def test_names_are_not_announced() -> None:
    assert announced(("192.0.2.1",)) == ("192.0.2.1",)
    assert announced(())[0] == "127.0.0.1"
    assert "127.0.0.1" not in own_addresses()
    with pytest.raises(ValueError):
        announced(("example.org",))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux answers on all of 127.0.0.0/8")
async def test_an_answer_leaves_from_the_address_it_was_asked_at() -> None:
    def echo(endpoint: Endpoint, data: bytes, address: object) -> None:
        endpoint.sendto(data, address)

    port = MediaPort(("127.0.0.1", "127.0.0.2"), 0, echo)
    port.start()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.bind(("127.0.0.1", 0))
        client.setblocking(False)
        loop = asyncio.get_running_loop()
        for host in ("127.0.0.1", "127.0.0.2"):
            client.sendto(b"\x01hello", (host, port.port))
            async with asyncio.timeout(60):
                assert await loop.sock_recvfrom(client, 100) == (b"\x01hello", (host, port.port))
    port.close()


async def test_an_empty_datagram_disturbs_nothing() -> None:
    seen: list[bytes] = []
    port = MediaPort(("127.0.0.1",), 0, lambda endpoint, data, address: seen.append(data))
    port.start()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        for data in (b"", b"\x80" * 60_000, b"\x01"):
            client.sendto(data, ("127.0.0.1", port.port))
        await until(lambda: seen)
    assert seen == [b"\x01"]
    port.close()


class Listener:
    """A peer that notes what reaches it."""

    def __init__(self) -> None:
        self.media: list[bytes] = []
        self.records: list[bytes] = []

    def receive_media(self, data: bytes, now: float) -> None:
        self.media.append(data)

    def receive_dtls(self, data: bytes, now: float) -> None:
        self.records.append(data)


def test_media_counts_from_the_nominated_address_only_and_dtls_from_any_that_passed() -> None:
    endpoint = Endpoint("udp", lambda data, address: None, lambda endpoint, data, address: None)
    listener: Any = Listener()
    endpoint.checked |= {"home": listener, "away": listener}
    endpoint.nominated["home"] = listener
    for address in ("home", "away", "stranger"):
        endpoint.receive(b"\x80" + address.encode(), address)
        endpoint.receive(b"\x16" + address.encode(), address)
    assert listener.media == [b"\x80home"]
    assert listener.records == [b"\x16home", b"\x16away"]
    assert endpoint.strangers == 3
