"""What the compiled helper reads is what Python reads: of media, of transport-wide feedback, and who it is from."""

from __future__ import annotations

import socket
import struct
from array import array
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from live import rtcp
from live.agreement import Sending
from live.bandwidth import Estimator
from live.compiled import SharedBudget
from live.compiled_estimate import CompiledEstimator
from live.inbox import BATCH, Inbox, Told
from live.media import Arrived
from live.native import Helper, Line, load, pack_address, unpack_address
from live.port import Endpoint
from live.rtp import AUDIO_LEVEL, DEPENDENCY_DESCRIPTOR, TRANSPORT_CC, RtpPacket
from live.srtp import transforms
from live.track import Track
from live.transport_cc import TransportFeedback, parse_feedback
from tests.live.estimates import known_to_python, known_to_the_helper
from tests.live.helper import build, needs_compiler
from tests.live.keys import sessions

SSRC, REPORTER = 4711, 99
IDS = {AUDIO_LEVEL: 1, DEPENDENCY_DESCRIPTOR: 2, TRANSPORT_CC: 3}
SENDING = Sending("0", "camera", "AV1", 45, (), IDS, red_payload_type=46)

pytestmark = needs_compiler


@pytest.fixture(scope="module")
def helper(tmp_path_factory: pytest.TempPathFactory) -> Helper:
    return build(tmp_path_factory.mktemp("native"))


class Reader(Track):
    """A track that notes what it reads."""

    def __init__(self) -> None:
        super().__init__(SENDING, SSRC, lambda packet: None, lambda track: None)
        self.read: list[tuple[Any, ...]] = []

    def accept(self, arrived: Arrived, now: float) -> None:
        self.read.append((*arrived, now))


class Client:
    """A peer: what reaches it, and how."""

    def __init__(self, inbox: Inbox, seed: int) -> None:
        self.track = Reader()
        self.ways: list[str] = []
        self.datagrams: list[bytes] = []
        self.compounds: list[bytes] = []
        self.told: list[Told] = []
        ours, theirs = sessions(seed=2 * seed), sessions(seed=2 * seed + 1)
        self.theirs = transforms(ours[1], theirs[0])
        self.line = inbox.enter(self)
        self.estimator = CompiledEstimator(inbox.calls, self.line)
        self.budget = SharedBudget(self.line, 200.0)
        self.line.secure(ours[0], theirs[1])
        self.line.know(0, SSRC, *self.track.reading())
        self.line.know_reporter(REPORTER)

    def receive_media(self, data: bytes, now: float) -> None:
        self.ways.append("whole")
        self.datagrams.append(data)

    def take_media(self, place: int, arrived: Arrived, now: float) -> None:
        self.ways.append("read")
        self.track.accept(arrived, now)

    def take_packet(self, packet: bytes, now: float) -> None:
        self.ways.append("decrypted")
        self.track.receive(packet, now)

    def take_rtcp(self, compound: bytes, now: float) -> None:
        self.ways.append("rtcp")
        self.compounds.append(compound)

    def take_told(self, told: Told, now: float) -> None:
        self.ways.append("told")
        self.told.append(told)


class Hall:
    """A socket that is read, and clients with a socket each."""

    def __init__(self, helper: Helper, family: socket.AddressFamily = socket.AF_INET) -> None:
        self._stack = ExitStack()
        self._family = family
        self.inbox = Inbox(helper)
        self.server = self.udp()
        self.server.setblocking(False)
        self.checked: list[tuple[bytes, Any]] = []
        self.endpoint = Endpoint("udp", self.server.sendto, self._check, self.server.fileno())
        self._sockets: dict[Client, socket.socket] = {}

    def _check(self, endpoint: Endpoint, data: bytes, address: Any) -> None:
        self.checked.append((data, address))

    def udp(self) -> socket.socket:
        sock = self._stack.enter_context(socket.socket(self._family, socket.SOCK_DGRAM))
        sock.bind(("127.0.0.1" if self._family == socket.AF_INET else "::1", 0))
        return sock

    def client(self) -> Client:
        client = Client(self.inbox, len(self._sockets))
        self._sockets[client] = sock = self.udp()
        client.line.aim(self.server.fileno(), sock.getsockname())
        return client

    def socket_of(self, client: Client) -> socket.socket:
        return self._sockets[client]

    def send(self, client: Client, *datagrams: bytes, now: float = 5.0) -> int:
        for data in datagrams:
            self._sockets[client].sendto(data, self.server.getsockname())
        return self.inbox.read(self.endpoint, now)

    def close(self) -> None:
        self._stack.close()


