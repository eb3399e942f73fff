"""The control interface of the media engine: open a room, admit a peer with an offer, set what it may send, watch who
speaks. The server talks to the embedded engine (`live/engine.py`) through it; a distributed engine can stand behind the
same `MediaEngine` protocol. Nothing outside `live/` may know which one runs.

Labels are opaque here: the server passes a participant's id and gets it back, the engine never looks inside.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Final, Literal, Protocol

from msgspec import Struct

# What an m-line of an offer is for. The first four are sent by the client; the others are receive slots:
# `audio`: one of the loudest publishers; `video`: one publisher's camera; `screen_slot`: the shared screen;
# `programme`: screen if there is one, else the active speaker's camera (WHEP, recorder).
Use = Literal["microphone", "camera", "screen", "screen_sound", "audio", "video", "screen_slot", "programme"]

Transport = Literal["udp", "tcp"]

# A room's kind. `stage`: few are seen by any number. `circle`: up to twelve all see one another, and it can never be tapped.
RoomKind = Literal["stage", "circle"]

AUDIO_SLOTS: Final = 3
VIDEO_SLOTS: Final[dict[RoomKind, int]] = {"stage": 4, "circle": 12}
SCREEN_SLOTS: Final = 1
RECORDABLE: Final = ("H264", "VP8")  # pictures that recordings can be made of, best first


RefusalCode = Literal["bad_offer", "media_unavailable", "not_found", "hall_full"]


class MediaRefused(Exception):
    """The engine cannot take an offer, has no seat left (`hall_full`), or knows no such peer (`not_found`)."""

    def __init__(self, code: RefusalCode, detail: str = "") -> None:
        super().__init__(detail or code)
        self.code: RefusalCode = code


class Admission(Struct, frozen=True):
    """A peer that may connect now. `answer` is SDP (RFC 8829) and carries all candidates (ICE-lite, no trickle).
    `decodes`: the video codecs that every picture slot it asked for can show; `SlotsChanged.codecs` says what is sent."""

    peer_id: str
    answer: str
    decodes: tuple[str, ...]


class IceParameters(Struct, frozen=True):
    """The engine's side of an ICE session: user name fragment, password, and what follows "a=candidate:" (RFC 8839, 5)."""

    ufrag: str
    password: str
    candidates: tuple[str, ...]


def ufrag_of(answer: str) -> str:
    """The engine's user name fragment in an answer (RFC 8839, 5.4); "" without."""
    found = re.search(r"^a=ice-ufrag:([A-Za-z0-9+/]+)", answer, re.MULTILINE)
    return found[1] if found else ""


class PeerUp(Struct, frozen=True, tag="peer_up"):
    """DTLS is complete: media can flow."""

    room: str
    peer_id: str
    label: str


class PeerDown(Struct, frozen=True, tag="peer_down"):
    """The peer is gone. `reason`: `left`, `removed`, `silent` (longer than the consent timeout, RFC 7675), `never_came` (no
    connection in time after the answer; no `PeerUp` came before), `handshake` (DTLS failed; likewise), `codec` (somebody
    came who cannot decode what it sends; if it offers again it gets a codec that everybody can), `stopped`."""

    room: str
    peer_id: str
    label: str
    reason: str


class PeerSeated(Struct, frozen=True, tag="peer_seated"):
    """Somebody was admitted, by whichever of an engine's several entrances, or has another ICE session since; told by
    engines that have several. `sends`: they may; `external`: without `uses`; `ufrag`: the engine's (`IceParameters`)."""

    room: str
    peer_id: str
    label: str
    sends: bool
    external: bool
    ufrag: str


class SlotsChanged(Struct, frozen=True, tag="slots_changed"):
    """Which publisher's label feeds which receive slot (`video0`..., `screen0`, `audio0`..., `programme`, and `sound`, what
    a tap and a player with one audio m-line hear); "" while free. Always all slots. `codecs`: of the fed pictures."""

    room: str
    slots: dict[str, str]
    codecs: dict[str, str] = {}


