"""What is told of a peer, for metrics and the moderator's page. Neighbours: `peer`, and `control`, where the words are
explained."""

from __future__ import annotations

from live.answer import PROGRAMME
from live.control import PeerStatistics
from live.peer import Peer


def peer_statistics(peer: Peer, now: float) -> PeerStatistics:
    down, up, endpoint = peer.down, peer.up, peer.endpoint
    return PeerStatistics(
        peer_id=peer.id,
        label=peer.label,
        transport=endpoint.transport if endpoint else "",
        up=peer.is_up,
        silent_s=round(now - peer.seen_at, 1),
        rtt_ms=round(1000 * down.steering.estimate.rtt, 1),
        loss_up=round(up.loss, 3),
        loss_down=down.heard.fraction_lost(now),
        estimate_bps=down.estimate,
        sent_bps=int(down.bitrate),
        received_bps=int(up.bitrate),
        dropped=peer.dropped + down.dropped,
        bad=peer.bad + up.bad + down.bad,
        nacks=down.nacks,
        plis=down.plis,
        resent=down.resent,
        slots=down.shown(),
        tracks=tuple(track.statistics() for track in peer.tracks),
        undecodable=_undecodable(peer),
    )


def _undecodable(peer: Peer) -> tuple[str, ...]:
    """The codecs of pictures that are sent now and that it asked for and cannot be shown."""
    slots = peer.room.slots
    pictures = [name for name in peer.down.outlets if not slots[name].is_audio]
    if not pictures and not peer.plan.decodes:
        pictures = [PROGRAMME]  # nothing could be agreed on
    sources = [source for name in pictures if (source := slots[name].source) and source.owner is not peer]
    return tuple(sorted({source.codec for source in sources} - set(peer.plan.decodes)))
