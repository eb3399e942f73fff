"""bench/breakouts: what it sends and counts, and a small round from end to end."""

from __future__ import annotations

import asyncio
import ctypes
import shutil
import socket
import struct
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.breakouts import native, stream
from bench.breakouts.__main__ import run
from bench.breakouts.crowd import Crowd
from bench.media.sdp import AUDIO_LEVEL, MID, TRANSPORT_CC, ssrc
from live import rtcp
from live.codecs.h264 import starts_key_frame
from live.rtp import RtpPacket, parse, payload_offset
from tests.live.conftest import until
from tests.live.keys import sessions

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")

AGREED = {MID: 1, TRANSPORT_CC: 2, AUDIO_LEVEL: 4}
TAIL = struct.Struct("!HI")
PATIENCE = 60.0


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    return native.load(tmp_path_factory.mktemp("bench"))


def made(kind: str, person: int) -> native.Stream:
    prepared = native.Stream()
    stream.prepare(prepared, kind, 0, person, AGREED, 0.0)
    return prepared


def take(library: ctypes.CDLL, prepared: native.Stream, numbers: range) -> list[bytes]:
    out = ctypes.create_string_buffer(native.LONGEST)
    lengths = (library.next_packet(ctypes.byref(prepared), number, out) for number in numbers)
    return [out.raw[:length] for length in lengths]


def test_a_packet_says_whose_it_is_and_which(library: ctypes.CDLL) -> None:
    packets = take(library, made("video", 7), range(4))
    assert [len(packet) for packet in packets] == [stream.LENGTH] * 4
    assert [TAIL.unpack(packet[-TAIL.size :]) for packet in packets] == [(7, 1000 + number) for number in range(4)]
    read = [parse(packet) for packet in packets]
    assert [packet.marker for packet in read] == [False, True, False, True]  # two a picture
    assert [packet.timestamp for packet in read] == [1_500_000, 1_500_000, 1_503_000, 1_503_000]
    assert [packet.sequence for packet in read] == [1000, 1001, 1002, 1003]
    assert [dict(packet.extensions)[2] for packet in read] == [bytes((0, number)) for number in range(4)]
    assert {packet.ssrc for packet in read} == {ssrc(0)}


def test_each_sound_is_a_packet_of_its_own(library: ctypes.CDLL) -> None:
    read = [parse(packet) for packet in take(library, made("audio", 3), range(2))]
    assert [(packet.sequence, packet.timestamp, packet.marker) for packet in read] == [
        (1000, 960_000, False),
        (1001, 960_960, False),
    ]
    assert [len(packet.payload) for packet in read] == [stream.SOUND] * 2


def test_a_picture_begins_with_a_key_frame_when_one_is_wanted(library: ctypes.CDLL) -> None:
    camera = made("video", 1)
    packets = take(library, camera, range(3))
    camera.wants_key = 1
    packets += take(library, camera, range(3, 6))
    found = [starts_key_frame(packet[payload_offset(packet) :]) for packet in packets]
    assert found == [True, False, False, False, True, False]


class Server:
    """What a member is connected to: a socket, and the other ends of the member's SRTP sessions."""

    def __init__(self, crowd: Crowd, number: int, *, sends: bool) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(PATIENCE)
        self.member = crowd.add(number, sends=sends)
        self._kept = theirs, self._incoming = sessions(seed=1)
        self._outgoing, self._mine = sessions(seed=2)
        for slot, (which, kind) in zip(self.member.raw.slots, enumerate(("video", "audio")), strict=False):
            slot.ssrc, slot.kind, slot.source = 70 + which, native.KINDS.index(kind), -1
        self.member.raw.slots_used, self.member.raw.transport.id = 2, 2
        agreed = {"video": (0, AGREED), "audio": (1, AGREED)} if sends else {}
        self.member.begin(agreed, self.socket.getsockname(), theirs, self._mine)

    def rtp(self, number: int, person: int, *, slot: int = 0, sequence: int = 0) -> None:
        """A packet of somebody's, as it is forwarded."""
        extensions = ((2, struct.pack("!H", number)),)
        payload = b"x" * 60 + TAIL.pack(person, number)
        packet = RtpPacket(102, sequence or number, 0, 70 + slot, payload, extensions=extensions)
        self._send(self._outgoing.protect(bytes(packet)))

    def rtcp(self, packet: rtcp.RtcpPacket) -> None:
        self._send(self._outgoing.protect_rtcp(bytes(packet)))

    def _send(self, data: bytes) -> None:
        local = self.member.client.local
        self.socket.sendto(data, (local.address, local.port))

    def next(self, wanted: Callable[[bytes], bool]) -> bytes:
        """The next packet that comes and is like that, decrypted."""
        ends = time.monotonic() + PATIENCE
        while time.monotonic() < ends:
            data = self.socket.recv(2048)
            is_rtcp = 192 <= data[1] <= 223
            plain = self._incoming.unprotect_rtcp(data) if is_rtcp else self._incoming.unprotect(data)
            if wanted(plain):
                return plain
        raise TimeoutError("no such packet")