@pytest.fixture
def hall(helper: Helper) -> Iterator[Hall]:
    made = Hall(helper)
    yield made
    made.close()


def packet(sequence: int = 1, payload: bytes = b"payload", **fields: Any) -> bytes:
    return bytes(RtpPacket(fields.pop("payload_type", 45), sequence, 1000, fields.pop("ssrc", SSRC), payload, **fields))


def compound(feedback: bytes) -> bytes:
    return rtcp._packet(205, 15, feedback + bytes(-len(feedback) % 4))


# --- media ---


def test_a_packet_of_a_known_source_is_read(hall: Hall) -> None:
    client = hall.client()
    elements = ((3, b"\x12\x34"), (1, b"\x85"), (2, b"abc"))
    plain = packet(7, b"picture", marker=True, extensions=elements, padding=5)
    assert hall.send(client, client.theirs.protect(plain)) == 1
    assert client.ways == ["read"]
    assert client.track.read == [(7, 1000, 0x80 | 45, b"picture", 0x85, b"abc", 0x1234, len(plain), 5.0)]


def test_a_bug_with_one_packet_costs_nobody_the_others(hall: Hall) -> None:
    broken, client = hall.client(), hall.client()
    broken.track = None  # type: ignore[assignment]
    own = client.theirs.protect(packet(1)), client.theirs.protect(packet(2))
    hall.socket_of(client).sendto(own[0], hall.server.getsockname())
    hall.socket_of(broken).sendto(broken.theirs.protect(packet(1)), hall.server.getsockname())
    with pytest.raises(AttributeError):
        hall.send(client, own[1])
    assert [sequence for sequence, *_ in client.track.read] == [1, 2]


ELEMENTS = st.lists(st.tuples(st.integers(0, 16), st.binary(max_size=20)), max_size=4)


@st.composite
def packets(draw: st.DrawFn) -> bytes:
    """RTP packets, most of them right, and some with an octet that is not."""
    count = draw(st.integers(0, 2))
    head = bytearray(12 + 4 * count)
    head[0] = 0x80 | count | draw(st.sampled_from([0, 0x10, 0x10, 0x20, 0x30]))
    head[1] = draw(st.sampled_from([45, 45 | 0x80, 46, 47]))
    head[2:8] = draw(st.binary(min_size=6, max_size=6))
    head[8:12] = SSRC.to_bytes(4, "big")
    if head[0] & 0x10:
        wide = draw(st.booleans())
        block = b""
        for identifier, value in draw(ELEMENTS):
            if wide:
                block += bytes([identifier, len(value)]) + value
            elif value:
                block += bytes([(identifier & 15) << 4 | (len(value) - 1 & 15)]) + value[:16]
        block += bytes(-len(block) % 4)
        words = len(block) // 4 + draw(st.sampled_from([0, 0, 0, 0, 1, 500]))
        profile = draw(st.sampled_from([0x1000, 0x1005] if wide else [0xBEDE, 0xBEDE, 0xBEDF]))
        head += profile.to_bytes(2, "big") + words.to_bytes(2, "big") + block
    return bytes(head) + draw(st.binary(max_size=40)) + bytes([draw(st.integers(0, 60))])


