"""What two workers say to each other about a room that both have viewers of: the home, which decides, and a follower. Pure.

A datagram is frames, each behind its length and kind: a packet of media, or a message (MessagePack, typed). Both ends are
ours, but what cannot be read is dropped, and does no harm. Neighbours: `link` carries it, `relays` and `follower` speak it.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct as Layout
from typing import Final

import msgspec
from msgspec import Struct

from live.agreement import Sent
from live.codecs import Codec
from live.media import Media

LONGEST: Final = 0xFFFF  # octets of a frame
_FRAME: Final = Layout("!BH")  # kind, length
_MEDIA: Final = Layout("!IQIBhB")  # stream, sequence, timestamp, flags, level, length of the dependency descriptor
_MESSAGE_KIND, _MEDIA_KIND, _CONNECTION_KIND = 0, 1, 2
_MARKER, _RED, _LATE = 0x80, 1, 2


class Follow(Struct, frozen=True, tag="follow"):
    """To the home: tell me of this room from now on."""

    room: str


class Unfollow(Struct, frozen=True, tag="unfollow"):
    room: str


class Subscribe(Struct, frozen=True, tag="subscribe"):
    """To the home: send me a layer's packets; of a picture with a key frame first, if it can be had."""

    stream: int


class Unsubscribe(Struct, frozen=True, tag="unsubscribe"):
    stream: int


class KeyFrame(Struct, frozen=True, tag="key_frame"):
    """To the home: ask the publisher for one."""

    stream: int


class Lacking(Struct, frozen=True, tag="lacking"):
    """To the home: what viewers here cannot decode. `hold`: one of them has just come up, and cannot be shown that."""

    room: str
    codecs: tuple[Codec, ...]
    hold: bool


class LayerState(Struct, frozen=True):
    """A layer that can be subscribed to. `instant`: one moment, in seconds since 1970 by the home's reckoning, and in RTP
    time; None: not known."""

    stream: int
    rid: str
    height: int
    bitrate: float
    instant: tuple[float, int] | None


class SourceState(Struct, frozen=True):
    """What feeds a slot. `layers`: those that flow, the lowest first."""

    id: int
    label: str
    use: Sent
    codec: Codec
    layers: tuple[LayerState, ...]


class BoardState(Struct, frozen=True, tag="board"):
    """To a follower: all that the home has decided. `slots`: the source's id by name, where there is one. `epoch`: 1970 in
    the home's reckoning, by the machine's monotonic clock, which is the same for all processes."""

    room: str
    epoch: float
    speaker: str
    sources: tuple[SourceState, ...]
    slots: dict[str, int]


Message = Follow | Unfollow | Subscribe | Unsubscribe | KeyFrame | Lacking | BoardState

_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(Message)


class Packet(Struct, frozen=True, gc=False):
    """A packet of a layer. `late`: it is a repair, or was overtaken."""

    stream: int
    media: Media
    late: bool


class Connection(Struct, frozen=True):
    """A client's TCP connection, which comes beside it as a descriptor, and what was read of it."""

    beginning: bytes


Frame = Message | Packet | Connection


def message_frame(message: Message) -> bytes:
    """Raises `ValueError` for a message that is too long."""
    body = _encoder.encode(message)
    if len(body) > LONGEST:
        raise ValueError("message is too long")
    return _FRAME.pack(_MESSAGE_KIND, len(body)) + body


def media_frame(stream: int, media: Media, *, late: bool) -> bytes:
    flags = media.marker | _RED * media.is_red | _LATE * late
    dependency, payload = media.dependency, media.payload
    length = _MEDIA.size + len(dependency) + len(payload)
    head = _MEDIA.pack(stream, media.sequence, media.timestamp, flags, media.level, len(dependency))
    return _FRAME.pack(_MEDIA_KIND, length) + head + dependency + payload


def connection_frame(beginning: bytes) -> bytes:
    return _FRAME.pack(_CONNECTION_KIND, len(beginning)) + beginning


def frames(datagram: bytes) -> Iterator[Frame]:
    """Raises `ValueError` where it cannot be read; what came before that is good."""
    position, end = 0, len(datagram)
    while position < end:
        if end - position < _FRAME.size:
            raise ValueError("a frame is cut off")
        kind, length = _FRAME.unpack_from(datagram, position)
        position += _FRAME.size
        if end - position < length:
            raise ValueError("a frame is cut off")
        if kind == _MEDIA_KIND:
            yield _packet(datagram, position, position + length)
        elif kind == _MESSAGE_KIND:
            yield _message(datagram[position : position + length])
        elif kind == _CONNECTION_KIND:
            yield Connection(datagram[position : position + length])
        else:
            raise ValueError("no such kind of frame")
        position += length


def _packet(datagram: bytes, start: int, end: int) -> Packet:
    if end - start < _MEDIA.size:
        raise ValueError("a packet is cut off")
    stream, sequence, timestamp, flags, level, length = _MEDIA.unpack_from(datagram, start)
    payload_at = start + _MEDIA.size + length
    if payload_at > end or not -1 <= level <= 255:
        raise ValueError("a packet is cut off")
    dependency = datagram[start + _MEDIA.size : payload_at]
    payload = datagram[payload_at:end]
    media = Media(sequence, timestamp, flags & _MARKER, payload, bool(flags & _RED), None, level, dependency)
    return Packet(stream, media, bool(flags & _LATE))


def _message(body: bytes) -> Message:
    try:
        message: Message = _decoder.decode(body)
    except msgspec.DecodeError as error:  # also what is of a wrong type
        raise ValueError(str(error)) from None
    return message
