"""A real worker among enemies: it stays up, its memory is bounded, and those who behave miss nothing. Each attack goes on
between packets of a publisher that two viewers must get, all of them, once and in order."""

from __future__ import annotations

import random
import struct
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator

import pytest
import pytest_asyncio
from aiortc import RTCCertificate
from OpenSSL import SSL
from pylibsrtp import Error as SrtpError

from live import rtcp
from live.control import MediaRefused
from live.limits import Limits
from live.reception import MAX_ASKED, MAX_FRESH
from live.rtp import HEADER
from live.transport_cc import TransportFeedback
from tests.live.conftest import until
from tests.live.raw import CERTIFICATE, H264, IDS, KEY, OPUS, RED, RTX, Raw
from tests.live.scene import Scene, descriptors, scene
from tests.live.test_ice import SAMPLE

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCREEN = ("video", "sendonly")
VIEWER = ("video", "recvonly")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def at() -> AsyncIterator[Scene]:
    async with scene(idle_timeout=120.0, setup_timeout=120.0) as made:
        yield made


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


@pytest.mark.parametrize("name", ATTACKS)
async def test_a_handshake_that_is_none_costs_little_and_returns_little(at: Scene, name: str) -> None:
    async with at.undisturbed():
        mallory = await at.invited(SCREEN, uses={"0": "screen"})
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


# --- publishers ---


async def shown(at: Scene, mallory: Raw) -> int:
    """Sends a picture that the viewers must get; returns the next sequence number."""
    for number in range(1, 4):
        mallory.send(mallory.rtp(0xBAD, number, KEY + b"shown"))
    for witness in at.witnesses:
        await witness.raw.until(lambda got=witness.screen: len(got) >= 3)  # type: ignore[misc]
    return 4


async def test_wrong_tags_and_replays_are_not_forwarded(at: Scene) -> None:
    async with at.undisturbed():
        mallory = await at.peer(SCREEN, uses={"0": "screen"})
        number = await shown(at, mallory)
        genuine = [mallory.rtp(0xBAD, number + n, KEY + b"good") for n in range(20)]
        wrong = [data[:-1] + bytes([data[-1] ^ 1]) for data in genuine]
        wrong += [data[:20] + bytes([data[20] ^ 1]) + data[21:] for data in genuine] + [data[:-3] for data in genuine]
        report = mallory.feedback(rtcp.ReceiverReport(1))
        await at.assail(mallory, wrong + genuine + genuine * 3 + [report] * 20 + [report[:-1], report + b"\0"])
        for witness in at.witnesses:
            await witness.raw.until(lambda got=witness.screen: len(got) >= 23)  # type: ignore[misc]
            assert [payload[4:] for payload in witness.screen] == [b"shown"] * 3 + [b"good"] * 20
        assert (await at.of(mallory)).bad >= len(wrong) + 60 + 21


async def test_anothers_ssrc_is_ones_own_and_no_more(at: Scene) -> None:
    """The publisher's, those of the slots, the worker's own."""
    async with at.undisturbed():
        mallory = await at.peer(SCREEN, uses={"0": "screen"})
        taken = [0xA11A, *at.witnesses[0].raw.ssrcs, 1, 0, 0xFFFFFFFF]
        await at.assail(mallory, [mallory.rtp(ssrc, n, KEY + b"screen") for n in range(20) for ssrc in taken])
        await at.assail(mallory, [mallory.feedback(rtcp.Goodbye(tuple(taken)), rtcp.SenderReport(0xA11A, 1, 2, 3, 4))] * 20)
        assert {payload[4:] for witness in at.witnesses for payload in witness.screen} <= {b"screen"}
        (track,) = (await at.of(at.publisher)).tracks
        assert track.packets >= at.beats and track.lost == 0


async def test_only_so_many_ssrcs_are_kept(at: Scene) -> None:
    """For each, libsrtp would keep a state for as long as the peer is there, and look through all of them."""
    async with at.undisturbed():
        mallory = await at.peer(SCREEN, uses={"0": "screen"})
        await at.assail(mallory, (mallory.rtp(ssrc, 1) for ssrc in range(2000, 4000)))
        await at.assail(mallory, (mallory.feedback(rtcp.ReceiverReport(ssrc)) for ssrc in range(2000, 4000)))
        found = await at.of(mallory)
        assert len(found.tracks) <= 1
        assert found.bad >= 4000 - Limits().sources - Limits().reporters


