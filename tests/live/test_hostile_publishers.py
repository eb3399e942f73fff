"""Peers who send what no publisher should, to a real worker: it reaches nobody, and nobody misses anything."""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator

import pytest
from pylibsrtp import Error as SrtpError

from live import rtcp
from live.limits import Limits
from live.reception import MAX_ASKED, MAX_FRESH
from live.rtp import HEADER, RtpPacket
from tests.live.raw import H264, IDS, KEY, OPUS, RED, RTX, Raw
from tests.live.scene import Scene
from tests.live.test_hostile_strangers import ATTACKS

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCREEN = ("video", "sendonly")
VIEWER = ("video", "recvonly")


async def shown(at: Scene, mallory: Raw) -> int:
    """Sends a picture that the viewers must get; returns the next sequence number."""
    for number in range(1, 4):
        mallory.send(mallory.rtp(0xBAD, number, KEY + b"shown"))
    await at.seen(lambda witness: len(witness.screen) >= 3)
    return 4


async def test_wrong_tags_and_replays_are_not_forwarded(at: Scene) -> None:
    async with at.undisturbed():
        mallory = await at.peer(SCREEN, uses={"0": "screen"})
        number = await shown(at, mallory)
        genuine = [mallory.rtp(0xBAD, number + n, KEY + b"good") for n in range(20)]
        wrong = [data[:-1] + bytes([data[-1] ^ 1]) for data in genuine]
        wrong += [data[:20] + bytes([data[20] ^ 1]) + data[21:] for data in genuine] + [data[:-3] for data in genuine]
        report, told = (
            mallory.feedback(packet) for packet in (rtcp.ReceiverReport(1), rtcp.TransportFeedback(1, 2, 3, 4, 5, (0,) * 20))
        )
        wrong += [data[:length] for data in (genuine[0], report, told) for length in range(12, len(data))]
        shorter = [data[:length] for data in (genuine[0], report, told) for length in range(2, 12)]
        await at.assail(mallory, shorter + wrong + genuine + genuine * 3 + [report] * 20 + [report[:-1], report + b"\0"])
        await at.seen(lambda witness: len(witness.screen) >= 23)
        for witness in at.witnesses:
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


@pytest.mark.parametrize("is_tcp", [False, True], ids=["udp", "tcp"])
async def test_malformed_packets_are_not_forwarded(at: Scene, is_tcp: bool) -> None:
    async with at.undisturbed():
        mallory = await at.peer(SCREEN, is_tcp=is_tcp, uses={"0": "screen"})
        number = await shown(at, mallory)
        await at.assail(mallory, malformed(mallory))
        mallory.send(mallory.rtp(0xBAD, 500 + number, KEY + b"last"))
        await at.seen(lambda witness: witness.screen[-1][4:] == b"last")
        for witness in at.witnesses:
            assert {payload[4:] for payload in witness.screen} <= {b"shown", b"", b"last"}  # b"": of nothing but a header


async def test_retransmissions_of_what_was_never_missing_are_not_forwarded(at: Scene) -> None:
    async with at.undisturbed():
        mallory = await at.peer(SCREEN, uses={"0": "screen"})
        number = await shown(at, mallory)
        bad = [b"", b"\0", *(struct.pack("!H", original) + KEY + b"bad" for original in (1, 2, 3, 4, 60000, 65535))]
        await at.assail(mallory, (mallory.rtp(0xBAE, n, payload, RTX) for n, payload in enumerate(bad * 20)))
        mallory.send(mallory.rtp(0xBAD, number, KEY + b"last"))
        await at.seen(lambda witness: witness.screen[-1][4:] == b"last")
        for witness in at.witnesses:
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
        await at.seen(lambda witness: witness.sound and witness.sound[-1] == b"\x78voice")


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


async def test_packets_as_long_as_can_be_reach_who_can_get_them_and_stop_nothing(at: Scene) -> None:
    """What a viewer's header extensions make too long is dropped for that viewer."""
    async with at.undisturbed():
        mallory = await at.peer(SCREEN, uses={"0": "screen"})
        number = await shown(at, mallory)
        for length in (1200, 1472, 1850, 1880, 1890, 1900, 1950, 2000, 2015, 2030, 2032, 2033, 2100):
            packet = bytes(RtpPacket(H264, number, 0, 0xBAD, KEY + bytes(length - 16)))
            assert len(packet) == length
            await at.assail(mallory, [mallory.protected_at_any_length(packet)])
            number += 1
        mallory.send(mallory.rtp(0xBAD, number, KEY + b"last"))
        await at.seen(lambda witness: witness.screen[-1][4:] == b"last")
        assert all({1200, 1472, 1850} <= {len(payload) + 12 for payload in witness.screen} for witness in at.witnesses)


@pytest.mark.parametrize("name", ATTACKS)
async def test_dtls_in_clear_does_not_end_who_has_keys(at: Scene, name: str) -> None:
    """Alerts, ClientHellos and all: whoever can forge an address could send them."""
    async with at.undisturbed():
        mallory = await at.peer(SCREEN, uses={"0": "screen"})
        number = await shown(at, mallory)
        await at.assail(mallory, ATTACKS[name]())
        mallory.send(mallory.rtp(0xBAD, number, KEY + b"last"))
        await at.seen(lambda witness: witness.screen[-1][4:] == b"last")


async def test_media_from_an_address_that_is_not_nominated_is_dropped(at: Scene) -> None:
    async with at.undisturbed():
        mallory = await at.peer(SCREEN, uses={"0": "screen"})
        number = await shown(at, mallory)
        other = await at.stranger()
        other.ufrag, other.remote_ufrag, other.remote_password = mallory.ufrag, mallory.remote_ufrag, mallory.remote_password
        await other.pass_ice(nominate=False)
        await at.assail(other, (mallory.rtp(0xBAD, number + n, KEY + b"away") for n in range(50)))
        assert not any(b"away" in payload for witness in at.witnesses for payload in witness.screen)
