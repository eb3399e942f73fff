"""A simulated path between the forwarder and one viewer, under a virtual clock and a seed: a bottleneck with a queue, delay,
jitter, loss, outages, other traffic. For `bench.bandwidth` and the tests of the estimator; nothing here sleeps.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final, TypeVar

from aiortc.rate import RemoteBitrateEstimator

from live.allocation import SPEAKER, Allocator, Demand, Layer
from live.arrivals import Arrivals
from live.bandwidth import Estimator
from live.estimate import START, TROUBLED_LOSS, Estimate, FixedEstimate
from live.steering import TOO_MUCH
from live.transport_cc import TransportFeedback

AUDIO_OCTETS: Final = 120
AUDIO_EVERY: Final = 0.02  # seconds
FRAME_EVERY: Final = 1 / 30
PACKET: Final = 1100  # octets
TICK: Final = 0.05
FEEDBACK_TICK: Final = 0.02


class Clock:
    """Events in the order of their times; nothing waits."""

    def __init__(self) -> None:
        self.now = 100.0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0

    def at(self, when: float, action: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._events, (when, self._count, action))

    def run(self, until: float) -> None:
        while self._events and self._events[0][0] <= until:
            self.now, _, action = heapq.heappop(self._events)
            action()
        self.now = until


@dataclass
class Path:
    """`capacity` is a list of (from second, bit/s) since the beginning; times are seconds. `queue` is what the bottleneck
    holds at its capacity; what comes on top is dropped."""

    capacity: list[tuple[float, float]]
    delay: float = 0.02  # one way
    jitter: float = 0.0  # evenly between nothing and this
    loss: float = 0.0
    queue: float = 0.3
    outages: list[tuple[float, float]] = field(default_factory=list)  # (from, to)

    def rate(self, second: float) -> float:
        return [rate for begin, rate in self.capacity if begin <= second][-1]

    def is_out(self, second: float) -> bool:
        return any(begin <= second < end for begin, end in self.outages)


class Bottleneck:
    """First in, first out. Packets of all flows share the queue."""

    def __init__(self, clock: Clock, path: Path, chance: random.Random) -> None:
        self.clock, self.path, self._chance = clock, path, chance
        self.began = clock.now
        self._free_at = clock.now

    @property
    def second(self) -> float:
        return self.clock.now - self.began

    @property
    def waiting(self) -> float:
        """Seconds that a packet sent now would wait."""
        return max(0.0, self._free_at - self.clock.now)

    def send(self, octets: int, arrive: Callable[[float], None]) -> bool:
        """`arrive(when)` is called with the arrival, unless the packet is lost; returns whether it was let in."""
        path, now = self.path, self.clock.now
        if path.is_out(self.second) or self._chance.random() < path.loss or self.waiting > path.queue:
            return False
        self._free_at = max(now, self._free_at) + octets * 8 / path.rate(self.second)
        when = self._free_at + path.delay + self._chance.random() * path.jitter
        self.clock.at(when, lambda: arrive(when))
        return True

    def answer(self, receive: Callable[[], None]) -> None:
        """The way back: without a bottleneck, with the same loss, outages and delay."""
        if not self.path.is_out(self.second) and self._chance.random() >= self.path.loss:
            self.clock.at(self.clock.now + self.path.delay, receive)


@dataclass
class Sample:
    """Every 50 ms: bit/s that arrived since the last one, what was estimated, how long the queue was (s)."""

    second: float
    estimate: int
    arrived: float
    queue: float
    choice: str = ""


class Flow:
    """One viewer: video that takes what `video_rate` says, Opus beside it, padding, feedback back."""

    def __init__(self, link: Bottleneck, chance: random.Random, *, starts: float = 0.0) -> None:
        self.link, self.clock, self._chance = link, link.clock, chance
        self.estimator = self.an_estimator()
        self._arrivals = Arrivals(1, 2)
        self._sequence = 0
        self._offset = chance.uniform(0, 1e6)  # the viewer's clock is another one
        self._octets = 0
        self.padding = self.sent = self.lost = 0  # octets, octets with padding, packets
        self.samples: list[Sample] = []
        self.audio_delays: list[float] = []
        self.choice = ""
        self.most = 1e9  # bit/s that the source has
        for every, action in (
            (AUDIO_EVERY, self._audio),
            (FRAME_EVERY, self._frame),
            (TICK, self._tick),
            (FEEDBACK_TICK, self._feedback),
        ):
            self._repeat(every, action, self.clock.now + starts + chance.random() * every)

    def an_estimator(self) -> Estimate:
        return Estimator()

    def _repeat(self, every: float, action: Callable[[], None], when: float) -> None:
        def act() -> None:
            action()
            self.clock.at(self.clock.now + every, act)

        self.clock.at(when, act)

    def video_rate(self) -> float:
        """bit/s of video now."""
        return min(self.estimator.estimate - 8 * AUDIO_OCTETS / AUDIO_EVERY, self.most)

    def _audio(self) -> None:
        sent = self.clock.now
        self._send(AUDIO_OCTETS, lambda when: self.audio_delays.append(when - sent))

    def _frame(self) -> None:
        octets = max(0.0, self.video_rate()) * FRAME_EVERY / 8 * self._chance.uniform(0.7, 1.3)
        left = int(octets)
        if left < 40:
            return
        while left > 0:
            self._send(min(PACKET, max(left, 60)))
            left -= PACKET

    def _tick(self) -> None:
        self._pad()
        self.samples.append(
            Sample(self.link.second, self.estimator.estimate, self._octets * 8 / TICK, self.link.waiting, self.choice)
        )
        self._octets = 0

    def _pad(self) -> None:
        octets = self.estimator.probe(self.clock.now)
        while octets > 0:
            self.padding += 255
            self._send(255)
            octets -= 255

    def _send(self, octets: int, came: Callable[[float], None] | None = None) -> None:
        sequence = self._sequence = self._sequence + 1 & 0xFFFF
        self.sent += octets
        sent = self.clock.now
        self.estimator.sent(sequence, octets, sent)

        def arrive(when: float) -> None:
            self._octets += octets
            self._came(octets, sent, when)
            if self._arrivals.arrived(sequence, when + self._offset):
                self._feedback()
            if came:
                came(when)

        if not self.link.send(octets, arrive):
            self.lost += 1

    def _came(self, octets: int, sent: float, when: float) -> None:
        """A packet came to the viewer."""

    def _feedback(self) -> None:
        for feedback in self._arrivals.feedback(self.clock.now + self._offset):
            self.link.answer(partial(self._heard, feedback))

    def _heard(self, feedback: TransportFeedback) -> None:
        self.estimator.acknowledge(feedback, self.clock.now)
        self._pad()


class ReceiverFlow(Flow):
    """The peer to compare with: aiortc's estimator, which sits at the viewer (a Kalman filter) and reports by REMB."""

    def an_estimator(self) -> Estimate:
        self._peer = RemoteBitrateEstimator()
        fixed = FixedEstimate()
        fixed.loss(TROUBLED_LOSS, 0.0)  # so that it takes the peer at its word all the time
        fixed.remb(START, 0.0)
        return fixed

    def _came(self, octets: int, sent: float, when: float) -> None:
        told = self._peer.add(round((when + self._offset) * 1000), round(sent * (1 << 18)) & 0xFFFFFF, octets, 1)
        if told:
            self.link.answer(partial(self.estimator.remb, told[0], when))


