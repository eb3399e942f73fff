"""Strangers, and those whom ICE has let in but who have no keys, at a real worker: over UDP and TCP."""

from __future__ import annotations

import random
import struct
import time
from collections.abc import Callable, Iterable, Iterator

import pytest
from aiortc import RTCCertificate
from OpenSSL import SSL

from live.limits import Limits
from live.rtp import HEADER
from tests.live.conftest import until
from tests.live.raw import CERTIFICATE, H264, KEY, Raw
from tests.live.scene import Scene, descriptors
from tests.live.test_ice import SAMPLE

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCREEN = ("video", "sendonly")
VIEWER = ("video", "recvonly")


def odd_datagrams() -> list[bytes]:
    """Empty, of one octet, as long as UDP allows, cut short, of every kind there is and of none."""
    chance = random.Random(5769)
    heads = (
        b"\x00\x01",
        b"\x01\x01",
        b"\x14",
        b"\x16\xfe\xfd",
        b"\x17\xfe\xff",
        b"\x80\x60",
        b"\x80\xc8",
        b"\x90\x66",
        b"\x40",
    )
    found = [b"", *(bytes([octet]) for octet in range(256)), *(bytes([first]) * 65_507 for first in (0, 22, 128, 255))]
    found += [SAMPLE[:length] for length in range(0, len(SAMPLE), 3)]
    found += [head + chance.randbytes(chance.randrange(1500)) for head in heads for _ in range(20)]
    return found


# --- strangers ---


async def test_strangers_get_no_answer(at: Scene) -> None:
    async with at.undisturbed():
        stranger = await at.stranger()
        before = (await at.statistics()).ports.strangers
        await at.assail(stranger, [*odd_datagrams(), *client_hellos(20)])
        assert (await at.statistics()).ports.strangers - before >= len(odd_datagrams()) + 20 - 2  # the empty are not counted
        assert not any(count for count, _ in stranger.heard.values())


async def test_who_has_read_a_user_name_gets_no_answer_either_and_keeps_nobody_out(at: Scene) -> None:
    async with at.undisturbed():
        stranger, victim = await at.stranger(), at.publisher
        good = victim.check()
        forged = [victim.check(password="wrong"), victim.check(ufrag="nobody"), good[:-1], good + bytes(4)]
        await at.assail(stranger, forged * 200)
        assert stranger.heard["stun"] == [0, 0]
        await victim.pass_ice()
        assert (await at.of(victim)).up


async def test_an_answer_is_no_longer_than_the_check(at: Scene) -> None:
    async with at.undisturbed():
        mallory = await at.invited(VIEWER)
        check = mallory.check(nominate=False)
        await mallory.pass_ice(nominate=False)
        count, octets = mallory.heard["stun"]
        assert octets <= count * len(check)


async def test_nobody_can_take_the_address_of_who_is_there(at: Scene) -> None:
    """A check of one's own from a forged address: here, from the publisher's very socket."""
    async with at.undisturbed():
        mallory = await at.invited(SCREEN, uses={"0": "screen"})
        before = at.publisher.heard["stun"][0]
        for _ in range(50):
            at.publisher.send(mallory.check())
            await at.beat()
        assert at.publisher.heard["stun"][0] == before


async def test_a_flood_of_right_checks_is_answered_in_part(at: Scene) -> None:
    async with at.undisturbed():
        mallory = await at.invited(VIEWER)
        begun = time.monotonic()
        await at.assail(mallory, [mallory.check() for _ in range(1500)])
        await mallory.pass_ice()
        assert mallory.heard["stun"][0] <= 2 * Limits().checks * (time.monotonic() - begun + 1)


# --- after ICE, before and in the handshake ---


def client_hellos(count: int) -> Iterator[bytes]:
    """Right ones, each another."""
    for _ in range(count):
        connection = SSL.Connection(SSL.Context(SSL.DTLS_METHOD))
        connection.set_connect_state()
        with pytest.raises(SSL.WantReadError):
            connection.do_handshake()
        yield connection.bio_read(4096)


