"""H.264 in RTP (RFC 6184), packetization mode 1: single NAL units, STAP-A and FU-A."""

from __future__ import annotations

from typing import Final

_SPS: Final = 7
_STAP_A: Final = 24
_FU_A: Final = 28


def starts_key_frame(payload: bytes) -> bool:
    """Parameter sets come before every IDR picture that WebRTC senders send; an IDR without them would not decode."""
    if not payload:
        return False
    kind = payload[0] & 31
    if kind == _STAP_A:
        return _SPS in _aggregated(payload)
    if kind == _FU_A:
        return len(payload) > 1 and bool(payload[1] & 0x80) and payload[1] & 31 == _SPS
    return kind == _SPS


def _aggregated(payload: bytes) -> list[int]:
    """The types of the NAL units in a STAP-A, as far as it can be read."""
    kinds = []
    position = 1
    while position + 2 < len(payload):
        kinds.append(payload[position + 2] & 31)
        position += 2 + (payload[position] << 8 | payload[position + 1])
    return kinds
