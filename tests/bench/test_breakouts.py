"""bench/breakouts: what it sends and counts, and a small round from end to end."""

from __future__ import annotations

import asyncio
import struct

from bench.breakouts.__main__ import run
from bench.breakouts.stream import KEPT, LENGTH, TAIL, Stream
from bench.media.sdp import AUDIO_LEVEL, MID, TRANSPORT_CC, ssrc
from live.codecs.h264 import starts_key_frame
from live.rtp import payload_offset

AGREED = {MID: 1, TRANSPORT_CC: 2, AUDIO_LEVEL: 4}


def test_a_packet_says_whose_it_is_and_which() -> None:
    camera = Stream("video", 0, 7, AGREED, 0.0)
    packets = [camera.next(number) for number in range(4)]
    assert [len(packet) for packet in packets] == [LENGTH] * 4
    assert [TAIL.unpack(packet[-TAIL.size :]) for packet in packets] == [(7, 1000 + number) for number in range(4)]
    assert [packet[1] >> 7 for packet in packets] == [0, 1, 0, 1]  # two a picture
    assert {struct.unpack("!I", packet[8:12])[0] for packet in packets} == {ssrc(0)}
    assert camera.sent_at[1003 % KEPT] >= camera.sent_at[1000] > 0


def test_a_picture_begins_with_a_key_frame_when_one_is_wanted() -> None:
    camera = Stream("video", 0, 1, AGREED, 0.0)
    packets = [camera.next(0) for _ in range(4)]
    camera.wants_key = True
    packets += [camera.next(0) for _ in range(2)]
    found = [starts_key_frame(packet[payload_offset(packet) :]) for packet in packets]
    assert found == [True, False, False, False, True, False]


def test_a_small_round_from_end_to_end() -> None:
    found = asyncio.run(run(4, 2, 2.0, settle=0.0))
    assert (found["people"], found["rooms"]) == (4, 2)
    assert found["packets_per_s"] > 0 and found["last_hears_s"] > 0 and found["rss_mib"] > 0
    assert found["cpu_cores"] > 0 and 0 <= found["loss"] <= 1 and found["p99_ms"] >= found["p50_ms"]