def record(kind: int, body: bytes, *, epoch: int = 0, number: int = 0, claimed: int | None = None) -> bytes:
    """A DTLS record (RFC 6347, 4.1)."""
    length = len(body) if claimed is None else claimed
    return struct.pack("!BHHHIH", kind, 0xFEFD, epoch, number >> 32, number & 0xFFFFFFFF, length) + body


def handshake(kind: int, body: bytes, *, number: int = 0, claimed: int | None = None, offset: int = 0) -> bytes:
    """A handshake message, or a part of one (RFC 6347, 4.2.2)."""
    length = len(body) if claimed is None else claimed
    return (
        struct.pack("!B", kind)
        + length.to_bytes(3, "big")
        + struct.pack("!H", number)
        + (offset.to_bytes(3, "big") + len(body).to_bytes(3, "big") + body)
    )


def fragments() -> Iterator[bytes]:
    """Of messages that claim to be as long as can be, with as many numbers as there are, and never come to an end."""
    for number in range(64):
        for offset in (0, 100, 0xFFFF00):
            yield record(22, handshake(1, bytes(1000), number=number, claimed=0xFFFFFF, offset=offset), number=number)
    for offset in range(0, 17_000, 500):
        yield record(22, handshake(1, bytes(500), claimed=17_000, offset=offset), number=offset)


def out_of_order() -> Iterator[bytes]:
    (hello,) = client_hellos(1)
    for kind in (20, 16, 11, 15, 14, 2, 4, 255):
        for number in (0, 1, 5, 65535):
            yield record(22, handshake(kind, bytes(64), number=number), number=number + 1)
    yield from (record(20, b"\x01", number=99), record(23, bytes(100), number=100), record(22, b"", number=101))
    yield from (hello[:3] + struct.pack("!H", epoch) + hello[5:] for epoch in (1, 2, 3, 255, 65535))
    yield from (record(kind, bytes(40), claimed=claimed) for kind in (20, 21, 22, 23, 63) for claimed in (0, 41, 65535))
    yield from (hello[:length] for length in range(0, len(hello), 7))


ATTACKS: dict[str, Callable[[], Iterable[bytes]]] = {
    "many ClientHellos": lambda: client_hellos(400),
    "the same ClientHello": lambda: list(client_hellos(1)) * 400,
    "fragments of endless messages": fragments,
    "messages out of order": out_of_order,
    "alerts": lambda: [record(21, bytes((level, what))) for level in (1, 2) for what in (0, 10, 40, 100, 255)],
    "anything": lambda: [bytes([20 + n % 44]) + random.Random(n).randbytes(n * 7) for n in range(200)],
}


async def test_a_handshake_before_ice_is_not_answered_and_after_it_is(at: Scene) -> None:
    async with at.undisturbed():
        mallory = await at.invited(SCREEN, uses={"0": "screen"})
        await at.assail(mallory, client_hellos(20))
        assert mallory.heard["dtls"] == [0, 0]
        await mallory.pass_ice()
        await mallory.shake_hands()
        await until_up(at, mallory)


@pytest.mark.parametrize("is_tcp", [False, True], ids=["udp", "tcp"])
@pytest.mark.parametrize("name", ATTACKS)
async def test_a_handshake_that_is_none_costs_little_and_returns_little(at: Scene, name: str, is_tcp: bool) -> None:
    async with at.undisturbed():
        mallory = await at.invited(SCREEN, is_tcp=is_tcp, uses={"0": "screen"})
        await mallory.pass_ice()
        begun = time.monotonic()
        await at.assail(mallory, ATTACKS[name]())
        await at.assail(mallory, [b"\x80\x66" + bytes(100), b"\x80\xc9" + bytes(100)] * 20)
        sent = 4096 * (1 + Limits().dtls_records * (time.monotonic() - begun + 1))  # of what is read, each a flight at most
        assert mallory.heard["dtls"][1] <= sent and mallory.heard["rtp"] == mallory.heard["rtcp"] == [0, 0]
        found = (await at.statistics()).rooms["room"].peers.get(mallory.peer_id)
        assert found is None or (not found.up and found.tracks == ())


