"""Whose microphone is off in a breakout room, known to all nodes: their page tells one of them. What is lost on the way is
told again with the next switch, and to a node that joins: by the node that was told by the page, since what the others know
may be old."""

from __future__ import annotations

from typing import Final

import msgspec

from server.circles import Circles
from server.cluster.node import Nodes
from server.cluster.redis import RedisLink

CHANNEL: Final = "muted"


class Muted(msgspec.Struct, frozen=True, array_like=True):
    """Somebody switched their microphone, and told the node `of`."""

    of: str
    session_id: str
    room_id: str
    person_id: str
    is_muted: bool


_decoder: Final = msgspec.msgpack.Decoder(Muted)


def share_muted(link: RedisLink, nodes: Nodes, circles: Circles) -> None:
    """Before `link.run()`."""

    told_here: set[tuple[str, str, str]] = set()  # who is muted, and told no other node so since

    def tell(session_id: str, room_id: str, person_id: str, is_muted: bool) -> None:
        told_here.add((session_id, room_id, person_id))
        told_here.intersection_update(circles.all_muted())
        link.tell(CHANNEL, msgspec.msgpack.encode(Muted(nodes.id, session_id, room_id, person_id, is_muted)))

    def tell_again(_node: str) -> None:
        told_here.intersection_update(circles.all_muted())
        for who in told_here:
            link.tell(CHANNEL, msgspec.msgpack.encode(Muted(nodes.id, *who, True)))

    def heed(message: bytes) -> None:
        told = _decoder.decode(message)
        if told.of != nodes.id:
            told_here.discard((told.session_id, told.room_id, told.person_id))
            circles.set_muted(told.session_id, told.room_id, told.person_id, is_muted=told.is_muted)

    circles.on_mute = tell
    nodes.on_join.append(tell_again)
    link.on(CHANNEL, heed)
