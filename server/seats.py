"""Media seats: who is connected to the media engine, for which session; and what the engine tells, told on.

Media rooms are those of sessions and of their breakout rooms (`circles`). Seats are bounded per person, so that a page
which is reloaded over and over does not pile up peers: the oldest goes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import structlog
from msgspec import structs

from live import control
from live.control import Admission, IceParameters, MediaEngine, MediaRefused, Use, ufrag_of
from rooms import messages as m
from rooms.access import check_publishing, check_watching
from rooms.breakouts import is_running
from rooms.errors import Refused
from server.circles import Circles, check_circle, media_room, of_media_room
from server.hub import Hub
from server.limits import Limits
from server.paces import Paces
from server.seat import Seat, kind_of, new_ice_session
from server.streams import Streams

OFFERS_AT_ONCE: Final = 20.0
VIEWS_PER_SECOND: Final = 10.0  # of a person: what their page shows, told by PATCH as windows change
VIEWS_AT_ONCE: Final = 100.0
SENDING: Final[frozenset[Use]] = frozenset({"microphone", "camera", "screen", "screen_sound"})

_log = structlog.get_logger("seats")


class Seats:
    """Admits people to the media of a session, and knows all seats: with several nodes, those on the others too.
    `on_change(session_id)` tells that somebody's seat came or went; `on_reset(rooms)` that their taps are gone, None: all,
    as the engine is there anew. `circles`: what is told of breakout rooms."""

    def __init__(self, engine: MediaEngine, streams: Streams, hub: Hub, limits: Limits) -> None:
        self._engine = engine
        self._streams = streams
        self._hub = hub
        self._seats: dict[str, Seat] = {}  # by peer, in order of arrival
        self._most = limits.seats_per_person
        self._offers = Paces(limits.offers_per_second, OFFERS_AT_ONCE)  # each is work for who carries everybody's sound
        self._views = Paces(VIEWS_PER_SECOND, VIEWS_AT_ONCE)
        self.circles = Circles(streams, hub)
        self.engine_is_up = False
        self.on_change: Callable[[str], None] = lambda session_id: None
        self.on_reset: Callable[[tuple[str, ...] | None], None] = lambda rooms: None

    async def admit(
        self,
        actor: m.Actor,
        session_id: str,
        offer: str,
        uses: dict[str, Use] | None,
        *,
        sends: bool,
        room_id: str = "",
    ) -> Admission:
        """Lets a person into a session's sound and picture, or those of a breakout room. `uses` None: WHIP (`sends`) or WHEP
        software, which only sends or only receives, and is in no breakout room. Raises `Refused`."""
        self.check_pace(actor.person_id)
        receives = uses is not None or not sends
        self._check(actor, session_id, room_id, sends=sends, receives=receives)
        room, kind = media_room(session_id, room_id), kind_of(room_id)
        try:
            admission = await self._engine.admit(
                room, actor.person_id, offer, uses, may_send=sends, may_receive=receives, kind=kind
            )
        except MediaRefused as refusal:
            raise Refused(refusal.code) from refusal
        ice = ufrag_of(admission.answer) or new_ice_session()
        seat = Seat(session_id, admission.peer_id, actor.person_id, sends, uses is None, ice, room_id=room_id)
        self._seats[admission.peer_id] = seat
        try:
            self._check(actor, session_id, room_id, sends=sends, receives=receives)
        except Refused:  # the session ended, or they were taken off the stage or moved, while the engine was asked
            await self._end(seat)
            raise
        await self._make_room(seat)
        return admission

    def check_pace(self, person_id: str) -> None:
        """Counts an offer, or a restart of ICE. Raises `Refused("too_fast")`."""
        self._offers.check(person_id)

    def _check(self, actor: m.Actor, session_id: str, room_id: str, *, sends: bool, receives: bool) -> None:
        if room_id:
            return check_circle(self._streams, actor, session_id, room_id, sends=sends)
        run = self._streams.context(session_id).run
        if receives:
            check_watching(actor, run)
        if sends:
            check_publishing(actor, run)
            if actor.person_id not in self._streams.room(session_id).stage:
                raise Refused("not_on_stage")

    async def leave(self, actor: m.Actor, session_id: str, peer_id: str) -> None:
        """Ends one's own seat. Raises `Refused("not_found")` for another's."""
        await self._end(self._own(actor, session_id, peer_id))

    async def show(self, actor: m.Actor, session_id: str, peer_id: str, heights: dict[str, int]) -> None:
        """Says how large a page of one's own shows its picture slots (`MediaEngine.view`). Raises `Refused`."""
        self._views.check(actor.person_id)
        seat = self._own(actor, session_id, peer_id)
        try:
            await self._engine.view(seat.room, peer_id, heights)
        except MediaRefused as refusal:
            raise Refused(refusal.code) from refusal

    def mute(self, actor: m.Actor, session_id: str, peer_id: str, *, is_muted: bool) -> None:
        """Says whether somebody can be heard in their breakout room. Raises `Refused`."""
        seat = self._own(actor, session_id, peer_id)
        if seat.room_id and seat.sends:
            self.circles.mute(session_id, seat.room_id, actor.person_id, is_muted=is_muted)

    def ice_session(self, actor: m.Actor, session_id: str, peer_id: str) -> str:
        """Which ICE session a seat of one's own is in. Raises `Refused`."""
        return self._own(actor, session_id, peer_id).ice

    async def restart(self, actor: m.Actor, session_id: str, peer_id: str, ufrag: str) -> IceParameters:
        """Restarts the ICE session of a seat of one's own (`MediaEngine.restart_ice`). Raises `Refused`; what is goes
        on then."""
        self.check_pace(actor.person_id)
        room = self._own(actor, session_id, peer_id).room
        try:
            parameters = await self._engine.restart_ice(room, peer_id, ufrag)
        except MediaRefused as refusal:
            raise Refused(refusal.code) from refusal
        seat = self._own(actor, session_id, peer_id)  # it may have ended meanwhile
        self._seats[peer_id] = structs.replace(seat, ice=parameters.ufrag)
        return parameters

    def _own(self, actor: m.Actor, session_id: str, peer_id: str) -> Seat:
        seat = self._seats.get(peer_id)
        if seat is None or (seat.person_id, seat.session_id) != (actor.person_id, session_id):
            raise Refused("not_found")
        return seat

    async def close_session(self, session_id: str) -> None:
        """Ends every seat of a session (it is over), in its breakout rooms too: those who only receive in its own media room
        all at once, wherever they are."""
        seats = [seat for seat in self._seats.values() if seat.session_id == session_id]
        for seat in seats:
            del self._seats[seat.peer_id]
        try:
            await self._engine.remove_receivers(session_id)
        except MediaRefused:
            _log.info("engine away, its peers are gone with it")
        for seat in seats:
            if seat.sends or seat.room_id:
                await self._end(seat)
        self.on_change(session_id)

    async def keep_to_circles(self, session_id: str) -> None:
        """Ends the seats of those who sit in a breakout room no more: it closed, they were moved, or visit it no longer."""
        state = self._streams.breakouts(session_id)
        for seat in [seat for seat in self._seats.values() if seat.session_id == session_id and seat.room_id]:
            room = state.rooms.get(seat.room_id)
            stays = room is not None and is_running(state, room)
            if room is None or not stays or seat.person_id not in (*room.people, *(() if seat.sends else room.visitors)):
                await self._end(seat)

    async def take_off_stage(self, session_id: str, person_id: str) -> None:
        """Ends a person's sending seats; their pages offer again, to receive only."""
        theirs = [s for s in self._seats.values() if (s.session_id, s.person_id, s.room_id) == (session_id, person_id, "")]
        for seat in theirs:
            if seat.sends:
                await self._end(seat)

    async def end_person(self, person_id: str) -> None:
        """Ends every seat of a person's (their link was withdrawn, or their roles changed: their pages offer again)."""
        for seat in [seat for seat in self._seats.values() if seat.person_id == person_id]:
            await self._end(seat)

    def publishes_externally(self, session_id: str, person_id: str) -> bool:
        """True while software of a person's sends into a session (their page need not be open then)."""
        return any(
            s.sends and s.external and (s.session_id, s.person_id) == (session_id, person_id) for s in self._seats.values()
        )

    @property
    def count(self) -> int:
        """Of those that people were let in to by this node."""
        return sum(seat.is_ours for seat in self._seats.values())

    async def listen(self) -> None:
        """Tells on what the engine tells, until cancelled."""
        async for notification in self._engine.notifications():
            self.heed(notification)

    async def look_again(self, actor_of: Callable[[str], m.Actor | None]) -> None:
        """Ends the seats of those who may not sit there any more; `actor_of` a person: None if they may be nowhere."""
        for seat in list(self._seats.values()):
            if not self._may_stay(seat, actor_of(seat.person_id)):
                await self._end(seat)

    def _may_stay(self, seat: Seat, actor: m.Actor | None) -> bool:
        if actor is None:
            return False
        try:
            self._check(actor, seat.session_id, seat.room_id, sends=seat.sends, receives=not (seat.external and seat.sends))
        except Refused:
            return False
        return True

    def heed(self, notification: control.Notification) -> None:
        """Takes in what the engine tells."""
        match notification:
            case control.SlotsChanged(room) | control.ActiveSpeaker(room) | control.PeerDown(room) if not self._is_session(
                room
            ):
                pass  # a device check's own room: nobody follows it, and what was kept of it would stay for good
            case control.SlotsChanged(room, slots, codecs):
                self._slots_changed(*of_media_room(room), slots, codecs)
            case control.ActiveSpeaker(room, label):
                self._speaks(*of_media_room(room), label)
            case control.PeerSeated():
                self.take_note(notification)
            case control.PeerDown(room, peer_id):
                self._seats.pop(peer_id, None)
                self.on_change(of_media_room(room)[0])
            case control.EngineDown():
                self.engine_is_up = False
                self.circles.clear()
                self._tell_sessions("down")
                for session_id in self._streams.conference.runs:  # who comes now must not look for pictures of before
                    self._hub.forget_signal(m.session_stream(session_id), m.SlotsSignal)
            case control.EngineUp():
                self.engine_is_up = True
                self._forget_all()
                self._tell_sessions("reset")
                self.on_reset(None)
            case control.PeersLost(prefix, tapped):
                self._forget_lost(prefix)
                if tapped:
                    self.on_reset(tapped)
            case control.PeerUp():
                pass

    def _slots_changed(self, session_id: str, room_id: str, slots: dict[str, str], codecs: dict[str, str]) -> None:
        if room_id:
            self.circles.slots_changed(session_id, room_id, slots, codecs)
        else:
            self._hub.signal(m.SlotsSignal(m.session_stream(session_id), slots, codecs))

    def _speaks(self, session_id: str, room_id: str, person_id: str) -> None:
        if room_id:
            self.circles.speaks(session_id, room_id, person_id)
        else:
            self._hub.signal(m.SpeakingSignal(m.session_stream(session_id), person_id))

    def take_note(self, seated: control.PeerSeated, *, is_ours: bool = False) -> None:
        """Of a seat, whichever node somebody was let in by, or `is_ours` before it was started anew."""
        (session_id, room_id), peer_id = of_media_room(seated.room), seated.peer_id
        if self._is_session(session_id):
            ice = seated.ufrag or new_ice_session()
            known = self._seats.get(peer_id)
            is_ours = is_ours or (known is not None and known.is_ours)
            self._seats[peer_id] = Seat(
                session_id, peer_id, seated.label, seated.sends, seated.external, ice, is_ours, room_id
            )
            self.on_change(session_id)

    def _is_session(self, room: str) -> bool:
        try:
            self._streams.context(of_media_room(room)[0])
        except Refused:
            return False
        return True

    def _forget_all(self) -> None:
        """Every seat went with the engine. Pages offer again; software that published may not, and is on stage still."""
        sessions = {seat.session_id for seat in self._seats.values()}
        self._seats.clear()
        for session_id in sessions:
            self.on_change(session_id)

    def _forget_lost(self, prefix: str) -> None:
        """A part of the engine died: whoever sat there offers again, and nobody else is disturbed."""
        lost = [seat for seat in self._seats.values() if seat.peer_id.startswith(prefix)]
        for seat in lost:
            del self._seats[seat.peer_id]
        for session_id in dict.fromkeys(seat.session_id for seat in lost):
            stream = m.session_stream(session_id)
            self._hub.signal(m.MediaSignal(stream, "reset", (prefix,)))
            self._hub.forget_signal(stream, m.MediaSignal)
            self.on_change(session_id)

    def _tell_sessions(self, status: str) -> None:
        for session_id, run in self._streams.conference.runs.items():
            if run.phase in ("backstage", "live"):
                stream = m.session_stream(session_id)
                self._hub.signal(m.MediaSignal(stream, "reset" if status == "reset" else "down"))
                if status == "reset":  # who comes later offers anyway
                    self._hub.forget_signal(stream, m.MediaSignal)

    async def _make_room(self, newest: Seat) -> None:
        """In the session's own media room and in breakout rooms for themselves: who is in a room keeps the plenary's."""
        kind = newest.person_id, newest.external, bool(newest.room_id)
        own = [s for s in self._seats.values() if (s.person_id, s.external, bool(s.room_id)) == kind]
        for seat in own[: max(0, len(own) - self._most)]:
            await self._end(seat)

    async def _end(self, seat: Seat) -> None:
        self._seats.pop(seat.peer_id, None)
        try:
            await self._engine.remove(seat.room, seat.peer_id)
        except MediaRefused:
            _log.info("engine away, its peers are gone with it")
        self.on_change(seat.session_id)
