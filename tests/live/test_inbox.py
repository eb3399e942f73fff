"""What the compiled helper reads of media is what Python reads, and who it is from."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from live import rtcp
from live.inbox import BATCH
from live.native import Helper, Line, load, pack_address, unpack_address
from tests.live.helper import build, needs_compiler
from tests.live.inbox_scene import REPORTER, SSRC, Hall, Reader, packet

pytestmark = needs_compiler


@pytest.fixture(scope="module")
def helper(tmp_path_factory: pytest.TempPathFactory) -> Helper:
    return build(tmp_path_factory.mktemp("native"))


@pytest.fixture
def hall(helper: Helper) -> Iterator[Hall]:
    made = Hall(helper)
    yield made
    made.close()


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


# --- the library ---


def test_a_helper_of_another_version_is_none(tmp_path: Path) -> None:
    source, library = tmp_path / "other.c", tmp_path / "libnative.so"
    source.write_text("int plenum_line_size(void) { return 1; } int plenum_send(void) { return 0; }")
    subprocess.run(("cc", "-shared", "-fPIC", "-o", library, source), check=True)
    assert load(library) is None


def test_without_a_directory_a_line_only_sends() -> None:
    line = Line()
    line.aim(3, ("127.0.0.1", 5))
    line.aim(-1, None)
    assert not line.raw.is_listed
