"""Whose microphone is off in a breakout room, known to all nodes: their page tells one of them. What is lost on the way is
told again with the next switch, and to a node that joins."""

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

    def tell(session_id: str, room_id: str, person_id: str, is_muted: bool) -> None:
        link.tell(CHANNEL, msgspec.msgpack.encode(Muted(nodes.id, session_id, room_id, person_id, is_muted)))

    def tell_all(_node: str) -> None:
        for session_id, room_id, person_id in circles.all_muted():
            tell(session_id, room_id, person_id, True)

    def heed(message: bytes) -> None:
        told = _decoder.decode(message)
        if told.of != nodes.id:
            circles.set_muted(told.session_id, told.room_id, told.person_id, is_muted=told.is_muted)

    circles.on_mute = tell
    nodes.on_join.append(tell_all)
    link.on(CHANNEL, heed)
