"""Where H.264 key frames start."""

from __future__ import annotations

import pytest

from live.codecs.h264 import starts_key_frame


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b"\x67\x42\xe0\x1f", True),  # SPS alone
        (b"\x78\x00\x04\x67\x42\xe0\x1f\x00\x02\x68\xce", True),  # STAP-A: SPS, PPS
        (b"\x78\x00\x02\x09\xf0\x00\x04\x67\x42\xe0\x1f", True),  # STAP-A: delimiter, SPS
        (b"\x78\x00\x04\x67\x42\xe0\x1f\x00\x02\x68\xce\x00\x02\x65\x88", True),  # STAP-A: SPS, PPS, IDR
        (b"\x7c\x87\x42", True),  # FU-A that starts an SPS
        (b"\x7c\x07\x42", False),  # FU-A in the middle of one
        (b"\x7c\x85\x88", False),  # FU-A that starts an IDR: its parameter sets came before
        (b"\x65\x88", False),  # IDR without parameter sets: nobody could decode it
        (b"\x68\xce", False),  # PPS: the SPS came before
        (b"\x61\x9a", False),  # not a key frame
        (b"\x78\x00", False),  # STAP-A cut short
        (b"\x78\x00\x00\x67", True),  # a unit of no length is stepped over
        (b"\x78\xff\xff\x61\x00\x04\x67", False),  # a length beyond the end
        (b"\x7c", False),
        (b"", False),
    ],
)
def test_it_starts_with_parameter_sets(payload: bytes, expected: bool) -> None:
    assert starts_key_frame(payload) is expected
