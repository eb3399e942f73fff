"""One packet to many viewers: by the compiled helper, or in Python, or some so and some so."""

from __future__ import annotations

import asyncio
import socket
from array import array
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, TypeVar

import pytest
from pylibsrtp import Policy

from live.agreement import Receiving
from live.compiled import CompiledDownlink
from live.downlink import Downlink
from live.fan import Bursts, fan_out, sender
from live.inbox import Inbox
from live.limits import Limits
from live.native import BURST, LONGEST, Helper
from live.port import Endpoint
from live.rtp import TRANSPORT_CC, RtpPacket
from live.sent import RING
from live.srtp import Srtp, transforms
from live.switchboard import Switchboard
from tests.live.helper import build, needs_compiler
from tests.live.keys import sessions

D = TypeVar("D", bound=Downlink)
NOBODY: Any = object()  # an owner that nothing comes from
AT = 17  # where the transport-wide number stands in `packet`

pytestmark = needs_compiler


@pytest.fixture(scope="module")
def helper(tmp_path_factory: pytest.TempPathFactory) -> Helper:
    return build(tmp_path_factory.mktemp("native"))


def packet(sequence: int, payload: bytes = b"payload") -> bytearray:
    return bytearray(bytes(RtpPacket(96, sequence, 1000, 4711, payload, extensions=((3, b"\0\0"),))))


def numbered(plain: bytearray, number: int) -> bytes:
    return bytes(plain[:AT] + number.to_bytes(2, "big") + plain[AT + 2 :])


def srtp(seed: int) -> Srtp:
    outgoing, incoming = sessions(Policy.SRTP_PROFILE_AEAD_AES_256_GCM, seed)
    return transforms(incoming, outgoing)


class Hall:
    """Downlinks with a socket each at the other end."""

    def __init__(self, helper: Helper) -> None:
        self._stack = ExitStack()
        self.bursts, self.inbox = Bursts(helper), Inbox(helper)
        self.server = self._udp()
        self.endpoint = Endpoint("udp", self.server.sendto, lambda *_: None, self.server.fileno())
        self._room = Switchboard("hall", lambda _: None)
        self._ends: dict[Downlink, tuple[socket.socket, Srtp]] = {}

    def _udp(self) -> socket.socket:
        sock = self._stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(10)
        return sock

    def compiled(self) -> CompiledDownlink:
        return self._aim(CompiledDownlink(self.bursts, self.inbox, NOBODY, "compiled", self._room, (), Limits()))

    def pure(self) -> Downlink:
        return self._aim(Downlink(object(), "pure", self._room, (), Limits()))

    def _aim(self, downlink: D) -> D:
        seed, sock = len(self._ends), self._udp()
        self._ends[downlink] = sock, srtp(seed)
        downlink.secure(srtp(seed))
        downlink.aim(self.endpoint, sock.getsockname())
        downlink.next_number = 100 * seed
        downlink.sizes, downlink.times = array("h", bytes(2 * RING)), array("d", bytes(8 * RING))
        return downlink

    def received(self, downlink: Downlink) -> bytes:
        """The next packet that came there, decrypted."""
        sock, keys = self._ends[downlink]
        return keys.unprotect(sock.recv(4096))

    def close(self) -> None:
        self._stack.close()


@pytest.fixture
def hall(helper: Helper) -> Iterator[Hall]:
    made = Hall(helper)
    yield made
    made.close()


async def test_compiled_and_pure_viewers_of_a_group_get_the_same_with_their_own_numbers(hall: Hall) -> None:
    viewers = [hall.compiled(), hall.pure(), hall.compiled()]
    send = sender(viewers)
    for sequence in (1, 2, 3):
        send(packet(sequence), AT, 1.0)
    hall.bursts.flush()
    for number, viewer in enumerate(viewers):
        for sequence in (1, 2, 3):
            assert hall.received(viewer) == numbered(packet(sequence), 100 * number + sequence - 1)
        assert (viewer.next_number, viewer.octets, viewer.dropped) == (100 * number + 3, 3 * len(packet(1)), 0)


async def test_the_packets_of_one_wake_up_go_out_at_its_end_without_being_told(hall: Hall) -> None:
    viewer = hall.compiled()
    send = sender([viewer])
    for sequence in range(3):
        send(packet(sequence), 0, 1.0)
    assert viewer.octets == 0
    await asyncio.sleep(0)
    assert [hall.received(viewer) for _ in range(3)] == [packet(sequence) for sequence in range(3)]