def malformed(mallory: Raw) -> Iterator[bytes]:
    """What says that it is longer than it is, in every place where RTP has a length."""
    for number, (first, body) in enumerate(
        (
            (0x8F, b""),  # fifteen contributing sources
            (0x8F, bytes(20)),
            (0x90, b""),  # an extension
            (0x90, b"\xbe\xde\xff\xff" + bytes(40)),
            (0x90, b"\xbe\xde\x00\x01\x1f\x00\x00\x00"),  # its element
            (0x90, b"\x10\x00\x00\x01\x01\xff\x00\x00"),
            (0x90, b"\x10\x00\x00\x01\x00\x00\x00\x01"),
            (0xA0, b"\xff"),  # padding
            (0xA0, b"\x00"),
            (0xBF, b"\xbe\xde\x00\x00" + b"\xff" * 70),
            (0x80, b""),
        ),
        100,
    ):
        for payload_type in (H264, RTX, RED, OPUS, 0, 127):
            for ssrc in (0xBAD, 0xBAE):
                packet = HEADER.pack(first, payload_type, number, 0, ssrc) + body
                try:
                    yield mallory.protected(packet)
                except SrtpError:  # libsrtp sends no such packet, and takes none
                    yield packet + bytes(16)


async def test_malformed_packets_are_not_forwarded(at: Scene) -> None:
    async with at.undisturbed():
        mallory = await at.peer(SCREEN, uses={"0": "screen"})
        number = await shown(at, mallory)
        await at.assail(mallory, malformed(mallory))
        mallory.send(mallory.rtp(0xBAD, 500 + number, KEY + b"last"))
        for witness in at.witnesses:
            await witness.raw.until(lambda got=witness.screen: got[-1][4:] == b"last")  # type: ignore[misc]
            assert {payload[4:] for payload in witness.screen} <= {b"shown", b"", b"last"}  # b"": of nothing but a header


async def test_retransmissions_of_what_was_never_missing_are_not_forwarded(at: Scene) -> None:
    async with at.undisturbed():
        mallory = await at.peer(SCREEN, uses={"0": "screen"})
        number = await shown(at, mallory)
        bad = [b"", b"\0", *(struct.pack("!H", original) + KEY + b"bad" for original in (1, 2, 3, 4, 60000, 65535))]
        await at.assail(mallory, (mallory.rtp(0xBAE, n, payload, RTX) for n, payload in enumerate(bad * 20)))
        mallory.send(mallory.rtp(0xBAD, number, KEY + b"last"))
        for witness in at.witnesses:
            await witness.raw.until(lambda got=witness.screen: got[-1][4:] == b"last")  # type: ignore[misc]
            assert [payload[4:] for payload in witness.screen] == [b"shown"] * 3 + [b"last"]


async def test_red_that_overruns_or_nests_is_heard_by_nobody_but_who_sent_it(at: Scene) -> None:
    async with at.undisturbed():
        mallory = await at.peer(("audio", "sendonly"), uses={"0": "microphone"})
        nested = bytes([0x80 | RED, 0, 0, 5, RED]) + bytes([OPUS]) * 5 + bytes([0x80 | OPUS, 3, 255, 255])
        bad = (
            b"",
            b"\xff",
            b"\xff" * 4,
            b"\xff" * 400,
            bytes([0x80 | OPUS, 0, 3, 255, OPUS]) + b"x",
            nested,
            b"\x80\0\0\0" * 300,
        )
        packets = [mallory.rtp(0xBAF, n, body, RED) for n, body in enumerate(bad * 10)]
        levels = ((IDS["urn:ietf:params:rtp-hdrext:ssrc-audio-level"], b"\x00"),)
        packets += [mallory.rtp(0xBAF, 100 + n, b"\x78voice", OPUS, extensions=levels) for n in range(10)]
        await at.assail(mallory, packets)
        for witness in at.witnesses:
            await witness.raw.until(lambda got=witness.sound: got and got[-1] == b"\x78voice")  # type: ignore[misc]


async def test_numbers_that_jump_make_the_worker_say_no_more_than_it_hears(at: Scene) -> None:
    async with at.undisturbed():
        mallory = await at.peer(SCREEN, uses={"0": "screen"}, numbered=True)

        def jumping() -> Iterator[bytes]:
            for n in range(1000):
                elements = ((1, b"0"), (2, struct.pack("!H", 2047 * n & 0xFFFF)))
                yield mallory.rtp(0xBAD, 99 * n, extensions=elements)

        begun, octets = time.monotonic(), 1000 * len(mallory.rtp(0xBAD, 0))
        await at.assail(mallory, jumping())
        asked = sum(len(packet.lost) for packet in mallory.requests(rtcp.Nack) if isinstance(packet, rtcp.Nack))
        assert 0 < asked <= MAX_ASKED * MAX_FRESH * (time.monotonic() - begun + 1)
        assert mallory.heard["rtcp"][1] < octets * (time.monotonic() - begun + 1)


async def test_media_from_an_address_that_is_not_nominated_is_dropped(at: Scene) -> None:
    async with at.undisturbed():
        mallory = await at.peer(SCREEN, uses={"0": "screen"})
        number = await shown(at, mallory)
        other = await at.stranger()
        other.ufrag, other.remote_ufrag, other.remote_password = mallory.ufrag, mallory.remote_ufrag, mallory.remote_password
        await other.pass_ice(nominate=False)
        await at.assail(other, (mallory.rtp(0xBAD, number + n, KEY + b"away") for n in range(50)))
        assert not any(b"away" in payload for witness in at.witnesses for payload in witness.screen)


# --- viewers ---


