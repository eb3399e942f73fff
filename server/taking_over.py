"""What a server does that finds media going on: the one before was killed, and its media workers were adopted
(`live/adoption.py`). It knows nothing yet of who sits where, and somebody may have lost the right to meanwhile. Neighbour:
`seats`.
"""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from live.control import ActiveSpeaker, HeldRoom
from rooms.errors import Refused
from server.circles import CHECK, of_media_room
from server.services import Services

_log = structlog.get_logger("plenum")


async def take_over(services: Services, rooms: Sequence[HeldRoom]) -> None:
    """All seats are known as before, but for those of people who may not be there any more: these end."""
    seats = services.seats
    seats.engine_is_up = True
    _log.warning("media goes on where another server has left it", connections=sum(len(room.peers) for room in rooms))
    for room in rooms:
        if not _is_known(services, room.name):  # its session has left the programme
            for peer in room.peers:
                if room.name != f"{CHECK}{peer.label}":  # where somebody tries their devices there is none
                    await services.media.remove(room.name, peer.peer_id)
            continue
        for peer in room.peers:
            seats.take_note(peer, is_ours=True)
        if room.slots.slots:
            seats.heed(room.slots)
            seats.heed(ActiveSpeaker(room.name, room.speaker))
    await seats.look_again(services.identity.actor_of)


def _is_known(services: Services, room: str) -> bool:
    try:
        services.streams.context(of_media_room(room)[0])
    except Refused:
        return False
    return True