async def test_a_longer_burst_does_not_wait(hall: Hall) -> None:
    viewer = hall.compiled()
    send = sender([viewer])
    for sequence in range(BURST + 1):
        send(packet(sequence), 0, 1.0)
    assert viewer.octets == BURST * len(packet(0))
    hall.bursts.flush()
    assert [hall.received(viewer) for _ in range(BURST + 1)] == [packet(sequence) for sequence in range(BURST + 1)]
    hall.bursts.flush()
    assert viewer.octets == (BURST + 1) * len(packet(0))


async def test_who_is_not_reached_by_udp_is_sent_to_in_python(hall: Hall) -> None:
    tcp, udp = hall.compiled(), hall.compiled()
    framed: list[bytes] = []
    tcp.aim(Endpoint("tcp", lambda data, _: framed.append(data), lambda *_: None), ("127.0.0.1", 5))
    send = sender([tcp, udp])
    for sequence in (1, 2):
        send(packet(sequence), AT, 1.0)
    hall.bursts.flush()
    keys = srtp(0)
    assert [keys.unprotect(data) for data in framed] == [numbered(packet(1), 0), numbered(packet(2), 1)]
    assert hall.received(udp) == numbered(packet(1), 100)
    assert (tcp.next_number, tcp.octets) == (2, 2 * len(packet(1)))


async def test_who_has_no_path_gets_nothing_and_the_next_packet_when_it_has_one_again(hall: Hall) -> None:
    viewer = hall.compiled()
    address = viewer.address
    send = sender([viewer])
    viewer.aim(None, None)
    send(packet(1), AT, 1.0)
    hall.bursts.flush()
    viewer.aim(hall.endpoint, address)
    send(packet(2), AT, 1.0)
    hall.bursts.flush()
    assert hall.received(viewer) == numbered(packet(2), 1)


async def test_a_packet_too_long_for_anybody_is_dropped_for_all(hall: Hall) -> None:
    viewer = hall.compiled()
    send = sender([viewer])
    send(packet(1, bytes(LONGEST)), AT, 1.0)
    send(packet(2), AT, 1.0)
    hall.bursts.flush()
    assert hall.received(viewer) == numbered(packet(2), 0)
    assert viewer.dropped == 1


async def test_what_is_sent_again_in_between_has_numbers_of_its_own(hall: Hall) -> None:
    viewer = hall.compiled()
    send = sender([viewer])
    send(packet(5), AT, 1.0)
    fan_out(packet(4), AT, (viewer,), 1.0)  # a retransmission, which does not wait
    hall.bursts.flush()
    assert [hall.received(viewer), hall.received(viewer)] == [numbered(packet(4), 0), numbered(packet(5), 1)]


async def test_a_full_socket_is_counted(hall: Hall) -> None:
    viewer = hall.compiled()
    viewer.aim(hall.endpoint, ("127.0.0.1", 0))  # no such port
    sender([viewer])(packet(1), AT, 1.0)
    hall.bursts.flush()
    assert viewer.dropped == 1


async def test_what_is_for_other_workers_goes_before_what_is_for_viewers(hall: Hall) -> None:
    viewer = hall.compiled()
    packets: list[int] = []
    hall.bursts.before = lambda: packets.append(viewer.line.packets)
    sender([viewer])(packet(1), AT, 1.0)
    hall.bursts.flush()
    assert (packets, viewer.line.packets) == ([0], 1)


async def test_the_helper_writes_into_the_rings_that_the_estimator_reads(hall: Hall) -> None:
    receiving = Receiving("0", "video0", {"H264": 102}, extensions={TRANSPORT_CC: 3}, feedback="transport-cc")
    downlink = CompiledDownlink(
        hall.bursts, hall.inbox, NOBODY, "viewer", Switchboard("hall", lambda _: None), (receiving,), Limits()
    )
    downlink.secure(srtp(0))
    downlink.aim(hall.endpoint, hall.server.getsockname())
    downlink.next_number = RING + 7
    sender([downlink])(packet(1), AT, 2.5)
    hall.bursts.flush()
    assert (downlink.sizes[7], downlink.times[7], downlink.next_number) == (len(packet(1)), 2.5, RING + 8)
    assert downlink.steering.estimate.sizes is downlink.sizes  # type: ignore[union-attr]
