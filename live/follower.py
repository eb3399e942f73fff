"""A room in a worker that is not its home: it has viewers, and is sent what they watch. The home decides who feeds which
slot; rungs, key frames, layers and repairs of the viewers here are this worker's own.

`RelayedTrack` is a publisher's layer as it comes from the home, with the publisher's own numbers: a viewer cannot tell it
from one that arrives here. A layer that nobody here is on is not sent. Neighbours: `switchboard` obeys a `Lead`, `home`
brings what it is told.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from live import rtcp
from live.agreement import Sending
from live.media import Media
from live.relay_wire import BoardState, KeyFrame, LayerState, Message, SourceState, Subscribe, Unsubscribe
from live.rung import Rung
from live.source import Source
from live.switchboard import Switchboard
from live.track import Sink, Track

KEEP: Final = 2.0  # seconds for which a layer still comes that nobody is on any more
HEADER: Final = 12  # octets, that count as received with a payload

Tell = Callable[[Message], None]


class RelayedTrack(Track):
    """`stream`: its number at the home. `tell` takes messages there."""

    __slots__ = ("_comes_with_key_frame", "_is_subscribed", "_sinks", "_tell", "_unwanted_since", "stream")

    def __init__(self, stream: int, sending: Sending, rid: str, tell: Tell) -> None:
        self.stream, self._tell = stream, tell
        self._sinks: tuple[Sink, ...] = ()
        self._is_subscribed = self._comes_with_key_frame = False
        self._unwanted_since: float | None = None
        super().__init__(sending, stream, self._ask, _nothing, None, rid)

    @property
    def sinks(self) -> tuple[Sink, ...]:  # a rung that is added subscribes at once
        return self._sinks

    @sinks.setter
    def sinks(self, sinks: tuple[Sink, ...]) -> None:
        self._sinks = sinks
        if sinks:
            self._subscribe()

    @property
    def is_wanted(self) -> bool:
        """Somebody is on one of its rungs, or waits there."""
        return any(not (isinstance(sink, Rung) and sink.is_empty) for sink in self._sinks)

    def take(self, media: Media, now: float, *, late: bool) -> None:
        """A packet came from the home."""
        heard = self.reception
        heard.packets += 1
        heard.bytes += len(media.payload) + HEADER
        heard.arrived_at = now
        if media.sequence > heard.newest:
            heard.newest, heard.timestamp = media.sequence, media.timestamp
        if not self.is_audio:
            media = self._keep(media.sequence, media.timestamp, media.marker, media.payload, media.dependency)
        self._pass_on(media, now, late=late)

    def heed(self, state: LayerState, epochs: float) -> None:
        """What the home knows of it. `epochs`: this worker's less the home's."""
        self.reception.bitrate = state.bitrate
        self.height = state.height
        if state.instant is not None:
            self.instant = state.instant[0] + epochs, state.instant[1]

    def tick(self, now: float) -> None:
        """Every 100 ms: whether it still has to come."""
        super().tick(now)
        if self.is_wanted:
            self._unwanted_since = None
            self._subscribe()
        elif self._unwanted_since is None:
            self._unwanted_since = now
        elif now - self._unwanted_since > KEEP:
            self.release()

    def release(self) -> None:
        """It need not come any more."""
        if self._is_subscribed:
            self._is_subscribed = False
            self._tell(Unsubscribe(self.stream))

    def _subscribe(self) -> None:
        if not self._is_subscribed:
            self._is_subscribed = self._comes_with_key_frame = True
            self._tell(Subscribe(self.stream))

    def request_key_frame(self, now: float) -> None:
        self._subscribe()
        if self._comes_with_key_frame:
            self._comes_with_key_frame, self.key_frame_asked_at = False, now
        else:
            super().request_key_frame(now)

    def _ask(self, packet: rtcp.RtcpPacket) -> None:
        """What it would ask of the publisher is asked of the home."""
        if isinstance(packet, rtcp.PictureLoss):
            self._tell(KeyFrame(self.stream))


class RelayedSource(Source):
    """A source of the home's."""

    __slots__ = ("_layers",)

    def __init__(self, sending: Sending, label: str) -> None:
        super().__init__(object(), label, sending)
        self._layers: tuple[Track, ...] = ()

    def lay(self, layers: tuple[Track, ...]) -> None:
        """The layers that flow, the lowest first."""
        self.tracks = self._layers = layers

    def layers(self) -> tuple[Track, ...]:
        return self._layers

    def is_live(self, now: float) -> bool:
        return True


class Lead:
    """What the home of a room has decided, as far as it is known here. `board` is the room's here, and obeys it.
    `streams`: all that the home sends to this worker, by number."""

    def __init__(self, board: Switchboard, tell: Tell, streams: dict[int, RelayedTrack]) -> None:
        self._board, self._tell, self._streams = board, tell, streams
        self._sources: dict[int, RelayedSource] = {}
        self.tracks: dict[int, RelayedTrack] = {}  # by stream; with those that some viewer has not left yet
        self.slots: dict[str, Source] = {}
        self.speaker = ""

    def take(self, state: BoardState, now: float) -> None:
        """The home has decided."""
        epochs = self._board.epoch - state.epoch
        self._sources = {each.id: self._source(each, epochs) for each in state.sources}
        self.slots = {name: self._sources[number] for name, number in state.slots.items() if number in self._sources}
        self.speaker = state.speaker
        self._board.arrange(now)

    def _source(self, state: SourceState, epochs: float) -> RelayedSource:
        sending = Sending(str(state.id), state.use, state.codec, 0, (), {})
        source = self._sources.get(state.id) or RelayedSource(sending, state.label)
        source.lay(tuple(self._track(layer, sending, epochs) for layer in state.layers))
        return source

    def _track(self, state: LayerState, sending: Sending, epochs: float) -> RelayedTrack:
        track = self.tracks.get(state.stream)
        if track is None:
            track = RelayedTrack(state.stream, sending, state.rid, self._tell)
            self.tracks[state.stream] = self._streams[state.stream] = track
        track.heed(state, epochs)
        return track

    def tick(self, now: float) -> None:
        """Every 100 ms."""
        flowing = {track for source in self._sources.values() for track in source.tracks}
        for stream, track in list(self.tracks.items()):
            track.tick(now)
            if track not in flowing and not track.is_wanted:
                track.release()
                del self.tracks[stream]
                self._streams.pop(stream, None)

    def clear(self, now: float) -> None:
        """The home is gone, with all publishers: viewers' numbers go on with whoever comes next."""
        tracks, self.tracks = self.tracks, {}
        self._sources, self.slots, self.speaker = {}, {}, ""
        self._board.arrange(now)
        for stream in tracks:
            self._streams.pop(stream, None)


def _nothing(track: Track) -> None:
    """A relayed track needs no announcement when it starts."""