class ActiveSpeaker(Struct, frozen=True, tag="active_speaker"):
    room: str
    label: str  # "" in silence


class HeldRoom(Struct, frozen=True):
    """A room that an engine has had since before its server was started, or one worker's part of it. `home`: the worker that
    decides about it, and has told `slots`; in the others' parts these are empty."""

    name: str
    kind: RoomKind
    home: int
    slots: SlotsChanged
    speaker: str
    peers: tuple[PeerSeated, ...]


class PeersLost(Struct, frozen=True, tag="peers_lost"):
    """A part of the engine died while the rest goes on. Every peer whose id begins with `prefix` went with it; no `PeerDown`
    is told for each, and their clients have to offer again. The taps of the rooms in `tapped` are gone likewise."""

    prefix: str
    tapped: tuple[str, ...]


class EngineUp(Struct, frozen=True, tag="engine_up"):
    """The engine started, or came back after all of it had died: every client has to offer again."""

    udp_port: int
    tcp_port: int


class EngineDown(Struct, frozen=True, tag="engine_down"):
    """All of it died."""


Notification = PeerUp | PeerDown | PeerSeated | SlotsChanged | ActiveSpeaker | PeersLost | EngineUp | EngineDown


class TapFormat(Struct, frozen=True):
    """What a tap sends: plain RTP (RFC 3550) of one codec a port. `video` is "H264" or another codec's name."""

    video: str
    video_payload_type: int
    video_clock: int
    audio: str
    audio_payload_type: int
    audio_clock: int
    audio_channels: int


class TrackStatistics(Struct, frozen=True):
    """One source (SSRC) of a publisher. `layer`: the rid of a simulcast layer, "" without simulcast. `lost`: on the way to
    the worker and not repaired; `recovered`: repaired by retransmission. `height`: of the picture, 0 unknown."""

    mid: str
    layer: str
    use: Use
    codec: str
    packets: int
    bytes: int
    bitrate_bps: int
    lost: int
    recovered: int
    bad: int  # malformed
    jitter_ms: float
    height: int
    key_frames: int
    nacks: int  # sent to the publisher
    plis: int  # likewise
    loudness: float  # 127 + dBov (RFC 6464); 0 silence


class PeerStatistics(Struct, frozen=True):
    """One client. `loss_up` and `loss_down`: fractions, of the last second or so; `rtt_ms` 0: not known yet. `estimate_bps`:
    what the way to the client is thought to carry, 0 where it tells nothing. `slots`: the layer that each of its slots gets
    now ("full" without simulcast, "" nothing). `dropped`: packets that the socket did not take; `bad`: unreadable ones.
    `undecodable`: the codecs of pictures that it asked for and cannot be shown."""

    peer_id: str
    label: str
    transport: str  # "udp", "tcp", "" while there is no nominated address
    up: bool
    silent_s: float
    rtt_ms: float
    loss_up: float
    loss_down: float
    estimate_bps: int
    sent_bps: int
    received_bps: int
    dropped: int
    bad: int
    nacks: int  # from this client
    plis: int  # likewise, with FIR
    resent: int  # packets, in answer to its NACKs
    slots: dict[str, str]
    tracks: tuple[TrackStatistics, ...]
    undecodable: tuple[str, ...] = ()


class SlotStatistics(Struct, frozen=True):
    source: str  # the publisher's label
    viewers: int
    packets: int  # that were forwarded, each counted once however many viewers got it
    bytes: int
    switches: int
    resent: int


class TapStatistics(Struct, frozen=True):
    video: str
    dropped: int


class RoomStatistics(Struct, frozen=True):
    slots: dict[str, SlotStatistics]
    peers: dict[str, PeerStatistics]  # by id
    taps: dict[str, TapStatistics]


