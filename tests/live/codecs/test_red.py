"""RED with Opus: the newest block, and other payload types."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from live.codecs.red import primary, renamed


def red(*blocks: bytes, payload_type: int = 111) -> bytes:
    """The last one is the newest."""
    head = b""
    for index, block in enumerate(blocks[:-1]):
        offset = 960 * (len(blocks) - 1 - index)
        head += bytes([0x80 | payload_type, offset >> 6, (offset & 63) << 2 | len(block) >> 8, len(block) & 255])
    return head + bytes([payload_type]) + b"".join(blocks)


blocks = st.lists(st.binary(max_size=1023), min_size=1, max_size=10)


@given(blocks)
@example([bytes(1023), bytes(256), b"newest"])
def test_the_newest_block_is_found(parts: list[bytes]) -> None:
    assert primary(red(*parts)) == parts[-1]


@given(blocks, st.integers(0, 127))
def test_blocks_get_the_payload_type_of_the_viewer(parts: list[bytes], payload_type: int) -> None:
    assert renamed(red(*parts), payload_type) == red(*parts, payload_type=payload_type)


def test_what_chromium_sends_is_read() -> None:
    head = bytes.fromhex("ef0f00406f") + b"\x78" * 64
    assert primary(head + b"\x78newest") == b"\x78newest"


@pytest.mark.parametrize(
    "payload", [b"", b"\xef", b"\xef\x0f\x00", b"\xef\x0f\x00\x40", b"\xef\x0f\x00\x40\x6f\x78", b"\xff" * 400]
)
def test_what_does_not_fit_is_a_value_error(payload: bytes) -> None:
    with pytest.raises(ValueError):
        primary(payload)


@given(st.binary(max_size=80))
def test_no_payload_does_harm(payload: bytes) -> None:
    assert len(renamed(payload, 111)) == len(payload)
    try:
        assert len(primary(payload)) < len(payload)
    except ValueError:
        return
