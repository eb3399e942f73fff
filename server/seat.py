"""A media seat: somebody's connection to the media engine, as the server knows it. Neighbour: `seats`, which has all."""

from __future__ import annotations

import secrets

from msgspec import Struct

from live.control import RoomKind
from server.circles import media_room


class Seat(Struct, frozen=True):
    """One peer of the media engine. `sends`: it may publish; `external`: software that came by WHIP or WHEP; `ice`: what
    tells its ICE session from the ones before and after (an entity tag, RFC 9725, 4.3.1); `is_ours`: let in by this node;
    `room_id`: of a breakout room, "" in the session's own media room."""

    session_id: str
    peer_id: str
    person_id: str
    sends: bool
    external: bool
    ice: str
    is_ours: bool = True
    room_id: str = ""

    @property
    def room(self) -> str:
        """The engine's name for where it is."""
        return media_room(self.session_id, self.room_id)


def kind_of(room_id: str) -> RoomKind:
    """What the engine is to make of a media room."""
    return "circle" if room_id else "stage"


def new_ice_session() -> str:
    return secrets.token_hex(8)
