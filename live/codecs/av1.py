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
    """The first OBU element's type; -1: cannot be read."""
    position = 1 if payload[0] >> 4 & 3 == 1 else _after_length(payload)  # W = 1: the only element, without its length
    return payload[position] >> 3 & 15 if 0 < position < len(payload) else -1


def _after_length(payload: bytes) -> int:
    """Where a leb128 number at 1, of at most eight octets, ends; 0: it does not."""
    return next((position + 1 for position in range(1, min(len(payload), 9)) if not payload[position] & 0x80), 0)
