"""RED (RFC 2198) with Opus: a packet that repeats the ones before it. Blocks: older ones first, the newest last."""

from __future__ import annotations

from typing import Final

_MAX_BLOCKS: Final = 32  # Chromium sends at most ten


def primary(payload: bytes) -> bytes:
    """The newest block alone, for a viewer that has no RED. Raises `ValueError` if the blocks do not fit the payload."""
    position = redundant = 0
    for _ in range(_MAX_BLOCKS):
        if position >= len(payload):
            break
        if not payload[position] & 0x80:
            start = position + 1 + redundant
            if start > len(payload):
                break
            return payload[start:]
        if position + 4 > len(payload):
            break
        redundant += (payload[position + 2] & 3) << 8 | payload[position + 3]
        position += 4
    raise ValueError("RED packet is malformed")


def renamed(payload: bytes, payload_type: int) -> bytes:
    """The packet with all blocks of this payload type, which each viewer numbers in its own way; one that cannot be read
    comes back as it is."""
    out = bytearray(payload)
    position = 0
    while position < len(out) and position < 4 * _MAX_BLOCKS:
        more = out[position] & 0x80
        out[position] = more | payload_type
        if not more:
            return bytes(out)
        position += 4
    return payload
