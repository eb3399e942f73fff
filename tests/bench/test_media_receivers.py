"""The benchmark's receivers in C: they count what came, once, and tell what a browser would."""

from __future__ import annotations

import ctypes
import shutil
import socket
import struct
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import pytest

from bench.media import native
from bench.media.client import Wire
from live import rtcp
from live.rtp import RtpPacket
from live.srtp import function_address
from tests.live.keys import sessions

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")

BASE = 256
SSRC = 77
UDP_SEGMENT = 103  # <linux/udp.h>
SHIFT = 0xFFF0  # so that sequence numbers wrap in the window


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    return native.load(native.build(tmp_path_factory.mktemp("bench")))


class Hall:
    """A few viewers at 127.200.1.0 and on; `send` is the server."""

    def __init__(self, wire: Wire, up: socket.socket) -> None:
        self.wire, self.up = wire, up
        self.viewers = (native.Viewer * 3)()
        self.window = native.Window()
        self.sent = (ctypes.c_uint64 * (native.STREAMS << 16))()
        self.stop = ctypes.c_int(0)
        self._server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for viewer in self.viewers:
            viewer.streams[0].ssrc, viewer.streams[0].shift = SSRC, SHIFT

    def open(self, first: int, packets: int) -> None:
        self.window.from_[0], self.window.span[0] = first, packets

    def send(self, viewer: int, data: bytes) -> None:
        self._server.sendto(data, (f"127.200.1.{viewer}", self.wire.port))

    def rtp(self, viewer: int, number: int, *, ssrc: int = SSRC, transport: int | None = None) -> None:
        extensions = () if transport is None else ((1, b"0"), (2, struct.pack("!H", transport)))
        self.send(viewer, bytes(RtpPacket(102, number + SHIFT & 0xFFFF, 0, ssrc, b"payload", extensions=extensions)))

    def together(self, viewer: int, numbers: Iterable[int]) -> None:
        """As one datagram that the kernel would cut up (UDP GSO)."""
        packets = [bytes(RtpPacket(102, number + SHIFT & 0xFFFF, 0, SSRC, b"payload")) for number in numbers]
        size = [(socket.SOL_UDP, UDP_SEGMENT, struct.pack("=H", len(packets[0])))]
        self._server.sendmsg(packets, size, 0, (f"127.200.1.{viewer}", self.wire.port))

    def flush(self, viewer: int = 2) -> None:
        """Returns when everything sent so far has been read: STUN is handed up, in order."""
        self.send(viewer, b"\x00end")
        assert self.up.recv(4096) == viewer.to_bytes(4, "little") + b"\x00end"

    def close(self) -> None:
        self._server.close()


@contextmanager
def receiving(library: ctypes.CDLL) -> Iterator[Hall]:
    wire = Wire()
    up, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    up.settimeout(30)
    hall = Hall(wire, up)
    pointers = [ctypes.byref(each) for each in (hall.window, hall.sent, hall.stop)]
    arguments = (wire.socket.fileno(), theirs.fileno(), ctypes.byref(hall.viewers), 3, BASE, *pointers)
    thread = threading.Thread(target=library.receive, args=arguments)
    thread.start()
    try:
        yield hall
    finally:
        hall.stop.value = 1
        thread.join()
        hall.close()
        for each in (wire.socket, up, theirs):
            each.close()


def test_each_packet_of_the_window_counts_once_for_its_viewer(library: ctypes.CDLL) -> None:
    with receiving(library) as hall:
        hall.open(10, 20)
        for number in (5, 9, 10, 11, 13, 12, 13, 29, 30, 12):  # two outside before, one after; 13 twice, and 12
            hall.rtp(0, number)
        hall.rtp(1, 15)
        hall.flush()
        first, second, third = (viewer.streams[0] for viewer in hall.viewers)
        assert (first.counted, first.repeated, first.received) == (5, 2, 10)
        assert (second.counted, third.counted) == (1, 0)


def test_packets_that_were_sent_together_count_each_and_are_learnt_from_each(library: ctypes.CDLL) -> None:
    with receiving(library) as hall:
        hall.open(10, 20)
        hall.viewers[0].learning = 1
        hall.together(0, range(10, 20))
        learnt = hall.up.recv(4096)
        hall.together(0, range(15, 25))
        hall.flush()
        first = hall.viewers[0].streams[0]
        assert (first.counted, first.repeated, first.received) == (15, 5, 20)
        assert (learnt[:4], len(learnt), learnt[-7:]) == (b"\0\0\0\0", 4 + 12 + 7, b"payload")


def test_other_sources_and_rtcp_count_for_themselves(library: ctypes.CDLL) -> None:
    with receiving(library) as hall:
        hall.open(0, 100)
        hall.rtp(0, 1, ssrc=SSRC + 1)
        hall.send(0, bytes(rtcp.SenderReport(SSRC, 0, 0, 0, 0)))
        hall.flush()
        assert (hall.viewers[0].streams[0].counted, hall.viewers[0].others) == (0, 1)


def test_delays_are_counted_in_steps_and_impossible_ones_apart(library: ctypes.CDLL) -> None:
    with receiving(library) as hall:
        hall.open(0, 100)
        hall.sent[1] = (1 << 63) - 1  # sent after it arrived
        hall.rtp(0, 1)
        hall.rtp(0, 2)  # sent in 1970
        hall.flush()
        assert (hall.window.strange, sum(hall.window.delays)) == (2, 0)


