"""VP9 in RTP (RFC 9628)."""

from __future__ import annotations

from typing import Final

from live.codecs.continuity import PictureIds

# The payload descriptor's first octet (4.2).
_HAS_PICTURE_ID: Final = 0x80
_INTER_PREDICTED: Final = 0x40
_HAS_LAYERS: Final = 0x20
_FLEXIBLE: Final = 0x10
_STARTS_FRAME: Final = 0x08
_HAS_STRUCTURE: Final = 0x02


def picture_ids(payload: bytes) -> PictureIds | None:
    """Returns what the payload descriptor says, None if it is truncated or breaks its rules."""
    try:
        return _read(payload)
    except (IndexError, ValueError):
        return None


def _read(payload: bytes) -> PictureIds:
    flags = payload[0]
    picture_id = picture_id_at = tl0 = tl0_at = -1
    long = False
    position = 1
    if flags & _HAS_PICTURE_ID:
        picture_id_at, long = position, bool(payload[position] & 0x80)
        picture_id = payload[position] & 127
        if long:
            picture_id = picture_id << 8 | payload[position + 1]
        position += 1 + long
    if flags & _HAS_LAYERS:
        position += 1
        if not flags & _FLEXIBLE:
            tl0_at, tl0 = position, payload[position]
            position += 1
    if flags & _INTER_PREDICTED and flags & _FLEXIBLE:
        position = _after_references(payload, position)
    if flags & _HAS_STRUCTURE:
        position = _after_structure(payload, position)
    if position > len(payload):
        raise ValueError("VP9 payload descriptor is truncated")
    return PictureIds(picture_id, picture_id_at, long, tl0, tl0_at, position)


def _after_references(payload: bytes, position: int) -> int:
    """At most three P_DIFF octets, of which all but the last have N set."""
    for count in range(3):
        if not payload[position + count] & 1:
            return position + count + 1
    raise ValueError("VP9 payload descriptor has more than three references")


def _after_structure(payload: bytes, position: int) -> int:
    """The scalability structure: sizes of the layers (Y), then a picture group (G)."""
    head = payload[position]
    position += 1
    if head & 0x10:
        position += 4 * ((head >> 5) + 1)
    if head & 0x08:
        pictures = payload[position]
        position += 1
        for _ in range(pictures):
            position += 1 + (payload[position] >> 2 & 3)
    return position


def spatial_layer(payload: bytes) -> int:
    """SID; 0 where there are no layers. `payload` has been read by `picture_ids`."""
    flags = payload[0]
    if not flags & _HAS_LAYERS:
        return 0
    at = 1 if not flags & _HAS_PICTURE_ID else 3 if payload[1] & 0x80 else 2
    return payload[at] >> 1 & 7


def starts_key_frame(payload: bytes) -> bool:
    """The first packet of a picture's lowest layer that is predicted from no other picture, and is no intra-only frame:
    those leave the decoder's other references as they are."""
    ids = picture_ids(payload)
    if ids is None or ids.length >= len(payload):
        return False
    starts = payload[0] & (_STARTS_FRAME | _INTER_PREDICTED) == _STARTS_FRAME
    return starts and spatial_layer(payload) == 0 and _is_key_frame(payload[ids.length])


def _is_key_frame(first: int) -> bool:
    """The uncompressed header's first octet (VP9 bitstream specification, 6.2): frame_marker, two bits of profile (with
    profile 3 a reserved one), show_existing_frame, frame_type."""
    if first >> 6 != 2:
        return False
    return not first & (0x06 if first & 0x30 == 0x30 else 0x0C)