@given(st.lists(packets(), min_size=1, max_size=8))
@settings(max_examples=150, deadline=None)
def test_whatever_a_packet_is_like_the_helper_and_python_read_the_same(helper: Helper, some: list[bytes]) -> None:
    hall, reference = Hall(helper), Reader()
    try:
        client = hall.client()
        for number, plain in enumerate(some):
            numbered = plain[:2] + number.to_bytes(2, "big") + plain[4:]  # no replays
            try:
                secret = client.theirs.protect(numbered)
            except Exception:  # libsrtp looks at the extension, too
                continue
            hall.send(client, secret)
            reference.receive(numbered, 5.0)
        assert client.track.read == reference.read
        assert client.track.bad == reference.bad
    finally:
        hall.close()


def test_a_source_that_is_not_known_is_left_to_python_still_encrypted(hall: Hall) -> None:
    client = hall.client()
    unknown = client.theirs.protect(packet(1, ssrc=5))
    hall.send(client, unknown)
    client.line.forget(0)
    forgotten = client.theirs.protect(packet(1))
    hall.send(client, forgotten)
    assert client.datagrams == [unknown, forgotten]


def test_what_cannot_be_decrypted_is_counted_and_goes_no_further(hall: Hall) -> None:
    client = hall.client()
    right = client.theirs.protect(packet(1))
    wrong = right[:-1] + bytes([right[-1] ^ 1])
    report = client.theirs.protect_rtcp(bytes(rtcp.ReceiverReport(REPORTER)))
    hall.send(client, wrong, right, right, report[:-1] + bytes([report[-1] ^ 1]), b"\x80\x60short")
    assert client.ways == ["read"]
    assert client.line.raw.bad == 3  # a wrong tag, a replay, a wrong tag


def test_a_whole_batch_and_more_is_read_in_order(hall: Hall) -> None:
    client = hall.client()
    assert hall.send(client, *(client.theirs.protect(packet(sequence)) for sequence in range(BATCH + 3))) == BATCH
    assert hall.inbox.read(hall.endpoint, 5.0) == 3
    assert hall.inbox.read(hall.endpoint, 5.0) == 0
    assert [fields[0] for fields in client.track.read] == list(range(BATCH + 3))


# --- who it is from ---


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_everything_but_media_goes_to_the_endpoint_with_the_address_it_came_from(
    helper: Helper, family: socket.AddressFamily
) -> None:
    hall = Hall(helper, family)
    try:
        client = hall.client()
        address = hall.socket_of(client).getsockname()
        assert unpack_address(pack_address(address)) == address
        hall.send(client, b"\x01check", b"\x16record", b"", b"\xff", b"\x01" + bytes(5000))
        assert hall.checked == [(b"\x01check", address), (b"\x01" + bytes(2047), address)]
        assert client.ways == [] and hall.endpoint.received == 5
    finally:
        hall.close()


def test_media_counts_from_the_address_that_the_line_is_aimed_at(hall: Hall) -> None:
    first, second = hall.client(), hall.client()
    hall.send(second, second.theirs.protect(packet(1)))
    first.line.aim(hall.server.fileno(), hall.socket_of(second).getsockname())
    second.line.aim(-1, None)
    hall.send(second, first.theirs.protect(packet(2)))
    assert [fields[0] for fields in first.track.read] == [2]
    assert [fields[0] for fields in second.track.read] == [1]
    hall.send(first, first.theirs.protect(packet(3)))
    assert len(first.track.read) == 1 and hall.endpoint.strangers == 1


def test_who_has_left_is_a_stranger(hall: Hall) -> None:
    client, stays = hall.client(), hall.client()
    hall.inbox.leave(client.line)
    hall.inbox.leave(client.line)
    hall.send(client, client.theirs.protect(packet(1)))
    hall.send(stays, stays.theirs.protect(packet(1)))
    assert (client.ways, stays.ways, hall.endpoint.strangers) == ([], ["read"], 1)


def test_many_clients_are_told_apart(hall: Hall) -> None:
    clients = [hall.client() for _ in range(300)]
    for number, client in enumerate(clients):
        hall.send(client, client.theirs.protect(packet(number)))
    for client in clients[::2]:
        hall.inbox.leave(client.line)
    for client in clients[1::2]:
        hall.send(client, client.theirs.protect(packet(1000)))
    assert [[fields[0] for fields in client.track.read] for client in clients] == [
        [number, 1000] if number % 2 else [number] for number in range(300)
    ]