async def test_what_comes_counts_once_and_for_whom_it_is_of(tmp_path: Path) -> None:
    crowd = Crowd(3, tmp_path)
    server = Server(crowd, 1, sends=False)
    try:
        now = time.time_ns()
        for person in (2, 3):
            for number in range(10, 20):
                crowd.streams[person][0].sent_at[number] = crowd.streams[person][1].sent_at[number] = now
        crowd.streams[2][0].sent_at[15] = now - 10**10  # before the window
        crowd.window.ends, crowd.window.begins = now + 10**12, now
        for number, sequence in ((10, 1), (12, 3), (11, 2), (12, 4), (15, 5)):  # one twice, one of before
            server.rtp(number, 2, sequence=sequence)
        picture, sound = server.member.slots[0], server.member.slots[1]
        assert not server.member.raw.first_heard
        server.rtp(10, 3, slot=1)
        server.rtp(11, 2, slot=1)
        server.rtp(11, 9, slot=1, sequence=12)  # of nobody
        await until(lambda: sound.heard == 3 and picture.heard == 5)
        assert (picture.counted, picture.source, picture.highest) == (3, 2, 5)
        assert (sound.counted, sound.source, crowd.window.moved) == (2, 2, 1)
        assert sum(crowd.window.delays) == 5 and server.member.raw.last_heard >= server.member.raw.first_heard > now
        told = rtcp.parse(server.next(lambda plain: plain[1] == 205))
        assert isinstance(told[0], rtcp.TransportFeedback)
    finally:
        server.socket.close()
        await crowd.close()


async def test_a_member_sends_both_and_a_key_frame_when_asked(tmp_path: Path) -> None:
    crowd = Crowd(1, tmp_path)
    server = Server(crowd, 1, sends=True)
    try:
        first = server.next(is_key)
        server.next(lambda plain: plain[1] & 0x7F == 111)
        server.next(lambda plain: plain[1] & 0x7F == 102 and not is_key(plain))
        server.rtcp(rtcp.PictureLoss(1, ssrc(0)))
        second = server.next(is_key)
        before, after = (TAIL.unpack(each[-TAIL.size :]) for each in (first, second))
        assert before[0] == after[0] == 1 and after[1] > before[1] == stream.FIRST
        server.next(lambda plain: plain[1] == 201)
        server.member.retire()
    finally:
        server.socket.close()
        await crowd.close()


def is_key(plain: bytes) -> bool:
    return plain[1] & 0x7F == 102 and starts_key_frame(plain[payload_offset(plain) :])


def test_a_small_round_from_end_to_end() -> None:
    found = asyncio.run(run(4, 2, 2.0, settle=0.0, kill="worker"))
    assert (found["people"], found["rooms"], found["elsewhere"]) == (4, 2, 0)
    assert found["packets_per_s"] > 0 and found["last_hears_s"] > 0 and found["rss_mib"] > 0
    assert found["cpu_cores"] > 0 and 0 <= found["loss"] <= 1 and found["p99_ms"] >= found["p50_ms"]
    assert found["came_back"] > 0 and found["back_s"] > 0
