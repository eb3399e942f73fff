"""Peers who only receive, and ask too much; and offers that ask too much. To a real worker."""

from __future__ import annotations

import asyncio
import struct
import time
from collections.abc import Iterator

import pytest

from live import rtcp
from live.control import MediaRefused
from live.limits import Limits
from live.transport_cc import TransportFeedback
from tests.live.raw import Raw
from tests.live.scene import Scene, memory, scene

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCREEN = ("video", "sendonly")
VIEWER = ("video", "recvonly")
MOST_PER_OFFER = 64 * 1024  # octets that a peer that has not come may hold


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


@pytest.mark.parametrize("is_tcp", [False, True], ids=["udp", "tcp"])
async def test_feedback_floods_cost_the_publisher_and_the_others_nothing(at: Scene, is_tcp: bool) -> None:
    async with at.undisturbed():
        mallory = await at.peer(VIEWER, is_tcp=is_tcp, uses={"0": "video"}, numbered=True)
        await at.beat()
        begun, asked = time.monotonic(), len(at.publisher.requests(rtcp.PictureLoss))
        for _ in range(2):
            await at.assail(mallory, absurd_feedback(mallory))
        elapsed = time.monotonic() - begun
        assert len(at.publisher.requests(rtcp.PictureLoss)) - asked <= 2 * elapsed + 2  # one per track and 500 ms
        found = await at.of(mallory)
        assert found.resent <= Limits().resent * (elapsed + 1)
        assert found.plis <= 8 * 20 * Limits().feedback * (elapsed + 1)


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


OFFERS = 4000


@pytest.mark.timeout(300)
async def test_offers_never_completed_keep_nobody_out_and_go() -> None:
    """As many as a worker has room for, by a few who do not mean it."""
    async with scene(limits=Limits(idle=120.0, setup=8.0)) as crowded:
        offer, before = Raw().offer(VIEWER), memory(crowded.pid)
        async with crowded.undisturbed(growth=OFFERS * MOST_PER_OFFER):
            for first in range(0, OFFERS, 200):
                await asyncio.gather(*(never_completed(crowded, offer, n) for n in range(first, first + 200)))
                await crowded.beat()
            assert (await crowded.statistics()).peers <= Limits().peers
            newcomer = await crowded.peer(VIEWER, label="cia", uses={"0": "video"})
            while not newcomer.heard["rtp"][0]:
                await crowded.beat()
            assert memory(crowded.pid) - before < OFFERS * MOST_PER_OFFER
            await crowded.dismiss()
            while (await crowded.statistics()).peers > 3:
                await crowded.beat()


async def never_completed(crowded: Scene, offer: str, number: int) -> None:
    room = "room" if number % 2 else "other"
    await crowded.engine.admit(room, f"mallory {number % 5}", offer, None, may_send=False, may_receive=True)
