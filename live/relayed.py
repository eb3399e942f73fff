"""What a room's home tells and sends other workers that have viewers of it: its decisions, and the layers that they have
subscribed to, each packet once a worker. Neighbours: `follower` is the other end, `relays` connects the two.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from live.link import Link
from live.media import Media
from live.relay_wire import BoardState, LayerState, SourceState, media_frame, message_frame
from live.source import Source
from live.switchboard import Switchboard
from live.track import Track

TELL_INTERVAL: Final = 0.5  # seconds, after which bitrates and the like are told again


class Feed:
    """A layer on its way to followers: a sink of its track. `stream`: its number in this worker."""

    __slots__ = ("links", "stream", "track")

    def __init__(self, stream: int, track: Track) -> None:
        self.stream, self.track = stream, track
        self.links: tuple[Link, ...] = ()

    def forward(self, media: Media, now: float, *, late: bool) -> None:
        frame = media_frame(self.stream, media, late=late)
        for link in self.links:
            link.send_media(frame)

    def add(self, link: Link, now: float) -> None:
        """A follower has viewers of it."""
        if link not in self.links:
            if not self.links:
                self.track.sinks = (*self.track.sinks, self)
            self.links = (*self.links, link)
        self.track.request_key_frame(now)

    def remove(self, link: Link) -> None:
        if link in self.links:
            self.links = tuple(each for each in self.links if each is not link)
            if not self.links:
                self.track.sinks = tuple(sink for sink in self.track.sinks if sink is not self)


class Publication:
    """One room, as its home publishes it. `feeds`: of the whole worker, by stream; `numbers` for new ones."""

    def __init__(self, board: Switchboard, feeds: dict[int, Feed], numbers: Iterator[int]) -> None:
        self._board, self._feeds, self._numbers = board, feeds, numbers
        self.followers: dict[Link, None] = {}
        self._own: dict[Track, Feed] = {}
        self._ids: dict[Source, int] = {}
        self._told: object = None
        self._told_at = float("-inf")

    def add(self, link: Link, now: float) -> None:
        """Another worker has viewers of the room."""
        self.followers[link] = None
        self._board.on_arranged = self._tell
        self._told = None
        self._tell(now)

    def remove(self, link: Link) -> None:
        """It has none any more, or is gone."""
        self.followers.pop(link, None)
        for feed in list(self._own.values()):
            feed.remove(link)
        self._prune(())

    def _tell(self, now: float) -> None:
        """The home has decided, perhaps the same as before."""
        if not self.followers:
            return
        state = self.state()
        essence = state.speaker, state.slots, [_essence(source) for source in state.sources]
        if essence != self._told or now - self._told_at >= TELL_INTERVAL:
            self._told, self._told_at = essence, now
            frame = message_frame(state)
            for link in list(self.followers):
                link.send(frame)

    def state(self) -> BoardState:
        """What holds now."""
        board = self._board
        sources = tuple(dict.fromkeys(slot.source for slot in board.slots.values() if slot.source is not None))
        self._ids = {source: self._ids.get(source) or next(self._numbers) for source in sources}
        told = tuple(self._source(source) for source in sources)
        self._prune(sources)
        slots = {name: self._ids[slot.source] for name, slot in board.slots.items() if slot.source is not None}
        return BoardState(board.room, board.epoch, board.speaker, told, slots)

    def _source(self, source: Source) -> SourceState:
        layers = tuple(map(self._layer, source.layers()))
        return SourceState(self._ids[source], source.label, source.use, source.codec, layers)

    def _layer(self, track: Track) -> LayerState:
        feed = self._own.get(track)
        if feed is None:
            feed = self._own[track] = Feed(next(self._numbers), track)
            self._feeds[feed.stream] = feed
        return LayerState(feed.stream, track.rid, track.height, track.reception.bitrate, track.instant)

    def _prune(self, sources: tuple[Source, ...]) -> None:
        """Layers that feed no slot any more, and that no follower gets."""
        current = {track for source in sources for track in source.tracks}
        for track, feed in list(self._own.items()):
            if track not in current and not feed.links:
                del self._own[track], self._feeds[feed.stream]


def _essence(source: SourceState) -> object:
    return source.id, [(layer.stream, layer.height) for layer in source.layers]
