"""RTP packets: what is written is read again, and no bytes whatever do harm."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from live.rtp import RtpPacket, extensions, parse, payload_offset

elements = st.lists(
    st.tuples(st.integers(1, 14), st.binary(min_size=1, max_size=16)), max_size=5, unique_by=lambda element: element[0]
)
wide_elements = st.lists(
    st.tuples(st.integers(1, 255), st.binary(max_size=40)), max_size=4, unique_by=lambda element: element[0]
)
packets = st.builds(
    RtpPacket,
    payload_type=st.integers(0, 127),
    sequence=st.integers(0, 0xFFFF),
    timestamp=st.integers(0, 0xFFFFFFFF),
    ssrc=st.integers(0, 0xFFFFFFFF),
    payload=st.binary(max_size=50),
    marker=st.booleans(),
    csrcs=st.lists(st.integers(0, 0xFFFFFFFF), max_size=15).map(tuple),
    extensions=(elements | wide_elements).map(tuple),
    padding=st.integers(0, 20),
)


@given(packets)
def test_a_packet_is_read_as_it_was_written(packet: RtpPacket) -> None:
    assert parse(bytes(packet)) == packet


@given(st.binary(max_size=100))
@example(b"")
@example(b"\x90" + bytes(11))  # an extension that is not there
@example(b"\x8f" + bytes(11))  # fifteen contributing sources that are not there
@example(b"\x90" + bytes(11) + b"\xbe\xde\xff\xff")  # an extension longer than any packet
@example(b"\xa0" + bytes(11))  # padding of length zero
@example(b"\xa0" + bytes(11) + b"\xff")  # padding longer than the packet
@example(b"\x90" + bytes(11) + b"\xbe\xde\x00\x01\x1f\x00\x00\x00")  # an element that overruns its block
@example(b"\x90" + bytes(11) + b"\x10\x00\x00\x01\x00\x00\x00\x01")  # a two-byte element cut after its id
def test_any_bytes_are_a_packet_or_a_value_error(data: bytes) -> None:
    try:
        packet = parse(data)
    except ValueError:
        return
    assert len(packet.payload) + packet.padding == len(data) - payload_offset(data)


@given(packets, st.integers(0, 60))
def test_a_truncated_packet_is_a_packet_or_a_value_error(packet: RtpPacket, length: int) -> None:
    try:
        parse(bytes(packet)[:length])
    except ValueError:
        return


def test_the_reserved_id_ends_a_one_byte_block() -> None:
    data = b"\x90\x60" + bytes(10) + b"\xbe\xde\x00\x02" + b"\x10\xaa\xf0\x00" + b"\x20\xbb\x00\x00"
    assert list(extensions(data)) == [(1, b"\xaa")]


def test_another_version_is_refused() -> None:
    with pytest.raises(ValueError, match="not an RTP packet"):
        parse(b"\x40" + bytes(20))
