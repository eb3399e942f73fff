"""The compiled helper does what the loop in Python does, octet for octet."""

from __future__ import annotations

import socket
from array import array
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from live.native import BURST, LONGEST, Group, Helper, Line, load, pack_address
from live.rtp import RtpPacket
from live.srtp import transforms
from tests.live.helper import build, needs_compiler
from tests.live.keys import PROFILES, sessions

AT = 20  # where the transport-wide number stands in `packet`

pytestmark = needs_compiler


@pytest.fixture(scope="module")
def helper(tmp_path_factory: pytest.TempPathFactory) -> Helper:
    return build(tmp_path_factory.mktemp("native"))


def udp(family: socket.AddressFamily = socket.AF_INET) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1" if family == socket.AF_INET else "::1", 0))
    sock.settimeout(10)
    return sock


class Audience:
    """Viewers with a socket each, and the transforms of sessions with the very same keys for reference."""

    def __init__(self, count: int, profile: int) -> None:
        self._stack = ExitStack()
        self.server = self._stack.enter_context(udp())
        self.sockets = [self._stack.enter_context(udp()) for _ in range(count)]
        self.lines = [Line() for _ in range(count)]
        self.references = [transforms(*reversed(sessions(profile, seed))) for seed in range(count)]
        for seed, (line, sock) in enumerate(zip(self.lines, self.sockets, strict=True)):
            line.secure(sessions(profile, seed)[0])
            line.aim(self.server.fileno(), sock.getsockname())

    def received(self, number: int) -> bytes:
        return self.sockets[number].recv(4096)

    def close(self) -> None:
        self._stack.close()


@pytest.fixture
def audience() -> Iterator[Audience]:
    made = Audience(3, PROFILES[2])
    yield made
    made.close()


def packet(sequence: int = 1, payload: bytes = b"payload") -> bytes:
    return bytes(RtpPacket(96, sequence, 1000, 4711, payload, extensions=((1, b"ab"), (2, b"\xff\xff"))))


def numbered(plain: bytes, number: int) -> bytes:
    return plain[:AT] + number.to_bytes(2, "big") + plain[AT + 2 :]


def test_the_transport_wide_number_stands_where_these_tests_look_for_it() -> None:
    assert packet()[AT : AT + 2] == b"\xff\xff"


@pytest.mark.parametrize("profile", PROFILES)
@given(payloads=st.lists(st.binary(min_size=1, max_size=1400), min_size=1, max_size=4), first=st.integers(0, 0xFFFF))
@settings(max_examples=15, deadline=None)
def test_every_viewer_gets_the_octets_that_python_would_send(
    helper: Helper, profile: int, payloads: list[bytes], first: int
) -> None:
    audience = Audience(3, profile)
    try:
        group = helper.group(audience.lines)
        for number, line in enumerate(audience.lines):
            line.next = first + number & 0xFFFF
        for sequence, payload in enumerate(payloads, 1):
            plain = packet(sequence, payload)
            assert group.send([(plain, AT)], 1.0) == []
            for number, reference in enumerate(audience.references):
                transport = first + number + sequence - 1 & 0xFFFF
                assert audience.received(number) == reference.protect(numbered(plain, transport))
    finally:
        audience.close()


def test_without_transport_wide_numbers_the_packet_is_as_it_came(helper: Helper, audience: Audience) -> None:
    plain = packet()
    assert helper.group(audience.lines).send([(plain, 0)], 1.0) == []
    assert [line.next for line in audience.lines] == [0, 0, 0]
    for number, reference in enumerate(audience.references):
        assert audience.received(number) == reference.protect(plain)


def test_more_viewers_than_one_system_call_takes(helper: Helper) -> None:
    audience = Audience(150, PROFILES[1])
    try:
        assert helper.group(audience.lines).send([(packet(), AT)], 1.0) == []
        for number, reference in enumerate(audience.references):
            assert audience.received(number) == reference.protect(numbered(packet(), 0))
    finally:
        audience.close()


