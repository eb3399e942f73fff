"""RTCP packets: what is written is read again, and no bytes whatever do harm."""

from __future__ import annotations

import struct

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from live import rtcp

ssrcs = st.integers(0, 0xFFFFFFFF)
words = st.integers(0, 0xFFFFFFFF)
blocks = st.lists(
    st.builds(
        rtcp.ReportBlock,
        ssrc=ssrcs,
        fraction_lost=st.integers(0, 255),
        lost=st.integers(-0x800000, 0x7FFFFF),
        highest=words,
        jitter=words,
        last_sr=words,
        delay=words,
    ),
    max_size=5,
).map(tuple)
lost = st.lists(st.integers(0, 0xFFFF), min_size=1, max_size=40, unique=True).map(lambda numbers: tuple(sorted(numbers)))
packets = st.one_of(
    st.builds(rtcp.SenderReport, ssrcs, st.integers(0, 2**64 - 1), words, words, words, blocks),
    st.builds(rtcp.ReceiverReport, ssrcs, blocks),
    st.builds(rtcp.SourceDescription, st.lists(st.tuples(ssrcs, st.binary(min_size=1, max_size=20)), max_size=3).map(tuple)),
    st.builds(rtcp.Goodbye, st.lists(ssrcs, max_size=4).map(tuple)),
    st.builds(rtcp.Nack, ssrcs, ssrcs, lost),
    st.builds(rtcp.PictureLoss, ssrcs, ssrcs),
    st.builds(rtcp.FullIntra, ssrcs, st.lists(st.tuples(ssrcs, st.integers(0, 255)), max_size=3).map(tuple)),
    st.builds(rtcp.Remb, ssrcs, st.integers(0, 2**18 - 1), st.lists(ssrcs, max_size=5).map(tuple)),
)


@given(st.lists(packets, max_size=4))
def test_a_compound_packet_is_read_as_it_was_written(written: list[rtcp.RtcpPacket]) -> None:
    assert rtcp.parse(b"".join(map(bytes, written))) == written


@given(st.binary(max_size=120))
def test_any_bytes_are_packets_or_a_value_error(data: bytes) -> None:
    try:
        rtcp.parse(data)
    except ValueError:
        return


@given(st.integers(200, 206), st.integers(0, 31), st.booleans(), st.binary(max_size=60))
@example(206, 15, False, bytes(8) + b"REMB" + b"\xff\x00\x00\x00")  # names 255 sources and brings none
@example(202, 1, False, b"\x00\x00\x00\x01\x01\xff\x00\x00")  # an item longer than the packet
@example(203, 31, False, b"")  # 31 sources that are not there
@example(200, 31, False, bytes(24))  # 31 reports that are not there
@example(205, 1, False, bytes(10))  # half a NACK entry
def test_any_body_under_a_right_header_is_packets_or_a_value_error(kind: int, count: int, padded: bool, body: bytes) -> None:
    body += bytes(-len(body) % 4)
    try:
        rtcp.parse(struct.pack("!BBH", 0x80 | padded << 5 | count, kind, len(body) // 4) + body)
    except ValueError:
        return


def test_a_rate_too_large_for_the_mantissa_is_rounded_down() -> None:
    (read,) = rtcp.parse(bytes(rtcp.Remb(1, 2_500_001, (7,))))
    assert isinstance(read, rtcp.Remb)
    assert 2_499_900 < read.bitrate <= 2_500_001


def test_a_nack_across_the_wrap_is_one_entry() -> None:
    written = rtcp.Nack(1, 2, (0xFFFF, 0, 5))
    assert len(bytes(written)) == 16
    assert rtcp.parse(bytes(written)) == [written]


def test_a_nack_that_names_everything_is_not_read_to_its_end() -> None:
    flood = b"".join(struct.pack("!HH", first & 0xFFFF, 0xFFFF) for first in range(0, 65536, 17))
    (read,) = rtcp.parse(struct.pack("!BBHII", 0x81, 205, 2 + len(flood) // 4, 1, 2) + flood)
    assert isinstance(read, rtcp.Nack)
    assert len(read.lost) <= rtcp.MAX_NAMED_LOST + 17


def test_unknown_types_are_left_out() -> None:
    assert rtcp.parse(b"\x80\xcc\x00\x00" + bytes(rtcp.PictureLoss(1, 2))) == [rtcp.PictureLoss(1, 2)]


def test_a_truncated_packet_is_refused() -> None:
    with pytest.raises(ValueError, match="truncated"):
        rtcp.parse(bytes(rtcp.PictureLoss(1, 2))[:-1])