# --- feedback ---


ARRIVALS = st.lists(st.one_of(st.none(), st.integers(-300, 4000)), min_size=1, max_size=80)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("sent"), st.integers(1, 60)),
        st.tuples(st.just("wait"), st.floats(0.05, 1.2)),
        st.tuples(st.just("spend"), st.sampled_from([0.0, 200e3, 1e6])),
        st.tuples(st.integers(-5, 120), st.tuples(ARRIVALS, st.sampled_from([0, 7, 8, 9, 0xFFFFFE, 0xFFFFFF]))),
        st.tuples(st.just("raw"), st.binary(max_size=60)),
    ),
    max_size=30,
)


@given(STEPS)
@settings(max_examples=200, deadline=None)
def test_feedback_means_the_same_to_the_helper_and_to_python(helper: Helper, steps: list[tuple[Any, Any]]) -> None:
    hall, reference = Hall(helper), Estimator()
    try:
        client = hall.client()
        number, now = 0xFF80, 51.0
        for what, value in steps:
            if what == "sent":
                for _ in range(value):
                    now += 0.0007 * (number % 5 + 1)
                    for estimator in (reference, client.estimator):
                        estimator.sent(number & 0xFFFF, 100 + number % 7, now)
                    number += 1
            elif what == "wait":
                now += value
                assert client.estimator.probe(now) == reference.probe(now)
            elif what == "spend":
                for estimator in (reference, client.estimator):
                    estimator.spend(value, now)
            elif what == "raw":
                _compare(hall, client, reference, bytes(8) + value, now)
            else:
                arrivals, reference_time = value
                base = number - what & 0xFFFF
                wire = bytes(TransportFeedback(REPORTER, 2, base, reference_time, 0, tuple(arrivals)))
                _compare(hall, client, reference, wire[4:], now)
            assert known_to_the_helper(client.line) == known_to_python(reference)
        assert (client.estimator.sizes, client.estimator.times) == (reference.sizes, reference.times)
    finally:
        hall.close()


def _compare(hall: Hall, client: Client, reference: Estimator, body: bytes, now: float) -> None:
    """Feedback as `body`, behind its header. What the helper leaves to Python is what `Steering` would do."""
    body = REPORTER.to_bytes(4, "big") + body[4:]
    body += bytes(-len(body) % 4)
    try:
        feedback = parse_feedback(REPORTER, 0, body[8:])
    except (ValueError, IndexError, struct.error):
        feedback = None
    client.told.clear()
    client.compounds.clear()
    hall.send(client, client.theirs.protect_rtcp(compound(body)), now=now)
    if client.compounds:  # it could not be read
        assert feedback is None and not client.told
        return
    assert feedback is not None
    was_silenced = reference.is_silenced
    reference.acknowledge(feedback, now)
    is_overspent, is_over = reference.is_overspent(now), was_silenced and not reference.is_silenced
    expected = Told(0 if is_overspent else reference.probe(now), is_overspent, is_over)
    assert client.told == ([expected] if any(expected) else [])
    assert client.line.raw.heard_at == now


def test_feedback_that_asks_for_nothing_is_not_told(hall: Hall) -> None:
    client = hall.client()
    for number in range(10):
        client.estimator.sent(number, 100, 1.0 + number / 100)
    wire = bytes(TransportFeedback(REPORTER, 2, 0, 7, 0, tuple(range(0, 400, 40))))
    assert hall.send(client, client.theirs.protect_rtcp(wire), now=1.2) == 1
    assert client.ways == []
    assert (client.line.raw.heard_at, client.estimator.told_at) == (1.2, 1.2)
    assert client.estimator.rtt == pytest.approx(0.11)


def test_feedback_that_shows_too_much_is_spent_is_told(hall: Hall) -> None:
    client = hall.client()
    client.estimator.sent(0, 100, 1.0)
    client.estimator.spend(1e6, 1.0)
    wire = bytes(TransportFeedback(REPORTER, 2, 0, 7, 0, (0,)))
    hall.send(client, client.theirs.protect_rtcp(wire), now=1.2)
    assert client.told == [Told(0, True, False)]