def test_dtls_and_what_is_being_learnt_from_are_handed_up_whole(library: ctypes.CDLL) -> None:
    with receiving(library) as hall:
        hall.viewers[1].learning = 1
        hall.rtp(1, 3)
        hall.rtp(1, 4)
        hall.send(0, b"\x16dtls")
        learnt, record = hall.up.recv(4096), hall.up.recv(4096)
        assert (learnt[:4], learnt[6:8], learnt[-7:]) == (
            b"\1\0\0\0",
            (3 + SHIFT - 0x10000 & 0xFFFF).to_bytes(2, "big"),
            b"payload",
        )
        assert record == b"\0\0\0\0\x16dtls"


def told(library: ctypes.CDLL, viewer: native.Viewer) -> rtcp.TransportFeedback:
    buffer = ctypes.create_string_buffer(native.LONGEST_FEEDBACK)
    length = library.feedback(ctypes.byref(viewer), buffer)
    (packet,) = rtcp.parse(buffer.raw[:length])
    assert isinstance(packet, rtcp.TransportFeedback)
    return packet


@pytest.mark.parametrize("numbers", [[7, 8, 9], [0xFFFE, 0xFFFF, 0, 1], [7, 9, 14, 30], [4, *range(6, 200)]])
def test_feedback_tells_which_transport_wide_numbers_came(library: ctypes.CDLL, numbers: list[int]) -> None:
    with receiving(library) as hall:
        hall.viewers[0].transport.id = 2
        for number in numbers:
            hall.rtp(0, 1, transport=number)
        hall.flush()
        feedback = told(library, hall.viewers[0])
        came = [feedback.base + index & 0xFFFF for index, at in enumerate(feedback.arrivals) if at is not None]
        assert (feedback.base, came) == (numbers[0], numbers)


def test_feedback_tells_of_a_packet_once(library: ctypes.CDLL) -> None:
    with receiving(library) as hall:
        buffer = ctypes.create_string_buffer(native.LONGEST_FEEDBACK)
        hall.viewers[0].transport.id = 2
        assert library.feedback(ctypes.byref(hall.viewers[0]), buffer) == 0
        hall.rtp(0, 1, transport=5)
        hall.flush()
        assert told(library, hall.viewers[0]).base == 5
        assert library.feedback(ctypes.byref(hall.viewers[0]), buffer) == 0
        hall.rtp(0, 1, transport=7)
        hall.flush()
        after = told(library, hall.viewers[0])
        assert (after.base, after.arrivals[0], len(after.arrivals)) == (6, None, 2)


def test_a_percentile_is_the_upper_end_of_its_step() -> None:
    delays = [0] * (native.STEPS + 1)
    delays[0], delays[9] = 98, 2
    assert native.percentile(delays, 0.5) == pytest.approx(1e-5)
    assert native.percentile(delays, 0.99) == pytest.approx(1e-4)
    delays[native.STEPS] = 1000
    assert native.percentile(delays, 0.99) == pytest.approx(1.0)
    assert native.percentile([0] * (native.STEPS + 1), 0.5) == 0


def test_viewers_give_feedback_in_turn_each_from_its_address(library: ctypes.CDLL) -> None:
    protect, count = function_address("srtp_protect_rtcp"), 3
    with receiving(library) as hall, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(30)
        ends = [sessions(seed=number) for number in range(count)]
        for number in (0, 2):  # the second has not shaken hands
            hall.viewers[number].give_feedback(ends[number][0], f"127.200.1.{number}", server.getsockname())
        for number, viewer in enumerate(hall.viewers):
            viewer.transport.id = 2
            hall.rtp(number, 1, transport=5 + number)
        hall.flush()
        for first in (1, 0):
            library.give_feedback(hall.wire.socket.fileno(), ctypes.addressof(hall.viewers), count, first, 2, protect)
        for number in (0, 2):
            data, address = server.recvfrom(4096)
            (feedback,) = rtcp.parse(ends[number][1].unprotect_rtcp(data))
            assert isinstance(feedback, rtcp.TransportFeedback)
            assert (address[0], feedback.base) == (f"127.200.1.{number}", 5 + number)


def test_viewers_report_what_came_in_turn(library: ctypes.CDLL) -> None:
    protect, count = function_address("srtp_protect_rtcp"), 3
    with receiving(library) as hall, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(60)
        ends = [sessions(seed=number) for number in range(count)]
        for number, viewer in enumerate(hall.viewers[:count]):
            viewer.give_feedback(ends[number][0], f"127.200.1.{number}", server.getsockname())
            hall.rtp(number, 7 + number)
        hall.flush()
        for first in (1, 0):
            library.give_reports(hall.wire.socket.fileno(), ctypes.addressof(hall.viewers), count, first, 2, protect)
        for number in (1, 0, 2):
            data, address = server.recvfrom(4096)
            (report,) = rtcp.parse(ends[number][1].unprotect_rtcp(data))
            streams = hall.viewers[number].streams
            blocks = tuple(rtcp.ReportBlock(s.ssrc, highest=s.cycles << 16 | s.last) for s in streams if s.received)
            assert blocks and report == rtcp.ReceiverReport(1, blocks)
            assert address[0] == f"127.200.1.{number}"