def test_size_and_time_are_kept_under_the_transport_wide_number(helper: Helper, audience: Audience) -> None:
    sizes, times = array("h", bytes(2 * 8)), array("d", bytes(8 * 8))
    audience.lines[1].record(sizes, times)
    audience.lines[1].next = 0xFFFF
    group = helper.group(audience.lines)
    group.send([(packet(1, b"a"), AT)], 5.0)
    group.send([(packet(2, b"abcd"), AT)], 6.0)
    assert (list(sizes), list(times)) == ([28, 0, 0, 0, 0, 0, 0, 25], [6.0, 0, 0, 0, 0, 0, 0, 5.0])
    assert audience.lines[1].next == 1


def test_what_went_out_is_counted_for_each_viewer(helper: Helper, audience: Audience) -> None:
    helper.group(audience.lines[:2]).send([(packet(), 0)], 1.0)
    length = len(packet())
    assert [(line.packets, line.octets) for line in audience.lines] == [(1, length), (1, length), (0, 0)]


@given(lengths=st.lists(st.sampled_from([20, 20, 21, 900, 1188, LONGEST - 24]), min_size=1, max_size=40))
@settings(max_examples=40, deadline=None)
def test_a_burst_is_packet_after_packet_whatever_their_lengths(helper: Helper, lengths: list[int]) -> None:
    audience = Audience(3, PROFILES[2])
    try:
        burst = [packet(sequence, bytes(length)) for sequence, length in enumerate(lengths, 1)]
        audience.lines[1].next = 0xFFFE
        assert helper.group(audience.lines).send([(plain, AT) for plain in burst], 1.0) == []
        for number, reference in enumerate(audience.references):
            for count, plain in enumerate(burst):
                transport = count + (0xFFFE if number == 1 else 0) & 0xFFFF
                assert audience.received(number) == reference.protect(numbered(plain, transport))
            assert (audience.lines[number].packets, audience.lines[number].dropped) == (len(burst), 0)
    finally:
        audience.close()


def test_a_burst_that_a_path_does_not_take_in_one_goes_packet_by_packet(helper: Helper, audience: Audience) -> None:
    audience.server.setsockopt(socket.SOL_SOCKET, 11, 1)  # SO_NO_CHECK: without checksums the kernel cuts nothing up
    burst = [packet(sequence, b"equal") for sequence in range(1, 6)]
    with pytest.raises(OSError):
        audience.server.sendmsg([b"equal" * 2], [(socket.IPPROTO_UDP, 103, b"\5\0")], 0, audience.sockets[0].getsockname())
    assert helper.group(audience.lines).send([(plain, 0) for plain in burst], 1.0) == []
    for number, reference in enumerate(audience.references):
        assert [audience.received(number) for _ in burst] == [reference.protect(plain) for plain in burst]
        assert (audience.lines[number].packets, audience.lines[number].dropped) == (5, 0)


def test_more_packets_than_a_burst_has_are_an_error(helper: Helper, audience: Audience) -> None:
    with pytest.raises(ValueError, match="too many"):
        helper.group(audience.lines).send([(packet(), 0)] * (BURST + 1), 1.0)


def test_who_is_not_reached_by_udp_is_left_to_the_caller_and_uses_up_no_number(helper: Helper, audience: Audience) -> None:
    audience.lines[1].aim(-1, None)
    assert helper.group(audience.lines).send([(packet(), AT)], 1.0) == [1]
    assert [line.next for line in audience.lines] == [1, 0, 1]
    assert audience.received(2) == audience.references[2].protect(numbered(packet(), 0))


@pytest.mark.parametrize("packets", [1, 5])
def test_who_cannot_be_sent_to_drops_it_and_the_others_do_not(helper: Helper, audience: Audience, packets: int) -> None:
    audience.lines[0].aim(audience.server.fileno(), ("127.0.0.1", 0))  # no such port: EINVAL
    assert helper.group(audience.lines).send([(packet(), AT)] * packets, 1.0) == []
    assert [(line.packets, line.dropped) for line in audience.lines] == [(0, packets), (packets, 0), (packets, 0)]
    for number in (1, 2):
        assert audience.received(number) == audience.references[number].protect(numbered(packet(), 0))