class PortStatistics(Struct, frozen=True):
    """Datagrams over UDP, and connections over TCP. `strangers`: datagrams from addresses that have not passed ICE."""

    received: int
    strangers: int
    connections: int
    refused: int


class RelayStatistics(Struct, frozen=True):
    """Connections to other workers, and packets of rooms that several workers have: sent to them, received from them, and
    dropped because they did not keep up."""

    links: int
    sent: int
    received: int
    dropped: int


class WorkerStatistics(Struct, frozen=True):
    """One worker process. `cpu_s`: processor seconds since it began. `name` outlives it. `tasks`: of its event loop."""

    pid: int
    cpu_s: float
    peers: int
    ports: PortStatistics
    rooms: dict[str, RoomStatistics]
    name: str = "0"
    relays: RelayStatistics = RelayStatistics(0, 0, 0, 0)
    tasks: int = 0


class RoomReport(Struct, frozen=True):
    """How a room is, a part for each worker that has it, and the name of the node they are on; "": there is but one."""

    node: str
    parts: tuple[RoomStatistics, ...]


class MediaEngine(Protocol):
    """What the server needs of a media engine."""

    async def admit(
        self,
        room: str,
        label: str,
        offer: str,
        uses: dict[str, Use] | None,
        *,
        may_send: bool,
        may_receive: bool,
        kind: RoomKind = "stage",
    ) -> Admission:
        """Admits a peer. `uses` maps each m-line's mid to its use; None: a WHIP (RFC 9725) or WHEP offer, whose uses
        follow from direction and kind. Sending m-lines are refused in the answer unless `may_send`; receiving ones unless
        `may_receive`. A room exists from its first peer or tap to its last, and is of one `kind` all the while. Raises
        `MediaRefused`."""

    async def restart_ice(self, room: str, peer_id: str, ufrag: str) -> IceParameters:
        """Restarts a peer's ICE session (RFC 8445, 2.4): `ufrag` is its new user name fragment. Keys, slots and what flows
        stay as they are. The credentials before are good until an address is nominated by the new ones. Asked again with the
        same `ufrag` before that, it returns the same. Raises `MediaRefused` with `not_found`,
        or `bad_offer` if it is the one in use."""

    async def remove(self, room: str, peer_id: str) -> None:
        """Ends a peer; unknown ones are no error."""

    async def remove_label(self, room: str, label: str, *, senders_only: bool) -> None:
        """Ends every peer of a label in a room (somebody is taken off the stage)."""

    async def remove_receivers(self, room: str) -> None:
        """Ends every peer of a room that only receives (the session ended)."""

    async def tap(
        self, room: str, tap_id: str, host: str, video_port: int, audio_port: int, codecs: tuple[str, ...] = RECORDABLE
    ) -> TapFormat:
        """Sends the room's programme as plain RTP and RTCP (multiplexed, RFC 5761) to a loopback address. Its picture is in
        one of `codecs` for good: what the programme is in now, else what everybody in the room can decode, else the first.
        Packets that come back to the sending socket are read as RTCP: a PLI (RFC 4585, 6.3.1) asks the publisher for a key
        frame. Refused for a circle."""

    async def untap(self, room: str, tap_id: str) -> None: ...

    async def view(self, room: str, peer_id: str, heights: dict[str, int]) -> None:
        """Says how large a peer shows its picture slots: the tile's height in device pixels by slot name, 0 where it is not
        shown. Slots that are not named stay as they were. Audio only is 0 for all. Without any call a peer gets what fits
        its network. Unknown peers and slots are no error."""

    async def statistics(self) -> tuple[WorkerStatistics, ...]:
        """Counters per worker, room and peer, of this node, for `/healthz` and metrics. Raises `MediaRefused`."""

    async def room(self, room: str) -> RoomReport:
        """How a room is, wherever it is. Raises `MediaRefused`."""
        ...

    def notifications(self) -> AsyncIterator[Notification]:
        """What happens, in order; one reader."""
        ...
