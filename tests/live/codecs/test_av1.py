"""Where AV1's coded video sequences start."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from live.codecs.av1 import starts_key_frame


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (bytes.fromhex("280b080000000cc4ff6700680230"), True),  # as Chromium sends it: two elements
        (bytes.fromhex("103030c040fdf8012d0340"), False),  # and what follows
        (b"\x18\x08\x00", True),  # one element, without a length
        (b"\x08\x02\x12\x00\x03\x0a\x01\x00", True),  # W = 0: lengths before all; a temporal delimiter first
        (b"\x28\x8b\x00\x08\x00", True),  # a length in two octets
        (b"\x28\x0b\x30\x00", False),  # says so, but a frame comes first
        (b"\x20\x0b\x08\x00", False),  # a sequence header, repeated within a sequence
        (b"\xa8\x0b\x08\x00", False),  # new and continued at once: contradicts itself
        (b"\x28\xff\xff\xff\xff\xff\xff\xff\xff\xff\x08", False),  # a length without end
        (b"\x28", False),
        (b"\x28\x0b", False),
        (b"", False),
    ],
)
def test_it_starts_with_a_sequence_header(payload: bytes, expected: bool) -> None:
    assert starts_key_frame(payload) is expected


@given(st.binary(max_size=40))
def test_only_a_new_sequence_starts(payload: bytes) -> None:
    if starts_key_frame(payload):
        assert payload[0] & 0x88 == 8
