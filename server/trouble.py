"""Who is having trouble with sound and picture, and why: judged from what the media engine counts, for moderators. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

from msgspec import Struct

from live.control import PeerStatistics, RoomStatistics

Level = Literal["good", "poor", "lost"]
Reason = Literal["silent", "codec", "loss_up", "loss_down", "narrow", "slow", "tcp"]

POOR_LOSS: Final = 0.03  # a share; Opus conceals less, pictures are repaired
POOR_ROUND_TRIP_MS: Final = 400.0  # conversation becomes difficult (ITU-T G.114: 400 ms one way is the end of it)
NARROW_BPS: Final = 250_000  # carries sound, and a picture of stamp size
SILENT_SECONDS: Final = 5.0  # clients check their way every second or two (RFC 7675: every five at most)
SETTING_UP_SECONDS: Final = 5.0

_RANK: Final[dict[Level, int]] = {"lost": 0, "poor": 1, "good": 2}


class Connection(Struct, frozen=True):
    """A person's connection as a moderator sees it; of several the worst. `reasons` are codes, most serious first."""

    person_id: str
    level: Level
    reasons: tuple[Reason, ...]
    sends: bool
    transport: str
    round_trip_ms: float
    loss_up: float
    loss_down: float
    estimate_bps: int
    undecodable: tuple[str, ...]  # codecs of pictures that their browser cannot show


def judge(peer: PeerStatistics) -> Connection:
    """Judges one client. TCP alone is no trouble, but says why there is some."""
    reasons: list[Reason] = []
    if peer.silent_s > SILENT_SECONDS:
        reasons.append("silent")
    if peer.undecodable:
        reasons.append("codec")
    if peer.loss_up > POOR_LOSS:
        reasons.append("loss_up")
    if peer.loss_down > POOR_LOSS:
        reasons.append("loss_down")
    if 0 < peer.estimate_bps < NARROW_BPS:
        reasons.append("narrow")
    if peer.rtt_ms > POOR_ROUND_TRIP_MS:
        reasons.append("slow")
    level: Level = "lost" if "silent" in reasons else "poor" if reasons else "good"
    if set(reasons) - {"codec"} and peer.transport == "tcp":
        reasons.append("tcp")
    return Connection(
        person_id=peer.label,
        level=level,
        reasons=tuple(reasons),
        sends=bool(peer.tracks),
        transport=peer.transport,
        round_trip_ms=round(peer.rtt_ms, 1),
        loss_up=round(peer.loss_up, 3),
        loss_down=round(peer.loss_down, 3),
        estimate_bps=peer.estimate_bps,
        undecodable=peer.undecodable,
    )


def connections(peers: Iterable[PeerStatistics]) -> list[Connection]:
    """One connection a person, the worst first; of the equally bad those who are on stage, then by loss. Who is just
    connecting is left out."""
    worst: dict[str, Connection] = {}
    for peer in peers:
        if not peer.up and peer.silent_s < SETTING_UP_SECONDS:
            continue
        found = judge(peer)
        known = worst.get(found.person_id)
        if known is None or _order(found) < _order(known):
            worst[found.person_id] = found
    return sorted(worst.values(), key=_order)


def unrecorded(rooms: Iterable[RoomStatistics]) -> dict[str, tuple[str, str]]:
    """Whose picture a running recording cannot take up: its codec and the file's, by person."""
    found = list(rooms)
    taps = {tap.video for room in found for tap in room.taps.values()}
    if not taps:
        return {}
    pictures = {
        (peer.label, track.codec)
        for room in found
        for peer in room.peers.values()
        for track in peer.tracks
        if track.use in ("camera", "screen") and track.bitrate_bps > 0
    }
    return {label: (codec, sorted(taps)[0]) for label, codec in sorted(pictures) if codec not in taps}


def _order(connection: Connection) -> tuple[int, bool, float, str]:
    loss = max(connection.loss_up, connection.loss_down)
    return _RANK[connection.level], not connection.sends, -loss, connection.person_id
