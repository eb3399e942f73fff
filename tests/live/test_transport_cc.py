"""Transport-wide feedback: the draft's layout octet by octet, what is written is read again, no bytes do harm."""

from __future__ import annotations

import struct

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from live import rtcp
from live.transport_cc import MAX_STATUSES, TransportFeedback


def read(data: bytes) -> TransportFeedback:
    (packet,) = rtcp.parse(data)
    assert isinstance(packet, TransportFeedback)
    return packet


def wire(statuses: int, *chunks: int, deltas: bytes = b"", base: int = 1, last: int = 0x00000200) -> bytes:
    """A feedback packet with these chunks, as the draft's 3.1 lays it out, padded without the P bit as some senders do."""
    body = struct.pack("!IIHHI", 1, 2, base, statuses, last) + struct.pack(f"!{len(chunks)}H", *chunks) + deltas
    body += bytes(-len(body) % 4)
    return struct.pack("!BBH", 0x8F, 205, len(body) // 4) + body


def test_a_run_of_received_packets_octet_by_octet() -> None:
    written = TransportFeedback(0x01020304, 0x05060708, 0xFFFE, 0x0A0B0C, 7, (4, 4, 8))
    expected = bytes.fromhex("afcd0006 01020304 05060708 fffe0003 0a0b0c07 20030400 04000003")
    assert bytes(written) == expected
    assert read(expected) == written


def test_a_vector_of_one_bit_symbols_octet_by_octet() -> None:
    arrivals = (0, None, 1, None, 255, None, 256, None)
    expected = bytes.fromhex("afcd0006 00000001 00000002 00010008 00000200 aa80 0001fe01 0002")
    assert bytes(TransportFeedback(1, 2, 1, 2, 0, arrivals)) == expected
    assert read(expected).arrivals == arrivals


def test_a_vector_of_two_bit_symbols_with_large_and_negative_differences_octet_by_octet() -> None:
    arrivals = (10, 1010, 1000, None)  # 10 at once, a thousand ticks, ten backwards, lost
    expected = bytes.fromhex("8fcd0006 00000001 00000002 00010004 00000200 da00 0a 03e8 fff6 00")
    read_back = read(expected)  # padded without the P bit
    assert read_back.arrivals == arrivals
    assert read(bytes(read_back)) == read_back
    assert bytes(read_back).endswith(bytes.fromhex("da00 0a 03e8 fff6 01"))


def test_a_run_of_large_differences() -> None:
    assert read(wire(2, 0x4002, deltas=struct.pack("!hh", 300, -300))).arrivals == (300, 0)


def test_a_long_loss_is_one_chunk() -> None:
    written = TransportFeedback(1, 2, 3, 4, 5, (0, *[None] * 2000, 0))
    assert len(bytes(written)) <= 20 + 3 * 2 + 2 + 4
    assert read(bytes(written)) == written


def test_runs_go_on_after_the_longest_that_one_chunk_can_say() -> None:
    data = wire(MAX_STATUSES, 0x2000 | 1500, 0x2000 | 548, deltas=bytes(MAX_STATUSES))
    assert read(data).arrivals == (0,) * MAX_STATUSES


def test_arrivals_too_far_apart_are_refused_when_written() -> None:
    with pytest.raises(ValueError, match="apart"):
        bytes(TransportFeedback(1, 2, 3, 4, 5, (0, 0x8000)))


@pytest.mark.parametrize(
    "data",
    [
        wire(0),
        wire(4),  # no chunk at all
        wire(4, 0x0000),  # a run of none
        wire(4, 0x6004),  # a run of the reserved status
        wire(3, 0xFC00),  # a vector of it
        wire(40, 0x2028, deltas=bytes(30)),  # forty came and thirty differences
        wire(20, 0x4014, deltas=bytes(38)),
    ],
)
def test_malformed_feedback_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"transport feedback|truncated"):
        rtcp.parse(data)


def test_a_flood_of_statuses_is_not_read_to_its_end() -> None:
    assert read(wire(0xFFFF, *[0x1FFF] * 9)).arrivals == (None,) * MAX_STATUSES
    assert len(read(wire(0xFFFF, 0x3FFF, *[0x1FFF] * 8, deltas=bytes(0x1FFF))).arrivals) == MAX_STATUSES


@pytest.mark.parametrize(
    ("data", "base", "arrivals"),
    [
        ("afcd000500000001742fe6e2000100010434c60020019f01", 1, (159,)),
        ("8fcd000600000001742fe6e2000200060434c6012006f21b01660100", 2, (242, 269, 270, 372, 373, 373)),
        ("afcd000600000001a1c41337001a00040438ef05d6404300012e0001", 26, (67, 67, 369, 369)),
    ],
)
def test_what_chromium_sends_is_read_and_written_alike(data: str, base: int, arrivals: tuple[int, ...]) -> None:
    """Captured from Chromium as a viewer: a single packet, a run, a vector with a large difference."""
    found = read(bytes.fromhex(data))
    assert (found.base, found.arrivals) == (base, arrivals)
    assert bytes(found).hex() == data


deltas = st.one_of(st.none(), st.integers(0, 255), st.integers(-0x8000, 0x7FFF))


@st.composite
def feedbacks(draw: st.DrawFn) -> TransportFeedback:
    at, arrivals = 0, []
    pieces = draw(st.lists(st.tuples(deltas, st.integers(1, 30)), min_size=1, max_size=12))
    for delta, times in pieces:
        for _ in range(times):
            at += delta or 0
            arrivals.append(None if delta is None else at)
    numbers = st.integers(0, 0xFFFFFFFF)
    base, reference, count = draw(st.integers(0, 0xFFFF)), draw(st.integers(0, 0xFFFFFF)), draw(st.integers(0, 0xFF))
    return TransportFeedback(draw(numbers), draw(numbers), base, reference, count, tuple(arrivals))


@given(feedbacks())
def test_feedback_is_read_as_it_was_written(written: TransportFeedback) -> None:
    data = bytes(written)
    assert len(data) % 4 == 0
    assert rtcp.parse(data + bytes(rtcp.PictureLoss(1, 2))) == [written, rtcp.PictureLoss(1, 2)]


@given(st.integers(1, 0xFFFF), st.lists(st.integers(0, 0xFFFF), max_size=12), st.binary(max_size=60))
@example(15, [0x9FFF], b"")
def test_any_chunks_are_feedback_or_a_value_error(statuses: int, chunks: list[int], deltas: bytes) -> None:
    try:
        arrivals = read(wire(statuses, *chunks, deltas=deltas)).arrivals
    except ValueError:
        return
    assert len(arrivals) == min(statuses, MAX_STATUSES)


@given(feedbacks(), st.data())
def test_feedback_cut_or_with_a_changed_octet_is_read_or_refused(written: TransportFeedback, data: st.DataObject) -> None:
    wired = bytearray(bytes(written))
    wired[data.draw(st.integers(4, len(wired) - 1))] ^= data.draw(st.integers(1, 255))
    end = data.draw(st.integers(2, len(wired) // 4)) * 4
    wired[2:4] = struct.pack("!H", end // 4 - 1)
    try:
        rtcp.parse(bytes(wired[:end]))
    except ValueError:
        return