async def test_media_before_the_keys_is_nothing_and_the_handshake_goes_on(at: Scene) -> None:
    async with at.undisturbed():
        mallory = await at.invited(SCREEN, uses={"0": "screen"})
        await mallory.pass_ice()
        plain = HEADER.pack(0x80, H264, 1, 0, 0xBAD) + KEY
        await at.assail(mallory, [plain, plain[:12], b"\x80\xc8" + bytes(30), b"\x80", *(b"\x80" * 65_000,) * 3])
        assert (await at.of(mallory)).tracks == ()
        await mallory.shake_hands()
        await until_up(at, mallory)


async def until_up(at: Scene, raw: Raw) -> None:
    while not (await at.of(raw)).up:
        await at.beat()


async def test_another_certificate_than_the_offers_gets_nothing_through(at: Scene) -> None:
    async with at.undisturbed():
        mallory = await at.invited(SCREEN, uses={"0": "screen"})
        mallory.certificate = RTCCertificate.generateCertificate()
        assert mallory.certificate is not CERTIFICATE
        await mallory.pass_ice()
        await mallory.shake_hands()  # for all that the client can tell
        await at.assail(mallory, [mallory.rtp(0xBAD, n) for n in range(50)])
        while mallory.peer_id in (await at.statistics()).rooms["room"].peers:
            await at.beat()
        await at.assail(mallory, [mallory.rtp(0xBAD, n) for n in range(50, 100)])
        assert not any(witness.screen for witness in at.witnesses)


# --- TCP ---


async def test_tcp_connections_that_say_nonsense_end_and_leave_nothing(at: Scene) -> None:
    async with at.undisturbed():
        before = descriptors(at.pid)
        nonsense = (b"\xff\xff", b"\x08\x01" + bytes(2049), bytes(20_000), b"\0\0" * 10_000, b"\0\1\x16" * 5000)
        for octets in nonsense:
            stranger = await at.stranger(is_tcp=True)
            stranger.write(octets)
            await stranger.until(lambda each=stranger: each.is_cut_off)  # type: ignore[misc]
        slow = [await at.stranger(is_tcp=True) for _ in range(8)]
        for stranger in slow:
            stranger.write(b"\0")  # half a length, and half a frame
        await at.beat()
        for stranger in slow:
            stranger.write(b"\x64" + bytes(50))
        await at.dismiss()
        await until(lambda: descriptors(at.pid) <= before)


@pytest.mark.parametrize(("hosts", "most"), [(1, Limits().tcp_strangers_per_host), (50, Limits().tcp_strangers)])
async def test_a_flood_of_tcp_connections_keeps_nobody_out(at: Scene, hosts: int, most: int) -> None:
    """From as many addresses; on Linux all of 127.0.0.0/8 is this machine."""
    async with at.undisturbed():
        before = descriptors(at.pid)
        for n in range(300):
            await at.stranger(is_tcp=True, local=f"127.0.0.{1 + n % hosts}")
            if n % 20 == 0:
                await at.beat()
        assert (await at.statistics()).ports.connections <= most + 1  # and the viewer
        newcomer = await at.peer(VIEWER, is_tcp=True, uses={"0": "video"})
        await at.beat()
        await newcomer.until(lambda: newcomer.heard["rtp"][0])
        await at.dismiss()
        await until(lambda: descriptors(at.pid) <= before)


async def test_a_peer_over_tcp_that_floods_waits_its_turn(at: Scene) -> None:
    async with at.undisturbed():
        mallory = await at.peer(SCREEN, is_tcp=True, uses={"0": "screen"})
        for _ in range(30):
            mallory.write(b"\0\0" * 2000 + b"\0\1\x80" * 500 + b"\0\x14" + bytes(20))
            await at.beat()
        mallory.write(b"\xff")
        await at.beat()
