"""What the media engine counts, as Prometheus metrics: by worker, and by session over all of its peers. Pure. Neighbour:
`metrics`, which serves them.

Labels are few, whatever clients do and whoever comes: a worker's name, a session of the programme, and words of fixed lists
(a layer's name is chosen by whoever publishes). No person's id is among them. Figures of now are gauges; their spread over
peers is a gauge histogram: so many peers are at or under this bound now.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeHistogramMetricFamily, GaugeMetricFamily, Metric

from live.control import PeerStatistics, RoomStatistics, WorkerStatistics

LAYERS: Final[Mapping[str, str]] = {"l": "l", "m": "m", "h": "h", "full": "full", "": "none"}  # of `web/static/peer.js`
TRANSPORTS: Final[Mapping[str, str]] = {"udp": "udp", "tcp": "tcp", "": "none"}
SOUND: Final = ("audio", "sound")  # how names of slots without a picture begin

LOSS: Final = (0.0, 0.01, 0.03, 0.1, 0.3)
ROUND_TRIP: Final = (0.05, 0.1, 0.2, 0.4, 0.8)  # s
ESTIMATE: Final = (100_000, 250_000, 500_000, 1_000_000, 2_000_000, 4_000_000)  # bit/s

# name, labels beside `session`, help
COUNTERS: Final[tuple[tuple[str, tuple[str, ...], str], ...]] = (
    ("key_frames", (), "Key frames from publishers."),
    ("nacks", ("direction",), "Requests to send packets again: received from viewers, sent to publishers."),
    ("plis", ("direction",), "Requests for a key frame: received from viewers, sent to publishers."),
    ("resent_packets", (), "Packets sent again because a viewer asked for them."),
    ("dropped_packets", ("to",), "Packets that a socket did not take."),
)

Series = tuple[str, tuple[str, ...]]  # a counter's name, its labels' values
Origin = tuple[str | int, ...]  # whoever counts, in the whole engine and for its whole life
Reading = tuple[Series, Origin, int]
Rooms = Mapping[str, Sequence[tuple[int, RoomStatistics]]]  # by session: from each worker (its pid) that has it


def rooms_of(workers: Iterable[WorkerStatistics], sessions: Iterable[str]) -> Rooms:
    """The rooms of a programme's sessions. Others, those of device checks, are named by whoever is in them."""
    found: dict[str, list[tuple[int, RoomStatistics]]] = {}
    known = frozenset(sessions)
    for worker in workers:
        for session, room in worker.rooms.items():
            if session in known:
                found.setdefault(session, []).append((worker.pid, room))
    return found


def worker_families(workers: Sequence[WorkerStatistics], known: Iterable[str]) -> Iterator[Metric]:
    """Of each worker, by its name. `known`: all that there have been; who is missing is down."""
    up = _gauge("worker_up", "Whether the worker answers.", "worker")
    answering = {worker.name for worker in workers}
    for name in known:
        up.add_metric([name], int(name in answering))
    yield up
    for family, figure in _worker_figures():
        for worker in workers:
            family.add_metric([worker.name], figure(worker))
        yield family


def room_families(rooms: Rooms) -> Iterator[Metric]:
    """How each session is now."""
    peers = _gauge("peers", "Peers by transport; none: not connected yet.", "session", "transport")
    sent = _gauge("sent_bits_per_second", "Bit rate to all peers.", "session")
    received = _gauge("received_bits_per_second", "Bit rate from all peers.", "session")
    pictures = _gauge("pictures", "Picture slots of peers by the layer they get.", "session", "layer")
    loss = _spread("loss_ratio", "Peers by their share of packets lost in the last second or so.", "session", "direction")
    round_trip = _spread("round_trip_seconds", "Peers by their round trip, where it is known.", "session")
    estimate = _spread("estimate_bits_per_second", "Peers by what their way is thought to carry.", "session")
    for session, parts in rooms.items():
        here = [peer for _, room in parts for peer in room.peers.values()]
        up = [peer for peer in here if peer.up]
        _add_counts(peers, session, Counter(TRANSPORTS.get(peer.transport, "other") for peer in here))
        sent.add_metric([session], sum(peer.sent_bps for peer in here))
        received.add_metric([session], sum(peer.received_bps for peer in here))
        _add_counts(pictures, session, Counter(layer for _, room in parts for layer in _layers(room)))
        _add_spread(loss, [session, "up"], LOSS, [peer.loss_up for peer in up if peer.tracks])
        _add_spread(loss, [session, "down"], LOSS, [peer.loss_down for peer in up if peer.slots])
        _add_spread(round_trip, [session], ROUND_TRIP, [peer.rtt_ms / 1000 for peer in up if peer.rtt_ms])
        _add_spread(estimate, [session], ESTIMATE, [peer.estimate_bps for peer in up if peer.estimate_bps])
    yield from (peers, sent, received, pictures, loss, round_trip, estimate)