def absurd_feedback(mallory: Raw) -> Iterator[bytes]:
    ssrc, publisher = mallory.ssrcs[0], 0xA11A
    head = bytes(rtcp.ReceiverReport(1))
    for first in range(0, 65536, 17 * 60):  # NACKs for all numbers there are
        entries = b"".join(struct.pack("!HH", n & 0xFFFF, 0xFFFF) for n in range(first, first + 17 * 60, 17))
        yield mallory.feedback(head, struct.pack("!BBHII", 0x81, 205, 2 + len(entries) // 4, 1, ssrc) + entries)
    for n in range(300):
        yield mallory.feedback(head, *[rtcp.PictureLoss(1, ssrc)] * 20)
        yield mallory.feedback(rtcp.FullIntra(1, ((ssrc, 7), (publisher, n & 255), (ssrc, n & 255)) * 20))
    for bitrate in (0, 1, 2**18 - 1 << 63):
        yield mallory.feedback(rtcp.Remb(1, bitrate, (ssrc, publisher)))
    for base, reference, arrivals in (
        (0, 0xFFFFFF, (0,) * 500),
        (65535, 0, (0x7FFF, 0) * 100),
        (1, 0x800000, (None,) * 1900),
        (30000, 1, tuple(range(0, 0x7FFF, 100))),
    ):
        for count in range(10):
            yield mallory.feedback(
                head, TransportFeedback(1, publisher, base + count & 0xFFFF, reference * count, count, arrivals)
            )
    told = struct.pack("!HHI", 0, 65535, 0) + b"\x1f\xff" * 9
    yield from (mallory.feedback(head, struct.pack("!BBHII", 0x8F, 205, 9, 1, ssrc) + told) for _ in range(20))
    block = rtcp.ReportBlock(ssrc, 255, -0x800000, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF)
    yield mallory.feedback(rtcp.SenderReport(ssrc, 2**64 - 1, 0xFFFFFFFF, 0, 0, (block,) * 31))
    yield mallory.feedback(rtcp.Goodbye((publisher, ssrc, *range(29))))
    yield mallory.feedback(head, rtcp.SourceDescription(tuple((n, b"\xff" * 55) for n in range(27))))
    for kind in range(192, 224):  # lengths that lie
        for words in (0, 1, 5, 65535):
            yield mallory.feedback(head, struct.pack("!BBH", 0x9F, kind, words) + bytes(16))
            yield mallory.feedback(head, struct.pack("!BBH", 0xBF, kind, words) + b"\xff" * 16)


async def test_feedback_floods_cost_the_publisher_and_the_others_nothing(at: Scene) -> None:
    async with at.undisturbed():
        mallory = await at.peer(VIEWER, uses={"0": "video"}, numbered=True)
        await at.beat()
        begun, asked = time.monotonic(), len(at.publisher.requests(rtcp.PictureLoss))
        for _ in range(2):
            await at.assail(mallory, absurd_feedback(mallory))
        elapsed = time.monotonic() - begun
        assert len(at.publisher.requests(rtcp.PictureLoss)) - asked <= 2 * elapsed + 2  # one per track and 500 ms
        found = await at.of(mallory)
        assert found.resent <= Limits().resent * (elapsed + 1)
        assert found.plis <= 8 * 20 * Limits().feedback * (elapsed + 1)


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


async def test_a_flood_of_tcp_connections_keeps_nobody_out(at: Scene) -> None:
    async with at.undisturbed():
        before = descriptors(at.pid)
        for n in range(300):
            await at.stranger(is_tcp=True)
            if n % 20 == 0:
                await at.beat()
        assert (await at.statistics()).ports.connections <= 200 + 2
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


# --- offers ---


async def test_offers_that_are_too_much_are_refused(at: Scene) -> None:
    raw = Raw()
    good = raw.offer(VIEWER)
    section = "m=video 9 UDP/TLS/RTP/SAVPF 102\r\na=rtcp-mux\r\n"
    bad = [
        good + section * 10_000,
        good + "a=x:" + "x" * (1 << 20),
        good + "a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n" * 10_000,
        good + "".join(f"a=ssrc:{n} cname:x\r\n" for n in range(5000)),
        good + "".join(f"a=rid:{n} send\r\n" for n in range(5000)),
        good + "a=rtcp-fb:102 nack\r\n" * 5000,
        good + "a=mid:\0\r\n",
        good + "m=video 9 UDP/TLS/RTP/SAVPF 102\r\na=mid:0\r\n",
        good.replace("BUNDLE 0", "BUNDLE 8 9"),
        "",
        "\0" * 1000,
    ]
    async with at.undisturbed():
        for offer in bad:
            with pytest.raises(MediaRefused) as refusal:
                await at.engine.admit("room", "mallory", offer, None, may_send=True, may_receive=True)
            assert refusal.value.code == "bad_offer"
            await at.beat()
        with pytest.raises(MediaRefused):
            await at.engine.admit("room", "mallory", good, {"0": "video", "7": "video"}, may_send=True, may_receive=True)