def test_nothing_goes_out_unencrypted_to_who_has_no_session_yet(helper: Helper, audience: Audience) -> None:
    early = Line()
    early.aim(audience.server.fileno(), audience.sockets[0].getsockname())
    assert helper.group([early]).send([(packet(), 0)], 1.0) == [0]
    early.secure(sessions(PROFILES[2], 0)[0])
    assert helper.group([early]).send([(packet(), 0)], 1.0) == []
    assert audience.received(0) == audience.references[0].protect(packet())


def test_everybody_gone_is_everybody_left(helper: Helper, audience: Audience) -> None:
    for line in audience.lines:
        line.aim(-1, None)
    assert helper.group(audience.lines).send([(packet(), AT)], 1.0) == [0, 1, 2]


def test_a_viewer_that_moves_gets_the_next_packet_where_it_is_now(helper: Helper, audience: Audience) -> None:
    group = helper.group(audience.lines[:1])
    group.send([(packet(1), AT)], 1.0)
    audience.lines[0].aim(audience.server.fileno(), audience.sockets[2].getsockname())
    group.send([(packet(2), AT)], 1.0)
    reference = audience.references[0]
    assert audience.received(0) == reference.protect(numbered(packet(1), 0))
    assert audience.received(2) == reference.protect(numbered(packet(2), 1))


def test_viewers_on_different_sockets_of_ours_share_a_group(helper: Helper, audience: Audience) -> None:
    with udp(socket.AF_INET6) as second, udp(socket.AF_INET6) as viewer:
        audience.lines[1].aim(second.fileno(), viewer.getsockname())
        assert helper.group(audience.lines).send([(packet(), AT)], 1.0) == []
        data, sender = viewer.recvfrom(4096)
        assert (data, sender) == (audience.references[1].protect(numbered(packet(), 0)), second.getsockname())


@pytest.mark.parametrize(("length", "at"), [(11, 0), (LONGEST + 1, 0), (100, 99)])
def test_a_packet_that_does_not_fit_is_an_error(helper: Helper, audience: Audience, length: int, at: int) -> None:
    with pytest.raises(ValueError, match="too long"):
        helper.group(audience.lines).send([(packet(), AT), (bytes(length), at)], 1.0)
    assert [line.packets for line in audience.lines] == [0, 0, 0]


def test_the_longest_packet_goes_through(helper: Helper, audience: Audience) -> None:
    plain = packet(1, bytes(LONGEST - 24))
    assert len(plain) == LONGEST
    assert helper.group(audience.lines).send([(plain, 0)], 1.0) == []
    assert len(audience.received(0)) == LONGEST + 16


def test_an_empty_group_sends_nothing(helper: Helper) -> None:
    assert helper.group([]).send([(packet(), AT)], 1.0) == []


def test_without_a_library_there_is_no_helper(tmp_path: Path) -> None:
    assert load(tmp_path / "libnative.so") is None


def test_a_group_outlives_the_names_of_its_lines(helper: Helper, audience: Audience) -> None:
    def make() -> Group:
        line = Line()
        line.secure(sessions(PROFILES[0], 7)[0])
        line.aim(audience.server.fileno(), audience.sockets[0].getsockname())
        return helper.group([line])

    group = make()
    assert group.send([(packet(), 0)], 1.0) == []
    assert audience.received(0) == transforms(*reversed(sessions(PROFILES[0], 7))).protect(packet())


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_an_address_is_packed_as_the_kernel_reads_it(family: socket.AddressFamily) -> None:
    with udp(family) as sock:
        address = sock.getsockname()
        packed = pack_address(address)
        assert int.from_bytes(packed[2:4], "big") == address[1]
        assert socket.inet_pton(family, address[0]) in packed
        assert len(packed) == (16 if family == socket.AF_INET else 28)
