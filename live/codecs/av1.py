"""AV1 in RTP (AOMedia's RTP payload format for AV1, 4.4)."""

from __future__ import annotations

from typing import Final

_CONTINUES_OBU: Final = 0x80  # Z: the first OBU element continues one of the packet before
_NEW_SEQUENCE: Final = 0x08  # N: the first packet of a coded video sequence
_SEQUENCE_HEADER: Final = 1
_TEMPORAL_DELIMITER: Final = 2


def starts_key_frame(payload: bytes) -> bool:
    """The aggregation header says so (N), and a sequence header comes first as it then must (AV1 specification, 7.5)."""
    if len(payload) < 2 or payload[0] & (_CONTINUES_OBU | _NEW_SEQUENCE) != _NEW_SEQUENCE:
        return False
    return _first_obu(payload) in (_SEQUENCE_HEADER, _TEMPORAL_DELIMITER)


def _first_obu(payload: bytes) -> int:
    """The first OBU element's type; -1: cannot be read. W = 1: the only element, which has no length before it."""
    position = 1
    if payload[0] >> 4 & 3 != 1:
        while position < min(len(payload), 9) and payload[position] & 0x80:  # leb128, at most eight octets
            position += 1
        position += 1
    return payload[position] >> 3 & 15 if position < len(payload) else -1
