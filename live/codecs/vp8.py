"""VP8 in RTP (RFC 7741)."""

from __future__ import annotations

from live.codecs.continuity import PictureIds


def picture_ids(payload: bytes) -> PictureIds | None:
    """Returns what the payload descriptor (4.2) says, None if it is truncated."""
    try:
        picture_id = picture_id_at = tl0 = tl0_at = -1
        long = False
        position = 1
        if payload[0] & 0x80:
            flags = payload[1]
            position = 2
            if flags & 0x80:
                picture_id_at, long = position, bool(payload[position] & 0x80)
                picture_id = payload[position] & 127
                if long:
                    picture_id = picture_id << 8 | payload[position + 1]
                position += 1 + long
            if flags & 0x40:
                tl0_at, tl0 = position, payload[position]
                position += 1
            if flags & 0x30:
                position += 1
        if position > len(payload):
            return None
    except IndexError:
        return None
    return PictureIds(picture_id, picture_id_at, long, tl0, tl0_at, position)


def starts_key_frame(payload: bytes) -> bool:
    """The first partition's first packet, of a frame whose header (RFC 6386, 9.1) says key frame."""
    ids = picture_ids(payload)
    if ids is None or ids.length >= len(payload):
        return False
    starts_first_partition = payload[0] & 0x17 == 0x10  # S = 1, PID = 0
    return starts_first_partition and not payload[ids.length] & 1
