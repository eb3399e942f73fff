"""The engine's core in one worker: rooms, peers and taps, admitted and removed. Neighbours: `worker` runs it behind the
control connection, `entrance` lets clients in, `rounds` looks after who is there.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

from live import ice
from live.answer import offers_better, plan
from live.answer_text import Local, answer_text
from live.control import (
    RECORDABLE,
    Admission,
    HeldRoom,
    IceParameters,
    MediaRefused,
    Notification,
    PeerDown,
    PeerUp,
    PortStatistics,
    RoomKind,
    TapFormat,
    Use,
    WorkerStatistics,
)
from live.dtls import Certificate, sha256_fingerprint
from live.entrance import Entrance
from live.fan import Bursts
from live.inbox import Inbox
from live.leftovers import Leftovers
from live.limits import Limits
from live.native import Helper
from live.peer import Peer
from live.port import MediaPort
from live.relays import Relays
from live.repertoire import lacking
from live.room import Room
from live.rounds import TICKS_PER_REPORT, Rounds
from live.tap import Tap
from live.tcp import TcpPort
from live.wire import Place


class Forwarder:
    """`candidates` are announced in every answer; `notify` hears what happens. `helper`: the compiled one, if it is used."""

    def __init__(
        self,
        notify: Callable[[Notification], None],
        limits: Limits,
        helper: Helper | None = None,
        place: Place = Place(),  # noqa: B008 (frozen)
    ) -> None:
        self._index, self._node, self._prefix = place.index, place.node, place.prefix
        self.helped = (Bursts(helper), Inbox(helper)) if helper else None
        self._notify = notify
        self._limits = limits
        self._certificate = Certificate.generateCertificate()
        self._fingerprint = sha256_fingerprint(self._certificate)
        self.candidates: tuple[str, ...] = ()
        self.ports: tuple[MediaPort, TcpPort] | None = None
        self._rooms: dict[str, Room] = {}
        self._relays = Relays(place, self)
        if self.helped is not None:
            self.helped[0].before = self._relays.flush
        self.entrance = Entrance(place.index, self._relays.give)
        self._rounds = Rounds(self._rooms, limits, self._tick, self._end)
        self._closing: set[asyncio.Task[None]] = set()
        self._leftovers = Leftovers(_now())

    # --- control ---

    def admit(
        self,
        room: str,
        label: str,
        offer: str,
        uses: dict[str, Use] | None,
        *,
        may_send: bool,
        may_receive: bool,
        kind: RoomKind = "stage",
        home: int | None = None,
    ) -> Admission:
        """See `MediaEngine.admit`. `home`: the worker that decides about the room; None: this one."""
        codecs = self._rooms[room].codecs() if room in self._rooms else None
        agreed = plan(offer, uses, may_send=may_send, may_receive=may_receive, kind=kind, video_codecs=codecs)
        here = self._open(room, self._index if home is None else home, kind)
        if not self._has_room(here):
            self.close_if_empty(room)
            raise MediaRefused("media_unavailable", "too many peers")
        credentials = ice.make_credentials(agreed.remote_ufrag, self._index, self._node)
        peer = Peer(
            self._prefix + secrets.token_hex(8),
            label,
            here.board,
            agreed,
            credentials,
            self._certificate,
            self._limits,
            _now(),
            on_up=self._welcome,
            on_down=self._end,
            helped=self.helped,
        )
        here.peers[peer.id] = peer
        self.entrance.add(peer)
        here.repertoire.add(agreed.receivings)
        self._tell_lacking(here, peer)
        local = Local(credentials.ufrag, credentials.password, self._fingerprint, self.candidates)
        answer = answer_text(agreed, local, lambda slot: here.board.slots[slot].ssrcs)
        return Admission(peer.id, answer, agreed.decodes)

    def _has_room(self, room: Room) -> bool:
        """For one more peer. If there is none, whoever has most offers under way that were never completed loses the oldest
        of them, so that nobody keeps others out with offers alone. Of people who come each once, nobody does."""
        if len(room.peers) >= self._limits.peers_per_room:
            crowded = list(room.peers.values())
        elif len(self.entrance.peers) >= self._limits.peers:
            crowded = list(self.entrance.peers.values())
        else:
            return True
        waiting = [peer for peer in crowded if not peer.is_up]  # oldest first
        ((label, count),) = Counter(peer.label for peer in waiting).most_common(1) or [("", 0)]
        if count < 2:
            return False
        self._end(next(peer for peer in waiting if peer.label == label), "never_came")
        return True

    def _welcome(self, peer: Peer) -> None:
        """The peer came up."""
        room = peer.room.room
        self._notify(PeerUp(room, peer.id, peer.label))
        here = self._rooms[room]
        if not lacking(peer.plan.receivings):
            return
        if here.home == self._index:
            self.hold_to_common(here, peer)
        else:
            self._relays.tell_lacking(here, hold=True)

    def hold_to_common(self, room: Room, newcomer: Peer | None = None) -> None:
        """A viewer who lacks a codec came up, here or in another worker. Pages that send what it cannot decode are ended,
        and offer again: once, as they then send what everybody can. (What software sends stays: it may not come back.)"""
        room.repertoire.hold()
        codecs = room.codecs()
        for other in list(room.peers.values()):
            if other is not newcomer and other.plan.is_page and offers_better(other.plan, codecs):
                self._end(other, "codec")

    def _tell_lacking(self, room: Room, peer: Peer) -> None:
        """Who cannot decode everything came or went."""
        if room.home != self._index and lacking(peer.plan.receivings):
            self._relays.tell_lacking(room)

    def restart_ice(self, room: str, peer_id: str, ufrag: str) -> IceParameters:
        """See `MediaEngine.restart_ice`."""
        home = self._rooms.get(room)
        peer = home.peers.get(peer_id) if home else None
        if peer is None:
            raise MediaRefused("not_found", "no such peer")
        if ufrag == peer.credentials.remote_ufrag:
            raise MediaRefused("bad_offer", "a restart brings another user name fragment")  # RFC 8839, 4.4.1.1.1
        renewed = self.entrance.restart(peer, ufrag)
        return IceParameters(renewed.ufrag, renewed.password, self.candidates)

    def remove(self, room: str, peer_id: str) -> None:
        home = self._rooms.get(room)
        if home and (peer := home.peers.get(peer_id)):
            self._end(peer, "removed")

    def remove_label(self, room: str, label: str, *, senders_only: bool) -> None:
        for peer in self._peers(room):
            if peer.label == label and (peer.sends or not senders_only):
                self._end(peer, "removed")

    def remove_receivers(self, room: str) -> None:
        for peer in self._peers(room):
            if not peer.sends:
                self._end(peer, "removed")

    def tap(
        self, room: str, tap_id: str, host: str, video_port: int, audio_port: int, codecs: tuple[str, ...] = RECORDABLE
    ) -> TapFormat:
        """See `MediaEngine.tap`. A tap of the same id is replaced."""
        self.untap(room, tap_id)
        home = self._open(room, self._index, "stage")
        try:
            if len(home.taps) >= self._limits.taps_per_room:
                raise MediaRefused("media_unavailable", "too many taps")
            tap = home.taps[tap_id] = Tap(home.board, host, video_port, audio_port, home.tap_codec(codecs))
        finally:
            self.close_if_empty(room)
        tap.start(_now())
        return tap.format

    def untap(self, room: str, tap_id: str) -> None:
        home = self._rooms.get(room)
        if home and (tap := home.taps.pop(tap_id, None)):
            tap.close()
            self.close_if_empty(room)

    def view(self, room: str, peer_id: str, heights: dict[str, int]) -> None:
        """See `MediaEngine.view`."""
        home = self._rooms.get(room)
        if home and (peer := home.peers.get(peer_id)):
            peer.down.steering.view(heights, _now())

    def held(self) -> tuple[HeldRoom, ...]:
        """What there is, for another server."""
        return tuple(room.held() for room in self._rooms.values())

    def untap_all(self) -> None:
        """The server is gone, and with it its recorders."""
        for name, room in list(self._rooms.items()):
            for tap_id in list(room.taps):
                self.untap(name, tap_id)

    def statistics(self) -> WorkerStatistics:
        now = _now()
        used = os.times()
        udp, tcp = self.ports or (None, None)
        ports = PortStatistics(
            received=sum(endpoint.received for endpoint in udp.endpoints) if udp else 0,
            strangers=sum(endpoint.strangers for endpoint in udp.endpoints) if udp else 0,
            connections=tcp.connections if tcp else 0,
            refused=tcp.refused if tcp else 0,
        )
        rooms = {name: room.statistics(now) for name, room in self._rooms.items()}
        return WorkerStatistics(
            pid=os.getpid(),
            cpu_s=used.user + used.system,
            peers=len(self.entrance.peers),
            ports=ports,
            rooms=rooms,
            name=str(self._index),
            relays=self._relays.statistics(),
            tasks=len(asyncio.all_tasks()),
        )

    # --- life ---

    def start(self) -> None:
        """Raises `OSError` if other workers could not find this one."""
        self._relays.start()
        self._rounds.start()

    async def stop(self) -> None:
        self._rounds.stop()
        for room in list(self._rooms.values()):
            for tap_id in list(room.taps):
                self.untap(room.board.room, tap_id)
            for peer in list(room.peers.values()):
                self._end(peer, "stopped")
        self._relays.stop()
        await asyncio.gather(*self._closing)

    def adopt(self, sock: socket.socket, beginning: bytes) -> None:
        """A TCP connection that came in by another worker."""
        if self.ports:
            self._spawn(self.ports[1].adopt(sock, beginning))
        else:
            sock.close()

    def _tick(self) -> None:
        """Every 100 ms, what concerns no room."""
        self._relays.tick()
        self._leftovers.look(len(self.entrance.peers), _now())

    def _end(self, peer: Peer, reason: str) -> None:
        """Takes a peer out of all tables at once; its goodbye follows."""
        room = peer.room.room
        home = self._rooms.get(room)
        if home is None or home.peers.pop(peer.id, None) is None:
            return
        self.entrance.remove(peer)
        home.repertoire.remove(peer.plan.receivings)
        self._tell_lacking(home, peer)
        peer.leave()
        self._notify(PeerDown(room, peer.id, peer.label, reason))
        self._spawn(self._part(peer))
        self.close_if_empty(room)

    async def _part(self, peer: Peer) -> None:
        await peer.say_goodbye()
        self._leftovers.add()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def _peers(self, room: str) -> list[Peer]:
        home = self._rooms.get(room)
        return list(home.peers.values()) if home else []

    # --- rooms ---

    def find(self, room: str) -> Room | None:
        return self._rooms.get(room)

    def open_for_follower(self, room: str) -> Room:
        """Another worker has viewers of a room that is at home here. Raises `MediaRefused`."""
        return self._rooms.get(room) or self._open(room, self._index, "stage")

    def rehome(self, room: str, home: int) -> None:
        """The room's home died, and this is the new one: another worker, or this one."""
        if (found := self._rooms.get(room)) and found.home != home:
            self._relays.leave(found)
            found.home = home
            if home != self._index:
                self._relays.follow(found, home)

    def _open(self, room: str, home: int, kind: RoomKind) -> Room:
        if room in self._rooms:
            self._rooms[room].check(kind)
            self.rehome(room, home)
            return self._rooms[room]
        if len(self._rooms) >= self._limits.rooms:
            raise MediaRefused("media_unavailable", "too many rooms")
        phase = secrets.randbelow(TICKS_PER_REPORT)
        opened = self._rooms[room] = Room(room, phase, self._notify, self._limits, home, self._relays.publication, kind)
        if home != self._index:
            self._relays.follow(opened, home)
        return opened

    def close_if_empty(self, room: str) -> None:
        found = self._rooms.get(room)
        if found and found.is_empty:
            self._relays.leave(found)
            del self._rooms[room]


def _now() -> float:
    return time.monotonic()