class Totals:
    """Counts that stay when those go who counted: Prometheus takes a counter that falls for one that began anew, and each
    leaving peer would look like a flood. What a peer counts between the last scrape and its leaving is not seen."""

    def __init__(self) -> None:
        self._totals: Counter[Series] = Counter()  # as many as the programme has sessions, times a few
        self._seen: dict[tuple[Series, Origin], int] = {}  # at the last scrape, of those who are there

    def take(self, rooms: Rooms) -> None:
        """Adds what has been counted since the last time."""
        now: Counter[tuple[Series, Origin]] = Counter()
        for series, origin, count in _readings(rooms):
            now[series, origin] += count
        for key, count in now.items():
            before = self._seen.get(key, 0)
            self._totals[key[0]] += count - before if count >= before else count  # fallen: it began anew
        self._seen = dict(now)

    def families(self) -> Iterator[Metric]:
        for name, labels, text in COUNTERS:
            family = CounterMetricFamily(f"plenum_media_{name}", text, labels=("session", *labels))
            for (of, values), total in self._totals.items():
                if of == name:
                    family.add_metric(values, total)
            yield family


def _readings(rooms: Rooms) -> Iterator[Reading]:
    for session, parts in rooms.items():
        for pid, room in parts:
            for peer in room.peers.values():
                yield from _peer_readings(session, (pid, peer.peer_id), peer)
            for name, tap in room.taps.items():
                yield ("dropped_packets", (session, "recorder")), (pid, name), tap.dropped


def _peer_readings(session: str, origin: Origin, peer: PeerStatistics) -> Iterator[Reading]:
    yield ("nacks", (session, "received")), origin, peer.nacks
    yield ("plis", (session, "received")), origin, peer.plis
    yield ("resent_packets", (session,)), origin, peer.resent
    yield ("dropped_packets", (session, "peer")), origin, peer.dropped
    for track in peer.tracks:
        source = (*origin, track.mid, track.layer)
        yield ("key_frames", (session,)), source, track.key_frames
        yield ("nacks", (session, "sent")), source, track.nacks
        yield ("plis", (session, "sent")), source, track.plis


def _layers(room: RoomStatistics) -> Iterator[str]:
    """What each picture slot that somebody feeds gives each peer."""
    fed = {name for name, slot in room.slots.items() if slot.source and not name.startswith(SOUND)}
    for peer in room.peers.values():
        for name, layer in peer.slots.items():
            if name in fed:
                yield LAYERS.get(layer, "other")


def _worker_figures() -> tuple[tuple[GaugeMetricFamily | CounterMetricFamily, Callable[[WorkerStatistics], float]], ...]:
    return (
        (_counter("worker_cpu_seconds", "Processor time."), lambda worker: worker.cpu_s),
        (_gauge("worker_peers", "Peers, connected or about to be.", "worker"), lambda worker: worker.peers),
        (_gauge("worker_rooms", "Rooms that it serves.", "worker"), lambda worker: len(worker.rooms)),
        (_gauge("worker_tasks", "Tasks of its event loop.", "worker"), lambda worker: worker.tasks),
        (_counter("worker_datagrams", "Datagrams received over UDP."), lambda worker: worker.ports.received),
        (_counter("worker_stranger_datagrams", "Datagrams from unproven addresses."), lambda worker: worker.ports.strangers),
        (_gauge("worker_tcp_connections", "Open TCP connections.", "worker"), lambda worker: worker.ports.connections),
        (_counter("worker_tcp_refused", "TCP connections refused."), lambda worker: worker.ports.refused),
        (_counter("worker_relayed_packets", "Packets sent to other workers."), lambda worker: worker.relays.sent),
        (_counter("worker_relay_drops", "Of these, dropped: they did not keep up."), lambda worker: worker.relays.dropped),
    )


def _gauge(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"plenum_media_{name}", text, labels=labels)


def _counter(name: str, text: str) -> CounterMetricFamily:
    return CounterMetricFamily(f"plenum_media_{name}", text, labels=("worker",))


def _spread(name: str, text: str, *labels: str) -> GaugeHistogramMetricFamily:
    return GaugeHistogramMetricFamily(f"plenum_media_{name}", text, labels=labels)


def _add_counts(family: GaugeMetricFamily, session: str, counts: Mapping[str, int]) -> None:
    for value, count in sorted(counts.items()):
        family.add_metric([session, value], count)


def _add_spread(
    family: GaugeHistogramMetricFamily, labels: Sequence[str], bounds: Sequence[float], values: Sequence[float]
) -> None:
    buckets = [(str(bound), float(sum(value <= bound for value in values))) for bound in bounds]
    family.add_metric(labels, [*buckets, ("+Inf", float(len(values)))], float(sum(values)))