def test_more_feedback_than_is_allowed_is_not_read(hall: Hall) -> None:
    client = hall.client()
    client.budget.take(200, 7.0)
    client.estimator.sent(0, 100, 6.9)
    wire = bytes(TransportFeedback(REPORTER, 2, 0, 7, 0, (0,)))
    hall.send(client, client.theirs.protect_rtcp(wire), now=7.0)
    assert (client.ways, client.line.raw.heard_at, client.estimator.rtt) == ([], 7.0, 0.0)
    hall.send(client, client.theirs.protect_rtcp(wire), now=7.015)
    assert client.estimator.rtt == pytest.approx(0.115)
    assert client.budget.take(2, 7.015) == 1


def test_feedback_among_other_packets_goes_to_python_and_comes_back(hall: Hall) -> None:
    client = hall.client()
    for number in range(10):
        client.estimator.sent(number, 100, 1.0 + number / 100)
    feedback = TransportFeedback(REPORTER, 2, 0, 7, 0, (0, 40, None, 120))
    both = bytes(rtcp.ReceiverReport(REPORTER)) + bytes(feedback)
    hall.send(client, client.theirs.protect_rtcp(both))
    assert client.compounds == [both]
    client.estimator.acknowledge(feedback, 1.1)
    assert client.estimator.rtt == pytest.approx(0.07)
    losses = client.line.raw.estimator.losses
    assert (losses.came, losses.lost) == (3, 1)


def test_feedback_of_a_reporter_that_is_not_known_is_left_to_python(hall: Hall) -> None:
    client = hall.client()
    secret = client.theirs.protect_rtcp(bytes(rtcp.ReceiverReport(5)))
    hall.send(client, secret)
    assert client.datagrams == [secret]


def test_a_loss_that_was_none_is_taken_back(hall: Hall) -> None:
    client = hall.client()
    for number in range(4):
        client.estimator.sent(number, 100, 4.9)
    lost = []
    for arrivals in ((0, None, None), (0, 40, None)):
        wire = bytes(TransportFeedback(REPORTER, 2, 0, 7, 0, arrivals))
        hall.send(client, client.theirs.protect_rtcp(wire))
        lost.append(client.line.raw.estimator.losses.lost)
    assert lost == [2, 1]


def test_windows_are_as_long_as_in_python(hall: Hall) -> None:
    client, reference = hall.client(), Estimator()
    for number in range(100):
        for estimator in (reference, client.estimator):
            estimator.sent(number, 100, 4.0 + number * 0.0101)  # 40.4 ms is a window later
    feedback = TransportFeedback(REPORTER, 2, 0, 7, 0, tuple(range(0, 4000, 40)))
    hall.send(client, client.theirs.protect_rtcp(bytes(feedback)))
    reference.acknowledge(feedback, 5.0)
    reference.probe(5.0)
    assert known_to_the_helper(client.line) == known_to_python(reference)
    assert client.line.raw.estimator.delay.n > 5


def test_a_viewer_without_transport_wide_numbers_has_feedback_of_no_meaning(hall: Hall) -> None:
    client = hall.client()
    client.line.record(array("h"), array("d"))
    wire = bytes(TransportFeedback(REPORTER, 2, 0, 7, 0, (1, 2)))
    hall.send(client, client.theirs.protect_rtcp(wire))
    assert client.compounds == [wire]


# --- the library ---


def test_a_helper_of_another_version_is_none(tmp_path: Path) -> None:
    import subprocess

    source, library = tmp_path / "other.c", tmp_path / "libnative.so"
    source.write_text("int plenum_line_size(void) { return 1; } int plenum_send(void) { return 0; }")
    subprocess.run(("cc", "-shared", "-fPIC", "-o", library, source), check=True)
    assert load(library) is None


def test_without_a_directory_a_line_only_sends() -> None:
    line = Line()
    line.aim(3, ("127.0.0.1", 5))
    line.aim(-1, None)
    assert not line.raw.is_listed
