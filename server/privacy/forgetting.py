"""What a running server does when somebody was erased, by another process or by its own clock: they are disconnected, and
nothing in memory knows them any more. Every node does this for itself."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from rooms import messages as m
from rooms.breakouts import open_rooms
from server.privacy.erasing import Departure, erase
from server.privacy.former import is_former, new_former
from server.tables import erasures

if TYPE_CHECKING:
    from server.services import Services

LOOKS: Final = 2  # at somebody who has left: what was being written when the first came is there at the second


class Forgetting:
    """`look` again and again; it is cheap where nothing has happened."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._leaving: dict[str, int] = {}  # how often they will still be looked at, by their ids
        self._version: object = (0, None)  # so that what was erased while this server started is not missed
        services.people.on_gone = self._note

    def _note(self, gone: Iterable[str]) -> None:
        self._leaving |= dict.fromkeys(gone, LOOKS)

    async def look(self) -> None:
        if self._leaving:
            await self._see_off(list(self._leaving))
            self._leaving = {key: times - 1 for key, times in self._leaving.items() if times > 1}
        version = await self._services.database.read(_version)
        if version != self._version:
            await self._project_anew()
            self._version = version

    async def _see_off(self, leaving: list[str]) -> None:
        """Ends all that they do here, then erases what they did since they were erased."""
        services = self._services
        services.hub.recheck()
        for person_id in leaving:
            await services.seats.end_person(person_id)
            services.presence.forget(person_id)
        await services.streams.drain()
        for person_id in leaving:
            await services.ballots.forget_person(person_id, self._open_polls())
        departures = [Departure(person_id, new_former()) for person_id in leaving]
        await erase(services.database, services.keys, departures, services.now())

    def _open_polls(self) -> list[m.Poll]:
        return [poll for _, room in self._rooms() for poll in room.polls.values() if poll.phase == "open"]

    def _rooms(self) -> list[tuple[str, m.RoomState]]:
        streams = self._services.streams
        programme = streams.conference.programme
        return [(plan.id, streams.room(plan.id)) for plan in (programme.sessions if programme else ())]

    async def _project_anew(self) -> None:
        """The journal was redacted: what was projected from it is not true any more."""
        services = self._services
        for stream in await services.streams.reload():
            services.hub.tell_anew(stream)
        for session_id, room in self._rooms():
            for person_id in room.stage:
                if is_former(person_id):  # erased while on stage, and not there any more to leave it
                    await services.streams.handle(m.session_stream(session_id), m.SYSTEM, m.StageRemove(person_id))
        for session_id, _ in self._rooms():
            seated = [one for room in open_rooms(services.streams.breakouts(session_id)) for one in room.people]
            for person_id in filter(is_former, seated):
                await services.streams.handle(m.breakouts_stream(session_id), m.SYSTEM, m.BreakoutMove(person_id))


async def _version(connection: AsyncConnection) -> object:
    """Changes with every erasure."""
    query = select(func.count(), func.max(erasures.c.at)).select_from(erasures)
    return tuple((await connection.execute(query)).one())
