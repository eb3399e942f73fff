"""A room in one worker: its switchboard, the peers and taps that are here, and which worker is its home. Neighbours:
`forwarder` keeps the rooms, `relays` connects those that several workers have.
"""

from __future__ import annotations

from collections.abc import Callable

from live.answer import PROGRAMME
from live.codecs import Codec
from live.control import HeldRoom, MediaRefused, Notification, PeerSeated, RoomKind, RoomStatistics
from live.limits import Limits
from live.peer import Peer
from live.peer_statistics import peer_statistics
from live.relayed import Publication
from live.repertoire import Repertoire, lacking
from live.switchboard import Switchboard
from live.tap import Tap, choose_codec


class Room:
    """`home`: the worker that decides who feeds its slots, and has all publishers and taps. `publication`: what other
    workers get of it. Peers and taps by id."""

    def __init__(
        self,
        name: str,
        phase: int,
        notify: Callable[[Notification], None],
        limits: Limits,
        home: int,
        publish: Callable[[Switchboard], Publication],
        kind: RoomKind = "stage",
    ) -> None:
        self.name, self.home, self.kind = name, home, kind
        self.board = Switchboard(name, notify, limits, kind)
        self.publication = publish(self.board)
        self.phase = phase  # the tick of each second at which its taps get reports: not all rooms at once
        self.peers: dict[str, Peer] = {}
        self.taps: dict[str, Tap] = {}
        self.repertoire = Repertoire()

    def check(self, kind: RoomKind) -> None:
        """Raises `MediaRefused` unless the room is of that kind: a circle is nobody's stage, and is not tapped."""
        if kind != self.kind:
            raise MediaRefused("not_found", f"the room is a {self.kind}")

    @property
    def is_empty(self) -> bool:
        return not self.peers and not self.taps and not self.publication.followers

    @property
    def holds(self) -> bool:
        """Somebody is here who cannot decode everything."""
        return any(peer.is_up and lacking(peer.plan.receivings) for peer in self.peers.values())

    def codecs(self) -> tuple[Codec, ...]:
        """The video codecs that publishers are held to (`Repertoire.common`)."""
        return self.repertoire.common({tap.format.video for tap in self.taps.values()})

    def tap_codec(self, codecs: tuple[str, ...]) -> Codec:
        """Of a new tap that takes these (`MediaEngine.tap`). Raises `MediaRefused` where none is a codec of pictures."""
        source = self.board.slots[PROGRAMME].source
        return choose_codec(codecs, (source.codec, *self.repertoire.common()) if source else self.repertoire.common())

    def held(self) -> HeldRoom:
        """For another server."""
        peers = tuple(
            PeerSeated(self.name, peer.id, peer.label, peer.sends, not peer.plan.is_page, peer.credentials.ufrag)
            for peer in self.peers.values()
        )
        return HeldRoom(self.name, self.kind, self.home, self.board.told, self.board.speaker, peers)

    def statistics(self, now: float) -> RoomStatistics:
        peers = {peer.id: peer_statistics(peer, now) for peer in self.peers.values()}
        return RoomStatistics(
            self.board.statistics(), peers, {tap_id: tap.statistics() for tap_id, tap in self.taps.items()}
        )