class LayeredFlow(Flow):
    """A viewer of one publisher who sends three layers: what the allocator gives. A switch waits for the key frame that is
    asked for, which is four times as large as another picture; leaving the picture out does not."""

    KEY_FRAME_AFTER: Final = 0.25  # seconds

    LAYERS: Final = (Layer("q", 150_000, 180), Layer("h", 500_000, 360), Layer("f", 1_500_000, 720))

    def __init__(
        self, link: Bottleneck, chance: random.Random, *, starts: float = 0.0, layers: tuple[Layer, ...] = LAYERS
    ) -> None:
        super().__init__(link, chance, starts=starts)
        self.allocator = Allocator()
        self.switches: list[tuple[float, str]] = []
        self._is_key_frame = False
        self._flowing = ""

    def _bitrate(self) -> float:
        return next((layer.bitrate for layer in self.LAYERS if layer.name == self._flowing), 0.0)

    def video_rate(self) -> float:
        rate = self._bitrate()
        if self._is_key_frame:
            self._is_key_frame = False
            return 4 * rate
        return rate

    def _tick(self) -> None:
        self._choose()
        super()._tick()

    def _heard(self, feedback: TransportFeedback) -> None:
        super()._heard(feedback)
        self._choose()

    def _choose(self) -> None:
        measured = tuple(layer._replace(bitrate=layer.bitrate * self._chance.uniform(0.95, 1.05)) for layer in self.LAYERS)
        demands = {"video0": Demand(720, measured, SPEAKER)}
        choice = self.allocator.choose(self.estimator.estimate, 8 * AUDIO_OCTETS / AUDIO_EVERY, demands, self.clock.now)[
            "video0"
        ]
        self.estimator.wanted = self.allocator.wanted
        if choice != self.choice:
            self.choice = choice
            self.clock.at(self.clock.now + (self.KEY_FRAME_AFTER if choice else 0), partial(self._change_over, choice))
            self.switches.append((self.link.second, choice))
        if self._flowing != self.choice and self._bitrate() > TOO_MUCH * self.estimator.estimate:
            self._flowing = ""  # nothing flows until the key frame

    def _change_over(self, layer: str) -> None:
        if layer == self.choice and layer != self._flowing:
            self._flowing, self._is_key_frame = layer, True


class Download:
    """A transfer that fills the queue as TCP Reno does: a window that grows by a packet a round trip, halved by a loss."""

    def __init__(self, link: Bottleneck, starts: float, ends: float) -> None:
        self.link, self._ends = link, ends
        self._window, self._flying, self._cut_at = 4.0, 0, 0.0
        self.octets = 0
        link.clock.at(link.clock.now + starts, self._fill)

    def _fill(self) -> None:
        while self._flying < int(self._window) and self.link.second < self._ends:
            self._flying += 1
            if not self.link.send(1200, self._came):
                self.link.clock.at(self.link.clock.now + 0.1, self._lost)

    def _came(self, when: float) -> None:
        self.octets += 1200
        self.link.clock.at(when + self.link.path.delay, self._acknowledged)

    def _acknowledged(self) -> None:
        self._flying -= 1
        self._window += 1 / self._window
        self._fill()

    def _lost(self) -> None:
        self._flying -= 1
        if self.link.clock.now - self._cut_at > 0.2:
            self._cut_at, self._window = self.link.clock.now, max(2.0, self._window / 2)
        self._fill()


F = TypeVar("F", bound=Flow)


def simulate(
    path: Path, seconds: float, flow: type[F], seed: int = 1, beside: Callable[[Bottleneck], object] | None = None
) -> F:
    """Runs one flow over `path`; `beside` puts other traffic on the link."""
    clock = Clock()
    chance = random.Random(seed)
    link = Bottleneck(clock, path, chance)
    one = flow(link, chance)
    if beside:
        beside(link)
    clock.run(clock.now + seconds)
    return one
