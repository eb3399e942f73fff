"""VP9's payload descriptor: what Chromium sends, and every form that the RFC knows."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from live.codecs.vp9 import picture_ids, spatial_layer, starts_key_frame

# As Chromium sends them, cut off.
KEY = bytes.fromhex("9bf0621002800168824983420027")  # with a scalability structure
KEY_CONTINUED = bytes.fromhex("95f062451892877cdf7e94")
SVC_KEY = bytes.fromhex("beff4710300140 00b4028001688349834200".replace(" ", ""))
SVC_KEY_UPPER = bytes.fromhex("bdff47138702020004fe02ceb2e1")
SVC_DELTA = bytes.fromhex("fcff48300287040400027e016702")


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (KEY, True),
        (KEY_CONTINUED, False),
        (SVC_KEY, True),
        (SVC_KEY_UPPER, False),  # the second layer of a key picture: the first came before
        (SVC_DELTA, False),
        (b"\x88\x05\x82", True),  # seven bits of picture id, profile 0, key frame
        (b"\x08\x82", True),  # no picture id at all
        (b"\x08\xb0", True),  # profile 3, with its reserved bit
        (b"\x08\xb4", False),  # profile 3, showing an old frame
        (b"\x08\xb2", False),  # profile 3, interframe
        (b"\x08\x86", False),  # intra-only: interframe by type
        (b"\x08\x8a", False),  # shows an old frame
        (b"\x08\x42", False),  # no VP9
        (b"\x00\x82", False),  # not a frame's start
        (b"\x48\x82", False),  # predicted from another picture
        (b"\x28\x02\x07\x82", False),  # B, P = 0, but layer 1
        (b"\x28\x00\x07\x82", True),  # layer 0, with TL0PICIDX
        (b"\x08", False),
        (b"\x88\x80", False),
        (b"", False),
    ],
)
def test_it_starts_with_the_lowest_layer_of_a_key_frame(payload: bytes, expected: bool) -> None:
    assert starts_key_frame(payload) is expected


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (KEY, (28770, 1, True, -1, -1, 8)),
        (SVC_DELTA, (32584, 1, True, -1, -1, 5)),
        (b"\x80\x05\x00", (5, 1, False, -1, -1, 2)),
        (b"\xa0\x85\x01\x20\x09\x00", (1281, 1, True, 9, 4, 5)),  # layers, not flexible: TL0PICIDX
        (b"\x50\x03\x05\x02\x00", (-1, -1, False, -1, -1, 4)),  # three references
        (b"\x50\x03\x05\x03\x00\x00", None),  # four
        (b"\x02\x38\x00\x10\x00\x10\x00\x20\x00\x20\x02\x04\x01\x08\x01\x02\x00", (-1, -1, False, -1, -1, 16)),
        (b"\x02\x08\xff", None),  # a picture group that is not there
        (b"\x02\x10\x00\x10", None),  # a size that is cut off
    ],
)
def test_the_descriptor_is_read(payload: bytes, expected: object) -> None:
    assert picture_ids(payload) == expected


def test_the_spatial_layer_is_found_behind_either_picture_id() -> None:
    assert [spatial_layer(p) for p in (SVC_KEY, SVC_KEY_UPPER, b"\xa0\x05\x04\x00", b"\x20\x06\x00", KEY)] == [0, 1, 2, 3, 0]


@given(st.binary(max_size=60))
@example(b"\x02\x08" + b"\xff" * 300)
def test_any_bytes_are_read_or_not(payload: bytes) -> None:
    ids = picture_ids(payload)
    assert ids is None or ids.length <= len(payload)
    if starts_key_frame(payload):
        assert ids is not None and payload[0] & 0x48 == 8


@given(st.integers(0, len(SVC_KEY)))
def test_a_truncated_descriptor_is_no_key_frame(length: int) -> None:
    assert starts_key_frame(SVC_KEY[:length]) is (length > 13)
